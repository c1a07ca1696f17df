//! Every step at which a process can die, on the real kernel.
//!
//! `make crash`. A build that counts its steps (system calls, and accesses to
//! words of the page) kills itself before the step that the test names. For
//! each such step, and for pairs of them in the two processes:
//! - everybody else ends, complete or with "the peer died";
//! - a status of 0 is true: both streams are complete at both ends;
//! - nobody gets a byte that its peer did not send, in that order;
//! - a fresh pair talks through the same name afterwards.
//!
//! `PAIRS=n` tries `n` pairs of steps, in place of 200.

mod support;

use std::process::Stdio;

use support::{Finished, Object, Side, eventually, noise};

const KILL: i32 = 9;

/// More than a ring holds, so that senders have to wait.
const STREAM: usize = 6000;

/// Processes that a death can make necessary until nobody waits for a peer.
const MOST: usize = 6;

/// Which of the two that start dies, and before which of its steps.
type Deaths = [Option<u32>; 2];

/// The stream that the process with this number sends.
fn stream(number: usize) -> Vec<u8> {
    noise(STREAM, number as u64)
}

fn start(object: &Object, number: usize, death: Option<u32>) -> Side {
    let mut command = object.memtalk();
    if let Some(step) = death {
        command.env("MEMTALK_CRASH_AT", step.to_string());
    }
    let mut side = Side::start(command.stdin(Stdio::piped()));
    side.write_in_background(stream(number));
    side
}

/// Lets two processes talk, of which some die, and then others come until nobody
/// is left. Returns how each of them ended.
fn talk(object: &Object, deaths: Deaths) -> Vec<Finished> {
    let mut sides = vec![start(object, 0, deaths[0])];
    eventually("the first sits down or dies", || {
        object.is_initialised() || sides[0].has_ended()
    });
    sides.push(start(object, 1, deaths[1]));
    loop {
        let mut alone = false;
        let what = format!("all end, or one waits for a peer, after {deaths:?}");
        eventually(&what, || {
            let left = sides.iter_mut().map(|side| usize::from(!side.has_ended()));
            match left.sum() {
                0 => true,
                1 => {
                    alone = nobody_has_joined(object);
                    alone
                }
                _ => false,
            }
        });
        if !alone {
            break;
        }
        assert!(sides.len() < MOST, "nobody finds a peer: {deaths:?}");
        sides.push(start(object, sides.len(), None));
    }
    sides.into_iter().map(Side::finish).collect()
}

/// Whether the object is a page whose second seat was never taken.
fn nobody_has_joined(object: &Object) -> bool {
    let page = std::fs::read(object.path()).unwrap_or_default();
    object.is_initialised() && page.get(68..72) == Some(&[0; 4])
}

/// Checks what must hold after any deaths. Returns which of the two died.
fn check(deaths: Deaths) -> [bool; 2] {
    let object = Object::new();
    let ends = talk(&object, deaths);
    for (i, end) in ends.iter().enumerate() {
        let died = end.signal == Some(KILL) && deaths.get(i).is_some_and(Option::is_some);
        let complete = |j: usize| j != i && end.stdout == stream(j) && ends[j].stdout == stream(i);
        let begun = |j: usize| j != i && stream(j).starts_with(&end.stdout);
        let right = match end.code {
            Some(0) => (0..ends.len()).any(complete) && end.stderr.is_empty(),
            Some(4) => (0..ends.len()).any(begun) && end.stderr.contains("the peer died"),
            _ => died && (0..ends.len()).any(begun),
        };
        assert!(right, "{deaths:?}: process {i} is wrong in {ends:?}");
    }
    object.assert_usable();
    [0, 1].map(|i| ends[i].signal.is_some())
}

/// Lets one of the two die at each of its steps. Returns how many it has.
fn every_step_of(which: usize) -> u32 {
    // Threads take turns as they like, so the number of steps varies a little.
    const SPARE: u32 = 20;
    let mut last = 0;
    let mut step = 0;
    while step < last + SPARE {
        step += 1;
        let mut deaths = [None; 2];
        deaths[which] = Some(step);
        if check(deaths)[which] {
            last = step;
        }
    }
    last
}

#[test]
fn a_death_at_any_step_and_at_pairs_of_steps() {
    let steps = [0, 1].map(every_step_of);
    let [first, second] = steps;
    println!("died at each of {first} steps of the first, {second} of the second");

    let pairs = std::env::var("PAIRS").ok();
    let pairs: u32 = pairs.map_or(200, |pairs| pairs.parse().expect("PAIRS is a number"));
    let mut both = 0;
    for pair in noise(8 * pairs as usize, 0).chunks_exact(8) {
        let (one, other) = pair.split_at(4);
        let step = |bytes: &[u8], steps| {
            1 + u32::from_le_bytes(bytes.try_into().expect("four bytes")) % steps
        };
        let died = check([Some(step(one, first)), Some(step(other, second))]);
        both += u32::from(died == [true, true]);
    }
    println!("{pairs} pairs of steps; both died in {both}");
}
