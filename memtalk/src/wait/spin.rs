//! Adaptive spinning: how long an end looks for the peer's next bytes before it sleeps.
//!
//! Sleeping and being woken costs up to a hundred microseconds if a processor goes idle
//! meanwhile: a hundred times what the peer needs for its next piece. So an end looks
//! again first. But the processor may be just what the peer, or the program at the other
//! end of its pipe, is waiting for. So the end yields between two looks
//! (`sched_yield(2)`): any thread that is ready runs, and none has to be woken. If no
//! other thread is ready, the end looks again half a microsecond later.
//!
//! How often an end yields before it sleeps is learnt. A wait that ended before it slept
//! doubles the number for the next wait; a wait that slept halves it. So a stream of
//! scattered messages costs little, and an end that has nothing to do sleeps and uses no
//! processor time at all.
//!
//! Yielding is bad beside programs that never yield. A program that just computes takes
//! all of its time slice, some milliseconds, for each piece of ours. An end that sleeps
//! instead is run at once when it is woken. So if waits take too long on average, an end
//! stops yielding for a while: it looks, and then sleeps.

use std::time::{Duration, Instant};

/// Looks before the first yield. A look takes some 40 ns, most of it the processor's
/// pause instruction. All of them together take as long as a peer is busy with one piece.
const LOOKS: u32 = 25;

/// Fewest and most yields before sleeping.
const FEWEST: u32 = 20;
const MOST: u32 = 400;

/// Looks before sleeping, while yielding takes too long.
const LOOKS_ONLY: u32 = 500;

/// What a wait may take on average, in nanoseconds, before we stop yielding: more than
/// beside thirty other talks, less than a time slice.
const TOO_LONG: u64 = 800_000;

/// The average is over about as many waits as this.
const WAITS: u64 = 64;

/// After this time without yielding, it is tried again.
const RESPITE: Duration = Duration::from_secs(1);

/// What a waiting end does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Look,
    /// Yield, then call [`AdaptiveSpin::yielded`], and look.
    Yield,
    Sleep,
}

/// What one end has learnt from its waits, and how far its present wait has come.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveSpin {
    /// How often it yields before it sleeps: from [`FEWEST`] to [`MOST`].
    most: u32,
    /// What a wait takes on average from its first yield on, in nanoseconds.
    average: u64,
    /// Until when it does not yield at all.
    respite: Option<Instant>,
    wait: State,
}

/// How far a wait has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has looked, [`LOOKS`] times at most.
    Looking,
    /// It yields: `last` is when it last did, or began to.
    Yielding { last: Instant, took: Nanos },
    /// It goes on looking without yielding.
    LookingOnly,
    /// It has gone to sleep.
    Asleep { took: Nanos },
}

/// What a wait has taken since its first yield.
type Nanos = u64;

impl Default for AdaptiveSpin {
    fn default() -> Self {
        Self {
            most: MOST,
            average: 0,
            respite: None,
            wait: State::Looking,
        }
    }
}

impl AdaptiveSpin {
    /// What to do after a look that found nothing: the `looks`-th of this wait, from 1.
    #[inline]
    pub(crate) fn next(&mut self, looks: u32, now: impl FnOnce() -> Instant) -> Next {
        if looks == 1 {
            self.learn();
        }
        if looks <= LOOKS {
            return Next::Look;
        }
        if self.wait == State::Looking {
            self.wait = self.begin(now());
        }
        let took = match self.wait {
            State::LookingOnly if looks <= LOOKS_ONLY => return Next::Look,
            State::Yielding { .. } if looks - LOOKS <= self.most => return Next::Yield,
            State::Yielding { took, .. } | State::Asleep { took } => took,
            State::Looking | State::LookingOnly => 0,
        };
        self.wait = State::Asleep { took };
        Next::Sleep
    }

    /// The end has yielded, and runs again.
    pub(crate) fn yielded(&mut self, now: Instant) {
        if let State::Yielding { last, took } = &mut self.wait {
            let turn = now.duration_since(*last).as_nanos();
            *took += Nanos::try_from(turn).unwrap_or(TOO_LONG);
            *last = now;
        }
    }

    /// Learns from the last wait, and begins the next.
    fn learn(&mut self) {
        let took = match std::mem::replace(&mut self.wait, State::Looking) {
            State::Asleep { took } => {
                self.most = (self.most / 2).max(FEWEST);
                took
            }
            State::Yielding { took, .. } => {
                self.most = (self.most * 2).min(MOST);
                took
            }
            State::Looking | State::LookingOnly => {
                self.most = (self.most * 2).min(MOST);
                0
            }
        };
        self.average = self.average - self.average / WAITS + took / WAITS;
    }

    /// The state after the first [`LOOKS`] looks of a wait have found nothing.
    fn begin(&mut self, now: Instant) -> State {
        if self.average > TOO_LONG {
            self.respite = Some(now + RESPITE);
            self.average = 0;
        }
        self.respite = self.respite.filter(|until| now < *until);
        match self.respite {
            Some(_) => State::LookingOnly,
            None => State::Yielding { last: now, took: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdaptiveSpin, FEWEST, LOOKS, LOOKS_ONLY, MOST, Next, RESPITE};
    use std::time::{Duration, Instant};

    const QUICK: Duration = Duration::from_nanos(400);
    const SLICE: Duration = Duration::from_millis(3);

    /// An end with a clock of its own.
    struct Waiter {
        spin: AdaptiveSpin,
        now: Instant,
    }

    impl Waiter {
        fn new() -> Self {
            Self {
                spin: AdaptiveSpin::default(),
                now: Instant::now(),
            }
        }

        /// A wait in which nothing comes: how often the end looks, and how often it
        /// yields, which takes `each`, before it sleeps.
        fn in_vain(&mut self, each: Duration) -> (u32, u32) {
            self.wait(each, u32::MAX)
        }

        /// The same, for a wait that ends after `enough` looks.
        fn wait(&mut self, each: Duration, enough: u32) -> (u32, u32) {
            let (mut looked, mut yielded) = (0, 0);
            for looks in 1..=enough {
                match self.spin.next(looks, || self.now) {
                    Next::Look => looked += 1,
                    Next::Yield => {
                        yielded += 1;
                        self.now += each;
                        self.spin.yielded(self.now);
                    }
                    Next::Sleep => break,
                }
            }
            (looked, yielded)
        }
    }

    #[test]
    fn a_wait_that_sleeps_halves_the_yields_of_the_next_and_one_that_does_not_doubles_them() {
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
    fn a_wait_that_is_given_up_counts_as_one_that_slept() {
        let mut waiter = Waiter::new();
        for most in [MOST, MOST / 2, MOST / 4] {
            waiter.wait(QUICK, LOOKS + 3);
            assert_eq!(waiter.spin.most, most);
            let given_up = waiter.spin.next(u32::MAX, || waiter.now);
            assert_eq!(given_up, Next::Sleep);
        }
    }

    #[test]
    fn an_end_that_waits_a_time_slice_at_each_yield_stops_yielding_for_a_while() {
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
    fn an_end_that_waits_a_time_slice_now_and_then_goes_on_yielding() {
        let mut waiter = Waiter::new();
        for _ in 0..100 {
            assert_eq!(waiter.wait(SLICE, LOOKS + 1), (LOOKS, 1));
            for _ in 0..10 {
                waiter.wait(QUICK, 3);
            }
        }
    }

    #[test]
    fn an_end_that_has_nothing_to_do_for_long_does_not_stop_yielding() {
        let mut waiter = Waiter::new();
        for _ in 0..1000 {
            assert_ne!(waiter.in_vain(2 * QUICK).1, 0);
            waiter.now += SLICE;
        }
    }
}
