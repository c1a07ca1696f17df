//! What the two ends do under a checker, written once for all of them.
//!
//! Each model is one execution: it makes a ring, runs the ends in threads, and
//! asserts what must hold in every execution. Shared words are accessed by the code that
//! is checked: what a model adds of its own ([`Backend::get`], [`Backend::set`]) is no
//! site of the ring's, and so cannot be what refutes a weaker ordering.

mod doorbell;
pub mod page;

pub use doorbell::{Rung, death_is_heard, doorbells};

use memtalk_ring::{Departure, Error, Idle, Memory, Receiver, Sender, Spin, Wait};

use crate::backend::{Backend, Counted, Shared, ring};
use crate::oracle::Stream;

type Ends<B, W> = (Sender<Shared<B>, W>, Receiver<Shared<B>, W>);

fn ends<B: Backend, W: Wait<B> + Clone>(capacity: u32, wait: &W) -> Ends<B, W> {
    ends_with(capacity, [wait.clone(), wait.clone()])
}

fn ends_with<B: Backend, W: Wait<B>>(capacity: u32, [sends, receives]: [W; 2]) -> Ends<B, W> {
    let memory = ring(capacity);
    // SAFETY: a new ring, and its only sender.
    let sender = unsafe { Sender::new(memory.clone(), sends) };
    // SAFETY: its only receiver.
    let receiver = unsafe { Receiver::new(memory, receives) };
    (sender, receiver)
}

/// By which calls an end moves bytes.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Copied, as many as there is room for.
    Copied,
    /// In place: of what was filled or seen, at most so many are committed or
    /// released, at least 1. The others are filled or seen again.
    InPlace(usize),
}

impl Way {
    /// Sends what it can of `bytes`, and returns how much that is.
    fn send<M: Memory, W: Wait<M::Atomics>>(
        self,
        sender: &mut Sender<M, W>,
        bytes: &[u8],
    ) -> Result<usize, Error> {
        match self {
            Self::Copied => sender.send(bytes),
            Self::InPlace(most) => {
                let mut space = sender.space()?;
                let count = space.copy_from(bytes).min(most);
                space.commit(count);
                Ok(count)
            }
        }
    }

    /// Receives what it can of the next `len` bytes of a stream, and returns how much
    /// that is.
    fn receive<M: Memory, W: Wait<M::Atomics>>(
        self,
        receiver: &mut Receiver<M, W>,
        received: &mut Stream,
        len: usize,
    ) -> Result<usize, Error> {
        let mut bytes = vec![0; len];
        let count = match self {
            Self::Copied => receiver.receive(&mut bytes)?,
            Self::InPlace(most) => {
                let filled = receiver.filled()?;
                let seen = filled.copy_to(&mut bytes);
                assert_eq!(bytes[..seen], received.next(seen));
                filled.release(seen.min(most));
                seen.min(most)
            }
        };
        received.take(&bytes[..count]);
        Ok(count)
    }
}

/// The two ends try, and never wait: `tries` times one byte each. What was sent
/// is received, in order, by then or afterwards.
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

/// The two ends try, and one gives up half-way without a word. The other gets
/// all that there is, and then the failure.
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
    // The end that is used afterwards stays in its thread, this one.
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

fn receive_one<M: Memory, W: Wait<M::Atomics>>(
    receiver: &mut Receiver<M, W>,
    way: Way,
    received: &mut Stream,
) -> usize {
    way.receive(receiver, received, 1).unwrap()
}

/// A whole stream through blocking ends, in pieces of at most `piece` bytes, up
/// to the certificate of delivery. The sender moves it the first of two ways.
pub fn stream<B: Backend>(ways: [Way; 2], capacity: u32, total: usize, piece: usize) {
    let waits = [B::Futex::default(), B::Futex::default()];
    stream_with(waits, ways, capacity, total, piece);
}

/// The same with other ways to wait, the sender's first.
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

/// Sends the first `total` bytes of the stream.
fn send_all<M: Memory, W: Wait<M::Atomics>>(
    sender: &mut Sender<M, W>,
    way: Way,
    total: usize,
    piece: usize,
) -> Result<(), Error> {
    let mut sent = Stream::default();
    while sent.position() < total {
        let bytes = sent.next(piece.min(total - sent.position()));
        match way.send(sender, &bytes)? {
            0 => drop(sender.wait(bytes.len())?),
            count => sent.advance(count),
        }
    }
    Ok(())
}

/// Receives up to the end of the stream, and returns how many bytes came.
fn receive_all<M: Memory, W: Wait<M::Atomics>>(
    receiver: &mut Receiver<M, W>,
    way: Way,
    piece: usize,
) -> Result<usize, Error> {
    let mut received = Stream::default();
    while receiver.wait()? > 0 {
        way.receive(receiver, &mut received, piece)?;
    }
    Ok(received.position())
}

/// A receiver that sleeps for one byte gets it from a sender that says no more.
pub fn byte_arrives<B: Backend>(way: Way) {
    byte_arrives_with::<B, _>([B::Futex::default(), B::Futex::default()], way);
}

/// The same with other ways to wait, the sender's first.
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

/// A sender that sleeps on a full ring of one byte can send when a receiver that
/// says no more has taken it.
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

/// The ends of an empty ring that stand at the last byte of the slab, and how far that
/// is. The sender stays in this thread.
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

/// A receiver that sleeps gets each part of what a sender has filled over the wrap, as
/// it is committed.
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

/// A sender that sleeps on a full ring until all of it is free can fill it again when
/// a receiver has released it in parts.
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

/// Committing nothing and releasing nothing change nothing: a receiver that sleeps for
/// one byte is woken at most once, and a byte that was seen is still there.
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

/// A stream of one byte, which is there already, is ended, taken and confirmed.
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

/// A sender that gives up after `total` bytes: all of them arrive, and then the
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

/// A receiver that stops after `taken` bytes: a sender of many more does not
/// sleep for ever, and gets no certificate.
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

/// A peer that dies: it sends one byte on one ring, receives nothing from the
/// other, and is gone. The survivor gets the byte and then the failure, and its
/// own sender, which fills the other ring, does not sleep for ever.
pub fn peer_dies<B: Backend>() {
    let wait = B::Futex::default();
    let (from_dead, to_dead) = (ring::<B>(1), ring::<B>(1));
    // SAFETY: new rings, each end made once.
    let mut dead_sender = unsafe { Sender::new(from_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let dead_receiver = unsafe { Receiver::new(to_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let mut receiver = unsafe { Receiver::new(from_dead.clone(), wait.clone()) };
    // SAFETY: as above.
    let mut sender = unsafe { Sender::new(to_dead.clone(), wait.clone()) };
    let (departure, (received, sent)) = B::both(
        move || {
            // The peer's process, which ends without a word …
            B::both(
                move || {
                    dead_sender.send(&Stream::default().next(1)).unwrap();
                    std::mem::forget(dead_sender);
                    std::mem::forget(dead_receiver);
                },
                || (),
            );
            // … and the survivor's watcher, which the kernel tells afterwards.
            // SAFETY: its thread has ended, and its ends are used no more.
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

/// Both directions of a talk at once, one thread a side. Each sends a stream that
/// its ring can hold, and then receives the other's.
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

/// Both directions at once, two threads a side, and more than the rings hold.
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

/// How two ends wait that neither sleep nor wake.
#[must_use]
pub fn idle<B: Backend>() -> [Idle<fn(u32)>; 2] {
    [Idle(|_| B::give_way()); 2]
}
