//! Waiting for a peer at the first seat, as a machine.

use memtalk_ring::Seat;

use super::get_up::{Reason, RemoveName, Removed};
use super::os::Os;
use super::step::{Awaited, Step};

/// A first party that waits for its peer. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AwaitPeer<E> {
    /// Has anybody joined?
    LookAtSecond,
    /// Nobody has. Does the name still lead here?
    CheckName,
    /// It does. May only a machine join, and has that gone?
    LookForMachine,
    /// The wait is over for this reason: remove the name, unless somebody has joined.
    Remove(RemoveName<E>, Arrival),
}

/// How the wait for a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// A peer has joined.
    Peer,
    /// The name does not lead to our object any more, or only a machine may join and has
    /// gone. So nobody can come.
    NameLost,
    /// Nobody came in time.
    Nobody,
}

impl<E> AwaitPeer<E> {
    /// The machine once the time is over.
    #[must_use]
    pub fn expire() -> Self {
        Self::Remove(RemoveName::begin(Reason::Alone), Arrival::Nobody)
    }

    /// Makes one step: one call to the operating system. [`Arrival::NameLost`] and
    /// [`Arrival::Nobody`] are final: nobody has joined, nor will.
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
                true if os.is_kept(object) => Step::Next(Self::LookForMachine),
                true => Step::Early(Self::LookAtSecond, Awaited::Peer),
                false => Self::start_over(),
            },
            Self::LookForMachine => match os.is_alone(object) {
                true => Self::start_over(),
                false => Step::Early(Self::LookAtSecond, Awaited::Peer),
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

    fn start_over() -> Step<Self, Arrival> {
        Step::Next(Self::Remove(
            RemoveName::begin(Reason::Alone),
            Arrival::NameLost,
        ))
    }

    /// Goes on without the door, if others have kept it for too long. So somebody may have
    /// joined, or may yet join. `None` if there is no time left to look again.
    #[must_use]
    pub fn skip(self) -> Option<Self> {
        match self {
            Self::Remove(_, Arrival::Nobody) => None,
            _ => Some(Self::LookAtSecond),
        }
    }
}
