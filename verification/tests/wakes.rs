//! An end that sleeps is woken once, by the step that gives it what it wants. So is a task,
//! if it is polled again then.
//!
//! Here both ends are in one thread: while one sleeps, the other acts. So the test knows
//! after each step whether that step has to wake. The model checkers are better at
//! finding a missing wake-up. They do not see a needless one, since that harms nothing.

use std::cell::Cell;
use std::task::Poll;

use memtalk_ring::{Error, Native, Receiver, Sender, Wait, Watched};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use verification::backend::{Shared, ring};
use verification::bound::bound_the_whole;

/// Lets the peer act in place of sleeping, and counts the wake-ups.
struct Asleep<'w, F> {
    meanwhile: F,
    wakes: &'w Cell<u32>,
}

impl<F: FnMut()> Wait<Native> for Asleep<'_, F> {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn sleep(&mut self, _word: Watched<'_, Native>, _seen: u32) {
        (self.meanwhile)();
    }

    fn wake(&self, _word: Watched<'_, Native>) {
        self.wakes.set(self.wakes.get() + 1);
    }
}

fn never() {
    unreachable!("this end does not wait");
}

type Ring = Shared<Native>;

/// The sender of a new ring. While it sleeps, its peer does `meanwhile`.
fn sender<'w, F: FnMut()>(
    memory: &Ring,
    wakes: &'w Cell<u32>,
    meanwhile: F,
) -> Sender<Ring, Asleep<'w, F>> {
    bound_the_whole();
    // SAFETY: the only sender. Nobody but the receiver writes to the ring besides.
    unsafe { Sender::new(memory.clone(), Asleep { meanwhile, wakes }) }
}

/// The receiver of a new ring. While it sleeps, its peer does `meanwhile`.
fn receiver<'w, F: FnMut()>(
    memory: &Ring,
    wakes: &'w Cell<u32>,
    meanwhile: F,
) -> Receiver<Ring, Asleep<'w, F>> {
    bound_the_whole();
    // SAFETY: the only receiver. Nobody but the sender writes to the ring besides.
    unsafe { Receiver::new(memory.clone(), Asleep { meanwhile, wakes }) }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_sender_is_woken_by_the_step_that_frees_what_it_wants(
        capacity in 1..40_u32,
        want in 1..40_usize,
        steps in prop::collection::vec(0..9_usize, 0..40),
    ) {
        let memory = ring::<Native>(capacity);
        let capacity = capacity as usize;
        let want = want.min(capacity);
        let wakes = &Cell::new(0);
        let mut receiver = receiver(&memory, wakes, never);
        let freed = &Cell::new(0);
        let mut sender = sender(&memory, wakes, || {
            // Some of the steps release nothing.
            for step in steps.iter().copied().chain(std::iter::repeat(1)) {
                let filled = receiver.filled().unwrap();
                let step = step.min(filled.len());
                filled.release(step);
                freed.set(freed.get() + step);
                assert_eq!(wakes.get() == 1, freed.get() >= want);
                if wakes.get() == 1 {
                    break;
                }
            }
        });
        prop_assert_eq!(sender.send(&vec![0; capacity]), Ok(capacity));
        prop_assert_eq!(sender.wait(want), Ok(freed.get()));
    }
}

#[test]
fn a_receiver_is_woken_by_the_first_byte() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, || {
        for (len, woken) in [(0, 0), (1, 1)] {
            sender.space().unwrap().commit(len);
            assert_eq!(wakes.get(), woken);
        }
    });
    assert_eq!(receiver.wait(), Ok(1));
}

#[test]
fn a_long_copy_wakes_once() {
    // The copy is published in eight pieces or more.
    let memory = ring::<Native>(4096);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, || {
        assert_eq!(sender.send(&[0; 4096]), Ok(4096));
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(receiver.wait(), Ok(4096));
}

#[test]
fn a_sender_that_waits_for_the_certificate_is_woken_by_nothing_else() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut receiver = receiver(&memory, wakes, never);
    let mut sender = sender(&memory, wakes, || {
        for _ in 0..4 {
            receiver.filled().unwrap().release(1);
        }
        assert_eq!(receiver.wait(), Ok(0));
        assert_eq!(wakes.get(), 0);
        assert_eq!(receiver.close(), Ok(()));
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.wait_delivered(), Ok(()));
}

#[test]
fn a_failure_wakes_an_end_that_waits() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut receiver = receiver(&memory, wakes, never);
    let mut sender = sender(&memory, wakes, || {
        receiver.fail();
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.wait(1), Err(Error::PeerFailed));
}

#[test]
fn a_task_is_woken_until_it_finds_what_it_wants() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, never);
    let registered = Cell::new(0);
    let register = |_| registered.set(registered.get() + 1);
    assert_eq!(receiver.poll_wait(register), Poll::Pending);
    // Nobody polls, so the announcement stands.
    for woken in [1, 2] {
        assert_eq!(sender.send(&[0]), Ok(1));
        assert_eq!(wakes.get(), woken);
    }
    assert_eq!(receiver.poll_wait(register), Poll::Ready(Ok(2)));
    assert_eq!(sender.send(&[0]), Ok(1));
    assert_eq!((wakes.get(), registered.get()), (2, 1));
}

#[test]
fn a_task_that_is_given_what_it_wants_while_it_registers_needs_no_wake_up() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, never);
    let polled = receiver.poll_wait(|_| assert_eq!(sender.send(&[0]), Ok(1)));
    assert_eq!(polled, Poll::Ready(Ok(1)));
    assert_eq!(sender.send(&[0]), Ok(1));
    assert_eq!(wakes.get(), 0);
}

#[test]
fn a_task_that_waits_for_room_is_woken_by_the_step_that_frees_what_it_wants() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, never);
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.poll_wait(3, |_| ()), Poll::Pending);
    for woken in [0, 0, 1] {
        receiver.filled().unwrap().release(1);
        assert_eq!(wakes.get(), woken);
    }
    assert_eq!(sender.poll_wait(3, |_| ()), Poll::Ready(Ok(3)));
    receiver.filled().unwrap().release(1);
    assert_eq!(wakes.get(), 1);
}

#[test]
fn a_task_that_waits_for_the_certificate_is_woken_by_nothing_else() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, never);
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.poll_delivered(|_| ()), Poll::Pending);
    receiver.filled().unwrap().release(4);
    assert_eq!(receiver.wait(), Ok(0));
    assert_eq!(wakes.get(), 0);
    assert_eq!(receiver.close(), Ok(()));
    assert_eq!(wakes.get(), 1);
    assert_eq!(sender.poll_delivered(|_| ()), Poll::Ready(Ok(())));
}

#[test]
fn a_failure_wakes_a_task_that_waits() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut sender = sender(&memory, wakes, never);
    let mut receiver = receiver(&memory, wakes, never);
    assert_eq!(receiver.poll_wait(|_| ()), Poll::Pending);
    sender.fail();
    assert_eq!(wakes.get(), 1);
    let failed = Poll::Ready(Err(Error::PeerFailed));
    assert_eq!(receiver.poll_wait(|_| ()), failed);
}

#[test]
fn a_task_that_waited_in_vain_wakes_up_from_a_blocking_wait() {
    let memory = ring::<Native>(4);
    let wakes = &Cell::new(0);
    let mut receiver = receiver(&memory, wakes, never);
    let mut sender = sender(&memory, wakes, || {
        receiver.filled().unwrap().release(1);
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.poll_wait(3, |_| ()), Poll::Pending);
    assert_eq!(sender.wait(1), Ok(1));
}
