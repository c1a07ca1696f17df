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
//! # Parties outside
//! A guest of a virtual machine, or a program that has nothing but the memory, holds
//! no locks: its seat word says [`OUTSIDE`](memtalk_ring::layout::OUTSIDE), and what
//! it does is in [`memtalk_ring::outside`]. Whether it is still there, the kernel
//! knows: whoever can write to the object *has it open*, a mapping included. If
//! nobody else has, all seats outside are free, and the rules above hold. If somebody
//! has:
//!
//! | first seat | second seat | page | the newcomer |
//! | --- | --- | --- | --- |
//! | | | neither magic number nor claim | waits: a machine may be about to start |
//! | outside | free | nobody joined | takes the second seat |
//! | outside | free | a process had joined, and is gone | tells the party outside, and waits until it initialises the page again |
//! | outside | taken or outside | | leaves: busy |
//! | taken | outside | | leaves: busy |
//! | free | outside | the first has died | tells the party outside, takes the name away from it, and starts over |
//!
//! The name of an object whose first sits outside is not removed: that machine may
//! offer the next talk there. A *tenant* ([`Os::is_tenant`]) takes the second seat in
//! memory that is somebody else's anyway, firmware's for example. Where another would
//! create, initialise or remove something, it waits.
//!
//! # Why this is right
//! - *Never two at one seat:* the seat's lock excludes the second process. (A process
//!   and a party outside that come to the second seat at the same moment are not kept
//!   from each other: nothing that both know would do it.)
//! - *Never a half-initialised page:* initialising and joining both happen
//!   behind the door, and an object whose creator died half-way has free seats,
//!   so it is initialised again. A party outside does not claim what it initialises,
//!   so that is not taken for a dead creator's.
//! - *Nobody's work is destroyed:* an object that is neither empty nor claimed
//!   by memtalk is not touched; a page is initialised only when both seats are
//!   free and nobody outside has it; a name is removed only from an object that it
//!   leads to, behind that object's door.
//! - *Nobody is locked out by the dead:* their locks are free, and what they had open
//!   is closed.
//! - *A talk stays between two:* a seat that was once taken is marked in the
//!   page, so nobody slips into the place of one who left.
//!
//! # Form
//! Both ways are machines that make one call to the operating system at each
//! step, over the trait [`Os`]. So the same code runs on the real system and
//! under a checker that interleaves and crashes processes between any two steps.

use memtalk_ring::{PageError, Presence, Seat};

/// What an object holds, as far as sitting down is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing, or a page whose creator did not finish.
    Blank,
    /// Something with neither a magic number nor a claim: somebody else's, unless a
    /// machine is about to start that will initialise it.
    Unclaimed,
    /// A page, whose seats are or were taken by these.
    Page {
        /// Who initialised it.
        first: Presence,
        /// Who joined it, if anybody did.
        second: Option<Presence>,
    },
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

    /// Whether we only ever take the second seat, in memory that is somebody else's.
    fn is_tenant(&self) -> bool;

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

    /// Whether anybody else has the object open. True if that cannot be found out.
    fn is_open_elsewhere(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Marks what a dead process at `seat` left open as failed, so that a party
    /// outside, who sees no locks, learns of it.
    fn speak_for(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Marks the object as claimed by memtalk and not initialised.
    fn claim(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Gives the object its size, with memory behind all of it.
    fn resize(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Maps the object and initialises the page, the magic number last.
    fn initialise(&mut self, object: &mut Self::Object) -> Result<(), Self::Error>;

    /// Maps the object and checks that it is a page of the size asked for; `false` if
    /// it is no page at all any more: somebody outside may be initialising it again.
    fn attach(&mut self, object: &mut Self::Object) -> Result<bool, Self::Error>;

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
    /// Somebody else is in the way for a moment: try again.
    Blocked(Next),
    /// Whoever is to sit first is not ready: go on after a while.
    Early(Next),
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
    /// Has anybody else the object open? With what follows if so, and if not.
    LookForOthers(O, Outcome, Outcome),
    /// Tell a party outside that the process at this seat has died.
    SpeakFor(O, Seat),
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
            | Self::LookForOthers(object, ..)
            | Self::SpeakFor(object, _)
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
                None if os.is_tenant() => return Ok(Step::Early(Self::Open)),
                None => Self::Create,
            },
            Self::Create => match os.create()? {
                Some(object) => Self::Door(object),
                None => Self::Open,
            },
            Self::Door(object) => match os.try_door(&object)? {
                true => Self::CheckName(object),
                // Closes the object: who holds the door may be looking who has it open.
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
                    (true, true) => return Err(Refusal::Busy),
                    (true, false) => Self::Inspect(object, Some(Seat::First)),
                    (false, true) => Self::Inspect(object, Some(Seat::Second)),
                    (false, false) => Self::Inspect(object, None),
                }
            }
            Self::Inspect(object, locked) => {
                let [if_others, if_not] =
                    Outcome::of(os.inspect(&object)?, locked).map(|outcome| {
                        if os.is_tenant() {
                            outcome.as_tenant()
                        } else {
                            outcome
                        }
                    });
                match if_others == if_not {
                    true => return Self::follow(if_others, object),
                    false => Self::LookForOthers(object, if_others, if_not),
                }
            }
            Self::LookForOthers(object, if_others, if_not) => {
                let outcome = match os.is_open_elsewhere(&object)? {
                    true => if_others,
                    false => if_not,
                };
                return Self::follow(outcome, object);
            }
            Self::SpeakFor(object, seat) => {
                os.speak_for(&object, seat)?;
                match seat {
                    Seat::First => Self::Retire(object),
                    Seat::Second => return Ok(Step::Early(Self::Open)),
                }
            }
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
            Self::Attach(mut object) => match os.attach(&mut object)? {
                true => Self::Join(object),
                false => return Ok(Step::Early(Self::Open)),
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

    fn follow(outcome: Outcome, object: O) -> Result<Step<Self, (O, Seat)>, Refusal<E>> {
        Ok(Step::Next(match outcome {
            Outcome::Take(seat) => Self::Take(object, seat),
            Outcome::Retire => Self::Retire(object),
            Outcome::SpeakFor(seat) => Self::SpeakFor(object, seat),
            Outcome::Wait => return Ok(Step::Early(Self::Open)),
            Outcome::Busy => return Err(Refusal::Busy),
            Outcome::Foreign(reason) => return Err(Refusal::Foreign(reason)),
        }))
    }
}

/// What a newcomer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Sits down here.
    Take(Seat),
    /// Takes the name away from a talk that is over, and starts over.
    Retire,
    /// Speaks for the process that died at this seat, and then starts over.
    SpeakFor(Seat),
    /// Comes back later.
    Wait,
    /// Leaves: two talk.
    Busy,
    /// Leaves: the object is not a page.
    Foreign(PageError),
}

impl Outcome {
    /// The rules: what follows from what the object holds, and from the seat that is
    /// locked, if any. First if somebody else has the object open, then if not.
    fn of(content: Content, locked: Option<Seat>) -> [Self; 2] {
        use Outcome::{Busy, Foreign, Retire, SpeakFor, Take, Wait};
        let (first, second) = match (content, locked) {
            (Content::Foreign(reason), _) => return [Foreign(reason); 2],
            (Content::Blank, None) => return [Take(Seat::First); 2],
            (Content::Unclaimed, None) => return [Wait, Foreign(PageError::NotAPage)],
            // A seat is locked, yet no page is there: not our doing.
            (Content::Blank, Some(_)) => return [Foreign(PageError::Unfinished); 2],
            (Content::Unclaimed, Some(_)) => return [Foreign(PageError::NotAPage); 2],
            (Content::Page { first, second }, _) => (first, second),
        };
        match (first.outside, second.map(|second| second.outside), locked) {
            (true, None, None) => [Take(Seat::Second), Take(Seat::First)],
            (true, Some(false), None) => [SpeakFor(Seat::Second), Take(Seat::First)],
            (true, Some(true), None) => [Busy, Take(Seat::First)],
            (false, Some(true), None) => [SpeakFor(Seat::First), Take(Seat::First)],
            (true, _, Some(_)) | (false, Some(true), Some(_)) => [Busy; 2],
            (false, _, None) => [Take(Seat::First); 2],
            (false, None, Some(Seat::First)) => [Take(Seat::Second); 2],
            (false, _, Some(_)) => [Retire; 2],
        }
    }

    /// What a tenant does: waits, where others would create, initialise or remove
    /// something.
    fn as_tenant(self) -> Self {
        match self {
            Self::Take(Seat::Second)
            | Self::SpeakFor(Seat::Second)
            | Self::Busy
            | Self::Foreign(
                PageError::ByteOrder
                | PageError::Version(_)
                | PageError::Size(_)
                | PageError::BadMemory(_),
            ) => self,
            _ => Self::Wait,
        }
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
