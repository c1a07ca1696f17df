//! Waiting on a futex: an end looks for a short while, then sleeps until it is woken.
//!
//! A [silent](memtalk_ring::layout::SILENT) peer wakes nobody. Beside it an end naps: `nap`.
//!
//! A wait may have a time limit ([`Futex::set_limit`]). It begins with the first look that
//! finds too little, so a call that need not wait does not ask for the time. The kernel ends
//! the sleep at the limit; then the end looks once more before the wait is given up.

use std::time::Duration;

use memtalk_ring::{Atomics, Page, PageMemory, Presence, Seat, Wait, Watched};

use super::nap::{Nap, is_woken_by};

/// What the kernel does for an end that waits. A model checker can take its place.
pub trait Kernel<A: Atomics> {
    /// Whether a peer can end a sleep by waking us. If not, every sleep is a nap.
    const IS_WOKEN: bool = true;

    /// The time, on a clock that never goes back, since some moment.
    fn now(&self) -> Duration;

    /// As [`Wait::pause`].
    fn pause(&mut self, looks: u32) -> bool;

    /// Sleeps while `word` holds `seen`, until a wake-up, a signal, or for `timeout`.
    /// Comparing and falling asleep are one step.
    fn wait(&self, word: Watched<'_, A>, seen: u32, timeout: Option<Duration>);

    /// Wakes everybody who sleeps on `word`.
    fn wake(&self, word: Watched<'_, A>);
}

/// Waits with a futex: the [`Wait`] of the ends of a process.
#[derive(Clone, Debug)]
pub struct Futex<M: PageMemory, K> {
    kernel: K,
    /// `None` if we never wait. In a box, since it is not needed by a wait that ends before
    /// it pauses, and small ends are faster: 4 % on a ring of one page.
    sleeper: Option<Box<Sleeper<M>>>,
    /// How long to sleep next in this wait, unless the peer wakes us.
    nap: Nap,
}

/// What an end needs that has to wait.
#[derive(Clone, Debug)]
struct Sleeper<M: PageMemory> {
    page: Page<M>,
    /// The peer's seat, whose word says whether the peer wakes us.
    peer: Seat,
    /// How long a wait may take; `None` for any time.
    limit: Option<Duration>,
    /// When the present wait is over, if there is a limit.
    end: Duration,
}

impl<M: PageMemory, K> Futex<M, K> {
    /// For the ends at one seat of `page`. Their peer's seat is `peer`.
    pub fn new(page: Page<M>, peer: Seat, kernel: K) -> Self {
        Self {
            kernel,
            sleeper: Some(Box::new(Sleeper {
                page,
                peer,
                limit: None,
                end: Duration::ZERO,
            })),
            nap: Nap::default(),
        }
    }

    /// For an end that never waits.
    pub(crate) fn without_peer(kernel: K) -> Self {
        Self {
            kernel,
            sleeper: None,
            nap: Nap::default(),
        }
    }

    /// Sets how long a wait may take from now on; `None` for any time.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        if let Some(sleeper) = &mut self.sleeper {
            sleeper.limit = limit;
        }
    }

    pub(crate) fn kernel_mut(&mut self) -> &mut K {
        &mut self.kernel
    }
}

impl<M: PageMemory, K: Kernel<M::Atomics>> Futex<M, K> {
    /// Whether the peer wakes us.
    fn is_woken(&self) -> bool {
        let sleeper = self.sleeper.as_deref();
        K::IS_WOKEN && sleeper.is_some_and(|sleeper| is_woken_by(&sleeper.page, sleeper.peer))
    }

    /// How long the present wait may still take; `None` for any time.
    fn left(&self) -> Option<Duration> {
        let sleeper = self.sleeper.as_deref()?;
        sleeper.limit?;
        Some(sleeper.end.saturating_sub(self.kernel.now()))
    }
}

impl<M: PageMemory, K: Kernel<M::Atomics>> Wait<M::Atomics> for Futex<M, K> {
    const SLEEPS: bool = true;

    fn gives_up(&mut self, looks: u32) -> bool {
        if let Some(sleeper) = &mut self.sleeper
            && let Some(limit) = sleeper.limit
        {
            let now = self.kernel.now();
            if looks == 1 {
                sleeper.end = now.saturating_add(limit);
            }
            let over = now >= sleeper.end;
            if over {
                // To the next wait, this one has slept.
                self.kernel.pause(u32::MAX);
            }
            return over;
        }
        false
    }

    fn pause(&mut self, looks: u32) -> bool {
        if looks == 1 {
            self.nap = Nap::default();
        }
        self.kernel.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, M::Atomics>, seen: u32) {
        let left = self.left();
        if self.is_woken() {
            self.kernel.wait(word, seen, left);
        } else {
            let nap = self.nap.time();
            let nap = left.map_or(nap, |left| left.min(nap));
            self.kernel.wait(word, seen, Some(nap));
            self.nap.grow();
        }
    }

    fn wake(&self, word: Watched<'_, M::Atomics>) {
        self.kernel.wake(word);
    }
}

/// Sleeps until somebody takes `seat`, for at most `time`. A process that takes it wakes
/// us; a party outside may not.
pub fn sleep_until_taken<M, K>(page: &Page<M>, seat: Seat, kernel: &K, time: Duration)
where
    M: PageMemory,
    K: Kernel<M::Atomics>,
{
    let said = page.seat_value(seat);
    if Presence::from_word(said).is_none() {
        kernel.wait(page.seat_word(seat), said, Some(time));
    }
}
