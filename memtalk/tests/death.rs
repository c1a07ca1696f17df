//! Deaths and signals: the survivor learns of them, and nothing is left behind.

mod support;

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use memtalk_ring::Seat;
use memtalk_ring::layout::{capacity_of, sender_offset};
use support::{Object, Side, noise, shell, words};

const HUP: i32 = 1;
const INT: i32 = 2;
const KILL: i32 = 9;
const TERM: i32 = 15;
const CONT: i32 = 18;

#[test]
fn bytes_that_a_dead_peer_had_sent_are_delivered() {
    let object = Object::new();
    let (mut one, mut other) = (object.open_side(), object.open_side());
    // Stop the other, so that the next bytes stay in the ring.
    one.say(b"first");
    other.expect(b"first");
    other.stop();
    one.say(b"last words");
    support::eventually("it is in the ring", || {
        let page = std::fs::read(object.path()).unwrap();
        page.windows(10).any(|bytes| bytes == b"last words")
    });
    one.signal(KILL);
    assert_eq!(one.finish_with_open_input().signal, Some(KILL));
    other.signal(CONT);
    other.expect(b"last words");
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer died");
    assert!(!object.exists());
}

#[test]
fn a_death_is_noticed_whatever_the_survivor_waits_for() {
    // The survivor waits for input and for the peer's bytes; then for space in a full ring,
    // since the peer is stopped before it is killed.
    for full in [false, true] {
        let object = Object::new();
        let (mut one, other) = object.talking_sides();
        other.stop();
        if full {
            one.say(&noise(10_000, 1));
        }
        one.wait_until_asleep(if full { 2 } else { 1 });
        other.signal(KILL);
        one.finish_with_open_input()
            .assert_failed(4, "the peer died");
        object.assert_usable();
    }
}

#[test]
fn a_death_is_noticed_after_one_direction_is_complete() {
    // The survivor waits for input, or for the confirmation of its own stream.
    for ended in [false, true] {
        let object = Object::new();
        let (mut one, mut other) = (object.open_side(), object.open_side());
        other.end_input();
        assert_eq!(one.rest_of_output(), b"");
        if ended {
            other.stop();
            one.end_input();
            one.wait_until_asleep(1);
        }
        other.signal(KILL);
        one.finish_with_open_input()
            .assert_failed(4, "the peer died");
        object.assert_usable();
    }
}

#[test]
fn a_signal_removes_the_name_and_then_kills() {
    for signal in [INT, TERM, HUP] {
        // While waiting for a peer.
        let object = Object::new();
        let side = object.open_side();
        side.wait_until_seated(&object);
        side.signal(signal);
        assert_eq!(side.finish_with_open_input().signal, Some(signal));
        assert!(!object.exists());

        // In a talk.
        let (one, other) = object.talking_sides();
        one.signal(signal);
        let one = one.finish_with_open_input();
        assert_eq!((one.signal, &one.stderr[..]), (Some(signal), ""));
        // It is told from a death.
        other
            .finish_with_open_input()
            .assert_failed(4, "it was interrupted");
        assert!(!object.exists());
    }
}

#[test]
fn what_was_sent_before_a_signal_is_delivered() {
    for pages in [1, 16] {
        let object = Object::new();
        let start = || {
            let mut command = object.memtalk();
            command.args(["--pages", &pages.to_string()]);
            Side::start(command.stdin(Stdio::piped()))
        };
        let mut one = start();
        one.wait_until_seated(&object);
        let mut other = start();
        other.say(b"go");
        one.expect(b"go");
        // The other takes nothing from its ring, and has nothing to write.
        other.stop();
        one.say(&noise(1800, 1));
        let ring = sender_offset(Seat::First, capacity_of(4096 * pages).unwrap());
        support::eventually("it is sent", || sent(&object, ring) == 1800);
        one.signal(TERM);
        assert_eq!(one.finish_with_open_input().signal, Some(TERM));
        other.signal(CONT);
        let other = other.finish_with_open_input();
        other.assert_failed(4, "it was interrupted");
        assert!(other.stdout == noise(1800, 1), "{other:?}");
        object.assert_usable();
    }
}

#[test]
fn ignored_signals_stay_ignored() {
    let object = Object::new();
    let script = format!("trap '' HUP; exec $MEMTALK -f {}", object.name());
    let one = Side::start(shell(&script).stdin(Stdio::piped()));
    one.wait_until_seated(&object);
    one.signal(HUP);
    let other = object.side(b"still there");
    one.finish().assert_complete(b"still there");
    other.finish().assert_complete(b"");
}

#[test]
fn a_stopped_process_is_not_taken_for_dead() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    for round in 0..6 {
        // More than the ring holds, both ways, so that each waits for the other.
        one.stop();
        one.say(&noise(10_000, round));
        other.say(&noise(20_000, round));
        other.wait_until_asleep(2);
        one.signal(CONT);
        one.expect(&noise(20_000, round));
        other.expect(&noise(10_000, round));
        std::mem::swap(&mut one, &mut other);
    }
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_process_stopped_for_seconds_is_not_taken_for_dead() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    for _ in 0..2 {
        one.stop();
        other.say(b"are you there?");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        one.signal(CONT);
        one.expect(b"are you there?");
        std::mem::swap(&mut one, &mut other);
    }
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_bus_error_that_somebody_sends_kills_like_any_signal() {
    const BUS: i32 = 7;
    let object = Object::new();
    let (one, other) = object.talking_sides();
    one.signal(BUS);
    assert_eq!(one.finish_with_open_input().signal, Some(BUS));
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn a_truncated_object_is_reported() {
    let object = Object::new();
    let (mut one, other) = object.talking_sides();
    object.open().set_len(0).unwrap();
    one.say(b"b");
    let told = format!("memtalk: {}: another process truncated", object.name());
    one.finish_with_open_input().assert_failed(6, &told);
    other.finish_with_open_input().assert_failed(6, &told);
    object.assert_usable();
}

#[test]
fn an_object_that_has_taken_the_name_of_a_truncated_one_stays() {
    let (object, elsewhere) = (Object::new(), Object::new());
    let (mut one, other) = object.talking_sides();
    let page = object.open();
    std::fs::write(elsewhere.path(), b"somebody's").unwrap();
    std::fs::rename(elsewhere.path(), object.path()).unwrap();
    page.set_len(0).unwrap();
    one.say(b"b");
    one.finish_with_open_input().assert_failed(6, "truncated");
    other.finish_with_open_input().assert_failed(6, "truncated");
    assert_eq!(std::fs::read(object.path()).unwrap(), b"somebody's");
}

#[test]
fn a_truncated_object_is_reported_by_a_process_that_waits_or_has_started_over() {
    for (waits, started_over) in [(true, false), (true, true), (false, true)] {
        let object = Object::new();
        let mut one = object.open_side();
        one.wait_until_seated(&object);
        if started_over {
            std::fs::remove_file(object.path()).unwrap();
            support::eventually("it is there again", || object.is_initialised());
        }
        // By then it has set up its handler for the new object.
        support::eventually("it waits for a peer", || one.is_in(&[libc::SYS_futex]));
        let other = (!waits).then(|| object.open_side());
        if let Some(other) = &other {
            one.say(b"hello");
            one.wait_until_asleep(1);
            // Stop the other, so that it is not the one that removes the name.
            other.stop();
        }
        object.open().set_len(0).unwrap();
        if !waits {
            one.say(b"b");
        }
        one.finish_with_open_input().assert_failed(6, "truncated");
        assert!(!object.exists(), "{waits} {started_over}");
    }
}

#[test]
fn a_truncated_object_is_reported_even_if_the_parent_has_blocked_bus_errors() {
    let object = Object::new();
    let start = || {
        let mut command = object.memtalk();
        // SAFETY: the function calls only what is safe between fork and exec.
        unsafe { command.pre_exec(block_bus_errors) };
        Side::start(command.stdin(Stdio::piped()))
    };
    let (mut one, mut other) = (start(), start());
    one.say(b"hello");
    other.expect(b"hello");
    object.open().set_len(0).unwrap();
    one.say(b"b");
    one.finish_with_open_input().assert_failed(6, "truncated");
    other.finish_with_open_input().assert_failed(6, "truncated");
}

fn block_bus_errors() -> std::io::Result<()> {
    // SAFETY: a struct of integers, initialised by `sigemptyset` below.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writes.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: `set` is initialised and the signal exists.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGBUS) };
    // SAFETY: `set` is initialised; the old mask is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    Ok(())
}

#[test]
fn an_object_that_is_truncated_during_a_transfer_is_reported() {
    // Only a part of the second slab is lost. All words are still there.
    const PAGES: usize = 40;
    const LEFT: u64 = 30 * 4096;
    const BEYOND: usize = 45_000;
    let ring = sender_offset(Seat::Second, capacity_of(4096 * PAGES).unwrap());
    for while_reading in [true, false] {
        let object = Object::new();
        let start = || {
            let mut command = object.memtalk();
            Side::start(
                command
                    .args(["--pages", &PAGES.to_string()])
                    .stdin(Stdio::piped()),
            )
        };
        let mut first = start();
        first.wait_until_seated(&object);
        let mut second = start();
        let failing = if while_reading {
            second.say(&noise(BEYOND, 1));
            support::eventually("it reads on", || {
                second.is_in(&[libc::SYS_readv]) && sent(&object, ring) == BEYOND
            });
            // Otherwise the first may be the one that notices.
            first.expect(&noise(BEYOND, 1));
            object.open().set_len(LEFT).unwrap();
            second.say(b"x");
            second
        } else {
            first.stop();
            second.say(&noise(BEYOND, 1));
            support::eventually("it is sent", || sent(&object, ring) == BEYOND);
            object.open().set_len(LEFT).unwrap();
            first.signal(CONT);
            first
        };
        failing
            .finish_with_open_input()
            .assert_failed(6, "another process truncated");
    }
}

/// The number of bytes that were sent through the ring at this offset, if that is less than
/// its capacity.
fn sent(object: &Object, ring: usize) -> usize {
    words::read(&object.open(), ring + words::INDEX).unwrap() as usize
}

#[test]
fn an_overwritten_page_is_reported() {
    use std::os::unix::fs::FileExt;
    let object = Object::new();
    let (mut one, other) = object.talking_sides();
    // Awake, it might take the next byte, and so repair what was overwritten, before the
    // one looks.
    other.wait_until_asleep(1);
    object.open().write_all_at(&[0xFF; 4096], 0).unwrap();
    one.say(b"b");
    // The side that notices first gives up. The other may learn of that before it notices.
    let ends = [one, other].map(Side::finish_with_open_input);
    for end in &ends {
        end.assert_failed(4, "");
    }
    let told = memtalk::Error::Corrupt.to_string();
    assert!(
        ends.iter().any(|end| end.stderr.contains(&told)),
        "{ends:?}"
    );
}
