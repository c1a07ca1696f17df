//! What a checker provides to the code that it checks.
//!
//! - The trait [`Backend`], with a file for each checker: `loom`, `shuttle`, and `native`
//!   for real threads. What loom and shuttle have in common is in `checked`, their futex
//!   in `futex`.
//! - Memory of a checker's cells: a [`ring()`] and a [`page()`].
//! - Ways to wait that the models need: [`WakesNobody`], [`Counted`].

#[cfg(any(feature = "loom", feature = "shuttle"))]
mod checked;
mod checker;
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

pub use self::checker::{Backend, Bridging};
#[cfg(feature = "loom")]
pub use self::loom::{Loom, LoomRacing};
pub use self::page::{SharedPage, page};
pub use self::ring::{Shared, ring};
#[cfg(feature = "shuttle")]
pub use self::shuttle::Shuttle;
pub use self::wait::{Counted, WakesNobody};
