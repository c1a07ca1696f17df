//! How long to look for what the peer will publish, before sleeping.
//!
//! Sleeping and being woken costs up to a hundred microseconds where a processor
//! goes idle meanwhile, a hundred times what the peer needs for its next piece. So
//! an end looks again first; and since the processor may be just what the peer, or
//! the program at the other end of its pipe, is waiting for, it gives way between
//! two looks (`sched_yield(2)`): whoever is ready runs, and nobody has to be
//! woken. Where nobody else is ready that is a look again, half a microsecond
//! later.
//!
//! How often it gives way before it sleeps is learnt: a wait that ended meanwhile
//! doubles the number for the next, a wait that went to sleep halves it. So a
//! stream of scattered messages costs little, and an end that has nothing to do
//! sleeps and uses no processor time at all.
//!
//! Giving way is bad where others never do: to programs that just compute, it
//! gives all of their time slice, some milliseconds, for each piece of ours. Who
//! sleeps instead is run at once when it is woken. So if waits take too long on
//! average, for a while an end looks without giving way, and then sleeps.

use std::time::{Duration, Instant};

/// Looks before giving way. A look takes some 40 ns, most of it the processor's
/// pause instruction; all of these as long as a peer is busy with one piece.
const LOOKS: u32 = 25;

/// Fewest and most times to give way before sleeping.
const FEWEST: u32 = 20;
const MOST: u32 = 400;

/// Looks before sleeping, where giving way takes too long.
const LOOKS_ONLY: u32 = 500;

/// What waits may take on average, in nanoseconds: more than with thirty other
/// talks in the way, less than a time slice.
const TOO_LONG: u64 = 800_000;

/// The average is over about as many waits as this.
const WAITS: u64 = 64;

/// After so much time, giving way is tried again.
const RESPITE: Duration = Duration::from_secs(1);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Look,
    /// Give way, say so by [`Patience::gave_way`], and look.
    GiveWay,
    Sleep,
}

/// What one end has learnt.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// How often it gives way before it sleeps.
    most: u32,
    /// Whether the last wait went to sleep.
    slept: bool,
    /// What a wait takes on average, once it gives way, in nanoseconds.
    average: u64,
    /// What this wait has taken so far, from when it began to give way, likewise.
    took: u64,
    /// When this wait gave way last, or began to.
    last: Option<Instant>,
    /// Until when it does not give way at all.
    respite: Option<Instant>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            most: MOST,
            slept: false,
            average: 0,
            took: 0,
            last: None,
            respite: None,
        }
    }
}

impl Patience {
    /// After a look in vain, the `looks`-th of a wait, beginning with 1.
    #[inline]
    pub(crate) fn next(&mut self, looks: u32, now: impl FnOnce() -> Instant) -> Next {
        if looks == 1 {
            self.learn();
        }
        if looks <= LOOKS {
            return Next::Look;
        }
        if self.last.is_none() {
            self.begin(now());
        }
        let next = match self.respite {
            Some(_) if looks <= LOOKS_ONLY => Next::Look,
            None if looks - LOOKS <= self.most => Next::GiveWay,
            _ => Next::Sleep,
        };
        self.slept |= next == Next::Sleep;
        next
    }

    pub(crate) fn gave_way(&mut self, now: Instant) {
        let turn = now.duration_since(self.last.unwrap_or(now));
        self.took += u64::try_from(turn.as_nanos()).unwrap_or(TOO_LONG);
        self.last = Some(now);
    }

    /// From the last wait.
    fn learn(&mut self) {
        self.most = match self.slept {
            true => (self.most / 2).max(FEWEST),
            false => (self.most * 2).min(MOST),
        };
        self.average = self.average - self.average / WAITS + self.took / WAITS;
        (self.slept, self.took, self.last) = (false, 0, None);
    }

    /// Looking again at once was not enough in this wait.
    fn begin(&mut self, now: Instant) {
        self.last = Some(now);
        if self.average > TOO_LONG {
            self.respite = Some(now + RESPITE);
            self.average = 0;
        }
        self.respite = self.respite.filter(|until| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST, LOOKS, LOOKS_ONLY, MOST, Next, Patience, RESPITE};
    use std::time::{Duration, Instant};

    const QUICK: Duration = Duration::from_nanos(400);
    const SLICE: Duration = Duration::from_millis(3);

    /// An end at a clock of its own.
    struct Waiter {
        patience: Patience,
        now: Instant,
    }

    impl Waiter {
        fn new() -> Self {
            Self {
                patience: Patience::default(),
                now: Instant::now(),
            }
        }

        /// A wait that never ends otherwise: how often it looks and gives way,
        /// which takes `each`, before it sleeps.
        fn in_vain(&mut self, each: Duration) -> (u32, u32) {
            self.wait(each, u32::MAX)
        }

        /// The same, for a wait that ends after as many looks as `enough`.
        fn wait(&mut self, each: Duration, enough: u32) -> (u32, u32) {
            let (mut looked, mut gave_way) = (0, 0);
            for looks in 1..=enough {
                match self.patience.next(looks, || self.now) {
                    Next::Look => looked += 1,
                    Next::GiveWay => {
                        gave_way += 1;
                        self.now += each;
                        self.patience.gave_way(self.now);
                    }
                    Next::Sleep => break,
                }
            }
            (looked, gave_way)
        }
    }

    #[test]
    fn waits_in_vain_get_shorter_and_others_longer_again() {
        let mut waiter = Waiter::new();
        assert_eq!(waiter.in_vain(QUICK), (LOOKS, MOST));
        assert_eq!(waiter.in_vain(QUICK), (LOOKS, MOST / 2));
        for _ in 0..10 {
            waiter.in_vain(QUICK);
        }
        assert_eq!(waiter.in_vain(QUICK), (LOOKS, FEWEST));
        for _ in 0..10 {
            waiter.wait(QUICK, 3);
        }
        assert_eq!(waiter.in_vain(QUICK), (LOOKS, MOST));
    }

    #[test]
    fn who_never_gets_its_turn_back_stops_giving_way_for_a_while() {
        let mut waiter = Waiter::new();
        let mut waits = 0;
        while waiter.wait(SLICE, LOOKS + 1) != (LOOKS + 1, 0) {
            waits += 1;
            assert!(waits < 100);
        }
        assert_eq!(waiter.in_vain(QUICK), (LOOKS_ONLY, 0));
        waiter.now += RESPITE;
        assert_ne!(waiter.in_vain(QUICK).1, 0);
    }

    #[test]
    fn who_waits_long_now_and_then_goes_on_giving_way() {
        let mut waiter = Waiter::new();
        for _ in 0..100 {
            assert_eq!(waiter.wait(SLICE, LOOKS + 1), (LOOKS, 1));
            for _ in 0..10 {
                waiter.wait(QUICK, 3);
            }
        }
    }

    #[test]
    fn a_long_time_of_nothing_to_do_is_no_reason_to_stop_giving_way() {
        let mut waiter = Waiter::new();
        for _ in 0..1000 {
            assert_ne!(waiter.in_vain(2 * QUICK).1, 0);
            waiter.now += SLICE;
        }
    }
}
