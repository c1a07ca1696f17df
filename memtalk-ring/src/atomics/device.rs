//! [`DeviceMemory`]: accesses to a device's memory, the window of a PCI card for example.
//!
//! Such memory may be mapped uncached or write-combining, and on Arm as device memory, where
//! an access that is not aligned faults. So
//! - every access is one load or store of a byte or of an aligned machine word. A copy is
//!   never `memcpy`, which uses whatever width and alignment it likes;
//! - each ordering that a site asks for is made by a barrier for all kinds of memory. The
//!   instructions that order ordinary memory do not order write-combining stores. And the
//!   barrier after a store sends it on its way: a processor may keep combined stores for long.
//!
//! All of this is right for ordinary memory as well, only slower.

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
#[cfg(target_has_atomic = "32")]
use core::sync::atomic::Ordering::SeqCst;

#[cfg(target_has_atomic = "32")]
use super::CompareExchange;
use super::{Atomics, Native};
use crate::order::Site;

/// The memory of a device: aligned accesses of whole words, and barriers for memory of every
/// type.
#[derive(Clone, Copy, Debug)]
pub enum DeviceMemory {}

// SAFETY: each function is the operation of its name, with a barrier where the site asks for
// an ordering; the copies have the given lengths.
unsafe impl Atomics for DeviceMemory {
    type Word = AtomicU32;
    type Byte = UnsafeCell<u8>;

    #[inline]
    fn load<S: Site>(word: &AtomicU32) -> u32 {
        let value = Native::load::<S>(word);
        if !matches!(S::ROW.ordering, Relaxed) {
            barrier();
        }
        value
    }

    #[inline]
    fn store<S: Site>(word: &AtomicU32, value: u32) {
        let relaxed = matches!(S::ROW.ordering, Relaxed);
        if !relaxed {
            barrier();
        }
        Native::store::<S>(word, value);
        if !relaxed {
            barrier();
        }
    }

    #[inline]
    fn fence<S: Site>() {
        Native::fence::<S>();
        barrier();
    }

    #[inline]
    unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
        // SAFETY: by contract.
        unsafe { copy_in::<Plain>(UnsafeCell::raw_get(to), bytes) };
    }

    #[inline]
    unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
        // SAFETY: by contract.
        unsafe { copy_out::<Plain>(UnsafeCell::raw_get(from), bytes) };
    }
}

/// For memory that has such an operation. A device's may not; and no party outside makes
/// one.
#[cfg(target_has_atomic = "32")]
// SAFETY: the function is the operation of its name.
unsafe impl CompareExchange for DeviceMemory {
    fn compare_exchange<S: Site>(word: &AtomicU32, old: u32, new: u32) {
        barrier();
        // If the word holds something else, it keeps that.
        let _ = word.compare_exchange(old, new, SeqCst, Relaxed);
        barrier();
    }
}

/// Completes every access before it, to memory of whatever type, before any after it.
#[inline]
fn barrier() {
    #[cfg(test)]
    tests::BARRIERS.set(tests::BARRIERS.get() + 1);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction only waits. It touches neither registers nor memory.
    unsafe {
        core::arch::asm!("mfence", options(nostack, preserves_flags));
    }
    #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("dsb sy", options(nostack, preserves_flags));
    }
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("fence iorw, iorw", options(nostack, preserves_flags));
    }
    #[cfg(not(any(
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv32",
        target_arch = "riscv64"
    )))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}

/// What a copy moves at once, where the address is a multiple of its size.
type Word = usize;

/// The accesses that a copy makes. A test records them.
trait Bus {
    /// Reads one value.
    ///
    /// # Safety
    /// As for [`core::ptr::read_volatile`], which includes the alignment.
    unsafe fn read<T: Copy>(from: *const T) -> T;

    /// Writes one value.
    ///
    /// # Safety
    /// As for [`core::ptr::write_volatile`], which includes the alignment.
    unsafe fn write<T: Copy>(to: *mut T, value: T);
}

/// One instruction for each.
enum Plain {}

impl Bus for Plain {
    #[inline(always)]
    unsafe fn read<T: Copy>(from: *const T) -> T {
        // SAFETY: by contract.
        unsafe { from.read_volatile() }
    }

    #[inline(always)]
    unsafe fn write<T: Copy>(to: *mut T, value: T) {
        // SAFETY: by contract.
        unsafe { to.write_volatile(value) };
    }
}

/// How many of `len` bytes from `at` on come before the first aligned word.
fn before_words(at: *const u8, len: usize) -> usize {
    len.min(at.addr().wrapping_neg() % size_of::<Word>())
}

/// Copies `bytes` to the bytes at `to`.
///
/// # Safety
/// As for [`Atomics::write`].
unsafe fn copy_in<B: Bus>(to: *mut u8, bytes: &[u8]) {
    let (head, rest) = bytes.split_at(before_words(to, bytes.len()));
    let mut at = to;
    for &byte in head {
        // SAFETY: within the bytes, by contract, as is every access below.
        unsafe { B::write(at, byte) };
        at = at.wrapping_add(1);
    }
    let words = rest.chunks_exact(size_of::<Word>());
    let tail = words.remainder();
    for word in words {
        if let Ok(word) = word.try_into() {
            // SAFETY: as above, and `at` is a multiple of a word's size.
            unsafe { B::write(at.cast(), Word::from_ne_bytes(word)) };
        }
        at = at.wrapping_add(size_of::<Word>());
    }
    for &byte in tail {
        // SAFETY: as above.
        unsafe { B::write(at, byte) };
        at = at.wrapping_add(1);
    }
}

/// Copies the bytes at `from` to `bytes`.
///
/// # Safety
/// As for [`Atomics::read`].
unsafe fn copy_out<B: Bus>(from: *const u8, bytes: &mut [u8]) {
    let (head, rest) = bytes.split_at_mut(before_words(from, bytes.len()));
    let mut at = from;
    for byte in head {
        // SAFETY: within the bytes, by contract, as is every access below.
        *byte = unsafe { B::read(at) };
        at = at.wrapping_add(1);
    }
    let mut words = rest.chunks_exact_mut(size_of::<Word>());
    for word in &mut words {
        // SAFETY: as above, and `at` is a multiple of a word's size.
        let read: Word = unsafe { B::read(at.cast()) };
        word.copy_from_slice(&read.to_ne_bytes());
        at = at.wrapping_add(size_of::<Word>());
    }
    for byte in words.into_remainder() {
        // SAFETY: as above.
        *byte = unsafe { B::read(at) };
        at = at.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::cell::{Cell, RefCell, UnsafeCell};
    use core::sync::atomic::AtomicU32;
    use std::vec::Vec;

    use super::{
        Atomics, Bus, CompareExchange, DeviceMemory, Plain, Word, barrier, copy_in, copy_out,
    };
    use crate::order::site;

    std::thread_local! {
        /// How many barriers this thread has made.
        pub(super) static BARRIERS: Cell<u32> = const { Cell::new(0) };

        /// The address and the width of each access of this thread.
        static ACCESSES: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
    }

    /// Records each access, and makes it.
    enum Recorder {}

    fn record<T>(at: *const T) {
        ACCESSES.with_borrow_mut(|all| all.push((at.addr(), size_of::<T>())));
    }

    impl Bus for Recorder {
        unsafe fn read<T: Copy>(from: *const T) -> T {
            record(from);
            // SAFETY: by contract.
            unsafe { Plain::read(from) }
        }

        unsafe fn write<T: Copy>(to: *mut T, value: T) {
            record(to);
            // SAFETY: by contract.
            unsafe { Plain::write(to, value) };
        }
    }

    #[repr(align(64))]
    struct Slab([u8; 128]);

    const WORD: usize = size_of::<Word>();

    /// Every byte once and in order, in accesses of a byte or an aligned word, and no byte
    /// alone that is part of a whole word.
    fn check(at: usize, len: usize) {
        let accesses = ACCESSES.take();
        let mut next = at;
        for &(address, width) in &accesses {
            assert_eq!(address, next);
            assert!(width == 1 || width == WORD && address.is_multiple_of(WORD));
            next += width;
        }
        assert_eq!(next, at + len);
        let bytes = accesses.iter().filter(|(_, width)| *width == 1).count();
        assert!(bytes < 2 * WORD, "{bytes} of {len} bytes alone");
        let whole = (at + len) / WORD - at.div_ceil(WORD).min((at + len) / WORD);
        assert_eq!(accesses.len() - bytes, whole);
    }

    #[test]
    fn copies_are_made_of_aligned_words_and_single_bytes() {
        for start in 0..2 * WORD {
            for len in 0..100 {
                let source: Vec<u8> = (1..).take(len).collect();
                let mut slab = Slab([0; 128]);
                let base = slab.0.as_mut_ptr();
                // SAFETY: within the slab.
                unsafe { copy_in::<Recorder>(base.wrapping_add(start), &source) };
                check(base.addr() + start, len);
                assert_eq!(&slab.0[start..start + len], source);
                assert!(slab.0[..start].iter().all(|&byte| byte == 0));
                assert!(slab.0[start + len..].iter().all(|&byte| byte == 0));

                let mut copy = std::vec![0; len];
                // SAFETY: within the slab.
                unsafe { copy_out::<Recorder>(slab.0.as_ptr().wrapping_add(start), &mut copy) };
                check(slab.0.as_ptr().addr() + start, len);
                assert_eq!(copy, source);
            }
        }
    }

    #[test]
    fn words_and_bytes_are_what_they_are_elsewhere() {
        let word = AtomicU32::new(0);
        DeviceMemory::store::<site::PublishTail>(&word, 7);
        DeviceMemory::fence::<site::PublishFence>();
        assert_eq!(DeviceMemory::load::<site::LoadTail>(&word), 7);
        let slab = [const { UnsafeCell::new(0_u8) }; 11];
        let mut copy = [0; 11];
        // SAFETY: the slab is ours, and has as many bytes.
        unsafe { DeviceMemory::write(slab.as_ptr(), b"hello world") };
        // SAFETY: as above.
        unsafe { DeviceMemory::read(slab.as_ptr(), &mut copy) };
        assert_eq!(&copy, b"hello world");
    }

    #[test]
    fn an_ordering_is_made_by_barriers() {
        fn barriers(access: impl FnOnce()) -> u32 {
            BARRIERS.set(0);
            access();
            BARRIERS.take()
        }
        let word = AtomicU32::new(3);
        assert_eq!(barriers(barrier), 1);
        // What is relaxed is not ordered.
        let load = || assert_eq!(DeviceMemory::load::<site::Compare>(&word), 3);
        assert_eq!(barriers(load), 0);
        let store = || DeviceMemory::store::<site::Announce>(&word, 4);
        assert_eq!(barriers(store), 0);
        let load = || assert_eq!(DeviceMemory::load::<site::LoadTail>(&word), 4);
        assert_eq!(barriers(load), 1);
        let store = || DeviceMemory::store::<site::PublishTail>(&word, 5);
        assert_eq!(barriers(store), 2);
        assert!(barriers(DeviceMemory::fence::<site::PublishFence>) >= 1);

        let exchange =
            |old, new| DeviceMemory::compare_exchange::<site::LeaveSeat>(&word, old, new);
        assert_eq!(barriers(|| exchange(5, 6)), 2);
        assert_eq!(barriers(|| exchange(5, 7)), 2);
        assert_eq!(word.into_inner(), 6);
    }
}
