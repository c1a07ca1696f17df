//! Looking at an object, as a machine: what an onlooker does.
//!
//! It changes nothing. It takes no lock, and it asks only whether others hold one. It maps
//! nothing, so that nobody can hurt it by truncating the object. It has the object open for
//! some microseconds, as a newcomer at the door has, and closes it at its last step. So
//! whoever asks for a lease meanwhile, to find out who has the object open, has to ask again,
//! as it does for newcomers.
//!
//! The words are read before the locks are looked at. A process holds its lock from before
//! it writes its seat word until it has got up. So a process whose word was read, and whose
//! lock is free then, has left or died.

use memtalk_ring::Seat;

use super::os::Found;
use super::step::Step;

/// The calls to the operating system that an onlooker makes. Every one is a look.
pub trait Onlook {
    /// An open object. Dropping it closes it.
    type Object;
    /// What was read of an object.
    type Words;
    /// Why a call failed.
    type Error;

    /// Opens the object that the name leads to, if there is one, for reading only.
    fn open(&mut self) -> Result<Found<Self::Object>, Self::Error>;

    /// Reads what the object holds.
    fn read(&mut self, object: &Self::Object) -> Result<Self::Words, Self::Error>;

    /// Whether somebody holds the lock of `seat`.
    fn is_seated(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;
}

/// An onlooker. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Look<O, W> {
    /// Open the object that the name leads to.
    Open,
    /// What does it hold?
    Read(O),
    /// Is the first seat locked?
    LookAtFirst(O, W),
    /// Is the second seat locked? With whether the first is. Then the object is closed.
    LookAtSecond(O, W, bool),
}

/// What an onlooker has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight<W> {
    /// What the object held.
    pub words: W,
    /// Which of the two seats were locked.
    pub locked: [bool; 2],
}

impl<O, W> Look<O, W> {
    /// The object that is open at this point, if any.
    pub fn object(&self) -> Option<&O> {
        match self {
            Self::Open => None,
            Self::Read(object) | Self::LookAtFirst(object, _) | Self::LookAtSecond(object, ..) => {
                Some(object)
            }
        }
    }

    /// Makes one step: one call to the operating system. `None` if the name leads to nothing.
    ///
    /// # Errors
    /// What the operating system said. The object is closed then.
    pub fn step<S>(self, os: &mut S) -> Result<Step<Self, Option<Sight<W>>>, S::Error>
    where
        S: Onlook<Object = O, Words = W>,
    {
        Ok(Step::Next(match self {
            Self::Open => match os.open()? {
                Found::Object(object) => Self::Read(object),
                Found::Contended => return Ok(Step::Blocked(Self::Open)),
                Found::Nothing => return Ok(Step::Done(None)),
            },
            Self::Read(object) => {
                let words = os.read(&object)?;
                Self::LookAtFirst(object, words)
            }
            Self::LookAtFirst(object, words) => {
                let first = os.is_seated(&object, Seat::First)?;
                Self::LookAtSecond(object, words, first)
            }
            Self::LookAtSecond(object, words, first) => {
                let locked = [first, os.is_seated(&object, Seat::Second)?];
                return Ok(Step::Done(Some(Sight { words, locked })));
            }
        }))
    }
}
