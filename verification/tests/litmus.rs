//! The checker checked: the loom backend's outcomes of litmus programs, against RC11's.
//!
//! If RC11 allows an outcome that the backend misses, a proof would miss a bug, and the
//! test fails. If the backend has an outcome that RC11 does not allow, loom is stricter
//! than needed: it may fail a model that is right. Such outcomes are counted and printed.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use memtalk_ring::Atomics;
use memtalk_ring::order::Site;
use memtalk_ring::order::site::{Announce, AnnounceFence, Compare, LoadTail, PublishTail};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use verification::backend::{Backend, Loom};
use verification::rc11::{Op, Outcome, Program, outcomes};

// The accesses of the ring that are used here, and the orderings that they must have.
const _: () = {
    assert!(matches!(Compare::ROW.ordering, Relaxed));
    assert!(matches!(LoadTail::ROW.ordering, Acquire));
    assert!(matches!(Announce::ROW.ordering, Relaxed));
    assert!(matches!(PublishTail::ROW.ordering, Release));
    assert!(matches!(AnnounceFence::ROW.ordering, SeqCst));
};

/// Allows one search at a time. Two at once would wait for each other to map and unmap
/// stacks.
static SEARCHING: Mutex<()> = Mutex::new(());

/// Runs one thread's operations through the backend, as the ring does.
fn run(thread: &[Op], words: &[<Loom as Atomics>::Word]) -> Vec<u32> {
    let mut read = Vec::new();
    for &op in thread {
        match op {
            Op::Load(at, Relaxed) => read.push(Loom::load::<Compare>(&words[at])),
            Op::Load(at, _) => read.push(Loom::load::<LoadTail>(&words[at])),
            Op::Store(at, value, Relaxed) => Loom::store::<Announce>(&words[at], value),
            Op::Store(at, value, _) => Loom::store::<PublishTail>(&words[at], value),
            Op::Fence(SeqCst) => Loom::fence::<AnnounceFence>(),
            // The ring has no such fence. The backend would add nothing before it.
            Op::Fence(_) => loom::sync::atomic::fence(AcqRel),
        }
    }
    read
}

/// Makes one of the two kinds of words.
type Word = fn() -> <Loom as Atomics>::Word;

/// All outcomes that the loom backend produces, with words of this kind.
fn observed(program: &Program, word: Word) -> BTreeSet<Outcome> {
    let found = Arc::new(Mutex::new(BTreeSet::new()));
    let results = Arc::clone(&found);
    let program = program.clone();
    loom::model(move || {
        let words: Arc<Vec<_>> = Arc::new((0..3).map(|_| word()).collect());
        let start = |thread: &Vec<Op>| {
            let (thread, words) = (thread.clone(), Arc::clone(&words));
            loom::thread::spawn(move || run(&thread, &words))
        };
        let threads: Vec<_> = program.iter().map(start).collect();
        let outcome = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        results.lock().unwrap().insert(outcome.collect());
    });
    let found = found.lock().unwrap();
    found.clone()
}

/// The numbers of outcomes that the backend misses, and that it has beyond RC11.
fn compare(program: &Program, word: Word) -> (usize, usize) {
    let (allowed, observed) = (outcomes(program), observed(program, word));
    let missed = allowed.difference(&observed).collect::<Vec<_>>();
    if !missed.is_empty() {
        println!("{program:?} misses {missed:?}");
    }
    (missed.len(), observed.difference(&allowed).count())
}

/// A load, a store of 0 or a fence.
fn op() -> impl Strategy<Value = Op> {
    let at = 0..3_usize;
    prop_oneof![
        3 => (at.clone(), prop_oneof![Just(Relaxed), Just(Acquire)])
            .prop_map(|(at, ordering)| Op::Load(at, ordering)),
        3 => (at, prop_oneof![Just(Relaxed), Just(Release)])
            .prop_map(|(at, ordering)| Op::Store(at, 0, ordering)),
        2 => prop_oneof![2 => Just(SeqCst), 1 => Just(AcqRel)].prop_map(Op::Fence),
    ]
}

/// Programs of two threads, or up to `threads`. Every store has a value of its own.
fn program_of_many(threads: usize) -> impl Strategy<Value = Program> {
    let thread = prop::collection::vec(op(), 2..4);
    prop::collection::vec(thread, 2..=threads).prop_map(|mut program| {
        let stores = program.iter_mut().flatten().filter_map(|op| match op {
            Op::Store(_, value, _) => Some(value),
            _ => None,
        });
        for (number, value) in (1..).zip(stores) {
            *value = number;
        }
        program
    })
}

/// Programs of up to three threads in which, as in the ring, no thread loads a location
/// that it stores.
fn program() -> impl Strategy<Value = Program> {
    program_of_many(3).prop_map(|mut program| {
        for thread in &mut program {
            let stored: Vec<usize> = thread
                .iter()
                .filter_map(|op| match op {
                    Op::Store(at, ..) => Some(*at),
                    _ => None,
                })
                .collect();
            thread.retain(|op| !matches!(op, Op::Load(at, _) if stored.contains(at)));
        }
        program
    })
}

#[test]
fn random_programs_miss_nothing() {
    try_programs(program(), Loom::word);
}

#[test]
fn random_programs_of_words_of_many_miss_nothing() {
    try_programs(program_of_many(2), Loom::word_of_many);
}

fn try_programs(program: impl Strategy<Value = Program>, word: Word) {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let programs = std::env::var("PROGRAMS").ok();
    let programs = programs.map_or(300, |number| number.parse().unwrap());
    // The programs are the same each time.
    let mut runner = TestRunner::deterministic();
    let (mut missed, mut beyond) = (0, 0);
    for _ in 0..programs {
        let program = program.new_tree(&mut runner).unwrap().current();
        let (misses, more) = compare(&program, word);
        missed += misses;
        beyond += more;
    }
    println!("{programs} programs: {missed} outcomes missed, {beyond} beyond RC11");
    assert_eq!(missed, 0);
}

/// The ring's own shapes: a byte handed over with an index, and the wake-up (Dekker's
/// pattern).
#[test]
fn the_shapes_of_the_ring_miss_nothing() {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    const BYTE: usize = 0;
    const INDEX: usize = 1;
    const WANT: usize = 2;
    let message = |store, load| {
        vec![
            vec![Op::Store(BYTE, 1, Relaxed), Op::Store(INDEX, 1, store)],
            vec![Op::Load(INDEX, load), Op::Load(BYTE, Relaxed)],
        ]
    };
    let wake = |announce, publish| {
        vec![
            vec![
                Op::Store(WANT, 1, Relaxed),
                Op::Fence(announce),
                Op::Load(INDEX, Relaxed),
            ],
            vec![
                Op::Store(INDEX, 1, Release),
                Op::Fence(publish),
                Op::Load(WANT, Relaxed),
            ],
        ]
    };
    let programs = [
        message(Release, Acquire),
        message(Relaxed, Acquire),
        message(Release, Relaxed),
        wake(SeqCst, SeqCst),
        wake(AcqRel, SeqCst),
        wake(SeqCst, AcqRel),
    ];
    for program in programs {
        assert_eq!(compare(&program, Loom::word).0, 0, "{program:?}");
    }
    let asleep_for_ever = vec![0, 0];
    assert!(!observed(&wake(SeqCst, SeqCst), Loom::word).contains(&asleep_for_ever));
    assert!(observed(&wake(AcqRel, SeqCst), Loom::word).contains(&asleep_for_ever));
}
