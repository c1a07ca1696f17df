//! Who may sit down at a talk, and how everyone gets up again.
//!
//! # Rules
//! Three locks on every object, each dropped by the kernel when its owner dies,
//! however it dies: the *door*, held for the short time in which anybody sits
//! down or gets up, and one for each *seat*, held as long as somebody sits
//! there. Behind the door, and with the name still leading to this object:
//!
//! | first seat | second seat | page | the newcomer |
//! | --- | --- | --- | --- |
//! | free | free | somebody else's | leaves it alone: an error |
//! | free | free | empty, unfinished, or a talk's | takes the first seat and initialises the page |
//! | taken | free | a talk that nobody has joined | takes the second seat |
//! | one taken | one free | a talk that had two | takes the name away from it, and starts over |
//! | taken | taken | any | leaves: busy |
//!
//! Whoever gets up first removes the name, if it still leads to this object. A
//! talk that one of the two has left is over: nobody can join it any more, so it
//! needs no name, and those who come next can have it at once.
//!
//! # Why this is right
//! - *Never two at one seat:* the seat's lock excludes the second.
//! - *Never a half-initialised page:* initialising and joining both happen
//!   behind the door, and an object whose creator died half-way has free seats,
//!   so it is initialised again.
//! - *Nobody's work is destroyed:* an object that is neither empty nor claimed
//!   by memtalk is not touched; a page is initialised only when both seats are
//!   free; a name is removed only from an object that it leads to, behind that
//!   object's door.
//! - *Nobody is locked out by the dead:* their locks are free.
//! - *A talk stays between two:* a seat that was once taken is marked in the
//!   page, so nobody slips into the place of one who left.
//!
//! # Form
//! Both ways are machines that make one call to the operating system at each
//! step, over the trait [`Os`]. So the same code runs on the real system and
//! under a checker that interleaves and crashes processes between any two steps.

use memtalk_ring::{PageError, Seat};

/// What an object holds, as far as sitting down is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing, or a page whose creator did not finish.
    Blank,
    /// A page that nobody has joined.
    Young,
    /// A page that was joined.
    Joined,
    /// Not a page of this version, for this reason.
    Foreign(PageError),
}

/// The calls to the operating system that sitting down and getting up take.
///
/// Every call is atomic, and is about the name that the implementation was
/// given. Locks belong to the object, and dropping it drops them.
pub trait Os {
    /// An open object.
    type Object;
    /// Why a call failed.
    type Error;

    /// Opens the object that the name leads to, if it leads to any.
    fn open(&mut self) -> Result<Option<Self::Object>, Self::Error>;

    /// Creates an empty object under the name, unless the name is in use.
    fn create(&mut self) -> Result<Option<Self::Object>, Self::Error>;

    /// Takes the name away from the object that it leads to.
    fn unlink(&mut self) -> Result<(), Self::Error>;

    /// Whether the name leads to this object.
    fn is_named(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Locks the door; `false` while somebody else holds it.
    fn try_door(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Unlocks the door.
    fn leave_door(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Whether somebody else sits at `seat`.
    fn is_seated(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Locks a seat; `false` while somebody else holds any lock on it.
    fn try_sit(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Unlocks a seat.
    fn stand(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Looks at what the object holds.
    fn inspect(&mut self, object: &Self::Object) -> Result<Content, Self::Error>;

    /// Marks the object as claimed by memtalk and not initialised.
    fn claim(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Gives the object its size, with memory behind all of it.
    fn resize(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Maps the object and initialises the page, the magic number last.
    fn initialise(&mut self, object: &mut Self::Object) -> Result<(), Self::Error>;

    /// Maps the object and checks that it is a page of the size asked for.
    fn attach(&mut self, object: &mut Self::Object) -> Result<(), Self::Error>;

    /// Marks the second seat as taken in the page and wakes the first, both at
    /// once: who dies does both or neither.
    fn join(&mut self, object: &Self::Object) -> Result<(), Self::Error>;
}

/// Why nobody sat down.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<E> {
    /// Two are talking.
    Busy,
    /// The object is not a page; it was left untouched.
    Foreign(PageError),
    /// The operating system refused.
    Os(E),
}

impl<E> From<E> for Refusal<E> {
    fn from(error: E) -> Self {
        Self::Os(error)
    }
}

/// What a step led to.
#[derive(Debug)]
pub enum Step<Next, Done> {
    /// The machine goes on.
    Next(Next),
    /// Somebody else is in the way for a moment: try the same step again.
    Blocked(Next),
    /// The machine has finished.
    Done(Done),
}

/// On the way to a seat. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SitDown<O, E> {
    /// Look for an object.
    Open,
    /// There is none: make one.
    Create,
    /// Wait for our turn.
    Door(O),
    /// The name may have moved on while we waited.
    CheckName(O),
    /// Who sits here?
    LookAtFirst(O),
    /// And here? With whether the first seat is taken.
    LookAtSecond(O, bool),
    /// What is in it? With the seat that is taken, if any.
    Inspect(O, Option<Seat>),
    /// The talk is over: take the name away from it.
    Retire(O),
    /// Take a seat.
    Take(O, Seat),
    /// Initialise the page, in three steps.
    Claim(O),
    /// Second step.
    Resize(O),
    /// Third step.
    Initialise(O),
    /// Initialising failed: leave nothing behind.
    Undo(O, E),
    /// Join the page.
    Attach(O),
    /// The page is one: tell the first that we are here.
    Join(O),
    /// Let others in.
    LeaveDoor(O, Seat),
}

impl<O, E> SitDown<O, E> {
    /// The object that is open at this point, if any.
    pub fn object(&self) -> Option<&O> {
        match self {
            Self::Open | Self::Create => None,
            Self::Door(object)
            | Self::CheckName(object)
            | Self::LookAtFirst(object)
            | Self::LookAtSecond(object, _)
            | Self::Inspect(object, _)
            | Self::Retire(object)
            | Self::Take(object, _)
            | Self::Claim(object)
            | Self::Resize(object)
            | Self::Initialise(object)
            | Self::Undo(object, _)
            | Self::Attach(object)
            | Self::Join(object)
            | Self::LeaveDoor(object, _) => Some(object),
        }
    }

    /// Makes one step: one call to the operating system.
    ///
    /// # Errors
    /// [`Refusal`] says why there is no seat. Every lock is dropped then.
    pub fn step<S>(self, os: &mut S) -> Result<Step<Self, (O, Seat)>, Refusal<E>>
    where
        S: Os<Object = O, Error = E>,
    {
        let next = match self {
            Self::Open => match os.open()? {
                Some(object) => Self::Door(object),
                None => Self::Create,
            },
            Self::Create => match os.create()? {
                Some(object) => Self::Door(object),
                None => Self::Open,
            },
            Self::Door(object) => match os.try_door(&object)? {
                true => Self::CheckName(object),
                false => return Ok(Step::Blocked(Self::Door(object))),
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
                    (true, true) => return Err(Refusal::Busy),
                    (true, false) => Self::Inspect(object, Some(Seat::First)),
                    (false, true) => Self::Inspect(object, Some(Seat::Second)),
                    (false, false) => Self::Inspect(object, None),
                }
            }
            Self::Inspect(object, taken) => match (os.inspect(&object)?, taken) {
                (Content::Foreign(reason), _) => return Err(Refusal::Foreign(reason)),
                (_, None) => Self::Take(object, Seat::First),
                (Content::Young, Some(Seat::First)) => Self::Take(object, Seat::Second),
                // A seat is locked, yet no page is there: not our doing.
                (Content::Blank, Some(_)) => return Err(Refusal::Foreign(PageError::Unfinished)),
                (Content::Young | Content::Joined, Some(_)) => Self::Retire(object),
            },
            Self::Retire(_object) => {
                os.unlink()?;
                Self::Create
            }
            Self::Take(object, seat) => match (os.try_sit(&object, seat)?, seat) {
                (true, Seat::First) => Self::Claim(object),
                (true, Seat::Second) => Self::Attach(object),
                (false, _) => return Ok(Step::Blocked(Self::Take(object, seat))),
            },
            Self::Claim(object) => match os.claim(&object) {
                Ok(()) => Self::Resize(object),
                Err(error) => Self::Undo(object, error),
            },
            Self::Resize(object) => match os.resize(&object) {
                Ok(()) => Self::Initialise(object),
                Err(error) => Self::Undo(object, error),
            },
            Self::Initialise(mut object) => match os.initialise(&mut object) {
                Ok(()) => Self::LeaveDoor(object, Seat::First),
                Err(error) => Self::Undo(object, error),
            },
            Self::Undo(_object, error) => {
                os.unlink()?;
                return Err(Refusal::Os(error));
            }
            Self::Attach(mut object) => {
                os.attach(&mut object)?;
                Self::Join(object)
            }
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
}

/// On the way out: removing the name. Each variant is named after its next step.
///
/// After it the seat is given up ([`Os::stand`]), or the process just ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoveName {
    /// Wait for our turn.
    Door,
    /// Does the name still lead to our object?
    CheckName,
    /// It does: remove it.
    Unlink,
    /// Let others in.
    LeaveDoor,
}

impl RemoveName {
    /// Makes one step: one call to the operating system.
    ///
    /// # Errors
    /// What the operating system said; the machine is not to be used after it.
    pub fn step<S: Os>(self, os: &mut S, object: &S::Object) -> Result<Step<Self, ()>, S::Error> {
        let next = match self {
            Self::Door => match os.try_door(object)? {
                true => Self::CheckName,
                false => return Ok(Step::Blocked(Self::Door)),
            },
            Self::CheckName => match os.is_named(object)? {
                true => Self::Unlink,
                false => Self::LeaveDoor,
            },
            Self::Unlink => {
                os.unlink()?;
                Self::LeaveDoor
            }
            Self::LeaveDoor => {
                os.leave_door(object)?;
                return Ok(Step::Done(()));
            }
        };
        Ok(Step::Next(next))
    }
}
