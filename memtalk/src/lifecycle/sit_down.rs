//! Sitting down, as a machine: from a name to a seat.

use memtalk_ring::{PageError, Seat};

use super::os::{Found, Os};
use super::rules::{Outcome, Verdict};
use super::step::{Awaited, Step};

/// Why a newcomer gets no seat.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<E> {
    /// Two processes talk there.
    Busy,
    /// Two parties talk there, one of them outside. Or one of them has just died, and its guard
    /// keeps the seat until it has spoken: look again for a while.
    Guarded,
    /// The object is not a page; it was left untouched.
    Foreign(PageError),
    /// The object has no name, and its talk is over.
    Over,
    /// A call to the operating system failed.
    Os(E),
}

impl<E> From<E> for Refusal<E> {
    fn from(error: E) -> Self {
        Self::Os(error)
    }
}

/// A newcomer on its way to a seat. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SitDown<O> {
    /// Open the object that the name leads to.
    Open,
    /// There is none: create one.
    Create,
    /// Give the new object the name.
    Publish(O),
    /// Lock the door.
    Door(O),
    /// Does the name still lead here? It may lead elsewhere since we opened the object.
    CheckName(O),
    /// Is the first seat locked?
    LookAtFirst(O),
    /// Is the second seat locked? With whether the first is.
    LookAtSecond(O, bool),
    /// What does the object hold? With the seat that is locked, if any.
    Inspect(O, Option<Seat>),
    /// Has anybody else the object open?
    LookForOthers {
        /// The object.
        object: O,
        /// What to do if somebody has.
        elsewhere: Outcome,
        /// What to do if nobody has.
        nowhere: Outcome,
    },
    /// Tell a party outside that the process at this seat has died.
    SpeakFor(O, Seat),
    /// The talk is over: take the name away from the object.
    Retire(O),
    /// The talk is over. Does the object stay for the next one?
    LookForNext(O),
    /// The next talk begins here: lock the first seat.
    TakeFirst(O),
    /// Initialise the page for it.
    Renew(O),
    /// The first party waits for a peer. Is it ready for one?
    LookAtTurn(O),
    /// Lock the second seat.
    Take(O),
    /// Map the page and check it.
    Attach(O),
    /// Mark the seat as taken in the page, and wake the first party.
    Join(O),
    /// Unlock the door, with this seat.
    LeaveDoor(O, Seat),
}

/// An object, and our seat at it.
pub type Seated<O> = (O, Seat);

impl<O> SitDown<O> {
    /// The object that is open at this point, if any.
    pub fn object(&self) -> Option<&O> {
        match self {
            Self::Open | Self::Create => None,
            Self::Publish(object)
            | Self::Door(object)
            | Self::CheckName(object)
            | Self::LookAtFirst(object)
            | Self::LookAtSecond(object, _)
            | Self::Inspect(object, _)
            | Self::LookForOthers { object, .. }
            | Self::SpeakFor(object, _)
            | Self::Retire(object)
            | Self::LookForNext(object)
            | Self::TakeFirst(object)
            | Self::Renew(object)
            | Self::LookAtTurn(object)
            | Self::Take(object)
            | Self::Attach(object)
            | Self::Join(object)
            | Self::LeaveDoor(object, _) => Some(object),
        }
    }

    /// Makes one step: one call to the operating system.
    ///
    /// # Errors
    /// [`Refusal`] says why there is no seat. Every lock is dropped then.
    pub fn step<S>(self, os: &mut S) -> Result<Step<Self, Seated<O>>, Refusal<S::Error>>
    where
        S: Os<Object = O>,
    {
        let next = match self {
            Self::Open => match os.open()? {
                Found::Object(object) => Self::Door(object),
                Found::Contended => return Ok(Step::Blocked(Self::Open)),
                Found::Nothing if os.is_tenant() => {
                    return Ok(Step::Early(Self::Open, Awaited::Machine));
                }
                Found::Nothing => Self::Create,
            },
            Self::Create if os.is_client() => return Ok(Self::wait_for_turn()),
            Self::Create => Self::Publish(os.create()?),
            Self::Publish(object) => match os.publish(&object)? {
                true => return Ok(Step::Done((object, Seat::First))),
                false => Self::Open,
            },
            Self::Door(object) => match os.try_door(&object)? {
                true => Self::CheckName(object),
                // This closes the object. The process that holds the door may be finding
                // out who has it open.
                false => return Ok(Step::Blocked(Self::Open)),
            },
            Self::CheckName(object) => match os.is_named(&object)? {
                true => Self::LookAtFirst(object),
                false => Self::Open,
            },
            Self::LookAtFirst(object) => {
                let first = os.is_seated(&object, Seat::First)?;
                Self::LookAtSecond(object, first)
            }
            Self::LookAtSecond(object, first) => {
                match (first, os.is_seated(&object, Seat::Second)?) {
                    (true, true) if os.is_client() => return Ok(Self::wait_for_turn()),
                    (true, true) => return Err(Refusal::Busy),
                    (true, false) => Self::Inspect(object, Some(Seat::First)),
                    (false, true) => Self::Inspect(object, Some(Seat::Second)),
                    (false, false) => Self::Inspect(object, None),
                }
            }
            Self::Inspect(object, locked) => {
                let verdict = Verdict::of(os.inspect(&object)?, locked);
                let verdict = match (os.is_tenant(), os.is_fixed()) {
                    (true, _) => verdict.for_tenant(),
                    (false, true) => verdict.for_fixed(locked),
                    (false, false) => verdict,
                };
                match verdict {
                    Verdict::Clear(outcome) => return Self::follow(outcome, object, os),
                    Verdict::Open { elsewhere, nowhere } => Self::LookForOthers {
                        object,
                        elsewhere,
                        nowhere,
                    },
                }
            }
            Self::LookForOthers {
                object,
                elsewhere,
                nowhere,
            } => {
                let outcome = match os.is_open_elsewhere(&object)? {
                    true => elsewhere,
                    false => nowhere,
                };
                return Self::follow(outcome, object, os);
            }
            Self::SpeakFor(object, seat) => {
                os.speak_for(&object, seat)?;
                match seat {
                    Seat::First => Self::LookForNext(object),
                    Seat::Second => return Ok(Step::Early(Self::Open, Awaited::Machine)),
                }
            }
            Self::Retire(_object) => match os.unlink()? {
                true => Self::Create,
                false => return Ok(Step::Early(Self::Open, Awaited::Owner)),
            },
            Self::LookForNext(object) => match os.is_for_next(&object)? {
                true => Self::TakeFirst(object),
                false => Self::Retire(object),
            },
            Self::TakeFirst(object) => match os.try_sit(&object, Seat::First)? {
                true => Self::Renew(object),
                false if os.is_fixed() => return Ok(Step::Blocked(Self::TakeFirst(object))),
                // Who watches the seat talked to a process.
                false => Self::Retire(object),
            },
            Self::Renew(mut object) => {
                os.renew(&mut object)?;
                Self::LeaveDoor(object, Seat::First)
            }
            Self::LookAtTurn(object) => match os.is_attended(&object)? {
                true => Self::Take(object),
                false => return Err(Refusal::Busy),
            },
            Self::Take(object) => match os.try_sit(&object, Seat::Second)? {
                true => Self::Attach(object),
                false => return Ok(Step::Blocked(Self::Take(object))),
            },
            Self::Attach(mut object) => match os.attach(&mut object)? {
                true => Self::Join(object),
                false => return Ok(Step::Early(Self::Open, Awaited::Machine)),
            },
            Self::Join(object) => {
                os.join(&object)?;
                Self::LeaveDoor(object, Seat::Second)
            }
            Self::LeaveDoor(object, seat) => {
                os.leave_door(&object)?;
                return Ok(Step::Done((object, seat)));
            }
        };
        Ok(Step::Next(next))
    }

    fn wait_for_turn() -> Step<Self, Seated<O>> {
        Step::Early(Self::Open, Awaited::Turn)
    }

    fn follow<S>(
        outcome: Outcome,
        object: O,
        os: &S,
    ) -> Result<Step<Self, Seated<O>>, Refusal<S::Error>>
    where
        S: Os<Object = O>,
    {
        Ok(Step::Next(match outcome {
            // A client waits for its turn at the second seat.
            Outcome::Join if os.is_client() => Self::Take(object),
            Outcome::Join => Self::LookAtTurn(object),
            Outcome::Retire | Outcome::Continue | Outcome::SpeakFor(_) | Outcome::Wait
                if !os.has_name() && !os.is_fixed() =>
            {
                return Err(Refusal::Over);
            }
            Outcome::Renew if os.is_client() => return Ok(Self::wait_for_turn()),
            Outcome::SpeakFor(Seat::First) if os.is_fixed() && os.is_client() => {
                return Ok(Self::wait_for_turn());
            }
            Outcome::Renew => Self::TakeFirst(object),
            Outcome::Continue => Self::LookForNext(object),
            Outcome::WaitForSurvivor => {
                return Ok(Step::Early(Self::Open, Awaited::Survivor));
            }
            Outcome::Busy if os.is_client() => return Ok(Self::wait_for_turn()),
            Outcome::Retire => Self::Retire(object),
            Outcome::SpeakFor(seat) => Self::SpeakFor(object, seat),
            Outcome::Wait => return Ok(Step::Early(Self::Open, Awaited::Machine)),
            Outcome::Busy => return Err(Refusal::Guarded),
            Outcome::Foreign(reason) => return Err(Refusal::Foreign(reason)),
        }))
    }
}
