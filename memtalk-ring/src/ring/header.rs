//! The ring struct: the words of one ring.

use crate::atomics::Atomics;

/// The alignment that a page needs, and the size of the cache lines that the
/// two ends are kept apart by, in bytes.
pub const LINE: usize = 64;

/// What one end of a ring writes, on a cache line of its own.
#[repr(C, align(64))]
pub struct Line<A: Atomics> {
    /// The index word: a sender's tail, a receiver's head.
    pub index: A::Word,
    /// How many bytes this end sleeps for, or 0.
    pub want: A::Word,
}

/// The ring struct: the words of one ring.
#[repr(C)]
pub struct RingHeader<A: Atomics> {
    /// Written by the sender.
    pub sender: Line<A>,
    /// Written by the receiver.
    pub receiver: Line<A>,
}
