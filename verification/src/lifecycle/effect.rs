//! What happened in a step, as far as it is judged: see `properties.rs`.

use memtalk::lifecycle::watch::Watch;
use memtalk::look::State;

use super::kernel::{At, ObjectId, Pid};

/// Something that happened in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A process made an object, gave the name or removed it, or tried to.
    ActedAsOwner(Pid),
    /// A process took the name away from this object.
    NameTaken { by: Pid, from: ObjectId },
    /// A process mapped this object as a page.
    Attached(ObjectId),
    /// A process marked the second seat as taken. It may have to wait for its turn.
    Joined { id: ObjectId, waits: bool },
    /// A process made an object.
    Created(Pid),
    /// A client began its talk.
    Begun(ObjectId),
    /// A process began its talk with a guest that was first.
    BegunWithGuest(ObjectId),
    /// A process marked the second seat as left.
    MarkedLeft(ObjectId),
    /// A newcomer spoke for a process that it took for dead.
    SpokenFor(At),
    /// The watcher of the process at this seat took the peer for gone, at this step.
    TakenForGone { from: At, step: Watch },
    /// A watcher could not give its lock back.
    WatchLeaked,
    /// A first gave up waiting for a peer.
    GaveUp(ObjectId),
    /// A process got up. `locked` if it kept the door or a seat.
    GotUp { from: At, locked: bool },
    /// A process said that this object stays, since its owner is gone.
    SaidToStay(ObjectId),
    /// A process initialised a page again.
    Renewed(ObjectId),
    /// A guest began to initialise a page.
    PageBegun(ObjectId),
    /// A guest initialised a page.
    PageInitialised(ObjectId),
    /// An onlooker saw this state.
    Looked { object: ObjectId, state: State },
}
