//! The ring behaves as a queue: any operations, any capacity, any position of the indices.

use memtalk_ring::{Error, Native, Receiver, Sender, Spin};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use verification::backend::{Shared, ring};
use verification::bound::bound_the_whole;
use verification::oracle::Oracle;

/// The next operation of either end.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Copy this many bytes in.
    Send(usize),
    /// Fill the first number of free bytes in place, commit the second.
    Fill(usize, usize),
    /// Copy this many bytes out.
    Receive(usize),
    /// Look at the first number of filled bytes in place, release the second.
    Use(usize, usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let len = 0..100_usize;
    prop_oneof![
        len.clone().prop_map(Operation::Send),
        (len.clone(), len.clone()).prop_map(|(fill, commit)| Operation::Fill(fill, commit)),
        len.clone().prop_map(Operation::Receive),
        (len.clone(), len).prop_map(|(see, release)| Operation::Use(see, release)),
    ]
}

/// How the stream ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The sender ends the stream, and the receiver takes the rest and confirms.
    Complete,
    /// The sender gives up.
    SenderFails,
    /// The receiver gives up.
    ReceiverFails,
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Complete),
        Just(Ending::SenderFails),
        Just(Ending::ReceiverFails)
    ]
}

/// The two ends of a ring, and what they should do.
struct Pair {
    sender: Sender<Shared<Native>>,
    receiver: Receiver<Shared<Native>>,
    oracle: Oracle,
}

impl Pair {
    /// Two ends whose indices are both `start`.
    fn at(capacity: u32, start: usize) -> Self {
        bound_the_whole();
        let memory = ring::<Native>(capacity);
        let mut pair = Self {
            // SAFETY: the ring is new, and this is its only sender.
            sender: unsafe { Sender::new(memory.clone(), Spin) },
            // SAFETY: this is its only receiver.
            receiver: unsafe { Receiver::new(memory, Spin) },
            oracle: Oracle::new(capacity as usize),
        };
        for _ in 0..start {
            pair.run(Operation::Send(1));
            pair.run(Operation::Receive(1));
        }
        pair
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Send(len) => {
                let sent = self.sender.send(&self.oracle.sent.next(len)).unwrap();
                assert_eq!(sent, len.min(self.oracle.free()));
                self.oracle.sent.advance(sent);
            }
            Operation::Fill(fill, commit) => {
                let mut space = self.sender.space().unwrap();
                assert_eq!(space.len(), self.oracle.free());
                let filled = space.copy_from(&self.oracle.sent.next(fill));
                assert_eq!(filled, fill.min(self.oracle.free()));
                space.commit(commit.min(filled));
                self.oracle.sent.advance(commit.min(filled));
            }
            Operation::Receive(len) => {
                let mut bytes = vec![0; len];
                let received = self.receiver.receive(&mut bytes).unwrap();
                assert_eq!(received, len.min(self.oracle.used()));
                assert_eq!(bytes[..received], self.oracle.received.next(received));
                self.oracle.received.advance(received);
            }
            Operation::Use(see, release) => {
                let mut bytes = vec![0; see];
                let filled = self.receiver.filled().unwrap();
                assert_eq!(filled.len(), self.oracle.used());
                let seen = filled.copy_to(&mut bytes);
                assert_eq!(seen, see.min(self.oracle.used()));
                assert_eq!(bytes[..seen], self.oracle.received.next(seen));
                filled.release(release.min(seen));
                self.oracle.received.advance(release.min(seen));
            }
        }
    }

    fn end(mut self, ending: Ending) {
        match ending {
            Ending::Complete => {
                self.sender.end();
                assert_eq!(self.sender.send(b"x"), Err(Error::Ended));
                self.take_the_rest();
                assert_eq!(self.receiver.wait(), Ok(0));
                assert_eq!(self.sender.delivered(), Ok(false));
                assert_eq!(self.receiver.close(), Ok(()));
                assert_eq!(self.sender.wait_delivered(), Ok(()));
            }
            Ending::SenderFails => {
                drop(self.sender);
                let mut rest = vec![0; self.oracle.used()];
                if !rest.is_empty() {
                    assert_eq!(self.receiver.receive(&mut rest), Ok(self.oracle.used()));
                    assert_eq!(rest, self.oracle.received.next(rest.len()));
                }
                assert_eq!(self.receiver.wait(), Err(Error::PeerFailed));
                assert_eq!(self.receiver.close(), Err(Error::NotAtEnd));
            }
            Ending::ReceiverFails => {
                drop(self.receiver);
                assert_eq!(self.sender.space().err(), Some(Error::PeerFailed));
                assert_eq!(self.sender.wait(1), Err(Error::PeerFailed));
                assert_eq!(self.sender.wait_delivered(), Err(Error::PeerFailed));
            }
        }
    }

    fn take_the_rest(&mut self) {
        while self.oracle.used() > 0 {
            assert_eq!(self.receiver.close(), Err(Error::NotAtEnd));
            self.run(Operation::Receive(1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_behave_as_on_a_queue(
        capacity in prop_oneof![1..9_u32, 1..80_u32],
        start in 0..160_usize,
        operations in prop::collection::vec(operation(), 0..200),
        ending in ending(),
    ) {
        let mut pair = Pair::at(capacity, start % (2 * capacity as usize));
        for operation in operations {
            pair.run(operation);
        }
        pair.end(ending);
    }
}

#[test]
fn small_rings_keep_the_order_at_every_position_and_length() {
    for capacity in 1..8_u32 {
        for start in 0..2 * capacity as usize {
            for len in 0..=capacity as usize + 1 {
                let mut pair = Pair::at(capacity, start);
                pair.run(Operation::Send(len));
                pair.run(Operation::Receive(len / 2));
                pair.run(Operation::Fill(len, len));
                pair.run(Operation::Use(len, len));
                pair.end(Ending::Complete);
            }
        }
    }
}
