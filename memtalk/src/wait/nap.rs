//! How long to sleep beside a peer that is [silent](memtalk_ring::layout::SILENT).
//!
//! Such a peer wakes nobody. Whoever waits for it sleeps for a short time only and looks
//! again. Each sleep is twice as long as the one before, up to 5 ms. So a byte is noticed at
//! the latest 5 ms after it was sent (and what the kernel's timer adds), or after as long as
//! the wait for it has lasted, whichever is less. An idle end wakes up 200 times a second,
//! which takes about 0.3 % of a processor.
//!
//! A peer that begins to wake others says that in its seat word, too. Whoever has seen this
//! (with acquire ordering) also sees everything that was published before without a
//! wake-up, if it compares the index word after that. Everything that is published later
//! comes with a wake-up.

use std::time::Duration;

use memtalk_ring::{Page, PageMemory, Seat};

/// The first and the longest sleep in a wait for a silent peer.
const SHORTEST: Duration = Duration::from_micros(50);
pub(crate) const LONGEST: Duration = Duration::from_millis(5);

/// How long to sleep next in this wait.
#[derive(Clone, Debug)]
pub(crate) struct Nap(Duration);

impl Default for Nap {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl Nap {
    pub(crate) fn time(&self) -> Duration {
        self.0
    }

    pub(crate) fn grow(&mut self) {
        self.0 = LONGEST.min(2 * self.0);
    }
}

/// Whether the party at `peer` wakes us. One whose seat word breaks the protocol does not
/// count as one that does.
pub(crate) fn is_woken_by<M: PageMemory>(page: &Page<M>, peer: Seat) -> bool {
    page.presence(peer).is_some_and(|peer| !peer.silent)
}
