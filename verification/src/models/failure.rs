//! Ends that give up, and parties that die, while the peer waits.

use memtalk_ring::{Departure, Error, Receiver, Sender};

use super::ends::ends;
use super::way::Way;
use super::way::{receive_one, send_all};
use crate::backend::{Backend, ring};
use crate::oracle::Stream;

/// A sender gives up after `total` bytes. The receiver gets all of them, and then the
/// failure.
pub fn sender_gives_up<B: Backend>(way: Way, capacity: u32, total: usize) {
    let (mut sender, mut receiver) = ends::<B, _>(capacity, &B::Futex::default());
    let (sent, received) = B::both(
        move || send_all(&mut sender, way, total, 1),
        move || {
            let mut received = Stream::default();
            loop {
                match receiver.wait() {
                    Ok(0) => panic!("an end of stream that was not sent"),
                    Ok(_) => receive_one(&mut receiver, way, &mut received),
                    Err(error) => return (received.position(), error),
                };
            }
        },
    );
    assert_eq!(sent, Ok(()));
    assert_eq!(received, (total, Error::PeerFailed));
}

/// A receiver gives up after `taken` bytes. A sender of more bytes than the ring can hold
/// besides does not sleep for ever, and gets the failure in place of a certificate.
pub fn receiver_gives_up<B: Backend>(way: Way, capacity: u32, taken: usize) {
    let total = taken + capacity as usize + 1;
    let (mut sender, mut receiver) = ends::<B, _>(capacity, &B::Futex::default());
    let (sent, ()) = B::both(
        move || send_all(&mut sender, way, total, 1),
        move || {
            let mut received = Stream::default();
            while received.position() < taken {
                receiver.wait().unwrap();
                assert_eq!(receive_one(&mut receiver, way, &mut received), 1);
            }
        },
    );
    assert_eq!(sent, Err(Error::PeerFailed));
}

/// A peer sends one byte on one ring, receives nothing from the other, and dies. The
/// survivor gets the byte and then the failure. Its own sender, which fills the other
/// ring, does not sleep for ever.
pub fn peer_dies<B: Backend>() {
    let wait = B::Futex::default();
    let (from_dead, to_dead) = (ring::<B>(1), ring::<B>(1));
    // SAFETY: the rings are new, and each end is made once.
    let mut dead_sender = unsafe { Sender::new(from_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let dead_receiver = unsafe { Receiver::new(to_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let mut receiver = unsafe { Receiver::new(from_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let mut sender = unsafe { Sender::new(to_dead.clone(), wait.clone()) };
    let (departure, (received, sent)) = B::both(
        move || {
            // The peer's process, which ends without telling anybody …
            B::both(
                move || {
                    dead_sender.send(&Stream::default().next(1)).unwrap();
                    std::mem::forget(dead_sender);
                    std::mem::forget(dead_receiver);
                },
                || (),
            );
            // … and the survivor's watcher, which the kernel tells afterwards.
            // SAFETY: the peer's thread has ended, so nobody uses its ends any more.
            unsafe { Departure::mourn(&from_dead, &to_dead, &wait) }
        },
        move || {
            let sent = send_all(&mut sender, Way::Copied, 2, 1);
            let mut received = Stream::default();
            while receiver.wait().is_ok() {
                receive_one(&mut receiver, Way::Copied, &mut received);
            }
            (received.position(), sent)
        },
    );
    assert_eq!(departure, Departure::Died);
    assert_eq!(received, 1);
    assert_eq!(sent, Err(Error::PeerFailed));
}
