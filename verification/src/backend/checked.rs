//! What the backends of loom and shuttle have in common: words, accesses, threads.

/// A slab byte of a checker's.
pub(super) trait Byte {
    fn zero() -> Self;
    fn set(&self, byte: u8);
    fn get(&self) -> u8;
}

/// A backend named `$name` on the checker `$checker`, with slab bytes of type `$byte`.
///
/// The file that uses it defines `load_settled`, which loads a word whose writer is gone,
/// and `before_seqcst_fence`.
macro_rules! backend {
    ($(#[$doc:meta])* $module:ident, $name:ident, $checker:ident, $byte:ty) => {
        pub use $module::$name;

        mod $module {
            use std::sync::Arc;
            use std::sync::atomic::AtomicBool;

            use memtalk::wait::bridge::Lock;
            use memtalk_ring::order::Site;
            use memtalk_ring::{Atomics, CompareExchange, Wait, Watched};
            use $checker::sync::atomic::{AtomicU32, Ordering, fence};
            use $checker::sync::Mutex;
            use $checker::thread;

            use crate::backend::checker::{Backend, Bridging};
            use crate::backend::checked::Byte;
            use crate::backend::futex::futex;
            use crate::weaken::ordering;

            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            futex!($name, $checker);

            /// An atomic word with its modelled futex.
            pub struct Word {
                value: AtomicU32,
                sleepers: Mutex<Vec<Sleeper>>,
                /// Threads that have loaded the word.
                readers: std::sync::Mutex<Vec<thread::ThreadId>>,
                /// Makes the checker try every order of accesses. Only a word that may be
                /// stored by a thread that has loaded it has a neighbour.
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

            // SAFETY: one thread runs at a time, whatever the orderings. loom reports what
            // would be a data race elsewhere.
            unsafe impl Atomics for $name {
                type Word = Word;
                type Byte = $byte;

                fn load<S: Site>(word: &Word) -> u32 {
                    if S::ROW.name == "MournLoad" {
                        let _ = ordering::<S>();
                        return super::load_settled(&word.value);
                    }
                    if std::thread::panicking() {
                        return 0;
                    }
                    word.before_load();
                    word.value.load(ordering::<S>().expect("only fences are left out"))
                }

                fn store<S: Site>(word: &Word, value: u32) {
                    // A failed model drops its ends. The checker has seen enough by then.
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
                            super::before_seqcst_fence();
                        }
                        fence(ordering);
                    }
                }

                unsafe fn write(to: *const $byte, bytes: &[u8]) {
                    for (i, byte) in bytes.iter().enumerate() {
                        // SAFETY: valid for that many bytes, by contract.
                        let cell = unsafe { &*to.add(i) };
                        Byte::set(cell, *byte);
                    }
                }

                unsafe fn read(from: *const $byte, bytes: &mut [u8]) {
                    for (i, byte) in bytes.iter_mut().enumerate() {
                        // SAFETY: valid for that many bytes, by contract.
                        let cell = unsafe { &*from.add(i) };
                        *byte = Byte::get(cell);
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

                fn alone(section: &mut dyn FnMut()) {
                    $checker::lazy_static! {
                        static ref ALONE: Mutex<()> = Mutex::new(());
                    }
                    let _one = ALONE.lock().unwrap();
                    section();
                }

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
                    Byte::zero()
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
        }
    };
}

pub(super) use backend;
