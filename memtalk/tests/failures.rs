//! Every system call fails once, on the real kernel, and the promises hold.
//!
//! `make crash` runs these tests. The build counts its system calls
//! (`memtalk/src/sys/crash_points.rs`). The call whose number the test names is not made,
//! and fails with an error that the test names. This is done to each call of a process that
//! is the first or the second party, talks to a party outside, is alone, or loses its peer.
//! Nobody hangs, everybody tells the truth, and a fresh pair talks through the same name.
//!
//! These calls do not fail here: waiting on a futex and waking (a waiting end looks again),
//! naps, waiting for signals, `munmap`, `shutdown`, closing what is no longer used, and
//! calls that cannot fail (`sysconf`, `geteuid`, `signal`). Nor do the calls that the
//! standard library makes by itself: before `main`, to write to standard error, and in
//! `thread::spawn`, which fails here as a whole.
//!
//! `PAIRS=n` lets `n` pairs of calls fail, one of each process, instead of 100.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;

use support::aftermath::{self, every};
use support::party::{self, Memory, Stop};
use support::{Finished, Object, POLL, Side, TempFile, eventually, is_in, noise, setting};

/// More than a ring holds, so that senders have to wait.
const STREAM: usize = 6000;

/// Every process that talks makes at least this many calls: about four fifths of the
/// measured number.
const FEWEST_CALLS: u32 = 30;

/// What processes say that they cannot do, in alphabetical order.
const TOLD: &[&str] = &[
    "block signals",
    "create the object",
    "examine the object",
    "examine the object's locks",
    "get memory for the object",
    "give the object its name",
    "install a signal handler",
    "join the talk",
    "lock the object",
    "map the object",
    "open the object",
    "read standard input",
    "read the object",
    "remove the object",
    "set the object's mode",
    "start a guard process",
    "start a thread",
    "unlock the object",
    "write standard output",
];

const ERRORS: [i32; 6] = [
    libc::EINTR,
    libc::ENOSPC,
    libc::EACCES,
    libc::EMFILE,
    libc::ENOLCK,
    libc::ENOMEM,
];

/// The stream that the process with this number sends.
fn stream(number: usize) -> Vec<u8> {
    noise(STREAM, number as u64)
}

/// One call of a process, by its number, and the error with which it fails.
#[derive(Clone, Copy, Debug)]
struct Failure {
    call: u32,
    error: i32,
}

/// A process, one of whose calls may fail.
struct Failing {
    side: Side,
    failure: Option<(Failure, TempFile)>,
}

/// The call that failed: its error, its place in the sources, and how the process ended.
#[derive(Debug)]
struct Failed {
    error: i32,
    place: String,
    code: Option<i32>,
    said: String,
}

impl Failed {
    /// The text of the error, as messages have it.
    fn error(&self) -> String {
        let text = io::Error::from_raw_os_error(self.error).to_string();
        let number = format!(" (os error {})", self.error);
        text.strip_suffix(&number).expect("its number").to_owned()
    }

    /// What the process said that it cannot do, if it said that because of this error.
    fn told(&self) -> Option<&str> {
        let (_, what) = self.said.split_once("cannot ")?;
        let (what, _) = what.split_once(&format!(": {}", self.error()))?;
        Some(what)
    }
}

impl Failing {
    fn start(command: &mut Command, failure: Option<Failure>) -> Self {
        let failure = failure.map(|failure| {
            let place = TempFile::new(b"");
            command
                .env("MEMTALK_FAIL_AT", failure.call.to_string())
                .env("MEMTALK_FAIL_WITH", failure.error.to_string())
                .env("MEMTALK_FAILED", &place.0);
            (failure, place)
        });
        let side = Side::start(command);
        Self { side, failure }
    }

    /// A process that sends the stream with this number.
    fn sending(object: &Object, number: usize, failure: Option<Failure>) -> Self {
        let mut this = Self::start(object.memtalk().stdin(Stdio::piped()), failure);
        this.side.write_in_background(stream(number));
        this
    }

    /// Waits for its end, and checks its messages. Its input is ended elsewhere.
    #[track_caller]
    fn finish(self, object: &Object) -> (Finished, Option<Failed>) {
        let end = self.side.finish_with_open_input();
        let failed = failed(self.failure, &end);
        assert_says_what_failed(&end, object, failed.as_ref());
        (end, failed)
    }
}

/// What failed in a process, given how it ended; `None` if it made fewer calls.
fn failed(failure: Option<(Failure, TempFile)>, end: &Finished) -> Option<Failed> {
    let (Failure { error, .. }, place) = failure?;
    let place = fs::read_to_string(&place.0).expect("the file is there");
    let (code, said) = (end.code, end.stderr.clone());
    (!place.is_empty()).then_some(Failed {
        error,
        place,
        code,
        said,
    })
}

/// How the message about an object that could not be removed begins.
const STAYS: &str = "the object may be left behind: ";

/// Checks the messages of a process in which `failed` failed. One line says so if the
/// process could not go on, and one more if it could not remove the object.
#[track_caller]
fn assert_says_what_failed(end: &Finished, object: &Object, failed: Option<&Failed>) {
    let front = format!("memtalk: {}: ", object.name());
    let lines = end.stderr.lines().map(|line| line.strip_prefix(&front));
    let lines: Option<Vec<_>> = lines.collect();
    let lines = lines.unwrap_or_else(|| panic!("not its words: {end:?} {failed:?}"));
    let (stays, why): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with(STAYS));
    // With these errors the kernel says that the file belongs to another user.
    let means_other_user =
        |place| failed.is_some_and(|f| f.error == libc::EACCES && f.place.contains(place));
    let is_said = |line: &str| {
        failed.is_some_and(|f| line.starts_with("cannot ") && line.contains(&f.error()))
    };
    let right = match (end.code, &why[..]) {
        (Some(0), []) => true,
        (Some(1), [why]) => is_said(why),
        (Some(3), [why]) => why.starts_with("no peer came"),
        (Some(4), [why]) => why.starts_with("the peer "),
        (Some(6), [why]) => {
            why.starts_with("the object belongs to another user") && means_other_user("/lease.rs")
        }
        _ => false,
    };
    let right = right
        && match stays[..] {
            [] => true,
            [stays] => {
                let why = &stays[STAYS.len()..];
                is_said(why) || why.contains("another user") && means_other_user("/shm.rs")
            }
            _ => false,
        };
    assert!(right, "{end:?} {failed:?}");
}

/// Whether nothing has failed, or only a call that is made again. Then all must go well.
fn is_harmless(failed: Option<&Failed>, end: &Finished) -> bool {
    // If closing standard output is interrupted, everything is written by then. But nobody
    // can ask again whether it has arrived.
    let closing = end.stderr.contains("cannot write standard output") && end.stdout.len() == STREAM;
    failed.is_none_or(|failed| failed.error == libc::EINTR && !closing)
}

/// Checks that no object is left behind unless a message says so.
#[track_caller]
fn assert_removed(object: &Object, ends: &[Finished]) {
    let told = ends.iter().any(|end| end.stderr.contains(STAYS));
    assert!(told || !object.exists(), "left behind: {ends:?}");
}

/// Waits until both have ended, and every process that had to replace one of them. Checks
/// what must hold then. Returns what failed in each.
#[track_caller]
fn conclude(object: &Object, both: [Failing; 2]) -> [Option<Failed>; 2] {
    let [first, second] = both;
    let sides = vec![first.side, second.side];
    let ends = aftermath::settle(object, sides, |number| {
        Failing::sending(object, number, None).side
    });
    let failed = [(first.failure, &ends[0]), (second.failure, &ends[1])];
    let failed = failed.map(|(failure, end)| self::failed(failure, end));
    let streams: Vec<_> = (0..ends.len()).map(stream).collect();
    for (i, end) in ends.iter().enumerate() {
        assert_says_what_failed(end, object, failed.get(i).and_then(Option::as_ref));
        let mut peers = (0..ends.len()).filter(|&j| j != i);
        // Nobody has died. Only one that has joined and then cannot unlock the door ends as the
        // dead do.
        let like_dead = |end: &Finished| end.stderr.contains("cannot unlock");
        assert!(
            !end.stderr.contains("died") || ends.iter().any(like_dead),
            "{ends:?} {failed:?}"
        );
        let right = match end.code {
            Some(0) => peers.any(|j| {
                end.stdout == streams[j] && ends[j].stdout == streams[i] && ends[j].code == Some(0)
            }),
            _ => peers.any(|j| streams[j].starts_with(&end.stdout)),
        };
        assert!(right, "process {i}, not what its peer sent: {ends:?}");
    }
    let mut both = failed.iter().zip(&ends);
    if both.all(|(failed, end)| is_harmless(failed.as_ref(), end)) {
        let complete = ends.iter().all(|end| end.code == Some(0));
        assert!(complete && ends.len() == 2, "{ends:?} {failed:?}");
    }
    assert_removed(object, &ends);
    object.assert_usable();
    failed
}

/// Lets two processes talk in which these calls fail.
fn talk(failures: [Option<Failure>; 2]) -> [Option<Failed>; 2] {
    let object = Object::new();
    let mut first = Failing::sending(&object, 0, failures[0]);
    eventually("the first sits down or fails", || {
        object.is_initialised() || first.side.has_ended()
    });
    let second = Failing::sending(&object, 1, failures[1]);
    conclude(&object, [first, second])
}

fn as_first(failure: Failure) -> Option<Failed> {
    let [failed, _] = talk([Some(failure), None]);
    failed
}

fn as_second(failure: Failure) -> Option<Failed> {
    let [_, failed] = talk([None, Some(failure)]);
    failed
}

/// Bytes go straight between a ring of many pages and descriptors, one of which is
/// non-blocking.
fn in_place(failure: Failure) -> Option<Failed> {
    let object = Object::new();
    let mut command = object.memtalk();
    let command = command.args(["--pages", "40"]).stdin(Stdio::piped());
    let mut first = Failing::start(command, None);
    first.side.write_in_background(stream(0));
    first.side.wait_until_seated(&object);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    ours.write_all(&stream(1)).unwrap();
    let mut command = object.memtalk();
    let mut second = Failing::start(command.stdin(OwnedFd::from(theirs)), Some(failure));
    drop(command);
    eventually("it waits for more, or ends", || {
        let threads = second.side.threads();
        let sender = threads
            .iter()
            .find(|thread| thread.starts_with("memtalk-send"));
        sender.is_some_and(|thread| POLL.iter().any(|&call| is_in(thread, call)))
            || second.side.has_ended()
    });
    drop(ours);
    let [_, failed] = conclude(&object, [first, second]);
    failed
}

/// No peer comes.
fn alone(failure: Failure) -> Option<Failed> {
    let object = Object::new();
    let mut command = object.memtalk();
    let command = command.args(["--timeout", "0"]).stdin(Stdio::null());
    let (end, failed) = Failing::start(command, Some(failure)).finish(&object);
    assert!(matches!(end.code, Some(1 | 3)), "{end:?}");
    if is_harmless(failed.as_ref(), &end) {
        assert_eq!(end.code, Some(3), "{end:?}");
    }
    assert_removed(&object, &[end]);
    object.assert_usable();
    failed
}

/// The peer, which sends nothing, is killed.
fn bereaved(failure: Failure) -> Option<Failed> {
    let object = Object::new();
    let mut one = Failing::sending(&object, 0, Some(failure));
    eventually("it sits down or fails", || {
        object.is_initialised() || one.side.has_ended()
    });
    let mut peer = object.open_side();
    eventually("it waits for the peer's word, or ends", || {
        !one.side.asleep().is_empty() || one.side.has_ended()
    });
    peer.kill();
    let (end, failed) = one.finish(&object);
    assert!(matches!(end.code, Some(1 | 4)), "{end:?}");
    if is_harmless(failed.as_ref(), &end) {
        assert!(end.stderr.contains("the peer died"), "{end:?}");
    }
    assert_eq!(end.stdout, b"");
    if end.code == Some(4) {
        assert_removed(&object, &[end]);
    }
    object.assert_usable();
    failed
}

/// A process with these options talks to a party outside, which then talks to the next
/// process.
fn outside(object: &Object, options: &[&str], failure: Failure) -> Option<Failed> {
    let mut command = object.memtalk();
    let command = command.args(options).stdin(Stdio::piped());
    let mut one = Failing::start(command, Some(failure));
    one.side.write_in_background(stream(0));
    let (end, failed) = one.finish(object);
    assert!(stream(0).starts_with(&end.stdout));
    if end.code == Some(0) || is_harmless(failed.as_ref(), &end) {
        end.assert_complete(&stream(0));
    }
    let next = Failing::sending(object, 1, None).side;
    next.finish_with_open_input().assert_complete(&stream(1));
    failed
}

/// What was seen of the calls that failed with one error.
#[derive(Default)]
struct Seen {
    /// Where they stand in the sources.
    places: BTreeSet<String>,
    /// What processes said that they cannot do.
    told: BTreeSet<String>,
    /// The places at which a call failed and the process ended with 0.
    got_over: BTreeSet<String>,
}

impl Seen {
    /// Lets each call of each kind of process fail, and checks the promises. Returns how
    /// many calls each kind made.
    fn every_call_fails_with(&mut self, error: i32) -> Vec<u32> {
        let mut calls = |fewest, fails: &dyn Fn(Failure) -> Option<Failed>| {
            every(10, |call| {
                let Some(failed) = fails(Failure { call, error }) else {
                    assert!(call > fewest, "no call {call}");
                    return false;
                };
                self.told.extend(failed.told().map(str::to_owned));
                if failed.code == Some(0) {
                    self.got_over.insert(failed.place.clone());
                }
                self.places.insert(failed.place);
                true
            })
        };
        let mut made = vec![
            calls(FEWEST_CALLS, &as_first),
            calls(FEWEST_CALLS, &as_second),
            calls(FEWEST_CALLS, &in_place),
            calls(FEWEST_CALLS / 2, &alone),
            calls(FEWEST_CALLS / 2, &bereaved),
        ];
        let object = Object::new();
        let memory = Memory::create(&object, 4096);
        let region = memory.whole();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| party::echo(region, &stop));
            let _stop = Stop(&stop);
            for options in [&[][..], &["--scan"]] {
                made.push(calls(FEWEST_CALLS, &|failure| {
                    outside(&object, options, failure)
                }));
            }
        });
        assert_eq!(fs::metadata(object.path()).unwrap().len(), 4096);
        made
    }
}

/// Lets each call of each kind of process fail with this error, and checks the promises and
/// what is said. Threads run in any order, so a number leads to another call in another
/// run, and a sweep may miss one that is made once: then there is another sweep.
fn every_call_fails_with(error: i32) {
    const MOST_SWEEPS: u32 = 5;
    // An interrupted call is made again. That an object of another user cannot be removed
    // is said in other words.
    let expected = TOLD.iter().copied().filter(|what| match error {
        libc::EINTR => *what == "write standard output",
        libc::EACCES => *what != "remove the object",
        _ => true,
    });
    let expected: BTreeSet<_> = expected.map(str::to_owned).collect();
    let name = io::Error::from_raw_os_error(error);
    let mut seen = Seen::default();
    for sweep in 1.. {
        let made = seen.every_call_fails_with(error);
        println!("{name}: {made:?} calls, at {} places", seen.places.len());
        assert!(seen.told.is_subset(&expected), "{:?}", seen.told);
        if seen.told == expected {
            break;
        }
        let missing = expected.difference(&seen.told);
        assert!(
            sweep < MOST_SWEEPS,
            "never told: {:?}",
            Vec::from_iter(missing)
        );
    }
    // Of the calls on standard input and output, a process gets over only those that ask
    // what they are.
    seen.got_over.retain(|place| place.contains("src/sys.rs"));
    let got_over = seen.got_over;
    assert!(error == libc::EINTR || got_over.len() < 2, "{got_over:?}");
}

#[test]
fn every_call_that_is_interrupted_is_made_again() {
    every_call_fails_with(libc::EINTR);
}

#[test]
fn the_promises_hold_if_any_call_fails_for_want_of_space() {
    every_call_fails_with(libc::ENOSPC);
}

#[test]
fn the_promises_hold_if_any_call_fails_for_want_of_permission() {
    every_call_fails_with(libc::EACCES);
}

#[test]
fn the_promises_hold_if_any_call_fails_for_want_of_descriptors() {
    every_call_fails_with(libc::EMFILE);
}

#[test]
fn the_promises_hold_if_any_call_fails_for_want_of_locks() {
    every_call_fails_with(libc::ENOLCK);
}

#[test]
fn the_promises_hold_if_any_call_fails_for_want_of_memory() {
    every_call_fails_with(libc::ENOMEM);
}

#[test]
fn the_promises_hold_if_one_call_of_each_process_fails() {
    let pairs = setting("PAIRS", 100);
    let mut both = 0;
    for random in noise(8 * pairs, 0).chunks_exact(8) {
        let failure = |at| {
            let error = ERRORS[usize::from(random[at]) % ERRORS.len()];
            let call = 1 + u32::from(random[at + 1]) % (FEWEST_CALLS + 10);
            Some(Failure { call, error })
        };
        let failures = [failure(0), failure(2)];
        let _tried = aftermath::Tried(failures);
        both += usize::from(talk(failures).iter().all(Option::is_some));
    }
    println!("{pairs} pairs of calls; both failed in {both}");
    assert!(both >= pairs / 5, "not many");
}
