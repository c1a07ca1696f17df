//! The ring under shuttle: long streams, many random schedules.
//!
//! `cargo test --features shuttle`. shuttle runs sequentially consistent
//! executions only: it finds what goes wrong in the protocol over a long run,
//! and leaves memory orderings to loom. A failing schedule is printed, and
//! `shuttle::replay` runs it again.

use shuttle::rand::{Rng, thread_rng};
use shuttle::{check_pct, check_random};
use verification::backend::Shuttle;
use verification::models;

const RUNS: usize = 20_000;

/// Runs a model with PCT at depth 3, which finds every bug that takes at most
/// three ordered scheduling choices with a known probability, and at random.
fn explore(model: fn()) {
    check_pct(model, RUNS, 3);
    check_random(model, RUNS);
}

#[test]
fn streams_arrive() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..40);
        let total = thread_rng().gen_range(0..200);
        let piece = thread_rng().gen_range(1..50);
        models::stream::<Shuttle>(capacity, total, piece);
    });
}

#[test]
fn senders_give_up() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let total = thread_rng().gen_range(0..40);
        models::sender_gives_up::<Shuttle>(capacity, total);
    });
}

#[test]
fn receivers_give_up() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let taken = thread_rng().gen_range(0..40);
        models::receiver_gives_up::<Shuttle>(capacity, taken);
    });
}

#[test]
fn both_directions_go_at_once() {
    explore(|| models::both_ways::<Shuttle>(thread_rng().gen_range(1..4)));
}

#[test]
fn ends_that_never_wait_lose_nothing() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        models::try_without_waiting::<Shuttle>(capacity, 60);
    });
}
