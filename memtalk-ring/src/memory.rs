//! What a ring needs from memory: its words and its slab.

use crate::atomics::Atomics;
use crate::cursor::Capacity;
use crate::layout::RingHeader;

/// Memory that holds one ring, for as long as the value lives.
///
/// A page of shared memory gives two of these ([`Page`](crate::Page)); a model
/// checker builds its own from tracked cells.
///
/// # Safety
/// As long as the value (or a clone of it) lives:
/// - `header` returns the same words each time;
/// - `slab` returns the same pointer each time, valid for `capacity` bytes that
///   nobody in this process accesses but through the two ends of this ring;
/// - `capacity` returns the same number each time, whatever the peer does.
pub unsafe trait Memory {
    /// How its words and bytes are accessed.
    type Atomics: Atomics;

    /// The ring struct.
    fn header(&self) -> &RingHeader<Self::Atomics>;

    /// The first byte of the slab.
    fn slab(&self) -> *const <Self::Atomics as Atomics>::Byte;

    /// The size of the slab.
    fn capacity(&self) -> Capacity;
}

/// The slab's memory of type `M`.
pub(crate) type Byte<M> = <<M as Memory>::Atomics as Atomics>::Byte;
