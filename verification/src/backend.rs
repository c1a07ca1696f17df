//! What a checker provides to the code that it checks.
//!
//! - The trait [`Backend`], with a file for each checker: `loom`, `shuttle`, and `native`
//!   for real threads. What loom and shuttle have in common is in `checked`, their futex
//!   in `futex`.
//! - Memory of a checker's cells: a [`ring()`] and a [`page()`].
//! - Ways to wait that the models need: [`WakesNobody`], [`Counted`].

#[cfg(any(feature = "loom", feature = "shuttle"))]
mod checked;
#[cfg(any(feature = "loom", feature = "shuttle"))]
mod futex;
#[cfg(feature = "loom")]
mod loom;
mod native;
mod page;
mod ring;
#[cfg(feature = "shuttle")]
mod shuttle;
mod wait;

use memtalk_ring::{CompareExchange, Wait};

#[cfg(feature = "loom")]
pub use self::loom::{Loom, LoomRacing};
pub use self::page::{SharedPage, page};
pub use self::ring::{Shared, ring};
#[cfg(feature = "shuttle")]
pub use self::shuttle::Shuttle;
pub use self::wait::{Counted, WakesNobody};

/// A checker, as the models need it.
pub trait Backend: CompareExchange<Word: Send + Sync, Byte: Send> {
    /// How a blocking end waits.
    type Futex: Wait<Self> + Clone + Default + Send + 'static;

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
