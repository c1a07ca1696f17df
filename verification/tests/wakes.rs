//! Whoever sleeps is woken once, by the step that gives it what it wants.
//!
//! Here, whatever happens while an end sleeps is done by the other in the same thread,
//! step by step, so it is known after each whether it has to wake. Of the lower bound
//! the model checkers know more; of the upper they know nothing, since a wake-up too
//! many does no harm.

use std::cell::Cell;
use std::rc::Rc;

use memtalk_ring::{Error, Native, Receiver, Sender, Wait, Watched};
use proptest::prelude::*;
use verification::backend::{Shared, ring};

/// Sleeps by letting the peer act, and counts the wake-ups.
struct Asleep<F> {
    meanwhile: F,
    wakes: Rc<Cell<u32>>,
}

impl<F: FnMut()> Wait<Native> for Asleep<F> {
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

impl<F: FnMut()> Asleep<F> {
    /// The waiting of an end whose wake-ups of the peer are counted in `wakes`.
    fn new(wakes: &Rc<Cell<u32>>, meanwhile: F) -> Self {
        let wakes = Rc::clone(wakes);
        Self { meanwhile, wakes }
    }
}

fn never() {
    unreachable!("this end does not wait");
}

type Ring = Shared<Native>;

/// A receiver that never waits, and its wake-ups.
fn waking_receiver(memory: &Ring) -> (Receiver<Ring, Asleep<fn()>>, Rc<Cell<u32>>) {
    let wakes = Rc::default();
    let wait = Asleep::new(&wakes, never as fn());
    // SAFETY: the only one; its words are 0.
    (unsafe { Receiver::new(memory.clone(), wait) }, wakes)
}

/// A sender that never waits, and its wake-ups.
fn waking_sender(memory: &Ring) -> (Sender<Ring, Asleep<fn()>>, Rc<Cell<u32>>) {
    let wakes = Rc::default();
    let wait = Asleep::new(&wakes, never as fn());
    // SAFETY: the only one; its words are 0.
    (unsafe { Sender::new(memory.clone(), wait) }, wakes)
}

/// A sender whose peer does `meanwhile` when it sleeps.
fn sleeping_sender<F: FnMut()>(memory: &Ring, meanwhile: F) -> Sender<Ring, Asleep<F>> {
    let wait = Asleep::new(&Rc::default(), meanwhile);
    // SAFETY: the only one; its words are 0.
    unsafe { Sender::new(memory.clone(), wait) }
}

/// A receiver whose peer does `meanwhile` when it sleeps.
fn sleeping_receiver<F: FnMut()>(memory: &Ring, meanwhile: F) -> Receiver<Ring, Asleep<F>> {
    let wait = Asleep::new(&Rc::default(), meanwhile);
    // SAFETY: the only one; its words are 0.
    unsafe { Receiver::new(memory.clone(), wait) }
}

proptest! {
    #[test]
    fn a_sender_is_woken_by_the_step_that_frees_what_it_wants(
        capacity in 1..40_u32,
        want in 1..40_usize,
        steps in prop::collection::vec(0..9_usize, 0..40),
    ) {
        let memory = ring::<Native>(capacity);
        let capacity = capacity as usize;
        let want = want.min(capacity);
        let (mut receiver, wakes) = waking_receiver(&memory);
        let freed = &Cell::new(0);
        let mut sender = sleeping_sender(&memory, || {
            // Some steps of nothing among them.
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
    let (mut sender, wakes) = waking_sender(&memory);
    let mut receiver = sleeping_receiver(&memory, || {
        for (len, woken) in [(0, 0), (1, 1)] {
            sender.space().unwrap().commit(len);
            assert_eq!(wakes.get(), woken);
        }
    });
    assert_eq!(receiver.wait(), Ok(1));
}

#[test]
fn a_long_copy_wakes_once() {
    // Eight pieces or more.
    let memory = ring::<Native>(4096);
    let (mut sender, wakes) = waking_sender(&memory);
    let mut receiver = sleeping_receiver(&memory, || {
        assert_eq!(sender.send(&[0; 4096]), Ok(4096));
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(receiver.wait(), Ok(4096));
}

#[test]
fn who_waits_for_the_certificate_is_woken_by_nothing_else() {
    let memory = ring::<Native>(4);
    let (mut receiver, wakes) = waking_receiver(&memory);
    let mut sender = sleeping_sender(&memory, || {
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
fn a_failure_wakes_whoever_waits() {
    let memory = ring::<Native>(4);
    let (mut receiver, wakes) = waking_receiver(&memory);
    let mut sender = sleeping_sender(&memory, || {
        receiver.fail();
        assert_eq!(wakes.get(), 1);
    });
    assert_eq!(sender.send(&[0; 4]), Ok(4));
    assert_eq!(sender.wait(1), Err(Error::PeerFailed));
}
