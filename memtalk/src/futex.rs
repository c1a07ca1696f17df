//! How the ends wait in a process: look and give way for a little while, then
//! sleep on a futex until the peer wakes them.

use std::sync::atomic::AtomicU32;
use std::time::Instant;

use memtalk_ring::{InPlace, Wait};

use crate::patience::{Next, Patience};
use crate::{steps, sys};

/// Waits with a futex, after some [`Patience`].
#[derive(Clone, Debug)]
pub(crate) struct Futex(Patience);

impl Futex {
    pub(crate) fn new() -> Self {
        Self(Patience::new())
    }
}

impl<A: InPlace> Wait<A> for Futex {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        if steps::COUNTED {
            return false;
        }
        match self.0.next(looks, Instant::now) {
            Next::Look => std::hint::spin_loop(),
            Next::GiveWay => {
                std::thread::yield_now();
                self.0.gave_way(Instant::now());
            }
            Next::Sleep => return false,
        }
        true
    }

    fn sleep(&mut self, word: &AtomicU32, seen: u32) {
        sys::futex::wait(word, seen, None);
    }

    fn wake(&self, word: &AtomicU32) {
        sys::futex::wake(word);
    }
}
