//! The checks of `memtalk-ring`.
//!
//! - [`backend`]: what a checker provides, and rings and pages of its cells. The
//!   code that is checked is the ring's own, generic over
//!   [`Atomics`](memtalk_ring::Atomics).
//! - [`weaken`]: makes one memory ordering weaker. A model must then fail.
//! - [`models`]: what the two ends do under a checker, written once for all.
//! - [`lifecycle`]: sitting down, waiting and getting up, searched over every
//!   interleaving, crash and failing call of three processes.
//! - [`rc11`]: the memory model by plain enumeration, to check loom against.
//! - [`hostile`]: a peer that writes what a fuzzer tells it to, and what is promised
//!   all the same.
//! - [`bound`]: a time limit for each test program, so that none hangs.
//! - [`oracle`]: what a ring should do, written so simply that it is right.
//!
//! The tests in `tests/` use them. `cargo test` runs the property tests. `cargo test
//! --features loom` and `cargo test --features shuttle` run the model checkers.

pub mod backend;
#[path = "../../memtalk-ring/tests/common/bound.rs"]
pub mod bound;
pub mod hostile;
pub mod lifecycle;
pub mod models;
pub mod oracle;
pub mod rc11;
pub mod weaken;

/// Whether the environment variable `UNCOUNTED` is set. Then the number of executions or
/// states of a search may differ from the stated one. `make every-mutant` sets it: a
/// changed number refutes no mutant, only a property that no longer holds does.
#[must_use]
pub fn uncounted() -> bool {
    std::env::var_os("UNCOUNTED").is_some()
}
