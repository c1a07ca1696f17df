//! Deaths: a process is killed before each of its steps, on the real kernel.
//!
//! `make crash` runs these tests. The build counts its steps (system calls, and accesses to
//! words of the page), and a process kills itself before the step that the test names. This
//! is done for each step, and for pairs of steps in the two processes. Every other process
//! ends and tells the truth, and a fresh pair talks through the same name. The same is done
//! to a process that talks to a party outside, which then talks to the next process.
//!
//! `PAIRS=n` tries `n` pairs of steps, instead of 200.

mod support;

use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::thread;

use support::party::{self, Memory, Stop};
use support::{Object, Side, aftermath, eventually, noise, setting};

/// More than a ring holds, so that senders have to wait.
const STREAM: usize = 6000;

/// Every process makes at least this many steps while it sits down, sends and receives a
/// stream of this length, and gets up: about half of the measured number.
const FEWEST_STEPS: u32 = 120;

/// Which of the first two processes die, and before which of their steps.
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

/// Lets two processes talk, some of which die, and checks what must hold then. Returns
/// which of them died.
fn talk(deaths: Deaths) -> [bool; 2] {
    let _tried = aftermath::Tried(deaths);
    let object = Object::new();
    let mut first = start(&object, 0, deaths[0]);
    eventually("the first sits down or dies", || {
        object.is_initialised() || first.has_ended()
    });
    let second = start(&object, 1, deaths[1]);
    let ends = aftermath::settle(&object, vec![first, second], |number| {
        start(&object, number, None)
    });
    let streams: Vec<_> = (0..ends.len()).map(stream).collect();
    aftermath::assert_honest(&ends, &streams, |i| {
        deaths.get(i).is_some_and(Option::is_some)
    });
    object.assert_usable();
    [0, 1].map(|i| ends[i].signal.is_some())
}

/// Lets a process die at each of its steps. `dies` tries one step, and returns whether the
/// process died. Returns the largest number of steps.
fn every_step(mut dies: impl FnMut(u32) -> bool) -> u32 {
    aftermath::every(20, |step| {
        let died = dies(step);
        assert!(died || step > FEWEST_STEPS, "no death at step {step}");
        died
    })
}

#[test]
fn the_promises_hold_after_a_death_at_any_step_and_at_pairs_of_steps() {
    let steps = [0, 1].map(|which| {
        every_step(|step| {
            let mut deaths = [None; 2];
            deaths[which] = Some(step);
            talk(deaths)[which]
        })
    });
    let [first, second] = steps;
    println!("died at up to {first} steps of the first, {second} of the second");

    let pairs = setting("PAIRS", 200);
    let mut both = 0;
    for pair in noise(8 * pairs, 0).chunks_exact(8) {
        let (one, other) = pair.split_at(4);
        let step = |bytes: &[u8], steps| {
            1 + u32::from_le_bytes(bytes.try_into().expect("four bytes")) % steps
        };
        let deaths = [Some(step(one, first)), Some(step(other, second))];
        both += u32::from(talk(deaths) == [true, true]);
    }
    println!("{pairs} pairs of steps; both died in {both}");
    // Both die in about half of the pairs: a process that loses its peer makes fewer steps.
    assert!(both as usize >= pairs / 5, "not many");
}

#[test]
fn the_promises_hold_after_a_death_at_any_step_beside_a_party_outside() {
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    let region = memory.whole();
    let stop = AtomicBool::new(false);
    let steps = thread::scope(|scope| {
        scope.spawn(|| party::echo(region, &stop));
        let _stop = Stop(&stop);
        every_step(|step| {
            let end = start(&object, 0, Some(step)).finish_with_open_input();
            if end.signal.is_none() {
                end.assert_complete(&stream(0));
            }
            assert!(stream(0).starts_with(&end.stdout));
            start(&object, 1, None)
                .finish_with_open_input()
                .assert_complete(&stream(1));
            end.signal.is_some()
        })
    });
    println!("died at up to {steps} steps beside somebody outside");
    assert_eq!(object.open().metadata().unwrap().len(), 4096);
}
