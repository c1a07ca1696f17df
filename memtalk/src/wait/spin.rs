//! Adaptive spinning: how long an end looks for the peer's next bytes before it sleeps.
//!
//! Sleeping and being woken costs up to a hundred microseconds if a processor goes idle
//! meanwhile: a hundred times what the peer needs for its next piece. So an end looks
//! again first. But the processor may be just what the peer, or the program at the other
//! end of its pipe, is waiting for. So the end yields between two looks
//! (`sched_yield(2)`): any thread that is ready runs, and none has to be woken. If no
//! other thread is ready, the end looks again half a microsecond later.
//!
//! How often an end looks before it yields is learnt: [`hold`](super::hold). So is whether it
//! shares its processor with its peer: [`placement`](super::placement).
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

use super::hold::Hold;
use super::placement::Placement;

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

/// A yield that takes longer has let another thread run.
const TURN: Duration = Duration::from_micros(1);

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
    hold: Hold,
    placement: Placement,
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
    /// It has looked so often, and has not yielded.
    Looking(u32),
    /// It yields: `last` is when it last did, or began to. `crowded` says whether another
    /// thread has run.
    Yielding {
        last: Instant,
        took: Nanos,
        crowded: bool,
    },
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
            hold: Hold::default(),
            placement: Placement::default(),
            most: MOST,
            average: 0,
            respite: None,
            wait: State::Looking(0),
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
        if looks <= self.hold.looks() {
            self.wait = State::Looking(looks);
            return Next::Look;
        }
        if let State::Looking(_) = self.wait {
            self.wait = self.begin(now());
        }
        let took = match self.wait {
            State::LookingOnly if looks <= LOOKS_ONLY => return Next::Look,
            State::Yielding { .. } if looks - self.hold.looks() <= self.most => {
                return Next::Yield;
            }
            State::Yielding { took, .. } | State::Asleep { took } => took,
            State::Looking(_) | State::LookingOnly => 0,
        };
        self.wait = State::Asleep { took };
        Next::Sleep
    }

    /// The end has yielded, and runs again. If it is to move to another processor, calls
    /// `moves`, which returns whether it has.
    pub(crate) fn yielded(&mut self, now: Instant, moves: impl FnOnce() -> bool) {
        let State::Yielding {
            last,
            took,
            crowded,
        } = &mut self.wait
        else {
            return;
        };
        let turn = now.duration_since(*last);
        *took += Nanos::try_from(turn.as_nanos()).unwrap_or(TOO_LONG);
        *last = now;
        if turn > TURN && !*crowded {
            *crowded = true;
            self.placement.crowded(now, moves);
        }
    }

    /// Learns from the last wait, and begins the next.
    fn learn(&mut self) {
        let (took, slept) = match std::mem::replace(&mut self.wait, State::Looking(0)) {
            State::Asleep { took } => {
                self.hold.in_vain();
                (took, true)
            }
            State::Yielding { took, .. } => {
                self.hold.in_vain();
                (took, false)
            }
            // `Looking(0)`: the first wait of all begins.
            State::LookingOnly | State::Looking(0) => (0, false),
            State::Looking(looked) => {
                self.hold.paid(looked);
                self.placement.runs_beside();
                (0, false)
            }
        };
        self.most = match slept {
            true => (self.most / 2).max(FEWEST),
            false => (self.most * 2).min(MOST),
        };
        self.average = self.average - self.average / WAITS + took / WAITS;
    }

    /// The state once a wait has looked often enough to yield.
    fn begin(&mut self, now: Instant) -> State {
        if self.average > TOO_LONG {
            self.respite = Some(now + RESPITE);
            self.average = 0;
        }
        self.respite = self.respite.filter(|until| now < *until);
        match self.respite {
            Some(_) => State::LookingOnly,
            None => State::Yielding {
                last: now,
                took: 0,
                crowded: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdaptiveSpin, FEWEST, LOOKS_ONLY, MOST, Next, RESPITE};
    use std::time::{Duration, Instant};

    const QUICK: Duration = Duration::from_nanos(400);
    const SLICE: Duration = Duration::from_millis(3);

    /// An end with a clock and a processor of its own.
    struct Waiter {
        spin: AdaptiveSpin,
        now: Instant,
        /// How often it was told to move.
        moves: u32,
    }

    impl Waiter {
        fn new() -> Self {
            Self {
                spin: AdaptiveSpin::default(),
                now: Instant::now(),
                moves: 0,
            }
        }

        /// A wait in which nothing comes: how often the end looks, and how often it
        /// yields, which takes `each`, before it sleeps.
        fn in_vain(&mut self, each: Duration) -> (u32, u32) {
            self.wait(each, u32::MAX, u32::MAX)
        }

        /// A wait that ends after so few looks that it does not yield.
        fn short(&mut self) {
            assert_eq!(self.wait(QUICK, 3, 0), (3, 0));
        }

        /// A wait that ends after one yield. Whether it yielded before it slept.
        fn turn(&mut self, takes: Duration) -> bool {
            self.wait(takes, u32::MAX, 1).1 == 1
        }

        /// A wait that ends after so many looks, or so many yields.
        fn wait(&mut self, each: Duration, most_looks: u32, most_yields: u32) -> (u32, u32) {
            let (mut looked, mut yielded) = (0, 0);
            let mut looks = 0;
            while looked < most_looks && (yielded < most_yields || looks == looked) {
                looks += 1;
                match self.spin.next(looks, || self.now) {
                    Next::Look => looked += 1,
                    Next::Yield => {
                        yielded += 1;
                        self.now += each;
                        self.spin.yielded(self.now, || {
                            self.moves += 1;
                            true
                        });
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
        assert_eq!(waiter.in_vain(QUICK).1, MOST);
        assert_eq!(waiter.in_vain(QUICK).1, MOST / 2);
        for _ in 0..10 {
            waiter.in_vain(QUICK);
        }
        assert_eq!(waiter.in_vain(QUICK).1, FEWEST);
        for _ in 0..10 {
            waiter.short();
        }
        assert_eq!(waiter.in_vain(QUICK).1, MOST);
        for _ in 0..10 {
            waiter.in_vain(QUICK);
        }
        for _ in 0..10 {
            assert!(waiter.turn(QUICK));
        }
        assert_eq!(waiter.in_vain(QUICK).1, MOST);
    }

    #[test]
    fn a_wait_that_is_given_up_counts_as_one_that_slept() {
        let mut waiter = Waiter::new();
        for most in [MOST, MOST / 2, MOST / 4] {
            waiter.turn(QUICK);
            assert_eq!(waiter.spin.most, most);
            let given_up = waiter.spin.next(u32::MAX, || waiter.now);
            assert_eq!(given_up, Next::Sleep);
        }
    }

    #[test]
    fn an_end_that_waits_a_time_slice_at_each_yield_stops_yielding_for_a_while() {
        let mut waiter = Waiter::new();
        let mut waits = 0;
        while waiter.turn(SLICE) {
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
            assert!(waiter.turn(SLICE));
            for _ in 0..10 {
                waiter.short();
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

    #[test]
    fn an_end_looks_longer_after_a_wait_that_ended_while_looking() {
        let mut waiter = Waiter::new();
        let (few, _) = waiter.in_vain(QUICK);
        waiter.short();
        assert_eq!(waiter.in_vain(QUICK).0, 2 * few);
        assert_eq!(waiter.in_vain(QUICK).0, few);
        assert!(waiter.turn(QUICK));
        assert_eq!(waiter.in_vain(QUICK).0, few);
    }

    #[test]
    fn an_end_moves_where_others_keep_running_while_it_yields() {
        let mut waiter = Waiter::new();
        for _ in 0..100 {
            waiter.turn(QUICK);
        }
        assert_eq!(waiter.moves, 0);
        // Several times in a wait count as once.
        for _ in 0..20 {
            waiter.wait(10 * QUICK, u32::MAX, 5);
        }
        assert_eq!(waiter.moves, 0);
        for _ in 0..20 {
            waiter.wait(10 * QUICK, u32::MAX, 5);
        }
        assert_eq!(waiter.moves, 1);
    }

    #[test]
    fn an_end_whose_peer_runs_beside_it_now_and_then_stays() {
        let mut waiter = Waiter::new();
        for _ in 0..100 {
            waiter.short();
            waiter.turn(10 * QUICK);
        }
        assert_eq!(waiter.moves, 0);
    }
}
