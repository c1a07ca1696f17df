//! [`Memory`]: what one ring needs, its words and its slab.

use super::capacity::Capacity;
use super::header::RingHeader;
use crate::atomics::Atomics;

/// Memory that holds one ring, for as long as the value lives.
///
/// A [`Page`](crate::Page) of shared memory provides two of these. A model checker builds
/// its own from cells that it tracks.
///
/// # Safety
/// As long as the value (or a clone of it) lives:
/// - Whatever the peer does, `header` returns the same words each time, `capacity` the same
///   number, and `slab` the same pointer, which is valid for reads and writes of `capacity`
///   bytes.
/// - In this program, only the two ends of this ring access those words and bytes, and
///   unsafe functions that say so ([`Departure::mourn`](crate::Departure::mourn)).
pub unsafe trait Memory {
    /// How the words and bytes are accessed.
    type Atomics: Atomics;

    /// The ring struct.
    ///
    /// # Safety
    /// The caller accesses the words only as this trait's contract allows.
    unsafe fn header(&self) -> &RingHeader<Self::Atomics>;

    /// The first byte of the slab.
    fn slab(&self) -> *const <Self::Atomics as Atomics>::Byte;

    /// The size of the slab, which is the capacity of the ring.
    fn capacity(&self) -> Capacity;
}

/// The type of a slab byte in memory of type `M`.
pub(crate) type Byte<M> = <<M as Memory>::Atomics as Atomics>::Byte;
