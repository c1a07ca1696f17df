//! Waiting for a peer at the first seat.

use memtalk_ring::Seat;

use super::get_up::{Reason, RemoveName, Removed};
use super::os::Os;
use super::step::{Awaited, Step};

/// A first that waits for its peer. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AwaitPeer<E> {
    /// Has anybody joined?
    LookAtSecond,
    /// Nobody has. Does the name still lead here?
    CheckName,
    /// We wait no longer, for this reason: remove the name, unless somebody has joined.
    Remove(RemoveName<E>, Arrival),
}

/// How the wait for a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// A peer is there.
    Peer,
    /// The name does not lead to our object any more, so that nobody can come.
    NameLost,
    /// Nobody came in time.
    Nobody,
}

impl<E> AwaitPeer<E> {
    /// The time is over.
    #[must_use]
    pub fn expire() -> Self {
        Self::Remove(RemoveName::begin(Reason::Alone), Arrival::Nobody)
    }

    /// Makes one step: one call to the operating system. What is told as lost, or as too
    /// late, is so for good: nobody has joined, nor will.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn step<S: Os<Error = E>>(
        self,
        os: &mut S,
        object: &S::Object,
    ) -> Result<Step<Self, Arrival>, E> {
        Ok(match self {
            Self::LookAtSecond => match os.is_joined(object)? {
                true => Step::Done(Arrival::Peer),
                false => Step::Next(Self::CheckName),
            },
            Self::CheckName => match os.is_named(object)? {
                true => Step::Early(Self::LookAtSecond, Awaited::Peer),
                false => Step::Next(Self::Remove(
                    RemoveName::begin(Reason::Alone),
                    Arrival::NameLost,
                )),
            },
            Self::Remove(machine, why) => match machine.step(os, object, Seat::First) {
                Step::Next(machine) => Step::Next(Self::Remove(machine, why)),
                Step::Blocked(machine) | Step::Early(machine, _) => {
                    Step::Blocked(Self::Remove(machine, why))
                }
                Step::Done(removed) => match removed? {
                    Removed::Joined => Step::Next(Self::LookAtSecond),
                    _ => Step::Done(why),
                },
            },
        })
    }

    /// Goes on without the door, which others have kept for too long, so that somebody may
    /// have joined, or may yet. `None` if there is no time left to look again.
    #[must_use]
    pub fn skip(self) -> Option<Self> {
        match self {
            Self::Remove(_, Arrival::Nobody) => None,
            _ => Some(Self::LookAtSecond),
        }
    }
}
