//! Ends that signal each other through a device.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::{Departure, Doorbell, Error, Receiver, Wait, Watched};

use crate::backend::{Backend, ring};

/// The ring's [`Doorbell`] with a modelled device. A write to the device's register raises
/// the peer's interrupt. An interrupt orders no memory, and stays pending until it is
/// taken.
pub struct Rung<B: Backend> {
    doorbell: Doorbell<Box<dyn FnMut() + Send>>,
    /// Written by the doorbell, read by the device.
    register: Arc<AtomicU32>,
    /// How often the peer's interrupt was raised.
    raised: Cell<u32>,
    /// The same number where the peer sees it.
    peers: Arc<B::Word>,
}

/// Two ends' way to wait that ring each other's doorbell.
#[must_use]
pub fn doorbells<B: Backend>() -> [Rung<B>; 2] {
    let interrupts = [Arc::new(B::word()), Arc::new(B::word())];
    [0, 1].map(|end| {
        let (mine, peers) = (&interrupts[end], &interrupts[1 - end]);
        let (mine, peers) = (Arc::clone(mine), Arc::clone(peers));
        let register = Arc::new(AtomicU32::new(0));
        let at = NonNull::new(register.as_ptr()).unwrap();
        let mut taken = 0;
        let wait_for_interrupt: Box<dyn FnMut() + Send> = Box::new(move || {
            B::Futex::default().sleep(Watched::new(&*mine), taken);
            taken = B::get(&mine);
        });
        Rung {
            // SAFETY: the word lives as long as the doorbell. Only `wake` below accesses it
            // besides, in the same thread.
            doorbell: unsafe { Doorbell::new(at, 1, wait_for_interrupt) },
            register,
            raised: Cell::new(0),
            peers,
        }
    })
}

impl<B: Backend> Wait<B> for Rung<B> {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        Wait::<B>::pause(&mut self.doorbell, looks)
    }

    fn sleep(&mut self, word: Watched<'_, B>, seen: u32) {
        self.doorbell.sleep(word, seen);
    }

    fn wake(&self, word: Watched<'_, B>) {
        self.doorbell.wake(word);
        if self.register.swap(0, Ordering::Relaxed) == 1 {
            self.raised.set(self.raised.get() + 1);
            B::set(&self.peers, self.raised.get());
            B::Futex::default().wake(Watched::new(&*self.peers));
        }
    }
}

/// A receiver sleeps until its doorbell rings. It hears of its peer's death from the party
/// that speaks for the dead.
pub fn death_is_heard<B: Backend>() {
    let [rings, hears] = doorbells::<B>();
    let (from_dead, to_dead) = (ring::<B>(1), ring::<B>(1));
    // SAFETY: the ring is new, and this is its only receiver.
    let mut receiver = unsafe { Receiver::new(from_dead.clone(), hears) };
    let (departure, received) = B::both(
        // SAFETY: the dead peer took no ends.
        move || unsafe { Departure::mourn(&from_dead, &to_dead, &rings) },
        move || receiver.wait(),
    );
    assert_eq!(departure, Departure::Died);
    assert_eq!(received, Err(Error::PeerFailed));
}
