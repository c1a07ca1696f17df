//! What a ring needs from memory: its words and its slab.

use super::capacity::Capacity;
use super::header::RingHeader;
use crate::atomics::Atomics;

/// Memory that holds one ring, for as long as the value lives.
///
/// A page of shared memory gives two of these ([`Page`](crate::Page)); a model
/// checker builds its own from tracked cells.
///
/// # Safety
/// As long as the value (or a clone of it) lives:
/// - `header` returns the same words each time, `slab` the same pointer, valid for
///   reads and writes of `capacity` bytes, and `capacity` the same number, whatever the
///   peer does;
/// - nobody in this program accesses those words and bytes but the two ends of this
///   ring, and unsafe functions that say so ([`Departure::mourn`](crate::Departure::mourn)).
pub unsafe trait Memory {
    /// How its words and bytes are accessed.
    type Atomics: Atomics;

    /// The ring struct.
    ///
    /// # Safety
    /// The caller keeps to what this trait promises of the words.
    unsafe fn header(&self) -> &RingHeader<Self::Atomics>;

    /// The first byte of the slab.
    fn slab(&self) -> *const <Self::Atomics as Atomics>::Byte;

    /// The size of the slab.
    fn capacity(&self) -> Capacity;
}

/// The slab's memory of type `M`.
pub(crate) type Byte<M> = <<M as Memory>::Atomics as Atomics>::Byte;
