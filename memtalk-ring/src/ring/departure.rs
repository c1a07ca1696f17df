//! [`Departure`]: how a peer left, and failing what a dead peer left open.

use super::memory::Memory;
use super::protocol::{Receiving, Role, Sending, mine};
use super::word::{FAILED, State, decode};
use crate::atomics::Atomics;
use crate::order::site;
use crate::wait::{Wait, Watched};

/// Marks the end with role `R` of a peer that is gone as failed, if it is still open. Wakes
/// whoever waits for that end. Returns the state in which the peer left it; `None` if its
/// word has both flags, which no honest peer writes.
///
/// The word changes before the wake-up, so nobody can fall asleep on the old value
/// afterwards.
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

/// How a peer left a talk, as its two index words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Departure {
    /// The peer closed both its ends: both streams are complete.
    Complete,
    /// The peer ended both, but at least one of them as failed, or with a word that no
    /// honest peer writes.
    GaveUp,
    /// The peer left an end open.
    Died,
}

impl Departure {
    /// Speaks for a peer that is gone: marks each end that it left open as failed, wakes
    /// whoever waits for those ends, and returns how the peer left. `sent` is the memory
    /// of the ring that the peer sent on, `received` of the ring that it received from.
    ///
    /// Call this only when the peer cannot write any more, because an index word has one
    /// writer at a time. You must have learnt that after the peer's last write: from a
    /// lock that the peer held, for example.
    ///
    /// # Safety
    /// If this program uses both ends of one of the rings, now or later, it does not use
    /// the peer's end any more, and its last use of that end happened before this call.
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
