//! The checks of `memtalk-ring`.
//!
//! - [`backend`]: what a checker provides, and rings built from its cells. The
//!   code that is checked is the ring's own, generic over
//!   [`Atomics`](memtalk_ring::Atomics).
//! - [`weaken`]: runs a model with one memory ordering made weaker, which a model
//!   must then refute.
//! - [`models`]: what the two ends do under a checker, written once for all.
//! - [`lifecycle`]: sitting down, waiting and getting up, searched over every
//!   interleaving, crash and failing call of three processes.
//! - [`rc11`]: the memory model by plain enumeration, to check loom against.
//! - [`hostile`]: a peer that writes whatever a fuzzer likes, and what is promised
//!   all the same.
//! - [`bound`]: no test program hangs.
//! - [`oracle`]: what a ring should do, as a queue that nobody could get wrong.
//!
//! The tests in `tests/` put them together: `cargo test` runs the property
//! tests, `cargo test --features loom` and `cargo test --features shuttle` the
//! model checkers.

pub mod backend;
#[path = "../../memtalk-ring/tests/common/bound.rs"]
pub mod bound;
pub mod hostile;
pub mod lifecycle;
pub mod models;
pub mod oracle;
pub mod rc11;
pub mod weaken;

/// Whether the environment variable `UNCOUNTED` is set: then a search may take another
/// number of executions or states than it states. `make every-mutant` sets it, since a
/// changed count refutes nothing: only a property that no longer holds does.
#[must_use]
pub fn uncounted() -> bool {
    std::env::var_os("UNCOUNTED").is_some()
}
