//! Stops: a process is stopped before any of its steps, on the real kernel.
//!
//! Ctrl-Z or a debugger does that. Other processes are not affected, or they are delayed and
//! told so. None of them waits for ever, and nothing is decided that the stopped process
//! does not learn of.
//!
//! `make crash` runs these tests. What a step is: `memtalk/src/sys/crash_points.rs`.

mod support;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, Read};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Error, Name, Options, Receiver};
use memtalk_ring::{Presence, Seat, Spin};
use support::aftermath::{self, every};
use support::party::{self, Memory};
use support::{BOUND, Object, Side, TempFile, bounded, eventually, memtalk};

const TERM: i32 = 15;
const CONT: i32 = 18;

/// How long a signal may take on a busy machine: half of the time that a process without
/// a signal waits at a door.
const SOON: Duration = Duration::from_secs(5);

/// Starts a side that gets no input and stops before this step.
fn stopping(object: &Object, step: u32, options: &[&str]) -> Side {
    let mut command = object.memtalk();
    command
        .args(options)
        .env("MEMTALK_STOP_AT", step.to_string());
    Side::start(command.stdin(Stdio::null()))
}

/// Options with which a process has a last step, although nobody comes.
const NOT_LONG: &[&str] = &["--timeout", "0"];

/// Waits until it is stopped or has ended. Returns whether it is stopped.
fn stops(side: &mut Side) -> bool {
    let mut stopped = false;
    eventually("it stops or ends", || {
        let threads = side.threads();
        stopped = threads.iter().any(|thread| thread.contains("State:\tT"));
        stopped || side.has_ended()
    });
    stopped
}

#[test]
fn a_first_party_that_gives_up_and_a_second_that_comes_agree() {
    let steps = every(10, |step| {
        let object = Object::new();
        let timeout = ["--timeout", "0.1"];
        let mut first = Side::start(object.memtalk().args(timeout).stdin(Stdio::null()));
        // On a busy machine its time may be over before anybody has seen it seated.
        eventually("it sits down", || {
            object.is_initialised() || first.has_ended()
        });
        let began = Instant::now();
        let mut second = stopping(&object, step, &timeout);
        let stopped = stops(&mut second);
        // Meanwhile the first party reaches its timeout.
        thread::sleep(Duration::from_millis(150));
        if stopped {
            second.signal(CONT);
        }
        let (first, second) = (first.finish(), second.finish());
        let codes = [first.code, second.code];
        // A first party waits a second at a door that is kept, and then goes. A busy machine
        // may stop the second for as long: it is told.
        let long = began.elapsed() > Duration::from_secs(1);
        assert!(
            codes == [Some(0); 2] || codes == [Some(3); 2] || long && codes == [Some(3), Some(4)],
            "{first:?} {second:?}"
        );
        assert!(long || !object.exists());
        stopped
    });
    println!("stopped at each of {steps} steps of a second");
    assert!(steps > 20);
}

#[test]
fn a_process_that_is_stopped_at_the_door_delays_no_signal() {
    // If the stopped process comes first, the other may have to wait at the door. If it comes
    // second, the other may find the door locked when it gets up.
    for other_is_first in [false, true] {
        let steps = every(10, |step| {
            // A busy machine may delay everything, but not each time.
            let mut tries = (0..5).map(|_| signal_beside_stopped(step, other_is_first));
            let quick = tries.find(|(_, took)| *took < SOON);
            let (is_stopped, _) = quick.expect("a signal at once");
            is_stopped
        });
        println!("stopped at each of {steps} steps; the other first: {other_is_first}");
        assert!(steps > 20);
    }
}

/// Ends a process by a signal while another one is stopped before this step. Returns whether
/// that one had such a step, and how long the signal took.
fn signal_beside_stopped(step: u32, other_is_first: bool) -> (bool, Duration) {
    let object = Object::new();
    let start_other = || Side::start(object.memtalk().stdin(Stdio::null()));
    let mut other = other_is_first.then(start_other);
    if let Some(other) = &other {
        other.wait_until_seated(&object);
    }
    let mut stopped = stopping(&object, step, NOT_LONG);
    let is_stopped = stops(&mut stopped);
    let other = other.take().unwrap_or_else(start_other);
    eventually("it runs", || !other.threads().is_empty());
    thread::sleep(Duration::from_millis(20));
    let began = Instant::now();
    other.signal(TERM);
    let other = other.finish();
    let took = began.elapsed();
    // If they have talked already, the talk may be over.
    assert!(
        other.signal == Some(TERM) || other_is_first && other.code == Some(0),
        "{other:?}"
    );
    stopped.kill();
    object.assert_usable();
    (is_stopped, took)
}

#[test]
fn a_signal_while_a_process_starts_over_leaves_no_name() {
    // The name is removed before or after the process stops, and then the signal comes.
    for step in 1..=80 {
        let _tried = aftermath::Tried(step);
        let object = Object::new();
        let side = stopping(&object, step, &[]);
        let remove = || fs::remove_file(object.path()).is_ok();
        let mut removed = false;
        eventually("it stops", || {
            removed = removed || object.is_initialised() && remove();
            side.threads()
                .iter()
                .any(|thread| thread.contains("State:\tT"))
        });
        let _ = removed || remove();
        side.signal(TERM);
        side.signal(CONT);
        let side = side.finish();
        assert_eq!(side.signal, Some(TERM), "{side:?}");
        assert!(!object.exists());
    }
}

#[test]
fn a_process_that_is_stopped_while_it_has_a_lease_keeps_nobody_from_opening_the_object() {
    let mut opened = 0;
    let steps = every(10, |step| {
        // A machine has left the object. So a newcomer looks whether it is still there.
        let object = Object::new();
        let memory = Memory::create(&object, 4096);
        party::initialise(memory.whole(), Presence::DEVICE);
        drop(memory);
        let mut one = stopping(&object, step, NOT_LONG);
        let stopped = stops(&mut one);
        let path = object.path();
        let open = move || OpenOptions::new().read(true).write(true).open(path);
        opened += u32::from(bounded("opening it", open).is_ok());
        one.kill();
        stopped
    });
    println!("stopped at each of {steps} steps after a machine; opened at {opened}");
    assert!(opened > 10);
}

#[test]
fn a_process_whose_name_is_taken_away_and_given_back_does_not_join_itself() {
    // The name is taken away before the process stops, and given back afterwards.
    for step in 1..=80 {
        let _tried = aftermath::Tried(step);
        let (object, elsewhere) = (Object::new(), Object::new());
        let first = stopping(&object, step, &[]);
        let rename = |from: &Object, to: &Object| fs::rename(from.path(), to.path()).is_ok();
        let mut taken = false;
        eventually("it stops", || {
            taken = taken || object.is_initialised() && rename(&object, &elsewhere);
            let threads = first.threads();
            threads.iter().any(|thread| thread.contains("State:\tT"))
        });
        assert_eq!(taken, rename(&elsewhere, &object));
        first.signal(CONT);
        // A process may join the object that the first is about to leave. It is told so,
        // and tries again.
        let mut second = object.side(b"hello").finish();
        if second.code == Some(4) {
            second = object.side(b"hello").finish();
        }
        second.assert_complete(b"");
        first.finish().assert_complete(b"hello");
    }
}

/// A way to receive everything that has come.
type Taken = fn(&mut Receiver) -> io::Result<Vec<u8>>;

const WAYS: [Taken; 3] = [
    |receiver| {
        let mut bytes = vec![0; 1000];
        let count = receiver.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    },
    |receiver| receiver.fill_buf().map(<[u8]>::to_vec),
    |receiver| {
        let (mut written, output) = io::pipe()?;
        receiver.write_to(output)?;
        let mut bytes = Vec::new();
        written.read_to_end(&mut bytes).map(|_| bytes)
    },
];

/// What that program tells once its talk has begun. Later it tells what it has received.
const TALKS: &[u8] = b"talks";

#[test]
#[ignore = "the next test runs it, in a process of its own"]
fn a_program_receives_what_has_come() {
    let name = Name::new(env::var("NAME").unwrap()).unwrap();
    let mut channel = Options::new().timeout(BOUND).open(&name).unwrap();
    let tell = |what: &[u8]| fs::write(env::var("TELL").unwrap(), what).unwrap();
    tell(TALKS);
    // The watcher's steps count as well. Once only this thread runs, a step has the same
    // number in each run.
    eventually("the watcher rests, or has ended", || {
        let threads = support::threads_of(std::process::id());
        threads
            .iter()
            .filter(|thread| !thread.contains("(sleeping)"))
            .count()
            <= 1
    });
    let way = WAYS[support::setting("WAY", 0)];
    // Twice, for programs that go on after an error.
    for _ in 0..2 {
        match way(&mut channel.receiver) {
            Ok(bytes) => return tell(&bytes),
            Err(error) => {
                let error = Error::from_io(&error);
                assert!(matches!(error, Some(Error::PeerRestarted)), "{error:?}");
            }
        }
    }
}

#[test]
fn no_byte_that_a_machine_sends_after_a_restart_is_received_in_the_old_talk() {
    for way in 0..WAYS.len() {
        let steps = every(10, |step| {
            let object = Object::new();
            let memory = Memory::create(&object, 4096);
            let sit = || {
                let page = party::initialise(memory.whole(), Presence::DEVICE);
                party::seated(page, Seat::First, Spin)
            };
            let mut party = sit();
            party.send(&[1; 100]);
            let told = TempFile::new(b"");
            let mut program = Command::new(env::current_exe().unwrap());
            program
                .args(["--exact", "--ignored", "a_program_receives_what_has_come"])
                .env("NAME", object.name())
                .env("TELL", &told.0)
                .env("WAY", way.to_string())
                .env("MEMTALK_STOP_AT", step.to_string());
            let mut program = Side::start(&mut program);
            let stopped = stops(&mut program);
            let talked = fs::read(&told.0).unwrap() == TALKS;
            if stopped && party.page.presence(Seat::Second).is_some() {
                party.die();
                // The machine sends more than before, so that its index would be possible
                // in the old talk.
                party = sit();
                party.send(&[2; 200]);
                party.sender.end();
            }
            if stopped {
                program.signal(CONT);
            }
            let program = program.finish();
            assert_eq!(program.code, Some(0), "way {way}: {program:?}");
            // One that had yet to begin takes part in the next talk.
            match &*fs::read(&told.0).unwrap() {
                TALKS => {}
                [2, rest @ ..] => assert!(!talked && rest == [2; 199], "way {way}: {rest:?}"),
                bytes => assert_eq!(bytes, [1; 100], "way {way}"),
            }
            stopped
        });
        println!("restarted at each of {steps} steps of way {way}");
        assert!(steps > 20);
    }
}

/// The path is opened more than once.
#[test]
fn a_path_that_leads_to_a_device_by_now_is_refused() {
    let mut refused = 0;
    let steps = every(10, |step| {
        let (file, link) = (Object::new(), Object::new());
        fs::write(file.path(), [0; 4096]).unwrap();
        symlink(file.path(), link.path()).unwrap();
        let mut side = memtalk();
        side.arg("--device").arg(link.path()).args(NOT_LONG);
        side.env("MEMTALK_STOP_AT", step.to_string());
        let mut side = Side::start(side.stdin(Stdio::null()));
        let stopped = stops(&mut side);
        fs::remove_file(link.path()).unwrap();
        symlink("/dev/null", link.path()).unwrap();
        if stopped {
            side.signal(CONT);
        }
        let side = side.finish();
        match side.code {
            // It was opened for the last time.
            Some(3) => {}
            // It was opened for the first time after that.
            Some(255) => assert!(side.stderr.contains("--length"), "{side:?}"),
            _ => {
                side.assert_failed(6, "not memory that can be mapped shared");
                refused += 1;
            }
        }
        stopped
    });
    println!("refused after {refused} of {steps} steps");
    assert!(refused > 0);
}
