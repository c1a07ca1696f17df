//! [`Region`] and [`PageMemory`]: memory that can hold a page.

use core::cell::UnsafeCell;
use core::ptr::NonNull;

use super::layout::{Header, ring_offset, slab_offset};
use crate::atomics::{Atomics, InPlace, Native};
use crate::ring::capacity::Capacity;
use crate::ring::header::{LINE, RingHeader};

/// Memory that holds a page, for as long as the value lives: any [`Region`], or the
/// cells of a model checker.
///
/// # Safety
/// As long as the value (or a clone of it) lives:
/// - Each function returns the same each time, and `slab` a pointer that is valid for reads
///   and writes of `capacity` bytes.
/// - This program accesses these words and bytes only through pages of this memory.
pub unsafe trait PageMemory: Clone {
    /// How the words and bytes are accessed.
    type Atomics: Atomics;

    /// The size in bytes.
    fn bytes(&self) -> usize;

    /// Whether its address is a multiple of 64.
    fn is_aligned(&self) -> bool;

    /// The header of the page.
    ///
    /// # Safety
    /// The memory is aligned, and its size is [one of a page](crate::page::layout).
    unsafe fn header(&self) -> &Header<Self::Atomics>;

    /// The ring struct of the first ring (`which` is 0) or the second (1).
    ///
    /// # Safety
    /// As for [`header`](Self::header), and `capacity` follows from the size.
    unsafe fn ring(&self, which: usize, capacity: Capacity) -> &RingHeader<Self::Atomics>;

    /// The first byte of that ring's slab.
    ///
    /// # Safety
    /// As for [`ring`](Self::ring).
    unsafe fn slab(
        &self,
        which: usize,
        capacity: Capacity,
    ) -> *const <Self::Atomics as Atomics>::Byte;
}

/// Consecutive memory that holds a page, for as long as the value lives: a mapping
/// (`mmap`), a static buffer, the window of a device.
///
/// # Safety
/// As long as the value (or a clone of it) lives:
/// - `base` returns the same address each time, and `size` the same number.
/// - The `size` bytes at `base` are initialised, and valid for reads and writes.
/// - This program accesses that memory only through pages of this address and size.
pub unsafe trait Region: Clone {
    /// How the words and bytes are accessed: [`Native`], or another implementation if the
    /// memory needs one, because it is not coherent for example.
    type Atomics: InPlace;

    /// The address of the first byte. A page needs a multiple of 64.
    fn base(&self) -> NonNull<u8>;

    /// The size in bytes.
    fn size(&self) -> usize;
}

// SAFETY: the region promises that its address and size stay the same. All parts lie within
// it, as `layout` asserts, and consist of atomics, bytes and padding.
unsafe impl<R: Region> PageMemory for R {
    type Atomics = R::Atomics;

    #[inline]
    fn bytes(&self) -> usize {
        self.size()
    }

    #[inline]
    fn is_aligned(&self) -> bool {
        self.base().addr().get().is_multiple_of(LINE)
    }

    #[inline]
    unsafe fn header(&self) -> &Header<R::Atomics> {
        // SAFETY: by contract the memory is aligned, and larger than a header.
        unsafe { self.base().cast().as_ref() }
    }

    #[inline]
    unsafe fn ring(&self, which: usize, capacity: Capacity) -> &RingHeader<R::Atomics> {
        // SAFETY: by contract the offset lies within the region.
        let ring = unsafe { self.base().add(ring_offset(which, capacity.bytes())) };
        // SAFETY: the offset is a multiple of a line, and a ring struct lies there.
        unsafe { ring.cast().as_ref() }
    }

    #[inline]
    unsafe fn slab(&self, which: usize, capacity: Capacity) -> *const UnsafeCell<u8> {
        // SAFETY: by contract the offset lies within the region.
        let slab = unsafe { self.base().add(slab_offset(which, capacity.bytes())) };
        slab.as_ptr().cast_const().cast()
    }
}

/// A [`Region`] given by its address and size, which somebody else keeps alive: a `static`,
/// the window of a device.
#[derive(Clone, Copy, Debug)]
pub struct RawRegion {
    base: NonNull<u8>,
    size: usize,
}

impl RawRegion {
    /// The region of `size` bytes at `base`.
    ///
    /// # Safety
    /// The contract of [`Region`] holds as long as any page or end in this memory is in use.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>, size: usize) -> Self {
        Self { base, size }
    }
}

// SAFETY: whoever called `new` has promised it.
unsafe impl Region for RawRegion {
    type Atomics = Native;

    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn size(&self) -> usize {
        self.size
    }
}

// SAFETY: it is an address and a number. Every access through them is atomic, or to slab
// bytes that are available to one end only.
unsafe impl Send for RawRegion {}
// SAFETY: as above.
unsafe impl Sync for RawRegion {}
