//! Ends that try, and never wait.

use memtalk_ring::{Error, Spin};

use super::ends::ends;
use super::way::Way;
use super::way::receive_one;
use crate::backend::Backend;
use crate::oracle::Stream;

/// Each end tries `tries` times to move one byte, and never waits. All bytes that were
/// sent are received in order, during the tries or afterwards.
pub fn try_without_waiting<B: Backend>(way: Way, capacity: u32, tries: usize) {
    let (mut sender, mut receiver) = ends::<B, _>(capacity, &Spin);
    let ((sender, sent), (mut receiver, mut received)) = B::both(
        move || {
            let mut sent = Stream::default();
            for _ in 0..tries {
                sent.advance(way.send(&mut sender, &sent.next(1)).unwrap());
            }
            sender.end();
            (sender, sent)
        },
        move || {
            let mut received = Stream::default();
            for _ in 0..tries {
                receive_one(&mut receiver, way, &mut received);
            }
            (receiver, received)
        },
    );
    while received != sent {
        assert_eq!(receive_one(&mut receiver, way, &mut received), 1);
    }
    assert_eq!(receive_one(&mut receiver, way, &mut received), 0);
    assert!(receiver.at_end());
    drop(sender);
}

/// Both ends try, and one gives up half-way. The other end gets all bytes that were sent,
/// and then the failure.
pub fn give_up_without_waiting<B: Backend>(capacity: u32, sender_gives_up: bool) {
    let (mut sender, mut receiver) = ends::<B, _>(capacity, &Spin);
    let sending = move || {
        let mut sent = Stream::default();
        for _ in 0..2 {
            match sender.send(&sent.next(1)) {
                Ok(count) => sent.advance(count),
                Err(error) => assert_eq!((error, sender_gives_up), (Error::PeerFailed, false)),
            }
        }
        ((!sender_gives_up).then_some(sender), sent)
    };
    let receiving = move || {
        let mut received = Stream::default();
        let mut bytes = [0];
        for _ in 0..2 {
            match receiver.receive(&mut bytes) {
                Ok(count) => received.take(&bytes[..count]),
                Err(error) => assert_eq!((error, sender_gives_up), (Error::PeerFailed, true)),
            }
        }
        (sender_gives_up.then_some(receiver), received)
    };
    // The end that is used afterwards has to run in this thread.
    let ((sender, sent), (receiver, mut received)) = match sender_gives_up {
        true => B::both(sending, receiving),
        false => {
            let (received, sent) = B::both(receiving, sending);
            (sent, received)
        }
    };
    if let Some(mut sender) = sender {
        assert_eq!(sender.space().err(), Some(Error::PeerFailed));
        assert_eq!(sender.wait_delivered(), Err(Error::PeerFailed));
    }
    if let Some(mut receiver) = receiver {
        while received != sent {
            assert_eq!(receive_one(&mut receiver, Way::Copied, &mut received), 1);
        }
        assert_eq!(receiver.filled().err(), Some(Error::PeerFailed));
        assert_eq!(receiver.close(), Err(Error::NotAtEnd));
    }
}
