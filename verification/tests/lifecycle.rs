//! Sitting down and getting up: every interleaving and every crash.

use verification::lifecycle::{BUGS, Search};

/// Three processes that start twice each.
const SEARCH: Search = Search {
    processes: 3,
    starts: 2,
    foreign: false,
    bug: None,
};

#[test]
fn three_processes_that_start_twice() {
    let began = std::time::Instant::now();
    let found = SEARCH.run().unwrap_or_else(|trace| panic!("{trace}"));
    println!("{found:?} in {:?}", began.elapsed());
}

#[test]
#[ignore = "takes a minute: `make verify` runs it"]
fn three_processes_that_start_three_times() {
    let began = std::time::Instant::now();
    let longer = Search {
        starts: 3,
        ..SEARCH
    };
    let found = longer.run().unwrap_or_else(|trace| panic!("{trace}"));
    println!("{found:?} in {:?}", began.elapsed());
}

#[test]
fn an_object_of_somebody_else_stays_as_it_is() {
    let foreign = Search {
        foreign: true,
        ..SEARCH
    };
    let found = foreign.run().unwrap_or_else(|trace| panic!("{trace}"));
    println!("{found:?}");
}

#[test]
fn every_seeded_bug_is_found() {
    for &bug in BUGS {
        let find = |&foreign: &bool| {
            let bug = Some(bug);
            Search {
                foreign,
                bug,
                ..SEARCH
            }
            .run()
            .err()
        };
        let trace = [false, true].iter().find_map(find);
        println!(
            "{bug:?}: {}",
            trace.unwrap_or_else(|| panic!("{bug:?} is not found"))
        );
    }
}
