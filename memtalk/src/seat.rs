//! Who may sit down at a talk, and how everyone gets up again.
//!
//! # Rules
//! Every talk has an object of its own: made for it without a name, with the page
//! initialised and the first seat taken, and then given the name in one step. So what
//! the name leads to is a whole page or somebody else's, nothing of an earlier talk is
//! in it, and nobody has it open who could not open this very object.
//!
//! Three locks on every object, each dropped by the kernel when its owner dies,
//! however it dies: the *door*, held for the short time in which anybody sits
//! down or gets up, and one for each *seat*, held as long as somebody sits
//! there. Behind the door, and with the name still leading to this object:
//!
//! | first seat | second seat | page | the newcomer |
//! | --- | --- | --- | --- |
//! | | | somebody else's | leaves it alone: an error |
//! | taken | free | a talk that nobody has joined | takes the second seat |
//! | one taken | one free | a talk that had two | retires it |
//! | free | free | a talk's | retires it |
//! | taken | taken | any | leaves: busy |
//!
//! To *retire* an object is to take the name away from it, and to start over with one
//! of one's own. Where that is not permitted (the object is another user's, in a sticky
//! directory), the newcomer waits for whoever may.
//!
//! Whoever gets up first removes the name, if it still leads to this object. A
//! talk that one of the two has left is over: nobody can join it any more, so it
//! needs no name, and those who come next can have it at once. A first that gives up
//! waiting does so behind the door, and only if nobody has joined. A first whose
//! object has lost its name, which only a stranger takes away, starts over.
//!
//! # Parties outside
//! A guest of a virtual machine, or a program that has nothing but the memory, holds
//! no locks: its seat word says [`OUTSIDE`](memtalk_ring::layout::OUTSIDE), and what
//! it does is in [`memtalk_ring::sit_down`]. Whether it is still there, the kernel
//! knows: whoever can write to the object *has it open*, a mapping included. If
//! nobody else has, all seats outside are free, and the object is retired. If somebody
//! has:
//!
//! | first seat | second seat | page | the newcomer |
//! | --- | --- | --- | --- |
//! | free | | empty, or neither magic number nor claim | waits: a machine may be about to start |
//! | outside | free | nobody joined | takes the second seat |
//! | outside | free | a process had joined, and is gone | tells the party outside, and waits until it initialises the page again |
//! | outside | taken or outside | | leaves: busy; but waits for a process that has said that it leaves, or whose word the first has cleared |
//! | taken | outside | | leaves: busy |
//! | free | outside | the first has died | tells the party outside, and retires the object |
//!
//! The name of an object whose first sits outside is not removed: that machine may
//! offer the next talk there. A *tenant* ([`Os::is_tenant`]) takes the second seat in
//! memory that is somebody else's anyway, firmware's for example. Where another would
//! create or retire something, it waits.
//!
//! # Why this is right
//! - *Never two at one seat:* the seat's lock excludes the second process. (A process
//!   and a party outside that come to the second seat at the same moment are not kept
//!   from each other: nothing that both know would do it.)
//! - *Never a half-initialised page:* it has no name before it is whole, and whoever
//!   dies over it leaves nothing.
//! - *Nobody's work is destroyed:* a process initialises only what it has just made; a
//!   name is removed only from an object that memtalk claimed and that the name leads
//!   to, behind that object's door.
//! - *Nobody is locked out by the dead:* their locks are free, and what they had open
//!   is closed.
//! - *A talk stays between two:* a seat that was once taken is marked in the
//!   page, so nobody slips into the place of one who left.
//! - *Nobody is let in by the past:* whoever wants the talk to be private joins no
//!   object that lets others in, and uses none again.
//!
//! # Between looking at a name and removing it
//! Names are removed by name, not by object. No process of ours comes in between: it
//! would have to hold the door. A stranger may: one that removes the name in this very
//! moment, after which another first takes it, and loses it to us. It notices, as it
//! would if the stranger had removed its own, and starts over; and a talk of two does
//! not need its name. A stranger who can do so can remove any name at any time.
//!
//! # Form
//! Sitting down, waiting for a peer, watching it and getting up are machines that make
//! one call to the operating system at each step, over the trait [`Os`]. So the same code
//! runs on the real system and under a checker that interleaves and crashes processes
//! between any two steps, and lets calls fail. A call that fails has done nothing.

use memtalk_ring::{PageError, Presence, Seat};

/// What an object holds, as far as sitting down is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing, or something with neither a magic number nor a claim: somebody else's
    /// for this reason, unless a machine is about to start that will initialise it.
    Unclaimed(PageError),
    /// A page whose creator did not finish.
    Unfinished,
    /// A page, whose seats are or were taken by these.
    Page {
        /// Who initialised it.
        first: Presence,
        /// Who joined it, if anybody did.
        second: Option<Presence>,
        /// Whether that was a process, and it has said that it leaves.
        left: bool,
    },
    /// Not a page of this version, for this reason.
    Foreign(PageError),
}

/// What a name leads to.
#[derive(Debug)]
pub enum Found<O> {
    /// Nothing.
    Nothing,
    /// An object that cannot be opened just now: somebody looks who has it open.
    Contended,
    /// This object, open.
    Object(O),
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

    /// Whether the name is ours to remove from an object that we sit at: not a tenant's,
    /// nor that of one whose first sits outside.
    fn owns_name(&self, object: &Self::Object) -> bool;

    /// Opens the object that the name leads to, if it leads to any.
    fn open(&mut self) -> Result<Found<Self::Object>, Self::Error>;

    /// Makes an object without a name: a page, initialised, with us at its first seat.
    fn create(&mut self) -> Result<Self::Object, Self::Error>;

    /// Gives the name to an object that has none; `false` if the name is in use.
    fn publish(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Takes the name away from the object that it leads to; `false` if that is for
    /// another user to do.
    fn unlink(&mut self) -> Result<bool, Self::Error>;

    /// Whether the name leads to this object.
    fn is_named(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Locks the door; `false` while somebody else holds it.
    fn try_door(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Unlocks the door.
    fn leave_door(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Whether somebody else sits at `seat`.
    fn is_seated(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Locks the second seat; `false` while somebody else holds any lock on it.
    fn try_sit(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Unlocks a seat.
    fn stand(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Looks at what the object holds.
    fn inspect(&mut self, object: &Self::Object) -> Result<Content, Self::Error>;

    /// Whether anybody else has the object open, but for those who only come to the door.
    /// True if that cannot be found out.
    fn is_open_elsewhere(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Whether nobody else has the object open, for whatever reason. False if that cannot
    /// be found out.
    fn is_alone(&mut self, object: &Self::Object) -> bool;

    /// Marks what a dead process at `seat` left open as failed, so that a party
    /// outside, who sees no locks, learns of it.
    fn speak_for(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Maps the object and checks that it is what was asked for, in size and in whom it
    /// lets in; `false` if it is no page at all any more: somebody outside may be
    /// initialising it again.
    fn attach(&mut self, object: &mut Self::Object) -> Result<bool, Self::Error>;

    /// Marks the second seat as taken in the page and wakes the first, both at
    /// once: who dies does both or neither.
    fn join(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Whether anybody has joined the page that we initialised.
    fn is_joined(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Whether the page was initialised since we joined it.
    fn is_restarted(&mut self, object: &Self::Object) -> bool;

    /// Waits until nobody sits at `seat`, by a lock for reading; `false` if somebody
    /// still does.
    fn watch(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Gives that lock back.
    fn unwatch(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Tells a peer that sees no locks, present or future, that we leave `seat`: gives up
    /// what is not closed, and marks the second seat as left.
    fn tell_outside(&mut self, object: &Self::Object, seat: Seat);
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

/// Who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The peer, who is to come, or to go.
    Peer,
    /// A machine, which is to initialise a page.
    Machine,
    /// The other user whose object an earlier talk has left under the name.
    Owner,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step<Next, Done> {
    /// The machine goes on.
    Next(Next),
    /// Somebody else is in the way for a moment: try again.
    Blocked(Next),
    /// Somebody else has to do something first: go on after a while.
    Early(Next, Awaited),
    /// The machine has finished.
    Done(Done),
}

/// On the way to a seat. Each variant is named after its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SitDown<O> {
    /// Look for an object.
    Open,
    /// There is none: make one.
    Create,
    /// Give it the name.
    Publish(O),
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
    /// Take the second seat.
    Take(O),
    /// Join the page.
    Attach(O),
    /// The page is one: tell the first that we are here.
    Join(O),
    /// Let others in.
    LeaveDoor(O),
}

/// An object, and where we sit at it.
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
            | Self::LookForOthers(object, ..)
            | Self::SpeakFor(object, _)
            | Self::Retire(object)
            | Self::Take(object)
            | Self::Attach(object)
            | Self::Join(object)
            | Self::LeaveDoor(object) => Some(object),
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
            Self::Create => Self::Publish(os.create()?),
            Self::Publish(object) => match os.publish(&object)? {
                true => return Ok(Step::Done((object, Seat::First))),
                false => Self::Open,
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
                    Seat::Second => return Ok(Step::Early(Self::Open, Awaited::Machine)),
                }
            }
            Self::Retire(_object) => match os.unlink()? {
                true => Self::Create,
                false => return Ok(Step::Early(Self::Open, Awaited::Owner)),
            },
            Self::Take(object) => match os.try_sit(&object)? {
                true => Self::Attach(object),
                false => return Ok(Step::Blocked(Self::Take(object))),
            },
            Self::Attach(mut object) => match os.attach(&mut object)? {
                true => Self::Join(object),
                false => return Ok(Step::Early(Self::Open, Awaited::Machine)),
            },
            Self::Join(object) => {
                os.join(&object)?;
                Self::LeaveDoor(object)
            }
            Self::LeaveDoor(object) => {
                os.leave_door(&object)?;
                return Ok(Step::Done((object, Seat::Second)));
            }
        };
        Ok(Step::Next(next))
    }

    fn follow<E>(outcome: Outcome, object: O) -> Result<Step<Self, Seated<O>>, Refusal<E>> {
        Ok(Step::Next(match outcome {
            Outcome::Join => Self::Take(object),
            Outcome::Retire => Self::Retire(object),
            Outcome::SpeakFor(seat) => Self::SpeakFor(object, seat),
            Outcome::Wait => return Ok(Step::Early(Self::Open, Awaited::Machine)),
            Outcome::Busy => return Err(Refusal::Busy),
            Outcome::Foreign(reason) => return Err(Refusal::Foreign(reason)),
        }))
    }
}

/// What a newcomer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Takes the second seat.
    Join,
    /// Takes the name away from a talk that is over, and starts over.
    Retire,
    /// Speaks for the process that died at this seat, and then starts over: with an
    /// object of its own, if that was the first.
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
        use Outcome::{Busy, Foreign, Join, Retire, SpeakFor, Wait};
        let (first, second, left) = match (content, locked) {
            (Content::Foreign(reason), _) => return [Foreign(reason); 2],
            // The second may still be about to give up its seat, where the first, outside, has
            // begun to initialise the page for the next talk.
            (Content::Unclaimed(reason), None | Some(Seat::Second)) => {
                return [Wait, Foreign(reason)];
            }
            (Content::Unfinished, None) => return [Retire; 2],
            // A seat is locked, yet no page is there: not our doing.
            (Content::Unclaimed(reason), Some(Seat::First)) => return [Foreign(reason); 2],
            (Content::Unfinished, Some(_)) => return [Foreign(PageError::Unfinished); 2],
            (
                Content::Page {
                    first,
                    second,
                    left,
                },
                _,
            ) => (first, second, left),
        };
        match (first.outside, second.map(|second| second.outside), locked) {
            (true, None, None) => [Join, Retire],
            (true, Some(false), None) => [SpeakFor(Seat::Second), Retire],
            (true, Some(true), None) => [Busy, Retire],
            // It is about to give up its seat: it has said so, or will see that the
            // first has started again.
            (true, second, Some(Seat::Second)) if left || second.is_none() => [Wait; 2],
            (true, _, Some(_)) | (false, Some(true), Some(_)) => [Busy; 2],
            // Somebody outside may have it open, and come to the second seat later.
            (false, _, None) => [SpeakFor(Seat::First); 2],
            (false, None, Some(Seat::First)) => [Join; 2],
            (false, _, Some(_)) => [Retire; 2],
        }
    }

    /// What a tenant does: waits, where others would create or retire something.
    fn as_tenant(self) -> Self {
        match self {
            Self::Join
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

/// Watching a peer until it is gone. Each variant is named after its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    /// The peer is a process: wait for a lock for reading on its seat, which does not make
    /// that look taken.
    Await,
    /// Nobody sits there: give the lock back.
    GiveBack,
    /// The kernel has no locks to give: does anybody sit there?
    LookAtSeat,
    /// The peer is outside: has it started again?
    LookForRestart,
    /// Has anybody else the object open?
    LookForOthers,
}

impl Watch {
    /// The first step, for a peer that is outside or is not.
    #[must_use]
    pub fn begin(outside: bool) -> Self {
        match outside {
            true => Self::LookForRestart,
            false => Self::Await,
        }
    }

    /// Makes one step for whoever sits at `seat`: one call to the operating system.
    pub fn step<S: Os>(self, os: &mut S, object: &S::Object, seat: Seat) -> Step<Self, ()> {
        let later = |machine| Step::Early(machine, Awaited::Peer);
        match self {
            Self::Await => match os.watch(object, seat.peer()) {
                Ok(true) => Step::Next(Self::GiveBack),
                Ok(false) => later(Self::Await),
                Err(_) => Step::Next(Self::LookAtSeat),
            },
            Self::GiveBack => {
                // If this fails, whoever wants the seat finds that nobody sits there.
                let _ = os.unwatch(object, seat.peer());
                Step::Done(())
            }
            Self::LookAtSeat => match os.is_seated(object, seat.peer()) {
                Ok(false) => Step::Done(()),
                Ok(true) | Err(_) => later(Self::LookAtSeat),
            },
            Self::LookForRestart => match seat == Seat::Second && os.is_restarted(object) {
                true => Step::Done(()),
                false => Step::Next(Self::LookForOthers),
            },
            Self::LookForOthers => match os.is_alone(object) {
                true => Step::Done(()),
                false => later(Self::LookForRestart),
            },
        }
    }
}
