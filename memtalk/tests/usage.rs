//! Mistakes of the user: each has a clear message and the right status.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{Object, Side, memtalk, shell};

const PAGES: &str = "a number of pages from 1 to 262144 is expected";
const TIME: &str = "a time is expected, like 10s, 500ms or 2m";

#[test]
fn a_usage_error_is_one_line_and_status_255() {
    let long = format!("/{}", "n".repeat(255));
    let cases: &[(&[&str], &str)] = &[
        (&[], "--file <NAME>; try memtalk -f /words"),
        (&["-f"], "value is required"),
        (&["-f", ""], "starts with a slash"),
        (&["-f", "/"], "something must follow the slash"),
        (&["-f", "noslash"], "starts with a slash: /noslash"),
        (&["-f", "/dev/shm/x"], "the name of this object is /x"),
        (&["-f", "/a/b"], "one slash only"),
        (&["-f", "/."], "the system keeps this name"),
        (&["-f", &long], "at most 254 bytes"),
        (&["-f", "/x", "--pages", "0"], PAGES),
        (&["-f", "/x", "--pages", "x"], PAGES),
        (&["-f", "/x", "--pages", "-1"], PAGES),
        (&["-f", "/x", "--pages", "262145"], PAGES),
        (&["-f", "/x", "--timeout", "soon"], TIME),
        (&["-f", "/x", "--timeout", "-1"], TIME),
        (&["-f", "/x", "--timeout=-1s"], TIME),
        (&["-f", "/x", "--mode", "rw"], "600, 660, 606 or 666"),
        (&["-f", "/x", "--mode", "644"], "600, 660, 606 or 666"),
        (
            &["-f", "/x", "--offset", "-64"],
            "a number of bytes is expected",
        ),
        (
            &["-f", "/x", "--offset", "64", "--scan", "--pages", "2"],
            "'--offset <BYTES>' cannot be used with: --scan, --pages <N>",
        ),
        (
            &["-f", "/x", "--scan", "--pages", "2"],
            "'--scan' cannot be used with '--pages <N>'",
        ),
        (&["-f", "/x", "--unknown"], "--unknown"),
        (&["-f", "/x", "/y"], "unexpected argument"),
        (&["-f", "/x", "-f", "/y"], "cannot be used multiple times"),
    ];
    for (arguments, message) in cases {
        let result = Side::start(memtalk().args(*arguments).stdin(Stdio::null())).finish();
        result.assert_failed(255, message);
        assert!(result.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_not_errors() {
    for (argument, text) in [
        ("--help", "Exit status:"),
        ("-h", "--timeout <TIME>"),
        ("--version", concat!("memtalk ", env!("CARGO_PKG_VERSION"))),
        ("-V", "memtalk "),
    ] {
        let result = Side::start(memtalk().arg(argument).stdin(Stdio::null())).finish();
        assert_eq!((result.code, &result.stderr[..]), (Some(0), ""));
        let output = String::from_utf8(result.stdout).unwrap();
        assert!(output.contains(text), "{output}");
        assert!(
            output.lines().all(|line| line.chars().count() <= 80),
            "{output}"
        );
    }
}

#[test]
fn the_long_option_and_the_longest_name_work() {
    let object = Object::new();
    let one = Side::start(
        memtalk()
            .args(["--file", &object.name()])
            .stdin(Stdio::null()),
    );
    object.side(b"").finish().assert_complete(b"");
    one.finish().assert_complete(b"");

    let name = format!("/memtalk-test-{}-{}", std::process::id(), "n".repeat(300));
    let name = &name[..255];
    let start = || Side::start(memtalk().args(["-f", name]).stdin(Stdio::null()));
    let (one, other) = (start(), start());
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_name_need_not_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut name = format!("/memtalk-test-{}-", std::process::id()).into_bytes();
    name.extend(b"\xff\n x");
    let start = || {
        let mut command = memtalk();
        Side::start(
            command
                .arg("-f")
                .arg(OsStr::from_bytes(&name))
                .stdin(Stdio::null()),
        )
    };
    let (one, other) = (start(), start());
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn no_peer_within_the_timeout_is_status_3() {
    let object = Object::new();
    for (timeout, least) in [("0", 0), ("0.2", 200), ("150ms", 150)] {
        let mut command = object.memtalk();
        let began = Instant::now();
        let side = Side::start(command.args(["--timeout", timeout]).stdin(Stdio::null()));
        side.finish().assert_failed(3, "no peer came");
        assert!(began.elapsed() >= Duration::from_millis(least));
        assert!(!object.exists());
    }
    object.assert_usable();
}

#[test]
fn a_timeout_does_not_end_a_talk() {
    let object = Object::new();
    let start = || {
        let mut command = object.memtalk();
        Side::start(command.args(["--timeout", "2"]).stdin(Stdio::piped()))
    };
    let (mut one, mut other) = (start(), start());
    one.say(b"a");
    other.expect(b"a");
    // Let them talk for longer than the timeout.
    std::thread::sleep(Duration::from_millis(2100));
    one.say(b"b");
    other.expect(b"b");
    one.end_input();
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_number_of_pages_that_the_object_does_not_have_is_refused() {
    let object = Object::new();
    let first = object.open_side();
    first.wait_until_seated(&object);
    let second = Side::start(object.memtalk().args(["--pages", "2"]).stdin(Stdio::null()));
    second
        .finish()
        .assert_failed(6, "the object has 1 page(s), not 2");
    // The first still waits, and the right one can join.
    let right = Side::start(object.memtalk().args(["--pages", "1"]).stdin(Stdio::null()));
    first.finish().assert_complete(b"");
    right.finish().assert_complete(b"");
}

#[test]
fn a_mode_other_than_the_four_is_a_usage_error() {
    for mode in ["644", "060", "777", "0x1b0", "-1", "1000600"] {
        let object = Object::new();
        let side = Side::start(object.memtalk().args(["--mode", mode]).stdin(Stdio::null()));
        let side = side.finish();
        assert_eq!(side.code, Some(255), "{mode}: {}", side.stderr);
        assert!(!object.exists());
    }
}

#[test]
fn an_offset_where_no_page_can_be_is_a_usage_error() {
    let offsets = [
        &["--offset", "1"][..],
        &["--offset", "0x41"],
        &["--offset", "-64"],
        &["--offset", "x"],
        &["--offset", "18446744073709551552"],
        &["--offset", "64", "--scan"],
        &["--offset", "64", "--pages", "2"],
        &["--scan", "--pages", "2"],
    ];
    for args in offsets {
        let object = Object::new();
        let side = Side::start(object.memtalk().args(args).stdin(Stdio::null()));
        let side = side.finish();
        assert_eq!(side.code, Some(255), "{args:?}: {}", side.stderr);
        assert!(!object.exists());
    }
}

#[test]
fn a_size_for_which_there_is_no_memory_fails_and_leaves_no_object() {
    let object = Object::new();
    let script = format!(
        "ulimit -f 8; exec $MEMTALK -f {} --pages 100",
        object.name()
    );
    let side = Side::start(shell(&script).stdin(Stdio::null()));
    side.finish()
        .assert_failed(1, "cannot get memory for the object");
    assert!(!object.exists(), "nothing is left behind");
    object.assert_usable();
}
