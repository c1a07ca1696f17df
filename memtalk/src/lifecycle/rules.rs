//! The rules of sitting down: what a newcomer does, for each thing that it can find.
//!
//! This is the table in [`memtalk_ring::layout`], "Processes", as code. Each arm is a row.

use memtalk_ring::{PageError, Presence, Seat};

use super::os::Content;

/// What a newcomer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Takes the second seat.
    Join,
    /// Takes the name away from a talk that is over, and starts over.
    Retire,
    /// Initialises the page where it is, for the next talk, and takes the first seat.
    Renew,
    /// The same if the object stays for the next talk; otherwise, takes the name away from it.
    Continue,
    /// Fails the ends that the dead process at this seat left open, and then starts over:
    /// with an object of its own, if that was the first seat.
    SpeakFor(Seat),
    /// Looks again later.
    Wait,
    /// The same, in memory of the user's own: a process of the last talk has yet to leave.
    WaitForSurvivor,
    /// Gives up: two parties talk there, one of them outside. Or one of them has just died, and
    /// its guard keeps the seat until it has spoken.
    Busy,
    /// Gives up: the object is not a page.
    Foreign(PageError),
}

use Outcome::{Busy, Continue, Foreign, Join, Renew, Retire, SpeakFor, Wait, WaitForSurvivor};

/// What the rules say, given what a newcomer has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Do this.
    Clear(Outcome),
    /// It depends on whether anybody else has the object open.
    Open {
        /// What to do if somebody has.
        elsewhere: Outcome,
        /// What to do if nobody has.
        nowhere: Outcome,
    },
}

use Verdict::{Clear, Open};

impl Verdict {
    /// The rules for an object that holds `content`, and of whose seats this one, or
    /// neither, is locked.
    #[must_use]
    pub fn of(content: Content, locked: Option<Seat>) -> Self {
        match (content, locked) {
            (Content::Foreign(reason), _) => Clear(Foreign(reason)),
            (Content::Unfinished { outside: false }, None) => Clear(Continue),
            // The machine is at it, or was. A process may have yet to leave its last talk.
            (Content::Unfinished { outside: true }, None | Some(Seat::Second)) => Open {
                elsewhere: Wait,
                nowhere: Retire,
            },
            // A seat is locked, yet there is no page: no memtalk does this.
            (Content::Unfinished { .. }, Some(_)) => Clear(Foreign(PageError::Unfinished)),
            (Content::Unclaimed(reason), Some(Seat::First)) => Clear(Foreign(reason)),
            // The second party may be about to give up its seat, while the first, which is
            // outside, has begun to initialise the page for the next talk.
            (Content::Unclaimed(reason), None | Some(Seat::Second)) => Open {
                elsewhere: Wait,
                nowhere: Foreign(reason),
            },
            (
                Content::Page {
                    first,
                    over,
                    second,
                    left,
                    kept,
                },
                _,
            ) => match first.outside {
                true => Self::with_first_outside(over, second, left, locked),
                false => Self::with_first_process(over, second, left, kept, locked),
            },
        }
    }

    fn with_first_outside(
        over: bool,
        second: Option<Presence>,
        left: bool,
        locked: Option<Seat>,
    ) -> Self {
        let elsewhere = match (second, locked) {
            // The second is about to give up its seat: it has said so, or it will see that
            // the first has started again.
            (_, Some(Seat::Second)) if over || left || second.is_none() => return Clear(Wait),
            (_, Some(_)) => return Clear(Busy),
            (None, None) if over => Wait,
            (None, None) => Join,
            (Some(Presence { outside: true, .. }), None) => Busy,
            (Some(_), None) => SpeakFor(Seat::Second),
        };
        let nowhere = Retire;
        Open { elsewhere, nowhere }
    }

    fn with_first_process(
        over: bool,
        second: Option<Presence>,
        left: bool,
        kept: bool,
        locked: Option<Seat>,
    ) -> Self {
        let outside = second.is_some_and(|second| second.outside);
        Clear(match (second, locked) {
            // The talk has ended in good order. The party outside has yet to see that.
            (Some(_), None) if over && outside && !left => {
                return Open {
                    elsewhere: Wait,
                    nowhere: Retire,
                };
            }
            // A party outside may have the object open, and take the second seat later.
            (_, None) => SpeakFor(Seat::First),
            // The first is about to give up its seat.
            (_, Some(Seat::First)) if over || left && outside => Wait,
            (Some(_), Some(_)) if outside => Busy,
            // It waits for a machine, or starts over if that has gone.
            (None, Some(Seat::First)) if kept => Wait,
            (None, Some(Seat::First)) => Join,
            (_, Some(_)) => Retire,
        })
    }

    /// The same for memory of the user's own: the next talk begins where the last one was.
    #[must_use]
    pub fn for_fixed(self, locked: Option<Seat>) -> Self {
        let as_fixed = |outcome| match (outcome, locked) {
            (Retire | Continue, None) => Renew,
            (Retire, Some(_)) => WaitForSurvivor,
            _ => outcome,
        };
        match (self, locked) {
            // The user has said that this memory is for a talk.
            (
                Open {
                    nowhere: Foreign(PageError::NotAPage),
                    ..
                },
                None,
            ) => Clear(Renew),
            (
                Open {
                    nowhere: Foreign(reason),
                    ..
                },
                _,
            ) => Clear(Foreign(reason)),
            (Clear(outcome), _) => Clear(as_fixed(outcome)),
            (Open { elsewhere, nowhere }, _) => Open {
                elsewhere: as_fixed(elsewhere),
                nowhere: as_fixed(nowhere),
            },
        }
    }

    /// The same for a tenant: it waits where others would create or retire something.
    #[must_use]
    pub fn for_tenant(self) -> Self {
        let as_tenant = |outcome| match outcome {
            Join
            | SpeakFor(Seat::Second)
            | Busy
            | Foreign(
                PageError::ByteOrder
                | PageError::Version(_)
                | PageError::Size(_)
                | PageError::BadMemory(_),
            ) => outcome,
            _ => Wait,
        };
        match self {
            Clear(outcome) => Clear(as_tenant(outcome)),
            Open { elsewhere, nowhere } => match (as_tenant(elsewhere), as_tenant(nowhere)) {
                (elsewhere, nowhere) if elsewhere == nowhere => Clear(elsewhere),
                (elsewhere, nowhere) => Open { elsewhere, nowhere },
            },
        }
    }
}
