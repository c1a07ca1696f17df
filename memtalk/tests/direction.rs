//! One direction: `--send` and `--receive`.

mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use support::lines::terminal;
use support::{Object, Side, bounded};

#[test]
fn a_sender_and_a_receiver_end_once_everything_is_delivered() {
    for sender_first in [true, false] {
        let object = Object::new();
        let send = || {
            let mut command = object.memtalk();
            let mut side = Side::start(command.arg("--send").stdin(Stdio::piped()));
            side.write_in_background(b"1\n2\n3\n".to_vec());
            side
        };
        // Its input stays open.
        let receive = || Side::start(object.memtalk().arg("--receive").stdin(Stdio::piped()));
        let (sender, receiver) = if sender_first {
            let sender = send();
            sender.wait_until_seated(&object);
            (sender, receive())
        } else {
            let receiver = receive();
            receiver.wait_until_seated(&object);
            (send(), receiver)
        };
        receiver
            .finish_with_open_input()
            .assert_complete(b"1\n2\n3\n");
        sender.finish_with_open_input().assert_complete(b"");
        assert!(!object.exists());
    }
}

#[test]
fn at_terminals_nobody_has_to_end_anything() {
    let object = Object::new();
    let (_person, stdin) = terminal().unwrap();
    let receiver = Side::start(object.memtalk().arg("--receive").stdin(stdin));
    let (_person, stdout) = terminal().unwrap();
    let mut command = object.memtalk();
    let mut sender = Side::start_with(command.arg("--send").stdin(Stdio::piped()), stdout);
    sender.say(b"hello");
    sender.finish().assert_complete(b"");
    receiver.finish_with_open_input().assert_complete(b"hello");
}

#[test]
fn a_receiver_leaves_its_input_to_others() {
    let object = Object::new();
    let (mut reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"for others").unwrap();
    drop(writer);
    let stdin = reader.try_clone().unwrap();
    let receiver = Side::start(object.memtalk().arg("--receive").stdin(stdin));
    object.side(b"hello").finish().assert_complete(b"");
    receiver.finish().assert_complete(b"hello");
    let mut left = Vec::new();
    bounded("the input", move || {
        reader.read_to_end(&mut left).map(|_| left)
    })
    .unwrap()
    .starts_with(b"for others")
    .then_some(())
    .expect("its input is untouched");
}

#[test]
fn a_sender_needs_no_output() {
    let object = Object::new();
    let sender = support::shell(&format!(
        "echo hello | $MEMTALK -f {} --send >&-",
        object.name()
    ));
    let sender = Side::start(&mut { sender });
    let receiver = Side::start(object.memtalk().arg("--receive").stdin(Stdio::null()));
    receiver.finish().assert_complete(b"hello\n");
    assert_eq!(sender.finish().code, Some(0));
}

#[test]
fn a_peer_that_sends_to_a_sender_is_told() {
    let object = Object::new();
    let sender = Side::start(object.memtalk().arg("--send").stdin(Stdio::piped()));
    let other = object.side(b"unexpected");
    sender.finish_with_open_input().assert_failed(
        1,
        "the peer sends, but this side takes nothing; start this side without --send",
    );
    other
        .finish()
        .assert_failed(4, "it failed and says why on its side");
    object.assert_usable();
}

#[test]
fn the_two_exclude_each_other() {
    for others in [&["--receive"][..], &["--", "cat"]] {
        let mut command = support::memtalk();
        command.args(["-f", "/x", "--send"]).args(others);
        let side = Side::start(command.stdin(Stdio::null())).finish();
        assert_eq!(side.code, Some(255), "{side:?}");
        assert!(side.stderr.contains("cannot be used with"), "{side:?}");
    }
}

/// A side whose messages go to a terminal, and that terminal's screen.
fn at_screen(object: &Object, options: &[&str], stdin: impl Into<Stdio>) -> (Side, File) {
    let (screen, stderr) = terminal().unwrap();
    let mut command = object.memtalk();
    let side = Side::start_telling(command.args(options).stdin(stdin), stderr);
    (side, screen)
}

/// Waits for this text on a screen.
#[track_caller]
fn expect(mut screen: File, text: &str) {
    let mut found = vec![0; text.len()];
    let found = bounded("the screen", move || {
        screen.read_exact(&mut found).map(|()| found)
    });
    assert_eq!(String::from_utf8(found.unwrap()).unwrap(), text);
}

#[test]
fn a_side_that_has_done_its_part_says_once_whom_it_waits_for() {
    let object = Object::new();
    let (one, screen) = at_screen(&object, &[], Stdio::null());
    let other = object.open_side();
    expect(
        screen,
        &format!(
            "memtalk: {}: everything was delivered; the peer has not ended its stream (Ctrl-D there, or --receive)\r\n",
            object.name()
        ),
    );
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_person_is_told_that_the_peer_has_ended() {
    let object = Object::new();
    let (mut person, stdin) = terminal().unwrap();
    let (one, screen) = at_screen(&object, &[], stdin);
    let other = object.side(b"");
    expect(
        screen,
        &format!(
            "memtalk: {}: the peer has ended its stream; Ctrl-D ends yours\r\n",
            object.name()
        ),
    );
    person.write_all(b"\x04").unwrap();
    one.finish_with_open_input().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_stalled_peer_is_named() {
    let object = Object::new();
    // Its output takes nothing more, and the ring takes all.
    let (mut reader, mut output) = io::pipe().unwrap();
    support::fcntl(&output, libc::F_SETPIPE_SZ, 4096).unwrap();
    output.write_all(&[0; 4096]).unwrap();
    let (mut one, screen) = at_screen(&object, &[], Stdio::piped());
    let other = Side::start_with(object.memtalk().stdin(Stdio::null()), output);
    one.write_in_background(support::noise(1000, 1));
    expect(
        screen,
        &format!(
            "memtalk: {}: everything was sent; the peer has not yet written all of it\r\n",
            object.name()
        ),
    );
    bounded("output", move || reader.read_to_end(&mut Vec::new())).unwrap();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_script_is_told_nothing() {
    // Standard error is no terminal.
    let object = Object::new();
    let one = Side::start(object.memtalk().stdin(Stdio::null()));
    let other = object.open_side();
    thread::sleep(Duration::from_millis(1500));
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

/// Nobody at this terminal could do anything about it.
#[test]
fn a_receiver_and_a_pipe_are_told_nothing() {
    let told = |options: &[&str], stdin: Stdio, peer: Stdio| {
        let object = Object::new();
        let (one, mut screen) = at_screen(&object, options, stdin);
        let other = Side::start(object.memtalk().stdin(peer));
        thread::sleep(Duration::from_millis(1500));
        // First the one whose input is open.
        let sides = if options.is_empty() {
            [one, other]
        } else {
            [other, one]
        };
        for side in sides {
            side.finish().assert_complete(b"");
        }
        let mut shown = Vec::new();
        // The terminal of a program that has ended fails to be read.
        let shown = bounded("the screen", move || {
            let _ = screen.read_to_end(&mut shown);
            shown
        });
        String::from_utf8(shown).unwrap()
    };
    assert_eq!(told(&["--receive"], Stdio::null(), Stdio::piped()), "");
    assert_eq!(told(&[], Stdio::piped(), Stdio::null()), "");
}
