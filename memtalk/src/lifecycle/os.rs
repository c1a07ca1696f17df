//! The calls to the operating system that the machines make.

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
