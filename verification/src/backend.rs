//! What a checker provides to the ring: words, slab bytes, a modelled futex,
//! threads; and rings and pages built from these.
//!
//! # The modelled futex
//! Each word carries a mutex around a list of sleepers. Sleeping compares the
//! word and joins the list, both under the mutex; waking empties it under the
//! mutex. That is what the kernel promises. A lost wake-up shows as a deadlock.
//!
//! # What the loom backend does beyond loom
//! - A relaxed read-modify-write of one shared word before each SeqCst fence:
//!   loom does not branch at a fence, and would glue it to what comes before.
//! - loom keeps one last access for each atomic. A thread that stores a word which it
//!   has loaded hides the loads of others, and loom misses executions. So it panics
//!   then, with two exceptions. A survivor that speaks for a dead peer loads a word
//!   that nobody writes any more, which loom checks. And each access to a [word of
//!   many](Backend::word_of_many) comes after a relaxed read-modify-write of a neighbour
//!   of that word's own, which orders nothing and which loom tries in every order.
//!   (`tests/litmus.rs` checks both kinds of words.)
//! - Each slab byte is a cell of its own, so that loom sees data races.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::layout::{Header, Identity, Line, RingHeader, Seats, capacity_of};
use memtalk_ring::{
    Atomics, Capacity, CompareExchange, Memory, Native, PageMemory, Spin, Wait, Watched,
};

/// A checker, as the models need it.
pub trait Backend: CompareExchange<Word: Send + Sync, Byte: Send> {
    /// How a blocking end waits.
    type Futex: Wait<Self> + Clone + Default + Send + 'static;

    /// Lets others run before this thread goes on.
    fn give_way();

    /// A word that holds 0, and that no thread stores which has loaded it.
    fn word() -> Self::Word;

    /// The same without that restriction.
    fn word_of_many() -> Self::Word {
        Self::word()
    }

    /// What a word of a model's own holds. No access of the ring: it has no row in the
    /// table, and is relaxed.
    fn get(word: &Self::Word) -> u32;

    /// Writes to a word for a model.
    fn set(word: &Self::Word, value: u32);

    /// A slab byte.
    fn byte() -> Self::Byte;

    /// Runs both functions at once, each in a thread of the checker's, and
    /// returns what they return.
    fn both<T: Send + 'static, U: Send + 'static>(
        one: impl FnOnce() -> T + Send + 'static,
        other: impl FnOnce() -> U + Send + 'static,
    ) -> (T, U);
}

/// A ring of the checker's cells.
struct ModelRing<B: Backend> {
    header: RingHeader<B>,
    slab: Vec<B::Byte>,
    capacity: Capacity,
}

// SAFETY: words are `Sync`; slab bytes are reached through the two ends only,
// whose synchronisation is what is being checked.
unsafe impl<B: Backend> Sync for ModelRing<B> {}

impl<B: Backend> ModelRing<B> {
    /// A ring with all words 0, of `capacity` bytes, at least 1.
    fn new(capacity: u32) -> Self {
        let line = || Line {
            index: B::word(),
            want: B::word(),
        };
        Self {
            header: RingHeader {
                sender: line(),
                receiver: line(),
            },
            slab: (0..capacity).map(|_| B::byte()).collect(),
            capacity: Capacity::new(capacity).unwrap(),
        }
    }
}

/// A ring of `capacity` bytes, at least 1.
#[must_use]
pub fn ring<B: Backend>(capacity: u32) -> Shared<B> {
    Shared(Arc::new(ModelRing::new(capacity)))
}

/// A page of the checker's cells.
struct ModelPage<B: Backend> {
    header: Header<B>,
    rings: [ModelRing<B>; 2],
    bytes: usize,
}

/// Memory of `bytes` bytes, a size that a page can have, with all words 0. What it says
/// of itself is in words of the kind `word`; several threads may store the seats'.
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
    /// Writes `value` to all words of the rings, as whoever was there before may have.
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

    /// Writes `value` to the second's seat word.
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

/// A ring that two threads share.
pub struct Shared<B: Backend>(Arc<ModelRing<B>>);

impl<B: Backend> Clone for Shared<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// SAFETY: the `Arc` keeps words and slab where they are; the capacity is private.
unsafe impl<B: Backend> Memory for Shared<B> {
    type Atomics = B;

    unsafe fn header(&self) -> &RingHeader<B> {
        &self.0.header
    }

    fn slab(&self) -> *const B::Byte {
        self.0.slab.as_ptr()
    }

    fn capacity(&self) -> Capacity {
        self.0.capacity
    }
}

/// Real atomics and real threads.
impl Backend for Native {
    type Futex = Spin;

    fn give_way() {
        std::thread::yield_now();
    }

    fn word() -> AtomicU32 {
        AtomicU32::new(0)
    }

    fn get(word: &AtomicU32) -> u32 {
        word.load(Ordering::Relaxed)
    }

    fn set(word: &AtomicU32, value: u32) {
        word.store(value, Ordering::Relaxed);
    }

    fn byte() -> UnsafeCell<u8> {
        UnsafeCell::new(0)
    }

    fn both<T: Send + 'static, U: Send + 'static>(
        one: impl FnOnce() -> T + Send + 'static,
        other: impl FnOnce() -> U + Send + 'static,
    ) -> (T, U) {
        let one = std::thread::spawn(one);
        let other = other();
        (one.join().unwrap(), other)
    }
}

/// A backend named `$name` on the checker `$checker`, whose slab bytes are `$byte`,
/// accessed by the functions of `cell::$cell`. `$checker` is also where `settled` and
/// `before_fence` have what it needs.
#[cfg(any(feature = "loom", feature = "shuttle"))]
macro_rules! backend {
    ($(#[$doc:meta])* $module:ident, $name:ident, $checker:ident, $byte:ty, $cell:ident) => {
        pub use $module::$name;

        mod $module {
            use std::sync::Arc;
            use std::sync::atomic::AtomicBool;

            use memtalk_ring::order::Site;
            use memtalk_ring::{Atomics, CompareExchange, Wait, Watched};
            use $checker::sync::atomic::{AtomicU32, Ordering, fence};
            use $checker::sync::Mutex;
            use $checker::thread;

            use super::Backend;
            use crate::weaken::ordering;

            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            /// An atomic word with its modelled futex.
            pub struct Word {
                value: AtomicU32,
                sleepers: Mutex<Vec<Sleeper>>,
                /// Threads that have loaded the word.
                readers: std::sync::Mutex<Vec<thread::ThreadId>>,
                /// What makes the checker try every order of accesses, if threads may
                /// store the word that have loaded it.
                neighbour: Option<AtomicU32>,
            }

            impl Word {
                fn new(neighbour: Option<AtomicU32>) -> Self {
                    Self {
                        value: AtomicU32::new(0),
                        sleepers: Mutex::new(Vec::new()),
                        readers: std::sync::Mutex::default(),
                        neighbour,
                    }
                }

                fn before_load(&self) {
                    match &self.neighbour {
                        Some(neighbour) => drop(neighbour.fetch_add(1, Ordering::Relaxed)),
                        None => self.readers.lock().unwrap().push(thread::current().id()),
                    }
                }

                fn before_store(&self, what: &str) {
                    if let Some(neighbour) = &self.neighbour {
                        neighbour.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    let readers = self.readers.lock().unwrap();
                    assert!(
                        !readers.contains(&thread::current().id()),
                        "{what} stores a word that this thread has loaded: the checker misses executions",
                    );
                }
            }

            /// A thread that sleeps on a word.
            struct Sleeper {
                thread: thread::Thread,
                /// Seen by the checker's one thread at a time: nothing to check.
                woken: Arc<AtomicBool>,
            }

            // SAFETY: one thread runs at a time, whatever the orderings; what would be a
            // data race elsewhere, loom reports.
            unsafe impl Atomics for $name {
                type Word = Word;
                type Byte = $byte;

                fn load<S: Site>(word: &Word) -> u32 {
                    if S::ROW.name == "MournLoad" {
                        let _ = ordering::<S>();
                        return super::settled::$checker(&word.value);
                    }
                    if std::thread::panicking() {
                        return 0;
                    }
                    word.before_load();
                    word.value.load(ordering::<S>().expect("only fences are left out"))
                }

                fn store<S: Site>(word: &Word, value: u32) {
                    // An end that a failure drops: the checker has seen enough.
                    if std::thread::panicking() {
                        return;
                    }
                    word.before_store(S::ROW.name);
                    word.value.store(value, ordering::<S>().expect("only fences are left out"));
                }

                fn fence<S: Site>() {
                    if let Some(ordering) = ordering::<S>()
                        && !std::thread::panicking()
                    {
                        if ordering == Ordering::SeqCst {
                            super::before_fence::$checker();
                        }
                        fence(ordering);
                    }
                }

                unsafe fn write(to: *const $byte, bytes: &[u8]) {
                    for (i, byte) in bytes.iter().enumerate() {
                        // SAFETY: valid for that many bytes, by contract.
                        let cell = unsafe { &*to.add(i) };
                        super::cell::$cell::set(cell, *byte);
                    }
                }

                unsafe fn read(from: *const $byte, bytes: &mut [u8]) {
                    for (i, byte) in bytes.iter_mut().enumerate() {
                        // SAFETY: valid for that many bytes, by contract.
                        let cell = unsafe { &*from.add(i) };
                        *byte = super::cell::$cell::get(cell);
                    }
                }
            }

            // SAFETY: as above.
            unsafe impl CompareExchange for $name {
                fn compare_exchange<S: Site>(word: &Word, old: u32, new: u32) {
                    assert!(word.neighbour.is_some(), "{} loads and stores", S::ROW.name);
                    word.before_store(S::ROW.name);
                    let ordering = ordering::<S>().expect("only fences are left out");
                    let _ = word.value.compare_exchange(old, new, ordering, Ordering::Relaxed);
                }
            }

            impl Backend for $name {
                type Futex = Futex;

                fn give_way() {
                    thread::yield_now();
                }

                fn word() -> Word {
                    Word::new(None)
                }

                fn word_of_many() -> Word {
                    Word::new(Some(AtomicU32::new(0)))
                }

                fn get(word: &Word) -> u32 {
                    word.before_load();
                    word.value.load(Ordering::Relaxed)
                }

                fn set(word: &Word, value: u32) {
                    word.before_store("a model");
                    word.value.store(value, Ordering::Relaxed);
                }

                fn byte() -> $byte {
                    <$byte>::new(0)
                }

                fn both<T: Send + 'static, U: Send + 'static>(
                    one: impl FnOnce() -> T + Send + 'static,
                    other: impl FnOnce() -> U + Send + 'static,
                ) -> (T, U) {
                    let one = thread::spawn(one);
                    let other = other();
                    (one.join().unwrap(), other)
                }
            }

            /// The modelled futex; it sleeps at once.
            #[derive(Clone, Copy, Debug, Default)]
            pub struct Futex;

            impl Wait<$name> for Futex {
                const SLEEPS: bool = true;

                fn pause(&mut self, _looks: u32) -> bool {
                    false
                }

                fn sleep(&mut self, word: Watched<'_, $name>, seen: u32) {
                    // SAFETY: its value is only loaded.
                    let word = unsafe { word.word() };
                    let mut sleepers = word.sleepers.lock().unwrap();
                    if word.value.load(Ordering::Relaxed) == seen {
                        let sleeper = Sleeper {
                            thread: thread::current(),
                            woken: Arc::default(),
                        };
                        let woken = Arc::clone(&sleeper.woken);
                        sleepers.push(sleeper);
                        drop(sleepers);
                        // A checker may let a parked thread go on for no reason.
                        while !woken.load(Ordering::Relaxed) {
                            thread::park();
                        }
                    }
                }

                fn wake(&self, word: Watched<'_, $name>) {
                    // SAFETY: its value stays as it is.
                    let word = unsafe { word.word() };
                    for sleeper in word.sleepers.lock().unwrap().drain(..) {
                        sleeper.woken.store(true, Ordering::Relaxed);
                        sleeper.thread.unpark();
                    }
                }
            }
        }
    };
}

/// How each checker's slab bytes are reached.
#[cfg(any(feature = "loom", feature = "shuttle"))]
mod cell {
    #[cfg(feature = "loom")]
    pub(super) mod watched {
        use loom::cell::UnsafeCell;

        pub(in super::super) fn set(cell: &UnsafeCell<u8>, byte: u8) {
            // SAFETY: loom fails the model if anybody else has access.
            cell.with_mut(|p| unsafe { *p = byte });
        }

        pub(in super::super) fn get(cell: &UnsafeCell<u8>) -> u8 {
            // SAFETY: loom fails the model if anybody writes meanwhile.
            cell.with(|p| unsafe { *p })
        }
    }

    #[cfg(feature = "loom")]
    pub(super) mod racing {
        use loom::sync::atomic::{AtomicU8, Ordering};

        pub(in super::super) fn set(cell: &AtomicU8, byte: u8) {
            cell.store(byte, Ordering::Relaxed);
        }

        pub(in super::super) fn get(cell: &AtomicU8) -> u8 {
            cell.load(Ordering::Relaxed)
        }
    }

    #[cfg(feature = "shuttle")]
    pub(super) mod plain {
        use std::cell::UnsafeCell;

        pub(in super::super) fn set(cell: &UnsafeCell<u8>, byte: u8) {
            // SAFETY: shuttle runs one thread at a time.
            unsafe { *cell.get() = byte };
        }

        pub(in super::super) fn get(cell: &UnsafeCell<u8>) -> u8 {
            // SAFETY: as above.
            unsafe { *cell.get() }
        }
    }
}

/// Loads of a word whose writer is gone.
#[cfg(any(feature = "loom", feature = "shuttle"))]
mod settled {
    #[cfg(feature = "loom")]
    pub(super) fn loom(word: &loom::sync::atomic::AtomicU32) -> u32 {
        // SAFETY: loom fails the model if a store is not ordered before this.
        unsafe { word.unsync_load() }
    }

    #[cfg(feature = "shuttle")]
    pub(super) fn shuttle(word: &shuttle::sync::atomic::AtomicU32) -> u32 {
        word.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A waiting that is broken: it sleeps as it should, and wakes nobody. To see
/// that the checkers notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct WakesNobody<W>(W);

impl<A: Atomics, W: Wait<A>> Wait<A> for WakesNobody<W> {
    const SLEEPS: bool = W::SLEEPS;

    fn pause(&mut self, looks: u32) -> bool {
        self.0.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        self.0.sleep(word, seen);
    }

    fn wake(&self, _word: Watched<'_, A>) {}
}

/// Counts how often somebody is woken.
#[derive(Clone, Debug, Default)]
pub struct Counted<W> {
    wait: W,
    /// No word of the checker's: counting orders nothing.
    wakes: Arc<AtomicU32>,
}

impl<W> Counted<W> {
    /// How often somebody was woken so far.
    #[must_use]
    pub fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::Relaxed)
    }
}

impl<A: Atomics, W: Wait<A>> Wait<A> for Counted<W> {
    const SLEEPS: bool = W::SLEEPS;

    fn pause(&mut self, looks: u32) -> bool {
        self.wait.pause(looks)
    }

    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        self.wait.sleep(word, seen);
    }

    fn wake(&self, word: Watched<'_, A>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.wait.wake(word);
    }
}

/// What each checker needs before a SeqCst fence.
#[cfg(any(feature = "loom", feature = "shuttle"))]
mod before_fence {
    #[cfg(feature = "loom")]
    pub(super) fn loom() {
        use loom::sync::atomic::{AtomicU32, Ordering};
        loom::lazy_static! {
            static ref BRANCH: AtomicU32 = AtomicU32::new(0);
        }
        BRANCH.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "shuttle")]
    pub(super) fn shuttle() {}
}

#[cfg(feature = "loom")]
backend! {
    /// Every execution that the C11 memory model allows, with loom.
    on_loom, Loom, loom, loom::cell::UnsafeCell<u8>, watched
}

#[cfg(feature = "loom")]
backend! {
    /// The same, with slab bytes that may be read while they are written, and are seen to
    /// be anything then that a relaxed load could find: for a process whose page is
    /// initialised again.
    on_loom_racing, LoomRacing, loom, loom::sync::atomic::AtomicU8, racing
}

#[cfg(feature = "shuttle")]
backend! {
    /// Random schedules of sequentially consistent executions, with shuttle.
    on_shuttle, Shuttle, shuttle, std::cell::UnsafeCell<u8>, plain
}
