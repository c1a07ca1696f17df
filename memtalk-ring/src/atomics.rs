//! [`Atomics`]: how shared memory is accessed, as atomic words and plain bytes.
//!
//! The ring is generic over this trait. On real memory it uses [`Native`], which compiles
//! to plain loads, stores and fences. A model checker brings an implementation of its own,
//! and then checks the very code that runs in production.

mod device;

use core::cell::UnsafeCell;
#[cfg(target_has_atomic = "32")]
use core::sync::atomic::Ordering;
use core::sync::atomic::{AtomicU32, fence};

pub use self::device::DeviceMemory;
use crate::order::Site;

/// How words and bytes that two parties share are read and written.
///
/// There is no read-modify-write operation, because the ring runs on cores that have none
/// (a Cortex-M0). Only a process that leaves its seat needs one: [`CompareExchange`].
///
/// # Safety
/// Two ends never access the same byte at once. The proof rests on this:
/// - [`load`](Self::load), [`store`](Self::store) and [`fence`](Self::fence) do what
///   their names say in Rust's memory model, with the ordering of the site's
///   [row](Site::ROW) or a stronger one. A model checker may use a weaker one, since it
///   detects what goes wrong then. A word that somebody else can write may hold anything.
/// - [`write`](Self::write) and [`read`](Self::read) access the slab bytes that they are
///   given, and no others.
pub unsafe trait Atomics: Sized + 'static {
    /// A 32-bit word with atomic loads and stores.
    type Word;

    /// One byte of a slab, accessed as plain memory. If both parties keep to the
    /// protocol, they never access it at the same time.
    type Byte;

    /// Loads `word` with the ordering of `S`.
    fn load<S: Site>(word: &Self::Word) -> u32;

    /// Stores `value` in `word` with the ordering of `S`.
    fn store<S: Site>(word: &Self::Word, value: u32);

    /// Makes a fence with the ordering of `S`.
    fn fence<S: Site>();

    /// Copies `bytes` to the slab bytes that start at `to`.
    ///
    /// # Safety
    /// `to` is valid for writes of `bytes.len()` consecutive slab bytes, and nobody else
    /// in this program accesses them meanwhile. A hostile peer in another program may;
    /// then the bytes may hold anything.
    unsafe fn write(to: *const Self::Byte, bytes: &[u8]);

    /// Copies the slab bytes that start at `from` to `bytes`.
    ///
    /// # Safety
    /// `from` is valid for reads of `bytes.len()` consecutive slab bytes, and nobody else
    /// in this program writes to them meanwhile. A hostile peer may, as for
    /// [`write`](Self::write).
    unsafe fn read(from: *const Self::Byte, bytes: &mut [u8]);

    /// Whether [`fetch_to_write`](Self::fetch_to_write) does anything.
    const FETCHES: bool = false;

    /// Asks the processor to fetch the cache line of a slab byte, since it is written soon.
    /// Accesses no memory, whatever `byte` points to. As provided, does nothing.
    #[inline(always)]
    fn fetch_to_write(byte: *const Self::Byte) {
        let _ = byte;
    }
}

/// Atomics with a compare-and-exchange: a word is compared and written in one atomic step.
///
/// # Safety
/// As for [`Atomics`].
pub unsafe trait CompareExchange: Atomics {
    /// Stores `new` in `word` if it holds `old`, with the ordering of `S`. Otherwise it
    /// changes nothing.
    fn compare_exchange<S: Site>(word: &Self::Word, old: u32, new: u32);
}

/// [`Atomics`] whose words and bytes lie in memory as they are, so that a page can be laid
/// over real memory. Implemented for every such type.
pub trait InPlace: Atomics<Word = AtomicU32, Byte = UnsafeCell<u8>> {}

impl<A: Atomics<Word = AtomicU32, Byte = UnsafeCell<u8>>> InPlace for A {}

/// Real memory: a word is an [`AtomicU32`], a byte of a slab is an [`UnsafeCell<u8>`].
#[derive(Clone, Copy, Debug)]
pub enum Native {}

// SAFETY: each function is the operation of its name; the copies have the given lengths.
unsafe impl Atomics for Native {
    type Word = AtomicU32;
    type Byte = UnsafeCell<u8>;

    #[inline(always)]
    fn load<S: Site>(word: &AtomicU32) -> u32 {
        word.load(S::ROW.ordering)
    }

    #[inline(always)]
    fn store<S: Site>(word: &AtomicU32, value: u32) {
        word.store(value, S::ROW.ordering);
    }

    #[inline(always)]
    fn fence<S: Site>() {
        fence(S::ROW.ordering);
    }

    #[inline(always)]
    unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
        // SAFETY: by contract. `bytes` is private memory, so the two do not overlap.
        unsafe {
            UnsafeCell::raw_get(to).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    #[inline(always)]
    unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
        // SAFETY: as in `write`.
        unsafe {
            UnsafeCell::raw_get(from).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len());
        }
    }

    const FETCHES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

    #[inline(always)]
    fn fetch_to_write(byte: *const UnsafeCell<u8>) {
        // The intrinsic compiles to a fetch for reading unless the target says that it has this
        // instruction. Processors without it take it for none.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which never faults.
        unsafe {
            core::arch::asm!("prefetchw [{}]", in(reg) byte, options(nostack, preserves_flags, readonly));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            core::arch::asm!("prfm pstl1keep, [{}]", in(reg) byte, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = byte;
    }
}

#[cfg(target_has_atomic = "32")]
// SAFETY: the function is the operation of its name.
unsafe impl CompareExchange for Native {
    fn compare_exchange<S: Site>(word: &AtomicU32, old: u32, new: u32) {
        // If the word holds something else, it keeps that.
        let _ = word.compare_exchange(old, new, S::ROW.ordering, Ordering::Relaxed);
    }
}
