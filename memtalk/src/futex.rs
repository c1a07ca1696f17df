//! How the ends wait in a process: look again for a little while, then sleep.
//!
//! Sleeping and being woken costs up to a hundred microseconds, a hundred times
//! what the peer needs for its next piece, so a look is tried first. But looking
//! costs processor time, which the programs at the other ends of our pipes may
//! need. So each end learns: a wait that ended while looking doubles the number
//! of looks for the next one, a wait that went to sleep halves it. The fewest
//! are still enough for a peer that is only busy with one piece; with fewer, one
//! sleep makes the peer sleep next, and so on, at a thirtieth of the speed.
//! An end that has nothing to do sleeps, and uses no processor time at all.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use memtalk_ring::{InPlace, Wait};

use crate::{steps, sys};

/// Fewest and most looks before sleeping. One look takes some tens of
/// nanoseconds, most of it the processor's pause instruction.
const FEWEST: u32 = 500;
const MOST: u32 = 4000;

/// The fewest where this process is bound to one processor. The peer may be bound
/// to another; if it is to the same, every look is in vain.
const FEWEST_BOUND: u32 = 20;

/// Waits with a futex, after looking for a while.
#[derive(Clone, Debug)]
pub(crate) struct Futex {
    /// Looks before sleeping.
    patience: u32,
    /// Whether the last wait went to sleep.
    slept: bool,
}

impl Futex {
    pub(crate) fn new() -> Self {
        Self {
            patience: MOST,
            slept: true,
        }
    }
}

/// The fewest looks on this machine, for this process; `None` if none are to be
/// made: there is no other processor on which a peer could make progress
/// meanwhile, or steps are counted.
fn fewest() -> Option<u32> {
    static ANSWER: OnceLock<Option<u32>> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let bound = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1);
        match (sys::processors(), bound) {
            _ if steps::COUNTED => None,
            (..=1, _) => None,
            (_, true) => Some(FEWEST_BOUND),
            (_, false) => Some(FEWEST),
        }
    })
}

impl<A: InPlace> Wait<A> for Futex {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        let Some(fewest) = fewest() else {
            return false;
        };
        if looks == 1 {
            self.patience = match self.slept {
                true => (self.patience / 2).max(fewest),
                false => (self.patience * 2).min(MOST),
            };
            self.slept = false;
        }
        if looks < self.patience {
            std::hint::spin_loop();
            return true;
        }
        self.slept = true;
        false
    }

    fn sleep(&mut self, word: &AtomicU32, seen: u32) {
        sys::futex::wait(word, seen, None);
    }

    fn wake(&self, word: &AtomicU32) {
        sys::futex::wake(word);
    }
}
