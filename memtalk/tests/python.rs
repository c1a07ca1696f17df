//! The command talks with `peer.py`, which was written from the page's description alone.
//!
//! `peer.py` has neither locks nor wake-ups.

mod support;

use std::fs;
use std::process::{Command, Stdio};

use memtalk_ring::Seat::{First, Second};
use memtalk_ring::layout::{MAGIC, VERSION, receiver_offset, seat_offset, sender_offset};
use support::words::{self, BYTES_EACH_WAY as CAPACITY, INDEX, WANT};
use support::{Finished, Object, Side, noise, not_tried};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py");

/// Whether these tests can be tried. Nothing else in this package needs Python.
fn python_is_there() -> bool {
    let version = Command::new("python3").arg("--version").output();
    let there = version.is_ok_and(|version| version.status.success());
    if !there {
        not_tried("there is no python3 here");
    }
    there
}

/// `peer.py` for this object; it waits for a page there for at most `seconds`.
fn command(object: &Object, seconds: u32) -> Command {
    let mut command = Command::new("python3");
    command
        .args([PEER, &object.name(), &seconds.to_string()])
        .stdin(Stdio::piped());
    command
}

fn peer(object: &Object, seconds: u32) -> Side {
    Side::start(&mut command(object, seconds))
}

/// The command, which sits first, and the program. Each has received something.
fn talking(object: &Object) -> (Side, Side) {
    let mut memtalk = object.open_side();
    memtalk.say(b"hello");
    let mut peer = peer(object, 30);
    peer.say(b"hello yourself");
    memtalk.expect(b"hello yourself");
    peer.expect(b"hello");
    (memtalk, peer)
}

#[track_caller]
fn assert_peer_failed(peer: &Finished, code: i32, text: &str) {
    assert_eq!(peer.code, Some(code), "{peer:?}");
    assert!(peer.stderr.starts_with("peer: "), "{}", peer.stderr);
    assert_eq!(peer.stderr.lines().count(), 1, "{}", peer.stderr);
    assert!(peer.stderr.contains(text), "{}", peer.stderr);
}

#[test]
fn megabytes_go_both_ways() {
    if !python_is_there() {
        return;
    }
    for pages in ["1", "3", "64"] {
        let object = Object::new();
        let (ours, theirs) = (noise(3_000_001, 1), noise(2_000_003, 2));
        // Either may start first.
        let mut peer = peer(&object, 30);
        let mut memtalk = object.memtalk();
        let mut memtalk = Side::start(memtalk.args(["--pages", pages]).stdin(Stdio::piped()));
        peer.write_in_background(theirs.clone());
        memtalk.write_in_background(ours.clone());
        peer.finish().assert_complete(&ours);
        memtalk.finish().assert_complete(&theirs);
        assert!(!object.exists());
    }
}

#[test]
fn a_line_is_answered_at_once() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let (mut memtalk, mut peer) = talking(&object);
    for round in 0..200 {
        let word = format!("{round}\n");
        memtalk.say(word.as_bytes());
        peer.expect(word.as_bytes());
        peer.say(word.as_bytes());
        memtalk.expect(word.as_bytes());
    }
    peer.end_input();
    memtalk.finish().assert_complete(b"");
    peer.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn each_direction_ends_on_its_own() {
    if !python_is_there() {
        return;
    }
    for memtalk_ends_first in [true, false] {
        let object = Object::new();
        let (memtalk, peer) = talking(&object);
        let (mut one, mut other) = if memtalk_ends_first {
            (memtalk, peer)
        } else {
            (peer, memtalk)
        };
        one.end_input();
        assert_eq!(other.rest_of_output(), b"", "the end of the stream");
        let late = noise(100_000, 3);
        other.write_in_background(late.clone());
        one.finish().assert_complete(&late);
        other.finish().assert_complete(b"");
        assert!(!object.exists());
    }
}

#[test]
fn empty_streams_are_complete() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let (memtalk, peer) = (object.side(b""), peer(&object, 30));
    peer.finish().assert_complete(b"");
    memtalk.finish().assert_complete(b"");
    object.assert_usable();
}

#[test]
fn it_clears_what_was_left_in_its_words() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let memtalk = object.side(b"hello");
    memtalk.wait_until_seated(&object);
    let page = object.open();
    for line in [sender_offset, receiver_offset] {
        words::write(&page, line(Second, CAPACITY) + INDEX, 7);
        words::write(&page, line(Second, CAPACITY) + WANT, 7);
    }
    drop(page);
    let peer = peer(&object, 30);
    peer.finish().assert_complete(b"hello");
    memtalk.finish().assert_complete(b"");
}

#[test]
fn its_death_is_noticed() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let (memtalk, mut peer) = talking(&object);
    peer.kill();
    memtalk
        .finish_with_open_input()
        .assert_failed(4, "the peer died");
    object.assert_usable();
}

#[test]
fn it_is_told_of_a_death_by_the_process_that_comes_next() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let (mut memtalk, peer) = talking(&object);
    memtalk.kill();
    object.assert_usable();
    assert_peer_failed(&peer.finish_with_open_input(), 4, "gave up");
}

#[test]
fn each_side_is_told_when_the_other_stops() {
    if !python_is_there() {
        return;
    }
    // Nobody reads what it writes.
    let object = Object::new();
    let mut memtalk = object.open_side();
    memtalk.say(b"hello");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let peer = Side::start_with(&mut command(&object, 30), writer);
    assert_peer_failed(&peer.finish_with_open_input(), 1, "Broken pipe");
    memtalk
        .finish_with_open_input()
        .assert_failed(4, "the peer stopped");

    // The command is asked to end.
    let object = Object::new();
    let (memtalk, peer) = talking(&object);
    memtalk.signal(15);
    assert_peer_failed(&peer.finish_with_open_input(), 4, "gave up");
    assert_eq!(memtalk.finish().signal, Some(15));
    object.assert_usable();
}

/// The offset of the line that the party at a seat writes, by the seat and the capacity.
type Line = fn(memtalk_ring::Seat, u32) -> usize;

#[test]
fn an_overwritten_page_is_noticed() {
    if !python_is_there() {
        return;
    }
    // Words in place of memtalk's. In its tail: not an index, both flags, more than a
    // capacity ahead, moved back. In its head: moved back, confirmed too early.
    let (tail, head) = (sender_offset, receiver_offset);
    for (line, word) in [
        (tail as Line, 2 * CAPACITY + 8),
        (tail, 3 << 30 | 5),
        (tail, CAPACITY + 6),
        (tail, 4),
        (head, 2 * CAPACITY - 1),
        (head, 1 << 31 | 14),
    ] {
        let object = Object::new();
        let (memtalk, peer) = talking(&object);
        let page = object.open();
        words::write(&page, line(First, CAPACITY) + INDEX, word);
        drop(page);
        assert_peer_failed(&peer.finish_with_open_input(), 4, "overwritten");
        memtalk
            .finish_with_open_input()
            .assert_failed(4, "the peer stopped");
    }
}

#[test]
fn an_object_that_is_not_a_page_is_left_untouched() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    let page = fs::read(object.path()).unwrap();
    drop(side);
    let change = |at: usize, word: u32| {
        let mut page = page.clone();
        words::put(&mut page, at, word);
        page
    };
    let (magic, size) = (words::MAGIC, words::SIZE);
    for (code, text, contents) in [
        (6, "not a page", b"somebody else's".to_vec()),
        (6, "not a page", noise(4096, 1)),
        (6, "the other byte order", change(magic, MAGIC.swap_bytes())),
        (6, "version 4", change(words::VERSION, VERSION + 1)),
        (6, "claims 8192 bytes", change(size, 8192)),
        (6, "1792 of them each way", change(words::CAPACITY, 1792)),
        (6, "not 448", page[..448].to_vec()),
        (5, "nobody waits", change(seat_offset(First), 0)),
        (5, "nobody waits", change(seat_offset(Second), 1)),
        (3, "nobody has initialised", change(magic, 0)),
        (3, "nobody has initialised", Vec::new()),
    ] {
        fs::write(object.path(), &contents).unwrap();
        assert_peer_failed(&peer(&object, 0).finish(), code, text);
        assert!(fs::read(object.path()).unwrap() == contents, "{text}");
    }
    fs::remove_file(object.path()).unwrap();
    assert_peer_failed(&peer(&object, 0).finish(), 3, "nobody has initialised");
}

#[test]
fn a_third_party_is_refused() {
    if !python_is_there() {
        return;
    }
    let object = Object::new();
    let (mut memtalk, mut second) = talking(&object);
    assert_peer_failed(&peer(&object, 0).finish(), 5, "nobody waits");
    object
        .side(b"")
        .finish()
        .assert_failed(5, "two processes already talk");
    memtalk.say(b"still here");
    second.expect(b"still here");
    second.end_input();
    memtalk.finish().assert_complete(b"");
    second.finish().assert_complete(b"");
    // Who was outside may have had the object open for longer. Then the next one removes it.
    object.assert_usable();
}
