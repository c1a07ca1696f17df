//! shuttle: random schedules of sequentially consistent executions.

use std::cell::UnsafeCell;

use shuttle::sync::atomic::{AtomicU32, Ordering};

use super::checked::{Byte, backend};

backend! {
    /// Random schedules of sequentially consistent executions, with shuttle.
    on_shuttle, Shuttle, shuttle, super::UnsafeCell<u8>
}

impl Byte for UnsafeCell<u8> {
    fn zero() -> Self {
        Self::new(0)
    }

    fn set(&self, byte: u8) {
        // SAFETY: shuttle runs one thread at a time.
        unsafe { *self.get() = byte };
    }

    fn get(&self) -> u8 {
        // SAFETY: as above.
        unsafe { *self.get() }
    }
}

/// Loads a word whose writer is gone.
fn load_settled(word: &AtomicU32) -> u32 {
    word.load(Ordering::Relaxed)
}

/// shuttle needs nothing before a fence.
fn before_seqcst_fence() {}
