//! The modelled futex of loom and shuttle.
//!
//! Each word carries a mutex around a list of sleepers. Sleeping compares the word and
//! joins the list, both under the mutex. Waking empties the list under the mutex. That is
//! what the kernel promises. A lost wake-up shows as a deadlock.

/// The futex of the backend `$name` on `$checker`, for words with the fields `value` and
/// `sleepers`.
macro_rules! futex {
    ($name:ident, $checker:ident) => {
        /// A thread that sleeps on a word.
        struct Sleeper {
            thread: thread::Thread,
            /// Not a word of the checker's: it runs one thread at a time, so there is
            /// nothing to check.
            woken: Arc<AtomicBool>,
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
                // SAFETY: the word's value stays as it is.
                let word = unsafe { word.word() };
                for sleeper in word.sleepers.lock().unwrap().drain(..) {
                    sleeper.woken.store(true, Ordering::Relaxed);
                    sleeper.thread.unpark();
                }
            }
        }
    };
}

pub(super) use futex;
