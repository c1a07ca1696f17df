//! The progress: `--progress`, `--interval` and `--size`.

mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::Stdio;

use support::lines::terminal;
use support::{Object, Side, TempFile, bounded, noise};

/// Options for a look ten times a second.
const OFTEN: &[&str] = &["--progress", "--interval", "0.1"];

/// What a screen shows until it contains `text`.
fn until(screen: &mut File, text: &str) -> String {
    let (mut screen, text) = (screen.try_clone().unwrap(), text.to_owned());
    bounded("the screen", move || {
        let (mut shown, mut piece) = (String::new(), [0; 1]);
        while !shown.contains(&text) {
            screen.read_exact(&mut piece).unwrap();
            shown.push(piece[0].into());
        }
        shown
    })
}

#[test]
fn a_terminal_has_one_line_that_is_drawn_again() {
    let object = Object::new();
    let (mut screen, stderr) = terminal().unwrap();
    let mut command = object.memtalk();
    let mut one = Side::start_telling(command.args(OFTEN).stdin(Stdio::piped()), stderr);
    let mut other = object.open_side();
    one.say(b"12345");
    other.expect(b"12345");
    let shown = until(&mut screen, "sent 5 B, ");
    assert!(!shown.contains('\n'), "{shown:?}");
    until(&mut screen, "\r\x1b[Kmemtalk: ");
    other.end_input();
    one.end_input();
    // In the end, the line gives way to the total.
    let shown = until(&mut screen, "\n");
    let (_, last) = shown.rsplit_once("\x1b[K").unwrap();
    let total = format!(
        "memtalk: {}: sent 5 bytes, received 0 bytes, in ",
        object.name()
    );
    assert!(last.starts_with(&total), "{shown:?}");
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_terminal_with_the_streams_is_not_disturbed() {
    let object = Object::new();
    let (mut screen, program) = terminal().unwrap();
    let mut command = object.memtalk();
    command.args(OFTEN).stdin(Stdio::piped());
    let mut one = command
        .stdout(program.try_clone().unwrap())
        .stderr(program)
        .spawn()
        .unwrap();
    drop(command);
    let other = object.side(b"hello");
    assert_eq!(until(&mut screen, "hello"), "hello");
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(one.stdin.take());
    other.finish().assert_complete(b"");
    let shown = until(&mut screen, "\n");
    assert!(shown.starts_with("memtalk: "), "{shown:?}");
    assert!(shown.contains("received 5 bytes, in "), "{shown:?}");
    assert!(one.wait().unwrap().success());
}

#[test]
fn elsewhere_it_is_a_line_each_time() {
    let object = Object::new();
    let mut command = object.memtalk();
    let mut one = Side::start(command.args(OFTEN).stdin(Stdio::piped()));
    let mut other = object.open_side();
    one.say(b"12345");
    other.expect(b"12345");
    one.expect_message("; sent 5 B, ");
    one.expect_message("; sent 5 B, 0 B/s (average ");
    other.end_input();
    let one = one.finish();
    assert!(one.stderr.contains("sent 5 bytes, received 0 bytes, in "));
    assert!(one.stderr.lines().all(|line| line.starts_with("memtalk: ")));
    assert_eq!(one.code, Some(0));
}

#[test]
fn of_a_file_it_tells_how_much_is_left() {
    let object = Object::new();
    let (sent, file) = (noise(1_000_000, 1), TempFile::new(&noise(1_000_000, 1)));
    let (mut reader, output) = io::pipe().unwrap();
    let mut command = object.memtalk();
    let mut one = Side::start(command.args(OFTEN).stdin(file.open()));
    let other = Side::start_with(object.memtalk().stdin(Stdio::null()), output);
    // A part of the file has passed, and then the other's output is full.
    let mut received = vec![0; 400_000];
    let (mut reader, mut received) = bounded("a part", move || {
        reader.read_exact(&mut received).unwrap();
        (reader, received)
    });
    let shown = one.message(" left");
    assert!(shown.contains(" %; "), "{shown}");
    let received = bounded("output", move || {
        reader.read_to_end(&mut received).map(|_| received)
    });
    assert!(received.unwrap() == sent);
    other.finish().assert_complete(b"");
    assert_eq!(one.finish().code, Some(0));
}

#[test]
fn a_receiver_can_be_told_how_much_will_come() {
    let object = Object::new();
    let mut command = object.memtalk();
    command.args(OFTEN).args(["--receive", "--size", "10"]);
    let mut one = Side::start(command.stdin(Stdio::null()));
    let mut other = object.open_side();
    other.say(b"12345");
    let shown = one.message("; 50 %; ");
    assert!(shown.contains("received 5 B, "), "{shown}");
    other.finish().assert_complete(b"");
    assert_eq!(one.finish().code, Some(0));
}

#[test]
fn the_total_is_told_after_a_failure_as_well() {
    let object = Object::new();
    let mut command = object.memtalk();
    let one = Side::start(command.arg("--progress").stdin(Stdio::piped()));
    let mut other = object.open_side();
    other.say(b"12345");
    let mut one = one;
    one.expect(b"12345");
    other.kill();
    let one = one.finish();
    let lines: Vec<_> = one.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{one:?}");
    assert!(lines[0].contains("received 5 bytes, in "), "{one:?}");
    assert!(lines[1].contains("the peer died"), "{one:?}");
    assert_eq!(one.code, Some(4));
}

#[test]
fn options_of_the_progress_need_it() {
    for (options, text) in [
        (&["--interval", "1"][..], "--progress"),
        (&["--size", "1"], "--progress"),
        (&["--progress", "--interval", "0"], "more than 0"),
        (&["--progress", "--interval", "x"], "--interval"),
        (&["--progress", "--size", "x"], "a number of bytes"),
    ] {
        let mut command = support::memtalk();
        let side = Side::start(
            command
                .args(["-f", "/x"])
                .args(options)
                .stdin(Stdio::null()),
        );
        let side = side.finish();
        assert_eq!(side.code, Some(255), "{options:?}: {side:?}");
        assert!(side.stderr.contains(text), "{options:?}: {}", side.stderr);
    }
}

#[test]
fn nothing_is_shown_if_it_is_not_asked_for() {
    let object = Object::new();
    let (mut screen, stderr) = terminal().unwrap();
    let one = Side::start_telling(object.memtalk().stdin(Stdio::null()), stderr);
    object.side(b"hello").finish().assert_complete(b"");
    one.finish().assert_complete(b"hello");
    screen.write_all(b"").unwrap();
    let mut shown = Vec::new();
    let shown = bounded("the screen", move || {
        let _ = screen.read_to_end(&mut shown);
        shown
    });
    assert_eq!(shown, b"");
}
