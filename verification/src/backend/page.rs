//! A page of a checker's cells.

use std::sync::Arc;

use memtalk_ring::layout::{Header, Identity, RingHeader, Seats, capacity_of};
use memtalk_ring::{Capacity, PageMemory};

use super::checker::Backend;
use super::ring::ModelRing;

/// The words of a page's header, and its rings.
struct ModelPage<B: Backend> {
    header: Header<B>,
    rings: [ModelRing<B>; 2],
    bytes: usize,
}

/// Memory for a page of `bytes` bytes, which must be a size that a page can have. All
/// words are 0. `word` makes the words in which a page describes itself: magic number,
/// claim, version, size, capacity. Several threads may store the seat words.
#[must_use]
pub fn page<B: Backend>(bytes: usize, word: fn() -> B::Word) -> SharedPage<B> {
    let capacity = capacity_of(bytes).unwrap();
    SharedPage(Arc::new(ModelPage {
        header: Header {
            identity: Identity {
                magic: word(),
                claim: word(),
                version: word(),
                size: word(),
                capacity: word(),
            },
            seats: Seats {
                taken: [B::word_of_many(), B::word_of_many()],
            },
        },
        rings: [0, 1].map(|_| ModelRing::new(capacity)),
        bytes,
    }))
}

/// Memory for a page that two threads share.
pub struct SharedPage<B: Backend>(Arc<ModelPage<B>>);

impl<B: Backend> SharedPage<B> {
    /// Writes `value` to all words of the rings: what an earlier user of the memory may
    /// have left there.
    pub fn litter(&self, value: u32) {
        for ring in &self.0.rings {
            let [sender, receiver] = [&ring.header.sender, &ring.header.receiver];
            for word in [sender, receiver]
                .map(|line| [&line.index, &line.want])
                .as_flattened()
            {
                B::set(word, value);
            }
        }
    }

    /// Writes `value` to the second seat's word.
    pub fn set_second(&self, value: u32) {
        B::set(&self.0.header.seats.taken[1], value);
    }
}

impl<B: Backend> Clone for SharedPage<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// SAFETY: the `Arc` keeps words and slabs where they are; the size is private.
unsafe impl<B: Backend> PageMemory for SharedPage<B> {
    type Atomics = B;

    fn bytes(&self) -> usize {
        self.0.bytes
    }

    fn is_aligned(&self) -> bool {
        true
    }

    unsafe fn header(&self) -> &Header<B> {
        &self.0.header
    }

    unsafe fn ring(&self, which: usize, _capacity: Capacity) -> &RingHeader<B> {
        &self.0.rings[which].header
    }

    unsafe fn slab(&self, which: usize, _capacity: Capacity) -> *const B::Byte {
        self.0.rings[which].slab.as_ptr()
    }
}
