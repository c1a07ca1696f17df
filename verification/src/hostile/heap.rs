//! Memory for a page, with its exact size on the heap.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use memtalk_ring::RawRegion;
use memtalk_ring::layout::LINE;

/// Memory of an exact size on the heap, so that a sanitizer sees accesses beside it.
pub(super) struct Heap {
    allocation: NonNull<u8>,
    layout: Layout,
    base: NonNull<u8>,
    size: usize,
}

impl Heap {
    /// `size` bytes that start with `content` and lie `shift` bytes behind an
    /// address that is aligned to a line.
    pub(super) fn new(shift: usize, size: usize, content: &[u8]) -> Self {
        // An allocation has at least one byte.
        let layout = Layout::from_size_align((shift + size).max(1), LINE).unwrap();
        // SAFETY: the size is not 0.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        // SAFETY: within the allocation, or at its end.
        let base = unsafe { allocation.add(shift) };
        let len = content.len().min(size);
        // SAFETY: there are `size` bytes from `base` on, and nobody else uses them.
        unsafe { base.copy_from_nonoverlapping(NonNull::from(content).cast(), len) };
        Self {
            allocation,
            layout,
            base,
            size,
        }
    }

    /// The memory as a region to make pages in.
    pub(super) fn region(&self) -> RawRegion {
        // SAFETY: the memory lives as long as `self`, which outlives every use in this module.
        unsafe { RawRegion::new(self.base, self.size) }
    }

    /// A pointer to the byte at `offset`, at most the size.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.size);
        // SAFETY: within the memory, or at its end.
        unsafe { self.base.add(offset) }.as_ptr()
    }

    /// A copy of the content.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.all().to_vec()
    }

    /// Whether the content is exactly these bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.all() == bytes
    }

    /// The content. Nobody writes meanwhile.
    fn all(&self) -> &[u8] {
        let all = NonNull::slice_from_raw_parts(self.base, self.size);
        // SAFETY: all of it is allocated and initialised, and nobody writes.
        unsafe { all.as_ref() }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and every page on it is gone.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) };
    }
}
