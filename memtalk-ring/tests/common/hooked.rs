//! Memory whose loads and stores a test can watch and suppress.

#[path = "bound.rs"]
mod bound;

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use memtalk_ring::order::Site;
use memtalk_ring::{Atomics, Native, Region};

/// What a test does before accesses to words.
pub(crate) trait Hook: 'static {
    /// Called before a load, with the name of its site.
    fn load(_site: &str) {}

    /// Called before a store. If it returns `false`, nothing is stored.
    fn store() -> bool {
        true
    }

    /// Called with the address of a slab byte whose line is fetched.
    fn fetch(_address: usize) {}
}

/// `Native` with a hook before each load and store.
pub(crate) struct Hooked<H>(PhantomData<H>);

// SAFETY: each access is `Native`'s, or is not made.
unsafe impl<H: Hook> Atomics for Hooked<H> {
    type Word = AtomicU32;
    type Byte = UnsafeCell<u8>;

    fn load<S: Site>(word: &AtomicU32) -> u32 {
        H::load(S::ROW.name);
        Native::load::<S>(word)
    }

    fn store<S: Site>(word: &AtomicU32, value: u32) {
        if H::store() {
            Native::store::<S>(word, value);
        }
    }

    fn fence<S: Site>() {
        Native::fence::<S>();
    }

    unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
        // SAFETY: the same contract.
        unsafe { Native::write(to, bytes) };
    }

    unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
        // SAFETY: the same contract.
        unsafe { Native::read(from, bytes) };
    }

    const FETCHES: bool = true;

    fn fetch_to_write(byte: *const UnsafeCell<u8>) {
        H::fetch(byte as usize);
    }
}

#[repr(C, align(64))]
struct Memory<const SIZE: usize>(UnsafeCell<[u8; SIZE]>);

/// Memory of `SIZE` bytes that lives for ever.
pub(crate) struct Leaked<H, const SIZE: usize>(NonNull<u8>, PhantomData<H>);

impl<H, const SIZE: usize> Leaked<H, SIZE> {
    /// New memory, with `byte` in each place.
    pub(crate) fn new(byte: u8) -> Self {
        bound::bound_the_whole();
        let memory = Box::leak(Box::new(Memory(UnsafeCell::new([byte; SIZE]))));
        Self(NonNull::from(memory).cast(), PhantomData)
    }
}

impl<H, const SIZE: usize> Clone for Leaked<H, SIZE> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H, const SIZE: usize> Copy for Leaked<H, SIZE> {}

// SAFETY: the memory lives for ever, and one thread uses it.
unsafe impl<H: Hook, const SIZE: usize> Region for Leaked<H, SIZE> {
    type Atomics = Hooked<H>;

    fn base(&self) -> NonNull<u8> {
        self.0
    }

    fn size(&self) -> usize {
        SIZE
    }
}
