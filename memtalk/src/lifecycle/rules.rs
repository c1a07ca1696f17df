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
    /// Fails the ends that the dead process at this seat left open, and then starts over:
    /// with an object of its own, if that was the first seat.
    SpeakFor(Seat),
    /// Looks again later.
    Wait,
    /// Gives up: two parties talk there.
    Busy,
    /// Gives up: the object is not a page.
    Foreign(PageError),
}

use Outcome::{Busy, Foreign, Join, Retire, SpeakFor, Wait};

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
            (Content::Unfinished, None) => Clear(Retire),
            // A seat is locked, yet there is no page: no memtalk does this.
            (Content::Unfinished, Some(_)) => Clear(Foreign(PageError::Unfinished)),
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
                    second,
                    left,
                },
                _,
            ) => match first.outside {
                true => Self::with_first_outside(second, left, locked),
                false => Self::with_first_process(second, locked),
            },
        }
    }

    fn with_first_outside(second: Option<Presence>, left: bool, locked: Option<Seat>) -> Self {
        let elsewhere = match (second, locked) {
            // The second is about to give up its seat: it has said so, or it will see that
            // the first has started again.
            (_, Some(Seat::Second)) if left || second.is_none() => return Clear(Wait),
            (_, Some(_)) => return Clear(Busy),
            (None, None) => Join,
            (Some(Presence { outside: true, .. }), None) => Busy,
            (Some(_), None) => SpeakFor(Seat::Second),
        };
        let nowhere = Retire;
        Open { elsewhere, nowhere }
    }

    fn with_first_process(second: Option<Presence>, locked: Option<Seat>) -> Self {
        Clear(match (second, locked) {
            // A party outside may have the object open, and take the second seat later.
            (_, None) => SpeakFor(Seat::First),
            (Some(Presence { outside: true, .. }), Some(_)) => Busy,
            (None, Some(Seat::First)) => Join,
            (_, Some(_)) => Retire,
        })
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
