//! Getting up, and removing the name.

use memtalk_ring::Seat;

use super::os::Os;
use super::step::Step;

/// Removing the name. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemoveName<E> {
    /// If the name is not ours to remove, or leads elsewhere already, nobody need wait for
    /// a turn.
    Look,
    /// Wait for our turn.
    Door(Reason),
    /// Has anybody joined?
    LookAtSecond,
    /// Does the name still lead to our object?
    CheckName,
    /// It does: remove it.
    Unlink,
    /// That is for another user to do: does our peer still sit there, who may?
    LookAtPeer,
    /// Let others in, whatever became of the name.
    LeaveDoor(Result<Removed, E>),
}

/// Why the name is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The talk is over.
    Over,
    /// Nobody comes. If somebody has come after all, the name stays.
    Alone,
}

/// What became of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removed {
    /// It does not lead to this object any more.
    Gone,
    /// It stays, since somebody has joined.
    Joined,
    /// It stays until the peer, whose object this is, removes it.
    ByPeer,
    /// It stays: the object is another user's, who is gone.
    Refused,
}

impl<E> RemoveName<E> {
    /// The first step.
    #[must_use]
    pub fn begin(reason: Reason) -> Self {
        match reason {
            Reason::Over => Self::Look,
            Reason::Alone => Self::Door(reason),
        }
    }

    /// Makes one step for whoever sits at `seat`: one call to the operating system.
    pub fn step<S: Os<Error = E>>(
        self,
        os: &mut S,
        object: &S::Object,
        seat: Seat,
    ) -> Step<Self, Result<Removed, E>> {
        let outside_door = matches!(self, Self::Look | Self::Door(_));
        match self.go_on(os, object, seat) {
            Ok(step) => step,
            Err(error) if outside_door => Step::Done(Err(error)),
            // Nobody could come in for as long as we have the object open.
            Err(error) => Step::Next(Self::LeaveDoor(Err(error))),
        }
    }

    fn go_on<S: Os<Error = E>>(
        self,
        os: &mut S,
        object: &S::Object,
        seat: Seat,
    ) -> Result<Step<Self, Result<Removed, E>>, E> {
        let next = match self {
            Self::Look => match os.owns_name(object) && os.is_named(object)? {
                true => Self::Door(Reason::Over),
                false => return Ok(Step::Done(Ok(Removed::Gone))),
            },
            Self::Door(reason) => match (os.try_door(object)?, reason) {
                (true, Reason::Over) => Self::CheckName,
                (true, Reason::Alone) => Self::LookAtSecond,
                (false, _) => return Ok(Step::Blocked(self)),
            },
            Self::LookAtSecond => match os.is_joined(object)? {
                true => Self::LeaveDoor(Ok(Removed::Joined)),
                false => Self::CheckName,
            },
            Self::CheckName => match os.is_named(object)? {
                true => Self::Unlink,
                false => Self::LeaveDoor(Ok(Removed::Gone)),
            },
            Self::Unlink => match os.unlink()? {
                true => Self::LeaveDoor(Ok(Removed::Gone)),
                false => Self::LookAtPeer,
            },
            Self::LookAtPeer => match os.is_seated(object, seat.peer())? {
                true => Self::LeaveDoor(Ok(Removed::ByPeer)),
                false => Self::LeaveDoor(Ok(Removed::Refused)),
            },
            Self::LeaveDoor(removed) => {
                return Ok(match os.leave_door(object) {
                    Ok(()) => Step::Done(removed),
                    Err(_) => Step::Blocked(Self::LeaveDoor(removed)),
                });
            }
        };
        Ok(Step::Next(next))
    }
}

/// Getting up. Each variant is named after its next step.
///
/// Whatever fails, the steps after it are made all the same. Who is about to end does
/// without the last: that gives up the seat as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GetUp<E> {
    /// Tell whoever sees no locks.
    Tell,
    /// The talk is over: remove the name.
    Remove(RemoveName<E>),
    /// Give up the seat, whatever became of the name.
    Stand(Result<Removed, E>),
}

impl<E> GetUp<E> {
    /// Makes one step for whoever sits at `seat`: one call to the operating system.
    pub fn step<S: Os<Error = E>>(
        self,
        os: &mut S,
        object: &S::Object,
        seat: Seat,
    ) -> Step<Self, Result<Removed, E>> {
        match self {
            Self::Tell => {
                os.tell_outside(object, seat);
                Step::Next(Self::Remove(RemoveName::begin(Reason::Over)))
            }
            Self::Remove(machine) => match machine.step(os, object, seat) {
                Step::Next(machine) => Step::Next(Self::Remove(machine)),
                Step::Blocked(machine) | Step::Early(machine, _) => {
                    Step::Blocked(Self::Remove(machine))
                }
                Step::Done(removed) => Step::Next(Self::Stand(removed)),
            },
            Self::Stand(removed) => match os.stand(object, seat) {
                Ok(()) => Step::Done(removed),
                Err(_) => Step::Blocked(Self::Stand(removed)),
            },
        }
    }

    /// Goes on without what has been refused for too long.
    ///
    /// # Errors
    /// `error`, or what has failed before, if that was the last step.
    pub fn skip(self, error: E) -> Result<Self, E> {
        match self {
            Self::Tell | Self::Remove(_) => Ok(Self::Stand(Err(error))),
            Self::Stand(removed) => Err(removed.err().unwrap_or(error)),
        }
    }
}
