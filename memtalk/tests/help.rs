//! Help and version: on a terminal, in a pipe, and where they cannot be written.

mod support;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use support::lines::terminal;
use support::{Side, bounded, memtalk, shell};

/// What a person sees of this command on a terminal of this type.
fn screen(command: &mut Command, term: &str) -> String {
    let (mut screen, program) = terminal().expect("a pseudo-terminal");
    command.env("TERM", term).stdin(Stdio::null());
    let ended = Side::start_with(command, program).finish();
    assert_eq!((ended.code, &ended.stderr[..]), (Some(0), ""));
    bounded("the screen", move || {
        let mut seen = Vec::new();
        // Ends with an error: nobody has the other side open any more.
        let _ = screen.read_to_end(&mut seen);
        String::from_utf8(seen).expect("text")
    })
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let (_, rest) = part.split_once('m').expect("a colour");
        plain + rest
    })
}

#[test]
fn the_help_is_coloured_where_the_terminal_and_the_user_want_it() {
    let coloured = screen(memtalk().arg("--help"), "xterm");
    for heading in ["Usage:", "Options:", "Examples:", "Exit status:"] {
        let line = coloured.lines().find(|line| line.contains(heading));
        assert!(
            line.is_some_and(|line| line.starts_with("\x1b[1")),
            "{line:?}"
        );
    }
    let plain = without_colours(&coloured);
    let mut command = memtalk();
    assert_eq!(
        screen(command.arg("--help").env("NO_COLOR", "1"), "xterm"),
        plain
    );
    assert_eq!(screen(memtalk().arg("--help"), "dumb"), plain);
    let piped = Side::start(memtalk().arg("--help").stdin(Stdio::null())).finish();
    let piped = String::from_utf8(piped.stdout).expect("text");
    assert_eq!(piped, plain.replace("\r\n", "\n"));
}

#[test]
fn the_help_has_three_examples_and_says_where_the_object_is() {
    let help = Side::start(memtalk().arg("--help").stdin(Stdio::null())).finish();
    let help = String::from_utf8(help.stdout).expect("text");
    let (_, examples) = help.split_once("Examples:\n").expect("examples");
    let (examples, _) = examples.split_once("\n\n").expect("an end");
    assert!(examples.matches("memtalk -f /").count() >= 3, "{examples}");
    assert!(help.contains("/dev/shm/NAME"), "{help}");
}

#[test]
fn the_version_has_that_of_the_page() {
    let expected = format!(
        "memtalk {} (page layout {})\n",
        env!("CARGO_PKG_VERSION"),
        memtalk_ring::layout::VERSION
    );
    for argument in ["-V", "--version"] {
        let version = Side::start(memtalk().arg(argument).stdin(Stdio::null())).finish();
        assert_eq!(String::from_utf8(version.stdout).expect("text"), expected);
    }
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    for argument in ["--help", "-h", "--version"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        Side::start_with(memtalk().arg(argument).stdin(Stdio::null()), full)
            .finish()
            .assert_failed(1, "cannot write standard output: No space left on device");
        let script = format!("exec $MEMTALK {argument} >&-");
        Side::start(shell(&script).stdin(Stdio::null()))
            .finish()
            .assert_failed(1, "it is closed");
    }
}

#[test]
fn a_reader_that_has_seen_enough_of_the_help_is_no_failure() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let side = Side::start_with(
        memtalk().arg("--help").stdin(Stdio::null()),
        OwnedFd::from(writer),
    );
    side.finish().assert_complete(b"");
}
