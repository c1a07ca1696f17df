//! How long to look for what the peer will publish, before sleeping.
//!
//! Sleeping and being woken costs up to a hundred microseconds where a processor
//! goes idle meanwhile: a hundred times what the peer needs for its next piece. So
//! an end looks again first. The processor may be just what the peer, or
//! the program at the other end of its pipe, is waiting for. So the end gives way between
//! two looks (`sched_yield(2)`): whoever is ready runs, and nobody has to be
//! woken. Where nobody else is ready that is a look again, half a microsecond
//! later.
//!
//! How often it gives way before it sleeps is learnt. A wait that ended meanwhile
//! doubles the number for the next wait; one that went to sleep halves it. So a
//! stream of scattered messages costs little, and an end that has nothing to do
//! sleeps and uses no processor time at all.
//!
//! Giving way is bad where others never do. Programs that just compute take
//! all of their time slice, some milliseconds, for each piece of ours. An end that
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
    /// Give way, say so by [`AdaptiveSpin::yielded`], and look.
    Yield,
    Sleep,
}

/// What one end has learnt, and where it is in its present wait.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveSpin {
    /// How often it gives way before it sleeps.
    most: u32,
    /// What a wait takes on average, once it gives way, in nanoseconds.
    average: u64,
    /// Until when it does not give way at all.
    respite: Option<Instant>,
    wait: State,
}

/// How far a wait has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has looked, [`LOOKS`] times at most.
    Looking,
    /// It gives way: it did last, or began to, at this time.
    Yielding { last: Instant, took: Nanos },
    /// It looks on without giving way.
    LookingOnly,
    /// It has gone to sleep.
    Asleep { took: Nanos },
}

/// What a wait has taken since it began to give way.
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
    /// After a look in vain, the `looks`-th of a wait, beginning with 1.
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

    /// It has given way, and has its turn back.
    pub(crate) fn yielded(&mut self, now: Instant) {
        if let State::Yielding { last, took } = &mut self.wait {
            let turn = now.duration_since(*last).as_nanos();
            *took += Nanos::try_from(turn).unwrap_or(TOO_LONG);
            *last = now;
        }
    }

    /// From the last wait; the next begins.
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

    /// Looking again at once was not enough in this wait.
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

    /// An end at a clock of its own.
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

        /// A wait that never ends otherwise: how often it looks and gives way,
        /// which takes `each`, before it sleeps.
        fn in_vain(&mut self, each: Duration) -> (u32, u32) {
            self.wait(each, u32::MAX)
        }

        /// The same, for a wait that ends after as many looks as `enough`.
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
