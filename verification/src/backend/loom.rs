//! loom: every execution that the C11 memory model allows.
//!
//! What these backends do beyond loom:
//! - **A relaxed read-modify-write of one shared word before each SeqCst fence.** loom
//!   does not branch at a fence, and would glue it to what comes before.
//! - **A panic where a thread stores a word that it has loaded.** loom keeps one last
//!   access for each atomic, so such a store hides the loads of other threads, and loom
//!   misses executions. There are two exceptions, and `tests/litmus.rs` checks both kinds
//!   of words:
//!   - A survivor that speaks for a dead peer loads a word that nobody writes any more.
//!     loom checks that nobody does.
//!   - A [word of many](super::Backend::word_of_many) has a neighbour, a word of its own.
//!     Before each access to the one comes a relaxed read-modify-write of the other, which
//!     orders nothing and which loom tries in every order.
//! - **A cell for each slab byte**, so that loom sees data races.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::checked::{Byte, backend};

backend! {
    /// Every execution that the C11 memory model allows, with loom.
    on_loom, Loom, loom, super::UnsafeCell<u8>
}

backend! {
    /// As [`Loom`](super::Loom), with slab bytes that may be read while they are written. Such a read
    /// gets any byte that a relaxed load could get. For a process whose page is
    /// initialised again while it reads.
    on_loom_racing, LoomRacing, loom, super::AtomicU8
}

impl Byte for UnsafeCell<u8> {
    fn zero() -> Self {
        Self::new(0)
    }

    fn set(&self, byte: u8) {
        // SAFETY: loom fails the model if another thread has access meanwhile.
        self.with_mut(|p| unsafe { *p = byte });
    }

    fn get(&self) -> u8 {
        // SAFETY: loom fails the model if another thread writes meanwhile.
        self.with(|p| unsafe { *p })
    }
}

impl Byte for AtomicU8 {
    fn zero() -> Self {
        Self::new(0)
    }

    fn set(&self, byte: u8) {
        self.store(byte, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.load(Ordering::Relaxed)
    }
}

/// Loads a word whose writer is gone.
fn load_settled(word: &AtomicU32) -> u32 {
    // SAFETY: loom fails the model if a store is not ordered before this.
    unsafe { word.unsync_load() }
}

/// Makes loom branch before a SeqCst fence.
fn before_seqcst_fence() {
    loom::lazy_static! {
        static ref BRANCH: AtomicU32 = AtomicU32::new(0);
    }
    BRANCH.fetch_add(1, Ordering::Relaxed);
}
