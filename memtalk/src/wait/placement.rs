//! Where an end runs: on another processor than its peer.
//!
//! Two ends on one processor never run at the same time, and the kernel leaves them there
//! while all processors are busy. Then the ring holds what one of them moves in its turn, and
//! most of the time goes into switching. So an end whose waits keep ending only after other
//! threads have run moves to its seat's half of the processors. After that the kernel may
//! put it where it likes.

use std::time::{Duration, Instant};

/// After so many waits in a row in which other threads ran, an end moves.
const CROWDED: u32 = 32;

/// The least time between two moves, at first and at most. It doubles with each move.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(8);

/// What one end has learnt of where it runs.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    /// How many waits in a row have been crowded.
    crowded: u32,
    /// Until when it stays where it is.
    stays: Option<Instant>,
    /// How long it stays after its next move.
    rest: Duration,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            crowded: 0,
            stays: None,
            rest: SHORTEST,
        }
    }
}

impl Placement {
    /// A wait has ended while looking: the peer runs at the same time.
    #[inline]
    pub(super) fn runs_beside(&mut self) {
        self.crowded = 0;
    }

    /// In this wait, another thread has run on our processor. If it is time to move, calls
    /// `moves`, which returns whether it has moved this thread.
    pub(super) fn crowded(&mut self, now: Instant, moves: impl FnOnce() -> bool) {
        self.crowded += 1;
        if self.crowded < CROWDED {
            return;
        }
        self.crowded = 0;
        if self.stays.is_none_or(|until| now >= until) && moves() {
            self.stays = Some(now + self.rest);
            self.rest = LONGEST.min(2 * self.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CROWDED, LONGEST, Placement, SHORTEST};
    use std::time::{Duration, Instant};

    /// Whether an end moves within so many crowded waits, where it can.
    fn moves(placement: &mut Placement, waits: u32, now: Instant) -> bool {
        let mut moved = false;
        for _ in 0..waits {
            placement.crowded(now, || {
                moved = true;
                true
            });
        }
        moved
    }

    #[test]
    fn an_end_moves_after_many_crowded_waits_in_a_row() {
        let (mut placement, now) = (Placement::default(), Instant::now());
        assert!(!moves(&mut placement, CROWDED - 1, now));
        placement.runs_beside();
        assert!(!moves(&mut placement, CROWDED - 1, now));
        assert!(moves(&mut placement, 1, now));
    }

    #[test]
    fn an_end_that_has_moved_stays_for_a_while_and_longer_each_time() {
        let (mut placement, mut now) = (Placement::default(), Instant::now());
        let mut rest = SHORTEST;
        while rest < 4 * LONGEST {
            assert!(moves(&mut placement, CROWDED, now));
            now += rest.min(LONGEST) - Duration::from_nanos(1);
            assert!(!moves(&mut placement, 2 * CROWDED, now));
            now += Duration::from_nanos(1);
            rest *= 2;
        }
    }

    #[test]
    fn an_end_that_could_not_move_tries_again() {
        let (mut placement, now) = (Placement::default(), Instant::now());
        for _ in 0..CROWDED {
            placement.crowded(now, || false);
        }
        assert!(moves(&mut placement, CROWDED, now));
    }
}
