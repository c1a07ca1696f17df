//! The trait over the operating system: every call that the lifecycle's machines make.

use memtalk_ring::{Beginning, PageError, Presence, Seat};

/// What an object holds, as far as sitting down is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing, or something with neither a magic number nor a claim. A machine may be
    /// about to initialise it; if not, it is somebody else's, for this reason.
    Unclaimed(PageError),
    /// A page that is claimed, and whose creator did not finish it, or has not yet.
    Unfinished {
        /// Whether that was a party outside.
        outside: bool,
    },
    /// A page, and the parties whose seats it has or had.
    Page {
        /// The party that initialised it.
        first: Presence,
        /// Whether that party has said that it leaves: the talk is over, if there was one.
        over: bool,
        /// The party that joined it, if any did.
        second: Option<Presence>,
        /// Whether that party has said that it leaves.
        left: bool,
        /// Whether only a party outside may join it.
        kept: bool,
    },
    /// Not a page of this version, for this reason.
    Foreign(PageError),
}

/// What a name leads to.
#[derive(Debug)]
pub enum Found<O> {
    /// Nothing.
    Nothing,
    /// An object that cannot be opened at this moment, since another process is finding
    /// out who has it open.
    Contended,
    /// This object, open.
    Object(O),
}

/// The calls to the operating system that the machines make.
///
/// Every call is atomic; a call that fails has done nothing. The implementation is given
/// one name, and the calls are about that name. Locks belong to the open object, and
/// dropping it drops them.
pub trait Os {
    /// An open object.
    type Object;
    /// Why a call failed.
    type Error;

    /// Whether we are a tenant: we only ever take the second seat, in memory that is
    /// somebody else's.
    fn is_tenant(&self) -> bool;

    /// Whether we are a client: we only ever join, and wait where others create something
    /// or are told that two parties talk.
    fn is_client(&self) -> bool;

    /// Whether a name leads to the object. An object without one, which a party got from the
    /// other, has one talk: nobody can start over there.
    fn has_name(&self) -> bool;

    /// Whether the memory is the user's own, which a path leads to: it is neither created nor
    /// removed, and one talk follows the other in it.
    fn is_fixed(&self) -> bool;

    /// Whether the page that we sit at is ours to end, and its name to remove: not if we are a
    /// tenant, nor if its first party is outside, nor if it has no name and never will have
    /// another talk.
    fn owns_page(&self, object: &Self::Object) -> bool;

    /// Whether the object stays when its talk is over, for the next: the user's own memory; and
    /// one that a machine has, as far as can be told. Somebody else has it open, no process has
    /// joined, and it lets in no more users than we ask for.
    fn is_for_next(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Marks the page as over, if `seat`, which is ours, is the first.
    fn end_page(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Opens the object that the name leads to, if there is one.
    fn open(&mut self) -> Result<Found<Self::Object>, Self::Error>;

    /// Creates an object without a name: its page is initialised, and we have its first
    /// seat.
    fn create(&mut self) -> Result<Self::Object, Self::Error>;

    /// Gives the name to an object that has none; `false` if the name is in use.
    fn publish(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Removes the name from the object that it leads to; `false` if only another user
    /// may.
    fn unlink(&mut self) -> Result<bool, Self::Error>;

    /// Whether the name leads to this object. True as well if it has no name, but not of a
    /// device whose memory has gone.
    fn is_named(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Locks the door; `false` while somebody else holds it. Does not wait.
    fn try_door(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Unlocks the door.
    fn leave_door(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Whether somebody else sits at `seat`.
    fn is_seated(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Whether whoever joins the object may begin at once: whether nobody else holds its
    /// *turn*, which a service does while it talks through another object.
    fn is_attended(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Locks a seat; `false` while somebody else holds any lock on it, a watcher's included.
    fn try_sit(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Initialises the page of an object whose door and first seat we have, for the next talk.
    fn renew(&mut self, object: &mut Self::Object) -> Result<(), Self::Error>;

    /// Unlocks a seat.
    fn stand(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Reads what the object holds.
    fn inspect(&mut self, object: &Self::Object) -> Result<Content, Self::Error>;

    /// Whether anybody else has the object open. Processes that only come to the door do
    /// not count. True if this cannot be found out.
    fn is_open_elsewhere(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Whether nobody else has the object open at all. False if this cannot be found out.
    fn is_alone(&mut self, object: &Self::Object) -> bool;

    /// Whether only a party outside may join the page that we initialised.
    fn is_kept(&self, object: &Self::Object) -> bool;

    /// Fails the ends that a dead process at `seat` left open, so that a party outside,
    /// which sees no locks, learns of its death.
    fn speak_for(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Maps the object and checks that its size and permissions are what was asked for.
    /// `false` if it is not a page any more: a party outside may be initialising it again.
    fn attach(&mut self, object: &mut Self::Object) -> Result<bool, Self::Error>;

    /// Marks the second seat as taken in the page and wakes the first party, in one step:
    /// a process that dies has done both or neither.
    fn join(&mut self, object: &Self::Object) -> Result<(), Self::Error>;

    /// Whether anybody has joined the page that we initialised.
    fn is_joined(&mut self, object: &Self::Object) -> Result<bool, Self::Error>;

    /// Whether the talk at the second seat has begun, where one of the two is outside.
    fn beginning(&mut self, object: &Self::Object) -> Beginning;

    /// Whether the page was initialised again since we sat down at `seat`, or its memory has
    /// gone.
    fn is_restarted(&mut self, object: &Self::Object, seat: Seat) -> bool;

    /// Waits for a read lock on `seat`, which can be had once nobody sits there. `false` if
    /// somebody still does.
    fn watch(&mut self, object: &Self::Object, seat: Seat) -> Result<bool, Self::Error>;

    /// Gives back the read lock.
    fn unwatch(&mut self, object: &Self::Object, seat: Seat) -> Result<(), Self::Error>;

    /// Tells a peer that sees no locks, present or future, that we leave `seat`: fails our
    /// ends that are not closed, and marks the second seat as left if it is ours.
    fn tell_outside(&mut self, object: &Self::Object, seat: Seat);
}
