//! Sitting down, waiting, watching and getting up: in every interleaving, with a crash at any
//! moment, and with calls that fail.

use std::time::Instant;

use verification::lifecycle::{BUGS, Bug, Part, Search};
use verification::uncounted;

/// Three processes that start twice each.
const SEARCH: Search = Search {
    processes: 3,
    starts: 2,
    machine_starts: 0,
    foreign: false,
    users: false,
    removals: 0,
    tenant: false,
    parts: [Part::None; 3],
    unnamed: false,
    fixed: false,
    lives_on: false,
    onlooker: false,
    signals: 0,
    failures: 0,
    bug: None,
};

/// Two processes and a machine that start twice each.
const WITH_MACHINE: Search = Search {
    processes: 2,
    machine_starts: 2,
    ..SEARCH
};

/// Three processes that start twice each, in memory of the user's own.
const FIXED: Search = Search {
    fixed: true,
    ..SEARCH
};

/// Two processes and a machine, in memory of the user's own.
const FIXED_WITH_MACHINE: Search = Search {
    starts: 1,
    fixed: true,
    ..WITH_MACHINE
};

/// Two processes, one of them a tenant, and a machine that start twice each.
const WITH_TENANT: Search = Search {
    tenant: true,
    ..WITH_MACHINE
};

/// Three processes of two users, which differ in whom they talk with.
const WITH_USERS: Search = Search {
    users: true,
    ..SEARCH
};

/// Two processes, and a stranger that removes the name twice.
const WITH_REMOVALS: Search = Search {
    processes: 2,
    removals: 2,
    lives_on: true,
    ..SEARCH
};

/// Two processes, and two calls that fail.
const WITH_FAILURES: Search = Search {
    processes: 2,
    lives_on: true,
    failures: 2,
    ..SEARCH
};

/// Two processes, two signals, and a stranger that removes the name twice.
const WITH_SIGNALS: Search = Search {
    signals: 2,
    ..WITH_REMOVALS
};

/// A service, a client, and one who is neither.
const WITH_SERVICE: Search = Search {
    parts: [Part::Service, Part::Client, Part::None],
    ..SEARCH
};

/// One process that makes objects without a name, and two that are given them.
const WITHOUT_NAME: Search = Search {
    unnamed: true,
    ..SEARCH
};

/// Two processes, a machine that starts twice, and an onlooker.
const WITH_ONLOOKER: Search = Search {
    starts: 1,
    machine_starts: 1,
    onlooker: true,
    ..WITH_MACHINE
};

/// Searches all states, and prints how many there were. `least` is about a third of that:
/// with fewer states, something else was searched.
#[track_caller]
fn find_nothing(search: &Search, least: usize) {
    let began = Instant::now();
    let found = search.run().unwrap_or_else(|trace| panic!("{trace}"));
    println!("{found:?} in {:?}", began.elapsed());
    assert!(
        found.states >= least || uncounted(),
        "fewer than {least} states: something else was searched"
    );
}

#[test]
fn three_processes_that_start_twice() {
    find_nothing(&SEARCH, 940_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn three_processes_that_start_three_times() {
    let search = Search {
        starts: 3,
        ..SEARCH
    };
    find_nothing(&search, 5_100_000);
}

#[test]
fn three_processes_of_two_users() {
    let search = Search {
        starts: 1,
        ..WITH_USERS
    };
    find_nothing(&search, 36_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn three_processes_of_two_users_that_start_twice() {
    find_nothing(&WITH_USERS, 1_800_000);
}

#[test]
fn a_stranger_removes_the_name() {
    find_nothing(&WITH_REMOVALS, 26_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn a_stranger_removes_the_name_from_three() {
    let search = Search {
        processes: 3,
        removals: 1,
        lives_on: false,
        ..WITH_REMOVALS
    };
    find_nothing(&search, 3_900_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn two_processes_and_a_machine_that_start_twice() {
    find_nothing(&WITH_MACHINE, 930_000);
}

#[test]
fn three_processes_in_memory_of_the_users_own() {
    find_nothing(&FIXED, 8_800);
}

#[test]
fn two_processes_and_a_machine_in_memory_of_the_users_own() {
    find_nothing(&FIXED_WITH_MACHINE, 3_900);
}

#[test]
fn two_processes_and_a_machine() {
    let search = Search {
        starts: 1,
        ..WITH_MACHINE
    };
    find_nothing(&search, 49_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn three_processes_and_a_machine() {
    let search = Search {
        starts: 1,
        machine_starts: 2,
        ..SEARCH
    };
    find_nothing(&search, 2_200_000);
}

#[test]
fn a_tenant_another_process_and_a_machine() {
    find_nothing(&WITH_TENANT, 230_000);
}

#[test]
fn an_object_of_somebody_else_stays_as_it_is() {
    let foreign = Search {
        foreign: true,
        ..SEARCH
    };
    find_nothing(&foreign, 100);
}

#[test]
fn signals_come() {
    find_nothing(&WITH_SIGNALS, 270_000);
}

#[test]
fn signals_come_beside_a_machine() {
    let search = Search {
        starts: 1,
        signals: 1,
        ..WITH_MACHINE
    };
    find_nothing(&search, 160_000);
}

#[test]
fn a_service_a_client_and_one_who_is_neither() {
    let search = Search {
        starts: 1,
        ..WITH_SERVICE
    };
    find_nothing(&search, 28_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn a_service_a_client_and_one_who_is_neither_that_start_twice() {
    find_nothing(&WITH_SERVICE, 3_700_000);
}

#[test]
fn a_service_and_two_clients() {
    let search = Search {
        parts: [Part::Service, Part::Client, Part::Client],
        ..SEARCH
    };
    find_nothing(&search, 160_000);
}

#[test]
fn calls_of_a_service_with_two_objects_and_of_a_client_fail() {
    let search = Search {
        processes: 3,
        starts: 1,
        parts: [Part::Service, Part::Service, Part::Client],
        failures: 1,
        ..WITH_FAILURES
    };
    find_nothing(&search, 90_000);
}

#[test]
fn an_object_without_a_name_is_given_to_two() {
    find_nothing(&WITHOUT_NAME, 19_000);
}

#[test]
fn calls_fail_where_there_is_no_name() {
    let search = Search {
        unnamed: true,
        ..WITH_FAILURES
    };
    find_nothing(&search, 4_200);
}

#[test]
fn somebody_looks() {
    let search = Search {
        processes: 2,
        onlooker: true,
        ..SEARCH
    };
    find_nothing(&search, 77_000);
}

#[test]
fn somebody_looks_beside_a_machine() {
    find_nothing(&WITH_ONLOOKER, 88_000);
}

#[test]
fn calls_fail() {
    find_nothing(&WITH_FAILURES, 22_000);
}

#[test]
fn calls_of_three_processes_fail() {
    let search = Search {
        processes: 3,
        starts: 1,
        ..WITH_FAILURES
    };
    find_nothing(&search, 85_000);
}

#[test]
#[ignore = "takes minutes: `make verify` runs it"]
fn calls_of_three_processes_that_start_twice_fail() {
    let search = Search {
        failures: 1,
        ..SEARCH
    };
    find_nothing(&search, 3_100_000);
}

#[test]
fn calls_fail_where_a_stranger_removes_the_name() {
    let search = Search {
        failures: 1,
        ..WITH_REMOVALS
    };
    find_nothing(&search, 74_000);
}

#[test]
fn calls_fail_beside_a_machine() {
    let search = Search {
        starts: 1,
        lives_on: true,
        failures: 1,
        ..WITH_MACHINE
    };
    find_nothing(&search, 120_000);
}

#[test]
fn calls_fail_beside_a_tenant() {
    let search = Search {
        starts: 1,
        lives_on: true,
        failures: 1,
        ..WITH_TENANT
    };
    find_nothing(&search, 43_000);
}

#[test]
fn calls_of_two_users_fail() {
    let search = Search {
        starts: 1,
        lives_on: true,
        failures: 1,
        ..WITH_USERS
    };
    find_nothing(&search, 130_000);
}

#[test]
fn every_seeded_bug_is_found() {
    let foreign = Search {
        foreign: true,
        ..SEARCH
    };
    let users = Search {
        starts: 1,
        ..WITH_USERS
    };
    let machine = Search {
        starts: 1,
        failures: 1,
        ..WITH_MACHINE
    };
    // The small ones first.
    let searches = [
        foreign,
        WITH_REMOVALS,
        WITH_FAILURES,
        users,
        machine,
        FIXED_WITH_MACHINE,
        WITH_TENANT,
        WITH_SIGNALS,
        Search {
            starts: 1,
            ..WITH_SERVICE
        },
        WITHOUT_NAME,
        WITH_ONLOOKER,
    ];
    for &bug in BUGS {
        // The others would search everything for a mistake that nobody can make there.
        let by_onlooker = matches!(bug, Bug::OnlookerStays | Bug::OnlookerLocks);
        let mut searches = searches
            .into_iter()
            .filter(|search| search.onlooker == by_onlooker);
        let trace = searches.find_map(|search| {
            let bug = Some(bug);
            Search { bug, ..search }.run().err()
        });
        println!(
            "{bug:?}: {}",
            trace.unwrap_or_else(|| panic!("{bug:?} is not found"))
        );
    }
}
