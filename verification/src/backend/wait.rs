//! Ways to wait that change the wake-ups of another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::{Atomics, Wait, Watched};

/// A broken way to wait: it sleeps as `W` does, and wakes nobody. With it a test can
/// see that the checkers notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct WakesNobody<W>(W);

impl<A: Atomics, W: Wait<A>> Wait<A> for WakesNobody<W> {
    const SLEEPS: bool = W::SLEEPS;

    fn pause(&mut self, looks: u32) -> bool {
        self.0.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        self.0.sleep(word, seen);
    }

    fn wake(&self, _word: Watched<'_, A>) {}
}

/// Waits as `W` does, and counts the wake-ups.
#[derive(Clone, Debug, Default)]
pub struct Counted<W> {
    wait: W,
    /// Not a word of the checker's, so that counting orders nothing.
    wakes: Arc<AtomicU32>,
}

impl<W> Counted<W> {
    /// The number of wake-ups so far, by this value and its clones.
    #[must_use]
    pub fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::Relaxed)
    }
}

impl<A: Atomics, W: Wait<A>> Wait<A> for Counted<W> {
    const SLEEPS: bool = W::SLEEPS;

    fn pause(&mut self, looks: u32) -> bool {
        self.wait.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        self.wait.sleep(word, seen);
    }

    fn wake(&self, word: Watched<'_, A>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.wait.wake(word);
    }
}
