//! The virtual addresses at which the shared memory is mapped.
//!
//! Both machines have page tables of the same shape. The boot code leaves one table empty:
//! it has 512 entries of 2 MiB each, for the addresses from [`START`] on.

use core::cell::UnsafeCell;
use core::ptr::{NonNull, with_exposed_provenance_mut};

/// The first address.
const START: usize = 2 << 30;

/// The bytes that an entry maps.
const BLOCK: u64 = 2 << 20;

/// The most bytes that can be mapped: the size of the largest page of a talk.
const SIZE: u64 = 512 * BLOCK;

/// The table. The processor reads it as well.
#[repr(C)]
struct Table(UnsafeCell<[u64; 512]>);

// SAFETY: only `map` writes to it, and `map` is called once.
unsafe impl Sync for Table {}

unsafe extern "C" {
    /// The table in the boot code.
    #[link_name = "window"]
    safe static TABLE: Table;
}

/// Maps the `size` bytes at `physical`, with `flags` in each entry. `size` is a power of 2,
/// and `physical` is a multiple of it. `None` if `size` is larger than [`SIZE`]. The caller
/// tells the processor that the table has changed.
///
/// # Safety
/// Nobody has called this before.
pub(super) unsafe fn map(physical: u64, size: u64, flags: u64) -> Option<NonNull<u8>> {
    if size > SIZE {
        return None;
    }
    // Memory smaller than a block lies within one block.
    let within = physical % BLOCK;
    let blocks = (physical - within..physical + size).step_by(BLOCK as usize);
    let table: *mut u64 = TABLE.0.get().cast();
    for (number, block) in blocks.enumerate() {
        // SAFETY: it is one of the table's 512 entries.
        let entry = unsafe { table.add(number) };
        // SAFETY: nobody else writes to it, by contract. The processor does not use it yet.
        unsafe { entry.write_volatile(block | flags) };
    }
    NonNull::new(with_exposed_provenance_mut(START + within as usize))
}
