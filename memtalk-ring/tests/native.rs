//! The fences of `Native` and `DeviceMemory` work as fences on this machine (a store-buffering
//! test).

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use memtalk_ring::order::site::{Announce, AnnounceFence, Compare};
use memtalk_ring::{Atomics, DeviceMemory, Native};

mod common;

const ROUNDS: u32 = 100_000;

/// A word on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// What one thread writes.
#[derive(Default)]
struct Written {
    round: Line,
    announced: Line,
}

/// In each round, announces the round and looks what the other thread has announced.
/// Returns what it saw.
fn announce_and_look<A: Atomics<Word = AtomicU32>>(mine: &Written, theirs: &Written) -> Vec<u32> {
    (1..=ROUNDS)
        .map(|round| {
            mine.round.0.store(round, Ordering::Release);
            // The two threads meet here, so that they run at once. On one processor they
            // take turns.
            for looks in 1_u32.. {
                if theirs.round.0.load(Ordering::Acquire) >= round {
                    break;
                }
                if looks.is_multiple_of(1000) {
                    thread::yield_now();
                }
            }
            A::store::<Announce>(&mine.announced.0, round);
            A::fence::<AnnounceFence>();
            A::load::<Compare>(&theirs.announced.0)
        })
        .collect()
}

/// Whoever announces last sees that the other has.
fn at_least_one_sees_the_other<A: Atomics<Word = AtomicU32>>() {
    common::bounded(|| {
        let [one, other] = [Written::default(), Written::default()];
        let seen = thread::scope(|scope| {
            let one_saw = scope.spawn(|| announce_and_look::<A>(&one, &other));
            let other_saw = announce_and_look::<A>(&other, &one);
            [one_saw.join().unwrap(), other_saw]
        });
        for (round, (one_saw, other_saw)) in (1..).zip(seen[0].iter().zip(&seen[1])) {
            assert!(*one_saw.max(other_saw) >= round, "in round {round}");
        }
    });
}

#[test]
fn at_least_one_of_two_that_announce_and_then_look_sees_the_other() {
    at_least_one_sees_the_other::<Native>();
}

#[test]
fn at_least_one_of_two_that_announce_in_a_devices_memory_sees_the_other() {
    at_least_one_sees_the_other::<DeviceMemory>();
}
