//! Patience: how often a task looks again before it sleeps.
//!
//! Sleeping and being woken through the bridging thread takes some fifty microseconds, many
//! times what a busy peer needs for its next piece. So an end that expects its peer to be
//! busy asks to be polled again at once: the executor runs its other tasks first, and then
//! the end looks again. No thread yields, spins or blocks. And no wake-up is lost: an end
//! that does not register has woken its own task.
//!
//! What to expect is learnt. A new end sleeps at once. If it is woken soon, it looks again
//! in its next wait, at first a few times, and then twice as often each time that a wait
//! was short. A long wait halves the number, so an end with little to do soon sleeps at
//! once again.

use std::time::{Duration, Instant};

/// Fewest looks, once there are any, and most.
const FEWEST: u32 = 8;
const MOST: u32 = 128;

/// A sleep that is shorter would better have been a few more looks.
const SHORT: Duration = Duration::from_micros(150);

/// What one end has learnt from its waits, and how far its present wait has come.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// It learns nothing, and sleeps at once.
    never: bool,
    /// How often it looks again before it sleeps: 0, or from [`FEWEST`] to [`MOST`].
    most: u32,
    /// How often it has looked again in this wait.
    looks: u32,
    /// When it went to sleep in this wait.
    asleep: Option<Instant>,
}

impl Patience {
    /// An end that always sleeps at once.
    pub(crate) fn none() -> Self {
        Self {
            never: true,
            most: 0,
            looks: 0,
            asleep: None,
        }
    }

    /// A look has found nothing: whether to look again instead of going to sleep.
    pub(crate) fn looks_again(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let again = self.looks < self.most && self.asleep.is_none() && !self.never;
        match again {
            true => self.looks += 1,
            false => _ = self.asleep.get_or_insert_with(now),
        }
        again
    }

    /// The wait is over.
    #[inline]
    pub(crate) fn found(&mut self, now: impl FnOnce() -> Instant) {
        if self.looks == 0 && self.asleep.is_none() {
            return;
        }
        let asleep = self.asleep.take();
        self.looks = 0;
        self.most = match asleep.is_none_or(|since| now() - since < SHORT) {
            true => (2 * self.most).clamp(FEWEST, MOST),
            false if self.most > FEWEST => self.most / 2,
            false => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST, MOST, Patience, SHORT};
    use std::time::{Duration, Instant};

    /// More looks than an end ever makes.
    const NEVER: u32 = 2 * MOST;

    /// Waits for something that comes after so many looks, or after this sleep. Returns how
    /// often it looked again before it slept.
    fn wait(patience: &mut Patience, comes: u32, sleep: Duration) -> u32 {
        let now = Instant::now();
        let mut looks = 0;
        while looks < comes && patience.looks_again(|| now) {
            looks += 1;
        }
        patience.found(|| now + sleep);
        looks
    }

    #[test]
    fn a_new_end_sleeps_at_once_and_short_sleeps_make_it_look_again() {
        let mut patience = Patience::default();
        let mut expected = 0;
        while expected < 2 * MOST {
            assert_eq!(wait(&mut patience, NEVER, SHORT / 2), expected.min(MOST));
            expected = FEWEST.max(2 * expected);
        }
    }

    #[test]
    fn long_sleeps_make_it_sleep_at_once_again() {
        let mut patience = Patience::default();
        for _ in 0..10 {
            wait(&mut patience, NEVER, SHORT / 2);
        }
        for expected in [128, 64, 32, 16, 8, 0, 0] {
            assert_eq!(wait(&mut patience, NEVER, SHORT), expected);
        }
    }

    #[test]
    fn what_comes_while_it_looks_makes_it_look_more_often() {
        let mut patience = Patience::default();
        wait(&mut patience, NEVER, SHORT / 2);
        assert_eq!(wait(&mut patience, 3, SHORT), 3);
        assert_eq!(wait(&mut patience, NEVER, SHORT), 2 * FEWEST);
    }

    #[test]
    fn what_is_there_at_once_teaches_nothing() {
        let mut patience = Patience::default();
        for _ in 0..10 {
            patience.found(|| unreachable!());
        }
        assert!(!patience.looks_again(Instant::now));
    }

    #[test]
    fn an_end_without_patience_learns_nothing() {
        let mut patience = Patience::none();
        for _ in 0..10 {
            assert_eq!(wait(&mut patience, NEVER, SHORT / 2), 0);
        }
    }

    #[test]
    fn an_end_that_is_polled_while_it_sleeps_goes_on_sleeping() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        assert!(!patience.looks_again(|| now));
        assert!(!patience.looks_again(|| now + 2 * SHORT));
        // It counts from when it went to sleep.
        patience.found(|| now + 2 * SHORT);
        assert!(!patience.looks_again(|| now));
    }
}
