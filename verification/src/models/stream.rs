//! Blocking ends that move a byte, a whole stream, or one stream each way.

use memtalk_ring::{Error, Receiver, Sender, Wait};

use super::ends::{ends, ends_with};
use super::way::Way;
use super::way::{receive_all, receive_one, send_all};
use crate::backend::Backend;
use crate::oracle::Stream;

/// A receiver that sleeps for one byte gets it, although the sender does no more.
pub fn byte_arrives<B: Backend>(way: Way) {
    byte_arrives_with::<B, _>([B::Futex::default(), B::Futex::default()], way);
}

/// As [`byte_arrives`], with the given ways to wait: the sender's, the receiver's.
pub fn byte_arrives_with<B: Backend, W: Wait<B> + Send + 'static>(waits: [W; 2], way: Way) {
    let (mut sender, mut receiver) = ends_with::<B, W>(1, waits);
    B::both(
        move || {
            send_all(&mut sender, way, 1, 1).unwrap();
            std::mem::forget(sender);
        },
        move || {
            assert_eq!(receiver.wait(), Ok(1));
            assert_eq!(receive_one(&mut receiver, way, &mut Stream::default()), 1);
        },
    );
}

/// A sender that sleeps on a full ring of one byte can send once the receiver has taken
/// that byte, although the receiver does no more.
pub fn byte_is_taken<B: Backend>(way: Way) {
    let (mut sender, mut receiver) = ends::<B, _>(1, &B::Futex::default());
    send_all(&mut sender, way, 1, 1).unwrap();
    B::both(
        move || {
            assert_eq!(receive_one(&mut receiver, way, &mut Stream::default()), 1);
            std::mem::forget(receiver);
        },
        move || {
            assert_eq!(sender.wait(1), Ok(1));
            assert_eq!(way.send(&mut sender, &[0]), Ok(1));
        },
    );
}

/// One byte and the end of the stream arrive. The sender does not wait for the
/// confirmation.
pub fn byte_and_end_arrive<B: Backend>() {
    let (mut sender, mut receiver) = ends::<B, _>(1, &B::Futex::default());
    let ((), received) = B::both(
        move || {
            send_all(&mut sender, Way::Copied, 1, 1).unwrap();
            sender.end();
        },
        move || receive_all(&mut receiver, Way::Copied, 1),
    );
    assert_eq!(received, Ok(1));
}

/// A stream of one byte, sent before the receiver starts, is ended, received and
/// confirmed.
pub fn byte_is_confirmed<B: Backend>() {
    let (mut sender, mut receiver) = ends::<B, _>(1, &B::Futex::default());
    send_all(&mut sender, Way::Copied, 1, 1).unwrap();
    let (received, delivered) = B::both(
        move || {
            let received = receive_all(&mut receiver, Way::Copied, 1)?;
            receiver.close().map(|()| received)
        },
        move || sender.wait_delivered(),
    );
    assert_eq!(received, Ok(1));
    assert_eq!(delivered, Ok(()));
}

/// A whole stream of `total` bytes through blocking ends, in pieces of at most `piece`
/// bytes, up to the certificate of delivery. `ways`: the sender's, the receiver's.
pub fn stream<B: Backend>(ways: [Way; 2], capacity: u32, total: usize, piece: usize) {
    let waits = [B::Futex::default(), B::Futex::default()];
    stream_with(waits, ways, capacity, total, piece);
}

/// As [`stream`], with the given ways to wait: the sender's, the receiver's.
pub fn stream_with<B: Backend, W>(
    waits: [W; 2],
    [sending, receiving]: [Way; 2],
    capacity: u32,
    total: usize,
    piece: usize,
) where
    W: Wait<B> + Send + 'static,
{
    let (mut sender, mut receiver) = ends_with::<B, W>(capacity, waits);
    let (sent, received) = B::both(
        move || {
            send_all(&mut sender, sending, total, piece)?;
            sender.wait_delivered()
        },
        move || {
            let received = receive_all(&mut receiver, receiving, piece)?;
            receiver.close().map(|()| received)
        },
    );
    assert_eq!(sent, Ok(()));
    assert_eq!(received, Ok(total));
}

/// Both directions of a talk at once, with one thread for each party. Each party sends a
/// stream that its ring can hold, and then receives the other's.
pub fn both_ways<B: Backend>(capacity: u32, total: usize) {
    assert!(total <= capacity as usize);
    let wait = B::Futex::default();
    let (to_second, from_first) = ends::<B, _>(capacity, &wait);
    let (to_first, from_second) = ends::<B, _>(capacity, &wait);
    let side = move |mut sender: Sender<_, _>, mut receiver: Receiver<_, _>| {
        move || {
            send_all(&mut sender, Way::Copied, total, total)?;
            sender.end();
            let received = receive_all(&mut receiver, Way::Copied, 1)?;
            receiver.close()?;
            sender.wait_delivered()?;
            Ok::<_, Error>(received)
        }
    };
    let (one, other) = B::both(side(to_second, from_second), side(to_first, from_first));
    assert_eq!(one, Ok(total));
    assert_eq!(other, Ok(total));
}

/// Both directions at once, with two threads for each party. The streams may be longer
/// than the rings.
pub fn both_ways_in_four_threads<B: Backend>(
    ways: [Way; 2],
    capacity: u32,
    totals: [usize; 2],
    piece: usize,
) {
    B::both(
        move || stream::<B>(ways, capacity, totals[0], piece),
        move || stream::<B>(ways, capacity, totals[1], piece),
    );
}
