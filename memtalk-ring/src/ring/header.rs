//! The ring struct: the index words of one ring, on two cache lines.

use crate::atomics::Atomics;

/// The size in bytes of a cache line. A page is aligned to it, and what the two ends write
/// lies on different lines.
pub const LINE: usize = 64;

/// The words that one end of a ring writes, on a cache line of their own.
#[repr(C, align(64))]
pub struct Line<A: Atomics> {
    /// The index word: the sender's tail, or the receiver's head.
    pub index: A::Word,
    /// How many bytes this end sleeps for. 0 while it is awake, [`u32::MAX`] while it
    /// sleeps until the peer's end is over.
    pub want: A::Word,
}

/// The ring struct: the words of one ring, one line for each end.
#[repr(C)]
pub struct RingHeader<A: Atomics> {
    /// Written by the sender.
    pub sender: Line<A>,
    /// Written by the receiver.
    pub receiver: Line<A>,
}
