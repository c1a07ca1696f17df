//! What the models need of a checker.

use memtalk::wait::bridge::Lock;
use memtalk_ring::{CompareExchange, Wait, Watched};

/// A checker, as the models need it.
pub trait Backend: CompareExchange<Word: Send + Sync, Byte: Send> {
    /// How a blocking end waits.
    type Futex: Wait<Self> + Clone + Default + Send + 'static;

    /// Runs `section`. Nobody else's section runs meanwhile.
    fn alone(section: &mut dyn FnMut());

    /// Lets other threads run before this one goes on.
    fn give_way();

    /// A word that holds 0. No thread that has loaded it may store it.
    fn word() -> Self::Word;

    /// A word that holds 0. Any thread may load it and store it.
    fn word_of_many() -> Self::Word {
        Self::word()
    }

    /// Loads a word for a model. The load is relaxed, and is no access of the ring's: it
    /// has no row in the table of accesses.
    fn get(word: &Self::Word) -> u32;

    /// Stores to a word for a model. Relaxed and without a row, as [`get`](Self::get) is.
    fn set(word: &Self::Word, value: u32);

    /// A slab byte that holds 0.
    fn byte() -> Self::Byte;

    /// Runs both functions at once, each in a thread of the checker's, and
    /// returns what they return.
    fn both<T: Send + 'static, U: Send + 'static>(
        one: impl FnOnce() -> T + Send + 'static,
        other: impl FnOnce() -> U + Send + 'static,
    ) -> (T, U);
}

/// A checker that can run a bridging thread.
pub trait Bridging: Backend {
    /// A lock of the checker's.
    type Lock<T: Send + 'static>: Lock<T> + Send + Sync + 'static;

    /// Sleeps until a wake-up for one of `words` if each still holds the value beside it.
    /// Otherwise returns at once.
    fn sleep_any<'a>(words: &[(Watched<'a, Self>, u32)]);
}
