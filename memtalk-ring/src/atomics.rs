//! The abstraction over shared memory's two kinds of cell: the atomic word and
//! the plain byte.
//!
//! The ring is generic over [`Atomics`]. On real memory it is [`Native`], which
//! compiles to plain loads, stores and fences; a model checker brings its own
//! implementation and then checks the very code that runs in production.

use core::cell::UnsafeCell;
#[cfg(target_has_atomic = "32")]
use core::sync::atomic::Ordering;
use core::sync::atomic::{AtomicU32, fence};

use crate::order::Site;

/// How words and bytes that two parties share are read and written.
///
/// There is no read-modify-write operation: the ring runs on cores that have
/// none (a Cortex-M0). Processes need one to leave ([`CompareExchange`]).
///
/// # Safety
/// That two ends never access the same byte at once rests on this:
/// - [`load`](Self::load), [`store`](Self::store) and [`fence`](Self::fence) do what
///   their names say in Rust's memory model, with the ordering of the site's
///   [row](Site::ROW) or a stronger one. A checker, which sees what goes wrong then, may
///   use a weaker one; a word that somebody else can write may hold anything.
/// - [`write`](Self::write) and [`read`](Self::read) access the bytes that they are given,
///   and no others of a slab.
pub unsafe trait Atomics: Sized + 'static {
    /// A 32-bit word with atomic loads and stores.
    type Word;

    /// One byte of a slab. Two parties never access it at once, if both keep to
    /// the protocol.
    type Byte;

    /// Reads `word` with the ordering of `S`.
    fn load<S: Site>(word: &Self::Word) -> u32;

    /// Writes `word` with the ordering of `S`.
    fn store<S: Site>(word: &Self::Word, value: u32);

    /// A fence with the ordering of `S`.
    fn fence<S: Site>();

    /// Copies `bytes` to the slab bytes that start at `to`.
    ///
    /// # Safety
    /// `to` is valid for writes of `bytes.len()` consecutive slab bytes, and nobody else
    /// in this program accesses them meanwhile. A peer that keeps to no protocol may, and
    /// they may be anything then.
    unsafe fn write(to: *const Self::Byte, bytes: &[u8]);

    /// Copies the slab bytes that start at `from` to `bytes`.
    ///
    /// # Safety
    /// As for [`write`](Self::write): `from` is valid for reads, and nobody else in this
    /// program writes.
    unsafe fn read(from: *const Self::Byte, bytes: &mut [u8]);
}

/// Where a word can be compared and written in one step.
///
/// # Safety
/// As for [`Atomics`].
pub unsafe trait CompareExchange: Atomics {
    /// Writes `new` to `word` if that holds `old`, with the ordering of `S`.
    fn compare_exchange<S: Site>(word: &Self::Word, old: u32, new: u32);
}

/// Accesses to words and bytes as they lie in real memory: what a page can be
/// laid over.
pub trait InPlace: Atomics<Word = AtomicU32, Byte = UnsafeCell<u8>> {}

impl<A: Atomics<Word = AtomicU32, Byte = UnsafeCell<u8>>> InPlace for A {}

/// Real memory: a word is an `AtomicU32`, a byte is a byte.
#[derive(Clone, Copy, Debug)]
pub enum Native {}

// SAFETY: the operations of the same names, and copies of that many bytes.
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
        // SAFETY: by contract; `bytes` is private memory, so the two do not overlap.
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
}

#[cfg(target_has_atomic = "32")]
// SAFETY: the operation of that name.
unsafe impl CompareExchange for Native {
    fn compare_exchange<S: Site>(word: &AtomicU32, old: u32, new: u32) {
        // That the word holds something else is fine.
        let _ = word.compare_exchange(old, new, S::ROW.ordering, Ordering::Relaxed);
    }
}
