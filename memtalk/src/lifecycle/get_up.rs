//! Getting up and removing the name, as machines.

use memtalk_ring::Seat;

use super::os::Os;
use super::step::Step;

/// Removing the name. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemoveName<E> {
    /// Is the name ours to remove, and does it still lead to our object? If not, we need
    /// not wait for the door.
    Look,
    /// Lock the door.
    Door(Reason),
    /// Has anybody joined?
    LookAtSecond,
    /// Does the name still lead to our object?
    CheckName,
    /// It does. Does the object stay for the next talk?
    LookForNext,
    /// It does: mark its page as over.
    End,
    /// It does not: remove the name.
    Unlink,
    /// Only another user may remove it. Does our peer, who may be that user, still have its
    /// seat?
    LookAtPeer,
    /// Unlock the door, whatever became of the name.
    LeaveDoor(Result<Removed, E>),
}

/// Why the name is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The talk is over.
    Over,
    /// We give up waiting for a peer. If one has joined after all, the name stays.
    Alone,
}

/// What became of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removed {
    /// It does not lead to this object any more, or to a page that is over.
    Gone,
    /// It stays, since somebody has joined.
    Joined,
    /// It stays until the peer, whose user owns the object, removes it.
    ByPeer,
    /// It stays: the object belongs to another user, whose process is gone.
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

    /// Makes one step for the process at `seat`: one call to the operating system.
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
            // Unlock the door first. Otherwise nobody could pass it for as long as we have
            // the object open.
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
            Self::Look => match os.owns_page(object) && os.is_named(object)? {
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
                true => Self::LookForNext,
                false => Self::LeaveDoor(Ok(Removed::Gone)),
            },
            Self::LookForNext => match os.is_for_next(object)? {
                true => Self::End,
                false => Self::Unlink,
            },
            Self::End => {
                os.end_page(object, seat)?;
                Self::LeaveDoor(Ok(Removed::Gone))
            }
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
/// If a step fails, the steps after it are still made. A process that is about to end
/// omits the last step, since its end gives up the seat as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GetUp<E> {
    /// Tell a party outside, which sees no locks, that we leave.
    Tell,
    /// The talk is over: remove the name.
    Remove(RemoveName<E>),
    /// Give up the seat, whatever became of the name.
    Stand(Result<Removed, E>),
}

impl<E> GetUp<E> {
    /// Makes one step for the process at `seat`: one call to the operating system.
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

    /// Skips a step that was blocked for too long.
    ///
    /// # Errors
    /// If that was the last step: the error of an earlier step, or else `error`.
    pub fn skip(self, error: E) -> Result<Self, E> {
        match self {
            Self::Tell | Self::Remove(_) => Ok(Self::Stand(Err(error))),
            Self::Stand(removed) => Err(removed.err().unwrap_or(error)),
        }
    }
}
