//! A ring of a checker's cells.

use std::sync::Arc;

use memtalk_ring::layout::{Line, RingHeader};
use memtalk_ring::{Capacity, Memory};

use super::checker::Backend;

/// The words and the slab of a ring.
pub(super) struct ModelRing<B: Backend> {
    pub(super) header: RingHeader<B>,
    pub(super) slab: Vec<B::Byte>,
    capacity: Capacity,
}

// SAFETY: words are `Sync`. Only the two ends access slab bytes, and their
// synchronisation is what is being checked.
unsafe impl<B: Backend> Sync for ModelRing<B> {}

impl<B: Backend> ModelRing<B> {
    /// A ring with all words 0, of `capacity` bytes, at least 1.
    pub(super) fn new(capacity: u32) -> Self {
        let line = || Line {
            index: B::word(),
            want: B::word(),
        };
        Self {
            header: RingHeader {
                sender: line(),
                receiver: line(),
            },
            slab: (0..capacity).map(|_| B::byte()).collect(),
            capacity: Capacity::new(capacity).unwrap(),
        }
    }
}

/// A ring with all words 0, of `capacity` bytes, at least 1.
#[must_use]
pub fn ring<B: Backend>(capacity: u32) -> Shared<B> {
    Shared(Arc::new(ModelRing::new(capacity)))
}

/// A ring that two threads share.
pub struct Shared<B: Backend>(Arc<ModelRing<B>>);

impl<B: Backend> Clone for Shared<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// SAFETY: the `Arc` keeps words and slab where they are; the capacity is private.
unsafe impl<B: Backend> Memory for Shared<B> {
    type Atomics = B;

    unsafe fn header(&self) -> &RingHeader<B> {
        &self.0.header
    }

    fn slab(&self) -> *const B::Byte {
        self.0.slab.as_ptr()
    }

    fn capacity(&self) -> Capacity {
        self.0.capacity
    }
}
