//! Handles: numbers for C that lead to values of ours, and that nobody can misuse.
//!
//! # Contract
//! - A handle is never the address of anything. [`Table::find`] compares it with what is
//!   there, so any number may be passed: zero, garbage, a handle that was freed.
//! - **No handle comes again.** Its upper half is the number of its place's generation, which
//!   counts up when a handle is given out and when it is freed. So it is odd exactly while a
//!   handle leads to the place. A place whose generations are used up is not used again.
//! - A place is never given back to the allocator, so a thread that comes late with a handle
//!   that was freed finds a place, and a lock in it. There are as many places as handles were
//!   open at once.
//! - **A child that was forked** finds its parent's handles to be those of another process.
//!   It must not touch their values: both would write into the same memory.
//!
//! # Two threads
//! The value of a place has parts behind locks. A handle is freed only by a thread that has
//! all of them. A call takes the lock of its part, and looks at the generation after that: if
//! it still is the handle's, then the place stays the handle's until the lock is released.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError, TryLockError};

use crate::error::{Failure, memtalk_e};

/// The places of the first chunk. Each later chunk has twice as many as the one before.
const FIRST: usize = 64;

/// Enough for more handles than a process can have descriptors.
const CHUNKS: usize = 20;

/// Places for values, and the handles to them.
pub(crate) struct Table<T: 'static> {
    chunks: [OnceLock<Box<[Place<T>]>>; CHUNKS],
    /// The places that were freed.
    free: Mutex<Vec<usize>>,
    /// How many places were used so far.
    used: AtomicUsize,
}

#[derive(Debug, Default)]
struct Place<T> {
    generation: AtomicU32,
    /// The process to which the handle was given.
    process: AtomicU32,
    value: T,
}

/// A value that a handle has led to. The handle may be freed in the meantime: every lock
/// of a part is taken through this.
pub(crate) struct Found<T: 'static> {
    place: &'static Place<T>,
    index: usize,
    generation: u32,
}

impl<T: Default> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Vec::new()),
            used: AtomicUsize::new(0),
        }
    }

    /// Lets `fill` fill a free place. Returns the handle to it.
    pub(crate) fn add(&'static self, fill: impl FnOnce(&T)) -> Result<u64, Failure> {
        let process = this_process();
        // The lock may be held for ever: by a thread of the process that forked this one.
        let freed = self.free.try_lock().ok().and_then(|mut free| free.pop());
        let index = freed.unwrap_or_else(|| self.used.fetch_add(1, Ordering::Relaxed));
        let full = || Failure::from(memtalk_e::Other);
        let (place, number) = self
            .place(index)
            .zip(u32::try_from(index).ok())
            .ok_or_else(full)?;
        fill(&place.value);
        place.process.store(process, Ordering::Relaxed);
        // Whoever sees the handle's generation sees what the handle leads to.
        let generation = place.generation.fetch_add(1, Ordering::Release) + 1;
        Ok(u64::from(generation) << 32 | u64::from(number))
    }

    /// What `handle` leads to.
    pub(crate) fn find(&'static self, handle: u64) -> Result<Found<T>, Failure> {
        let (generation, index) = halves(handle);
        let place = self.existing(index).ok_or(memtalk_e::BadHandle)?;
        let found = Found {
            place,
            index,
            generation,
        };
        found.check().map(|()| found)
    }

    /// Frees the handle. Its value is empty, and the caller holds all of its locks.
    pub(crate) fn remove(&self, found: &Found<T>) {
        let generation = found.place.generation.fetch_add(1, Ordering::Release) + 1;
        // The next handle would have the last generation.
        let used_up = generation >= u32::MAX - 1;
        if let (Ok(mut free), false) = (self.free.try_lock(), used_up) {
            free.push(found.index);
        }
    }

    /// The place of this number, in a new chunk perhaps.
    fn place(&'static self, index: usize) -> Option<&'static Place<T>> {
        let (chunk, at) = chunk_of(index);
        let places = || (0..FIRST << chunk).map(|_| Place::default()).collect();
        self.chunks.get(chunk)?.get_or_init(places).get(at)
    }

    /// The place of this number, if there is one.
    fn existing(&'static self, index: usize) -> Option<&'static Place<T>> {
        let (chunk, at) = chunk_of(index);
        self.chunks.get(chunk)?.get()?.get(at)
    }
}

/// A handle's generation, and the number of its place.
fn halves(handle: u64) -> (u32, usize) {
    let [a, b, c, d, e, f, g, h] = handle.to_be_bytes();
    let index = u32::from_be_bytes([e, f, g, h]);
    (u32::from_be_bytes([a, b, c, d]), index as usize)
}

/// The chunk of a place, and its number there.
fn chunk_of(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

impl<T> Found<T> {
    /// Takes the lock of a part that one thread at a time uses.
    pub(crate) fn take<P>(
        &self,
        part: impl FnOnce(&'static T) -> &'static Mutex<P>,
    ) -> Result<MutexGuard<'static, P>, Failure> {
        let guard = match part(&self.place.value).try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::WouldBlock) => return Err(memtalk_e::InUse.into()),
            Err(TryLockError::Poisoned(_)) => return Err(memtalk_e::Panicked.into()),
        };
        self.check().map(|()| guard)
    }

    /// As [`take`](Self::take), to free the handle: even if a call has panicked.
    pub(crate) fn take_to_free<P>(
        &self,
        part: impl FnOnce(&'static T) -> &'static Mutex<P>,
    ) -> Result<MutexGuard<'static, P>, Failure> {
        let part = part(&self.place.value);
        let guard = match part.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::WouldBlock) => return Err(memtalk_e::InUse.into()),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        self.check()?;
        part.clear_poison();
        Ok(guard)
    }

    /// Takes the lock of a part that nobody holds for long, and that no panic leaves in
    /// disorder.
    pub(crate) fn borrow<P>(
        &self,
        part: impl FnOnce(&'static T) -> &'static Mutex<P>,
    ) -> Result<MutexGuard<'static, P>, Failure> {
        let guard = part(&self.place.value).lock();
        let guard = guard.unwrap_or_else(PoisonError::into_inner);
        self.check().map(|()| guard)
    }

    /// The value, for whoever has a lock in it.
    pub(crate) fn value(&self) -> &'static T {
        &self.place.value
    }

    /// Fails if the handle leads here no more.
    fn check(&self) -> Result<(), Failure> {
        let generation = self.place.generation.load(Ordering::Acquire);
        if generation != self.generation || generation.is_multiple_of(2) {
            return Err(memtalk_e::BadHandle.into());
        }
        if self.place.process.load(Ordering::Relaxed) != this_process() {
            return Err(memtalk_e::Forked.into());
        }
        Ok(())
    }
}

/// A number that differs between a process and a child that it has forked. Unlike the process
/// id, it takes no system call.
fn this_process() -> u32 {
    static FORKS: AtomicU32 = AtomicU32::new(0);
    static WATCH: Once = Once::new();

    /// Runs in the child.
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    if !WATCH.is_completed() {
        WATCH.call_once(|| {
            // SAFETY: the function only adds to a number, and it stays loaded. If there is no
            // memory for this, a child is not told from its parent.
            unsafe { pthread_atfork(None, None, Some(forked)) };
        });
    }
    FORKS.load(Ordering::Relaxed)
}

// Not in every release of the crate `libc`.
unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> libc::c_int;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;

    use super::{FIRST, Table, chunk_of};

    type Numbers = Table<Mutex<u32>>;

    fn part(value: &'static Mutex<u32>) -> &'static Mutex<u32> {
        value
    }

    #[test]
    fn chunks_follow_each_other_without_a_gap() {
        let mut next = (0, 0);
        for index in 0..10 * FIRST {
            assert_eq!(chunk_of(index), next);
            next.1 += 1;
            if next.1 == FIRST << next.0 {
                next = (next.0 + 1, 0);
            }
        }
    }

    #[test]
    fn a_handle_that_was_freed_never_leads_anywhere_again() {
        static TABLE: Numbers = Table::new();
        let mut freed = HashSet::new();
        for round in 0..1000 {
            let handles =
                [0; 3].map(|_| TABLE.add(|value| *value.lock().unwrap() = round).unwrap());
            for handle in handles {
                let found = TABLE.find(handle).unwrap();
                let number = found.take(part).unwrap();
                assert_eq!(*number, round);
                TABLE.remove(&found);
                assert!(freed.insert(handle), "the handle came again");
                assert!(TABLE.find(handle).is_err());
                assert!(found.check().is_err());
            }
        }
        assert!(freed.iter().all(|handle| TABLE.find(*handle).is_err()));
    }

    #[test]
    fn numbers_that_are_no_handles_lead_nowhere() {
        static TABLE: Numbers = Table::new();
        let handle = TABLE.add(|_| ()).unwrap();
        for other in [
            0,
            1,
            u64::MAX,
            handle + 1,
            handle ^ (1 << 32),
            handle | (1 << 63),
        ] {
            assert!(TABLE.find(other).is_err(), "{other:#x}");
        }
        assert!(TABLE.find(handle).is_ok());
    }

    #[test]
    fn a_part_that_is_in_use_is_refused() {
        static TABLE: Numbers = Table::new();
        let found = TABLE.find(TABLE.add(|_| ()).unwrap()).unwrap();
        let taken = found.take(part).unwrap();
        let failure = found.take(part).unwrap_err();
        assert_eq!(i32::from(failure.told()), super::memtalk_e::InUse as i32);
        drop(taken);
        assert!(found.take(part).is_ok());
    }
}
