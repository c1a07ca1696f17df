//! Addresses for the shared memory, wherever it lies.
//!
//! Both machines have page tables of the same shape. One of them, left empty by the
//! boot code, has 512 entries of 2 MiB for the addresses from [`START`] on.

use core::cell::UnsafeCell;
use core::ptr::{NonNull, with_exposed_provenance_mut};

/// The first address.
const START: usize = 2 << 30;

/// What an entry covers, in bytes.
const BLOCK: u64 = 2 << 20;

/// The most that can be mapped, in bytes: as much as the largest page of a talk.
const SIZE: u64 = 512 * BLOCK;

/// The table. The processor reads it as well.
#[repr(C)]
struct Table(UnsafeCell<[u64; 512]>);

// SAFETY: only `map` writes to it, and is called once.
unsafe impl Sync for Table {}

unsafe extern "C" {
    /// The boot code's.
    #[link_name = "window"]
    safe static TABLE: Table;
}

/// Maps the `size` bytes at `physical`, which is a multiple of `size`, a power of 2;
/// `flags` go into each entry. `None` if that is more than [`SIZE`]. The caller tells
/// the processor that the table has changed.
///
/// # Safety
/// Nobody has called this before.
pub(super) unsafe fn map(physical: u64, size: u64, flags: u64) -> Option<NonNull<u8>> {
    if size > SIZE {
        return None;
    }
    // What is smaller than a block lies within one.
    let within = physical % BLOCK;
    let blocks = (physical - within..physical + size).step_by(BLOCK as usize);
    let table: *mut u64 = TABLE.0.get().cast();
    for (number, block) in blocks.enumerate() {
        // SAFETY: one of its 512 entries.
        let entry = unsafe { table.add(number) };
        // SAFETY: it is ours, by contract; the processor has no use for it yet.
        unsafe { entry.write_volatile(block | flags) };
    }
    NonNull::new(with_exposed_provenance_mut(START + within as usize))
}
