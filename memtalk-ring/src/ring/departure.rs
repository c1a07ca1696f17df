//! How a peer went, and speaking for one that is gone.

use super::memory::Memory;
use super::protocol::{Receiving, Role, Sending, mine};
use super::word::{FAILED, State, decode};
use crate::atomics::Atomics;
use crate::order::site;
use crate::wait::{Wait, Watched};

/// Marks the end with role `R` as failed if it is still open, in the name of a
/// peer that is gone, and wakes who waits for it. Returns the state it was left
/// in; `None` if its word makes no sense.
///
/// With the word changed before the wake-up, nobody can fall asleep on the old
/// value afterwards.
///
/// # Safety
/// As for [`Departure::mourn`].
unsafe fn mourn<R: Role, M: Memory, W: Wait<M::Atomics>>(memory: &M, wait: &W) -> Option<State> {
    let left = &mine::<R, _>(memory).index;
    let last = M::Atomics::load::<site::MournLoad>(left);
    let state = decode(last).map(|(_, state)| state);
    if state == Some(State::Open) {
        M::Atomics::store::<site::MournStore>(left, last | FAILED);
    }
    wait.wake(Watched::new(left));
    state
}

/// How a peer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Departure {
    /// It closed both its ends: both streams are complete.
    Complete,
    /// It ended both, but said that it gave up on one.
    GaveUp,
    /// It left an end open.
    Died,
}

impl Departure {
    /// Speaks for a peer that is gone: marks what it left open as failed, wakes
    /// who waits for it, and tells how it went. `sent` is the memory of the ring
    /// that the peer sent on, `received` of the one that it received from.
    ///
    /// Call it when the peer cannot write any more, and only then: an index word
    /// has one writer at a time. Whatever told you so must have told it after
    /// the peer's last write, as a lock does that the peer held.
    ///
    /// # Safety
    /// If this program uses both ends of one of the rings, now or later, it uses the peer's
    /// no more, and what it did with that happened before.
    pub unsafe fn mourn<M: Memory, W: Wait<M::Atomics>>(sent: &M, received: &M, wait: &W) -> Self {
        // SAFETY: by contract.
        let sending = unsafe { mourn::<Sending, _, _>(sent, wait) };
        // SAFETY: by contract.
        let receiving = unsafe { mourn::<Receiving, _, _>(received, wait) };
        match (sending, receiving) {
            (Some(State::Closed), Some(State::Closed)) => Self::Complete,
            (Some(State::Open), _) | (_, Some(State::Open)) => Self::Died,
            _ => Self::GaveUp,
        }
    }
}
