//! Waiting at the second seat until the first party has noticed us, or has time for us, as a
//! machine.

use memtalk_ring::{Beginning, Seat};

use super::os::Os;
use super::step::{Awaited, Step};

/// One that has joined, and whose talk has not begun. Each variant is named after its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AwaitTurn {
    /// One of the two is outside: has the first party noticed us?
    LookAtBeginning,
    /// It has not. Has anybody else the object open?
    LookForOthers,
    /// Is the first party ready for us?
    LookAtTurn,
    /// With the answer: does it still sit there? If it has gone, that may have freed its
    /// locks, too.
    LookAtFirst(bool),
}

/// How the wait for our turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The talk begins.
    Ours,
    /// The first party has gone, before it has received anything.
    Lost,
}

impl AwaitTurn {
    /// Makes one step: one call to the operating system.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn step<S: Os>(self, os: &mut S, object: &S::Object) -> Result<Step<Self, Turn>, S::Error> {
        Ok(match self {
            Self::LookAtBeginning => match os.beginning(object) {
                Beginning::Begun => Step::Done(Turn::Ours),
                Beginning::Lost => Step::Done(Turn::Lost),
                Beginning::Awaited => Step::Next(Self::LookForOthers),
            },
            Self::LookForOthers => match os.is_alone(object) {
                true => Step::Done(Turn::Lost),
                false => Step::Early(Self::LookAtBeginning, Awaited::Machine),
            },
            Self::LookAtTurn => Step::Next(Self::LookAtFirst(os.is_attended(object)?)),
            Self::LookAtFirst(ready) => match (os.is_seated(object, Seat::First)?, ready) {
                (false, _) => Step::Done(Turn::Lost),
                (true, true) => Step::Done(Turn::Ours),
                (true, false) => Step::Early(Self::LookAtTurn, Awaited::Turn),
            },
        })
    }
}
