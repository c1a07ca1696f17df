//! How the ends wait in a process: look and give way for a little while, then
//! sleep on a futex until the peer wakes them.
//!
//! A peer that is [silent](memtalk_ring::layout::SILENT) wakes nobody. While it says
//! so, an end sleeps for a short time only and looks again, each time twice as long up
//! to a limit: so a byte is noticed at the latest 5 ms after it was sent (and what the
//! kernel's timer adds), or after as long as the wait for it has lasted, whichever is
//! less; and an idle end wakes up 200 times a second, which takes about 0.3 % of a
//! processor.
//!
//! A peer that begins to wake says that too. Whoever has seen it (with acquire
//! ordering) also sees what was published before without a wake-up, since the futex
//! compares the word after that; and whatever is published later comes with one.

use std::time::{Duration, Instant};

use memtalk_ring::{InPlace, Page, Seat, Wait, Watched};

use crate::patience::{Next, Patience};
use crate::sys::map::Mapping;
use crate::{steps, sys};

/// The first and the longest sleep while a silent peer is waited for.
const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_millis(5);

/// Waits with a futex, after some [`Patience`].
#[derive(Clone, Debug)]
pub(crate) struct Futex {
    patience: Patience,
    /// Whose word says whether it wakes us; nobody's, if we never wait. In a box, since
    /// it is needed only to sleep, and the ends are faster where they are small: 4 % on
    /// a ring of one page.
    peer: Option<Box<(Page<Mapping>, Seat)>>,
    /// How long to sleep next in this wait, unless the peer wakes us.
    nap: Duration,
}

impl Futex {
    /// For the ends at one seat of `page`, whose peer sits at `peer`.
    pub(crate) fn new(page: Page<Mapping>, peer: Seat) -> Self {
        Self {
            peer: Some(Box::new((page, peer))),
            ..Self::for_waking()
        }
    }

    /// For who wakes others only.
    pub(crate) fn for_waking() -> Self {
        Self {
            patience: Patience::new(),
            peer: None,
            nap: SHORTEST,
        }
    }

    /// Whether the peer wakes us. One that broke the protocol does not.
    fn is_woken(&self) -> bool {
        let peer = self.peer.as_deref();
        peer.and_then(|(page, seat)| page.presence(*seat))
            .is_some_and(|peer| !peer.silent)
    }
}

impl<A: InPlace> Wait<A> for Futex {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        if looks == 1 {
            self.nap = SHORTEST;
        }
        if steps::COUNTED {
            return false;
        }
        match self.patience.next(looks, Instant::now) {
            Next::Look => std::hint::spin_loop(),
            Next::GiveWay => {
                std::thread::yield_now();
                self.patience.gave_way(Instant::now());
            }
            Next::Sleep => return false,
        }
        true
    }

    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        if self.is_woken() {
            sys::futex::wait(word, seen, None);
        } else {
            sys::futex::wait(word, seen, Some(self.nap));
            self.nap = LONGEST.min(2 * self.nap);
        }
    }

    fn wake(&self, word: Watched<'_, A>) {
        sys::futex::wake(word);
    }
}
