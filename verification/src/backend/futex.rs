//! The modelled futex of loom and shuttle.
//!
//! Each word carries a mutex around a list of sleepers. Sleeping compares the word and
//! joins the list, both under the mutex. Waking empties the list under the mutex. That is
//! what the kernel promises. A lost wake-up shows as a deadlock.

/// The futex of the backend `$name` on `$checker`, for words with the fields `value` and
/// `sleepers`. A sleeper of several words joins the list of one after the other, and leaves
/// them all if a word has changed, or once it is woken: as `futex_waitv(2)` does.
macro_rules! futex {
    ($name:ident, $checker:ident) => {
        /// A thread that sleeps on a word.
        struct Sleeper {
            thread: thread::Thread,
            /// Not a word of the checker's: it runs one thread at a time, so there is
            /// nothing to check.
            woken: Arc<AtomicBool>,
        }

        impl Sleeper {
            fn new() -> Self {
                Self {
                    thread: thread::current(),
                    woken: Arc::default(),
                }
            }
        }

        /// The modelled futex. It never looks again before it sleeps.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Futex;

        impl Wait<$name> for Futex {
            const SLEEPS: bool = true;

            fn pause(&mut self, _looks: u32) -> bool {
                false
            }

            fn sleep(&mut self, word: Watched<'_, $name>, seen: u32) {
                // SAFETY: the word's value is only loaded.
                let word = unsafe { word.word() };
                let mut sleepers = word.sleepers.lock().unwrap();
                if word.value.load(Ordering::Relaxed) == seen {
                    let sleeper = Sleeper::new();
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
                // SAFETY: the word's value stays as it is.
                let word = unsafe { word.word() };
                for sleeper in word.sleepers.lock().unwrap().drain(..) {
                    sleeper.woken.store(true, Ordering::Relaxed);
                    sleeper.thread.unpark();
                }
            }
        }

        /// A lock of the checker's.
        pub struct Locked<T>(Mutex<T>);

        impl<T> Lock<T> for Locked<T> {
            fn new(value: T) -> Self {
                Self(Mutex::new(value))
            }

            fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
                section(&mut self.0.lock().unwrap())
            }
        }

        impl Bridging for $name {
            type Lock<T: Send + 'static> = Locked<T>;

            fn sleep_any<'a>(words: &[(Watched<'a, $name>, u32)]) {
                let woken = Sleeper::new().woken;
                let word = |(word, seen): &(Watched<'a, $name>, u32)| -> (&'a Word, u32) {
                    // SAFETY: the word's value is only loaded.
                    (unsafe { word.word() }, *seen)
                };
                let words: Vec<_> = words.iter().map(word).collect();
                let leave = |joined: &[(&Word, u32)]| {
                    for (word, _) in joined {
                        let mut sleepers = word.sleepers.lock().unwrap();
                        sleepers.retain(|sleeper| !Arc::ptr_eq(&sleeper.woken, &woken));
                    }
                };
                for (at, (word, seen)) in words.iter().enumerate() {
                    let mut sleepers = word.sleepers.lock().unwrap();
                    if word.value.load(Ordering::Relaxed) != *seen {
                        drop(sleepers);
                        return leave(&words[..at]);
                    }
                    sleepers.push(Sleeper {
                        woken: Arc::clone(&woken),
                        ..Sleeper::new()
                    });
                }
                while !woken.load(Ordering::Relaxed) {
                    thread::park();
                }
                leave(&words);
            }
        }
    };
}

pub(super) use futex;
