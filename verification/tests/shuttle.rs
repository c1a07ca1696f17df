//! The ring under shuttle: long streams, many random schedules.
//!
//! `cargo test --features shuttle` runs it. shuttle runs sequentially consistent
//! executions only. It finds mistakes of the protocol that take a long run, and leaves
//! memory orderings to loom.
//!
//! Each test runs 40,000 schedules, or `2n` with the environment variable `SCHEDULES=n`.
//! `make verify` runs 2.6 million in all. A failing schedule is printed. To run it again,
//! write `shuttle::replay(model, "…")` in place of `explore(model)`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, Runner, check_pct, check_random, replay_from_file};
use verification::backend::{Backend, Shuttle, WakesNobody};
use verification::models::{self, Way, bridge, page, task};

/// The number of schedules of each of the two kinds.
fn schedules() -> usize {
    let number = std::env::var("SCHEDULES").ok();
    number.map_or(20_000, |number| {
        number.parse().expect("SCHEDULES is a number")
    })
}

/// Runs a model with PCT at depth 3, and at random. PCT finds every bug that takes at most
/// three ordered scheduling choices, with a known probability.
fn explore(model: fn()) {
    check_pct(model, schedules(), 3);
    check_random(model, schedules());
}

/// One of the two kinds of calls, at random.
fn way() -> Way {
    match thread_rng().gen_bool(0.5) {
        true => Way::Copied,
        false => Way::InPlace(thread_rng().gen_range(1..50)),
    }
}

#[test]
fn streams_arrive() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..40);
        let total = thread_rng().gen_range(0..200);
        let piece = thread_rng().gen_range(1..50);
        models::stream::<Shuttle>([way(), way()], capacity, total, piece);
    });
}

#[test]
fn senders_give_up() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let total = thread_rng().gen_range(0..40);
        models::sender_gives_up::<Shuttle>(way(), capacity, total);
    });
}

#[test]
fn receivers_give_up() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let taken = thread_rng().gen_range(0..40);
        models::receiver_gives_up::<Shuttle>(way(), capacity, taken);
    });
}

#[test]
fn both_directions_go_at_once() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..40);
        let totals = [(); 2].map(|()| thread_rng().gen_range(0..100));
        let piece = thread_rng().gen_range(1..50);
        models::both_ways_in_four_threads::<Shuttle>([way(), way()], capacity, totals, piece);
    });
}

#[test]
fn streams_arrive_between_processes() {
    explore(|| {
        let total = thread_rng().gen_range(0..200);
        let piece = thread_rng().gen_range(1..80);
        page::stream::<Shuttle>([way(), way()], total, piece);
    });
}

#[test]
fn streams_arrive_by_doorbell() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let total = thread_rng().gen_range(0..40);
        let piece = thread_rng().gen_range(1..12);
        let waits = models::doorbells();
        models::stream_with::<Shuttle, _>(waits, [way(), way()], capacity, total, piece);
    });
}

#[test]
fn streams_arrive_at_tasks() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        let total = thread_rng().gen_range(0..40);
        let piece = thread_rng().gen_range(1..12);
        task::stream::<Shuttle>(capacity, total, piece);
    });
}

#[test]
fn tasks_that_stop_waiting_lose_nothing() {
    explore(|| task::waiting_is_given_up::<Shuttle>(thread_rng().gen_bool(0.5)));
}

#[test]
fn streams_arrive_over_bridges() {
    explore(|| {
        let total = thread_rng().gen_range(0..300);
        let piece = thread_rng().gen_range(1..80);
        bridge::stream::<Shuttle>(total, piece);
    });
}

#[test]
fn tasks_at_a_bridge_that_stop_waiting_lose_nothing() {
    explore(bridge::waiting_is_given_up::<Shuttle>);
    explore(bridge::an_index_comes_round::<Shuttle>);
}

/// This is here, and not under loom, because loom lets a store come between the two halves
/// of a compare-and-exchange.
#[test]
fn a_process_that_leaves_late_marks_nothing() {
    explore(page::late_leaver_marks_nothing::<Shuttle>);
}

#[test]
fn long_streams_arrive() {
    // A hundredth of the schedules, each with thousands of bytes.
    let model = || {
        let capacity = thread_rng().gen_range(1..200);
        let total = thread_rng().gen_range(2000..5000);
        let piece = thread_rng().gen_range(1..250);
        models::stream::<Shuttle>([way(), way()], capacity, total, piece);
    };
    check_pct(model, schedules() / 100, 3);
    check_random(model, schedules() / 100);
}

#[test]
fn ends_that_never_wait_lose_nothing() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..10);
        models::try_without_waiting::<Shuttle>(way(), capacity, 60);
    });
}

#[test]
fn a_failing_schedule_can_be_replayed() {
    // Nobody is woken, so some schedules end with both ends asleep.
    type Broken = WakesNobody<<Shuttle as Backend>::Futex>;
    let model =
        || models::stream_with::<Shuttle, _>([Broken::default(); 2], [Way::Copied; 2], 2, 20, 3);

    let directory = env!("CARGO_TARGET_TMPDIR");
    let own = std::path::Path::new(directory).join(format!("schedule-{}", std::process::id()));
    std::fs::create_dir_all(&own).unwrap();
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::File(Some(own.clone()));
    let runner = Runner::new(RandomScheduler::new(schedules()), config);
    assert!(catch_unwind(AssertUnwindSafe(|| runner.run(model))).is_err());

    let schedule = std::fs::read_dir(&own)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for _ in 0..2 {
        let replay = AssertUnwindSafe(|| replay_from_file(model, &schedule));
        let panic = catch_unwind(replay).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("deadlock"), "{message}");
    }
    std::fs::remove_dir_all(&own).unwrap();
}
