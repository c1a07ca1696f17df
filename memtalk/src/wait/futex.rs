//! Waiting on a futex: an end looks for a short while, then sleeps until it is woken.
//!
//! A peer that is [silent](memtalk_ring::layout::SILENT) wakes nobody. While its seat word
//! says so, an end sleeps for a short time only and looks again. Each sleep is twice as
//! long as the one before, up to 5 ms. So a byte is noticed at the latest 5 ms after it was
//! sent (and what the kernel's timer adds), or after as long as the wait for it has lasted,
//! whichever is less. An idle end wakes up 200 times a second, which takes about 0.3 % of a
//! processor.
//!
//! A peer that begins to wake others says that in its seat word, too. An end that has seen
//! this (with acquire ordering) also sees everything that was published before without a
//! wake-up, since the futex compares the index word after that. Everything that is
//! published later comes with a wake-up.

use std::time::Duration;

use memtalk_ring::{Atomics, Page, PageMemory, Presence, Seat, Wait, Watched};

/// The first and the longest sleep in a wait for a silent peer.
const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_millis(5);

/// What the kernel does for an end that waits. A model checker can take its place.
pub trait Kernel<A: Atomics> {
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
    /// The page, and the peer's seat, whose word says whether the peer wakes us; `None` if
    /// we never wait. In a box, since it is needed only to sleep, and small ends are
    /// faster: 4 % on a ring of one page.
    peer: Option<Box<(Page<M>, Seat)>>,
    /// How long to sleep next in this wait, unless the peer wakes us.
    nap: Duration,
}

impl<M: PageMemory, K> Futex<M, K> {
    /// For the ends at one seat of `page`. Their peer's seat is `peer`.
    pub fn new(page: Page<M>, peer: Seat, kernel: K) -> Self {
        Self {
            kernel,
            peer: Some(Box::new((page, peer))),
            nap: SHORTEST,
        }
    }

    /// For an end that never waits.
    pub(crate) fn without_peer(kernel: K) -> Self {
        Self {
            kernel,
            peer: None,
            nap: SHORTEST,
        }
    }

    /// Whether the peer wakes us. A peer whose seat word breaks the protocol does not count
    /// as one that does.
    fn is_woken(&self) -> bool {
        let peer = self.peer.as_deref();
        peer.and_then(|(page, seat)| page.presence(*seat))
            .is_some_and(|peer| !peer.silent)
    }
}

impl<M: PageMemory, K: Kernel<M::Atomics>> Wait<M::Atomics> for Futex<M, K> {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        if looks == 1 {
            self.nap = SHORTEST;
        }
        self.kernel.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, M::Atomics>, seen: u32) {
        if self.is_woken() {
            self.kernel.wait(word, seen, None);
        } else {
            self.kernel.wait(word, seen, Some(self.nap));
            self.nap = LONGEST.min(2 * self.nap);
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
