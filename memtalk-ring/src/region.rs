//! Memory that can hold a page.

use core::ptr::NonNull;

use crate::atomics::{InPlace, Native};

/// Memory that holds a page, for as long as the value lives: a mapping, a static
/// buffer, the window of a device.
///
/// # Safety
/// As long as the value (or a clone of it) lives, `base` returns the same address,
/// valid for reads and writes of `size` bytes, which are initialised, and `size` returns
/// the same number. Nobody in this program accesses that memory but through pages of this
/// address and size.
pub unsafe trait Region: Clone {
    /// How its words and bytes are accessed: [`Native`], or what the memory
    /// needs instead, if it is not coherent for example.
    type Atomics: InPlace;

    /// Address of the first byte; a page needs a multiple of 64.
    fn base(&self) -> NonNull<u8>;

    /// Size in bytes.
    fn size(&self) -> usize;
}

/// A region that somebody else keeps alive: a `static`, a device window.
#[derive(Clone, Copy, Debug)]
pub struct RawRegion {
    base: NonNull<u8>,
    size: usize,
}

impl RawRegion {
    /// The `size` bytes at `base`.
    ///
    /// # Safety
    /// What [`Region`] asks for, for as long as any page or end on this region
    /// is in use.
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

// SAFETY: an address and a number; every access through them is atomic, or to
// slab bytes that one end owns.
unsafe impl Send for RawRegion {}
// SAFETY: as above.
unsafe impl Sync for RawRegion {}
