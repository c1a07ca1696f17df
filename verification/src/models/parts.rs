//! Blocking ends that commit or release what they hold in parts, or nothing of it.

use super::ends::{Ends, ends};
use super::way::Way;
use crate::backend::{Backend, Counted};
use crate::oracle::Stream;

/// An empty ring whose ends have the last byte of the slab before them, and the stream
/// up to there. The sender stays in this thread.
fn before_the_wrap<B: Backend>(capacity: u32) -> (Ends<B, B::Futex>, Stream) {
    let (mut sender, mut receiver) = ends::<B, _>(capacity, &B::Futex::default());
    let mut moved = Stream::default();
    let len = capacity as usize - 1;
    assert_eq!(sender.send(&moved.next(len)), Ok(len));
    let receive = move || {
        let count = Way::Copied.receive(&mut receiver, &mut moved, len);
        assert_eq!(count, Ok(len));
        (receiver, moved)
    };
    let ((receiver, moved), ()) = B::both(receive, || ());
    ((sender, receiver), moved)
}

/// A sender fills the ring over the wrap and commits it in parts. A receiver that sleeps
/// gets each part once it is committed.
pub fn parts_arrive_over_the_wrap<B: Backend>(way: Way, capacity: u32) {
    let ((mut sender, mut receiver), mut sent) = before_the_wrap::<B>(capacity);
    let mut received = sent;
    let end = sent.position() + capacity as usize;
    B::both(
        move || {
            while received.position() < end {
                receiver.wait().unwrap();
                let rest = end - received.position();
                way.receive(&mut receiver, &mut received, rest).unwrap();
            }
            std::mem::forget(receiver);
        },
        move || {
            while sent.position() < end {
                let rest = sent.next(end - sent.position());
                sent.advance(way.send(&mut sender, &rest).unwrap());
            }
            std::mem::forget(sender);
        },
    );
}

/// A sender sleeps on a full ring until all of it is free. It can fill the ring again once
/// the receiver has released it in parts.
pub fn parts_are_taken_over_the_wrap<B: Backend>(way: Way, capacity: u32) {
    let ((mut sender, mut receiver), mut sent) = before_the_wrap::<B>(capacity);
    let mut received = sent;
    let all = capacity as usize;
    let end = sent.position() + all;
    sent.advance(sender.send(&sent.next(all)).unwrap());
    assert_eq!(sent.position(), end);
    B::both(
        move || {
            while received.position() < end {
                let rest = end - received.position();
                way.receive(&mut receiver, &mut received, rest).unwrap();
            }
            std::mem::forget(receiver);
        },
        move || {
            assert_eq!(sender.wait(all), Ok(all));
            way.send(&mut sender, &sent.next(all)).unwrap();
        },
    );
}

/// To commit nothing or to release nothing changes nothing. A receiver that sleeps for one
/// byte is woken at most once, and a byte that was seen is still there.
pub fn nothing_is_moved<B: Backend>() {
    let wait = Counted::<B::Futex>::default();
    let (mut sender, mut receiver) = ends::<B, _>(1, &wait);
    B::both(
        move || {
            sender.space().unwrap().commit(0);
            assert_eq!(Way::InPlace(1).send(&mut sender, &[0]), Ok(1));
            sender.space().unwrap().commit(0);
            std::mem::forget(sender);
        },
        move || {
            assert_eq!(receiver.wait(), Ok(1));
            receiver.filled().unwrap().release(0);
            assert_eq!(receiver.wait(), Ok(1));
            std::mem::forget(receiver);
        },
    );
    assert!(wait.wakes() <= 1);
}
