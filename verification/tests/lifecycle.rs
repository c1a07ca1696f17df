//! Sitting down and getting up: every interleaving and every crash.

use std::time::Instant;

use verification::lifecycle::{BUGS, Search};

/// Two processes and a machine that start twice each.
const WITH_MACHINE: Search = Search {
    processes: 2,
    machine_starts: 2,
    ..SEARCH
};

/// Three processes that start twice each.
const SEARCH: Search = Search {
    processes: 3,
    starts: 2,
    machine_starts: 0,
    foreign: false,
    users: false,
    removals: 0,
    tenant: false,
    lives_on: false,
    failures: 0,
    bug: None,
};

/// Three processes with different wishes, of two users.
const WITH_USERS: Search = Search {
    users: true,
    ..SEARCH
};

/// Two processes, and a stranger who removes the name.
const WITH_REMOVALS: Search = Search {
    processes: 2,
    removals: 2,
    ..SEARCH
};

/// Two processes that may live on, and calls that fail.
const WITH_FAILURES: Search = Search {
    processes: 2,
    lives_on: true,
    failures: 2,
    ..SEARCH
};

/// A tenant and another process, and a machine.
const WITH_TENANT: Search = Search {
    tenant: true,
    ..WITH_MACHINE
};

/// Searches all of it, and prints how much that was. Fewer states than `least`, about
/// a third of what it takes, are another search.
#[track_caller]
fn find_nothing(search: &Search, least: usize) {
    let began = Instant::now();
    let found = search.run().unwrap_or_else(|trace| panic!("{trace}"));
    println!("{found:?} in {:?}", began.elapsed());
    assert!(found.states >= least, "it searches something else now");
}

#[test]
fn three_processes_that_start_twice() {
    find_nothing(&SEARCH, 250_000);
}

#[test]
#[ignore = "takes a minute: `make verify` runs it"]
fn three_processes_that_start_three_times() {
    let search = Search {
        starts: 3,
        ..SEARCH
    };
    find_nothing(&search, 2_000_000);
}

#[test]
fn three_processes_of_two_users() {
    find_nothing(&WITH_USERS, 250_000);
}

#[test]
fn a_stranger_removes_the_name() {
    find_nothing(&WITH_REMOVALS, 15_000);
}

#[test]
#[ignore = "takes a minute: `make verify` runs it"]
fn a_stranger_removes_the_name_from_three() {
    let search = Search {
        processes: 3,
        ..WITH_REMOVALS
    };
    find_nothing(&search, 1_000_000);
}

#[test]
fn two_processes_and_a_machine_that_start_twice() {
    find_nothing(&WITH_MACHINE, 50_000);
}

#[test]
#[ignore = "takes a minute: `make verify` runs it"]
fn three_processes_and_a_machine() {
    let search = Search {
        starts: 1,
        machine_starts: 2,
        ..SEARCH
    };
    find_nothing(&search, 1_000_000);
}

#[test]
fn calls_fail() {
    find_nothing(&WITH_FAILURES, 10);
}

#[test]
fn calls_fail_three() {
    let search = Search {
        processes: 3,
        starts: 1,
        ..WITH_FAILURES
    };
    find_nothing(&search, 10);
}

#[test]
fn calls_fail_removals() {
    let search = Search {
        failures: 1,
        removals: 1,
        ..WITH_FAILURES
    };
    find_nothing(&search, 10);
}

#[test]
fn calls_fail_machine() {
    let search = Search {
        failures: 1,
        lives_on: true,
        ..WITH_MACHINE
    };
    find_nothing(&search, 10);
}

#[test]
fn calls_fail_users() {
    let search = Search {
        starts: 1,
        failures: 1,
        lives_on: true,
        ..WITH_USERS
    };
    find_nothing(&search, 10);
}

#[test]
fn a_tenant() {
    find_nothing(&WITH_TENANT, 10);
}

#[test]
fn a_tenant_fails() {
    let search = Search {
        failures: 1,
        ..WITH_TENANT
    };
    find_nothing(&search, 10);
}

#[test]
fn an_object_of_somebody_else_stays_as_it_is() {
    let foreign = Search {
        foreign: true,
        ..SEARCH
    };
    find_nothing(&foreign, 500);
}

#[test]
fn every_seeded_bug_is_found() {
    let foreign = Search {
        foreign: true,
        ..SEARCH
    };
    let users_once = Search {
        starts: 1,
        ..WITH_USERS
    };
    let machine_fails = Search {
        starts: 1,
        failures: 1,
        ..WITH_MACHINE
    };
    // The small ones first.
    let searches = [
        foreign,
        WITH_REMOVALS,
        WITH_FAILURES,
        users_once,
        machine_fails,
        WITH_TENANT,
        WITH_MACHINE,
        WITH_USERS,
        SEARCH,
    ];
    for &bug in BUGS {
        let began = Instant::now();
        let trace = searches
            .into_iter()
            .enumerate()
            .find_map(|(number, search)| {
                let bug = Some(bug);
                Search { bug, ..search }
                    .run()
                    .err()
                    .map(|trace| (number, trace))
            });
        let (number, trace) = trace.unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: search {number}, {:?}, {trace}", began.elapsed());
    }
}
