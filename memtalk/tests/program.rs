//! A program in place of standard input and output: `-- CMD`.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use support::{Object, Side, TempFile, eventually, noise};

const KILL: i32 = 9;
const TERM: i32 = 15;

/// A side with this program.
fn with_program(object: &Object, program: &[&str]) -> Side {
    let mut command = object.memtalk();
    Side::start(command.arg("--").args(program).stdin(Stdio::null()))
}

/// A side with this shell script as its program.
fn with_script(object: &Object, script: &str) -> Side {
    with_program(object, &["sh", "-c", script])
}

/// Whether this process runs: it is there and no zombie.
fn runs(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat"));
    state.is_ok_and(|state| !state.contains(") Z "))
}

#[test]
fn a_program_reads_what_is_received_and_what_it_writes_is_sent() {
    let object = Object::new();
    let one = with_program(&object, &["sort", "-r"]);
    object.side(b"a\nb\n").finish().assert_complete(b"b\na\n");
    one.finish().assert_complete(b"");

    let sent = noise(3_000_000, 1);
    for pages in ["1", "40"] {
        let mut command = object.memtalk();
        let one = Side::start(
            command
                .args(["--pages", pages, "--", "cat"])
                .stdin(Stdio::null()),
        );
        one.wait_until_seated(&object);
        object.side(&sent).finish().assert_complete(&sent);
        one.finish().assert_complete(b"");
    }
}

#[test]
fn a_program_may_end_its_output_before_its_input() {
    let object = Object::new();
    let file = TempFile::new(b"");
    let script = format!("echo hi; exec >&-; cat >{}", file.0.display());
    let one = with_script(&object, &script);
    let mut other = object.open_side();
    assert_eq!(other.rest_of_output(), b"hi\n");
    other.say(b"still there");
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert_eq!(fs::read(&file.0).unwrap(), b"still there");
}

#[test]
fn its_status_is_kept() {
    let object = Object::new();
    let one = with_script(&object, "cat; exit 3");
    object.side(b"hello").finish().assert_complete(b"hello");
    let one = one.finish();
    assert_eq!((one.code, &*one.stderr), (Some(3), ""));
}

#[test]
fn what_a_killed_program_wrote_is_delivered_but_not_complete() {
    let object = Object::new();
    let one = with_script(&object, "echo hello; kill -KILL $$");
    let other = object.side(b"").finish();
    other.assert_failed(4, "the peer stopped");
    assert_eq!(other.stdout, b"hello\n");
    one.finish()
        .assert_failed(128 + KILL, "sh was killed by signal 9");
}

#[test]
fn a_program_that_cannot_run_is_told_before_anybody_waits() {
    let object = Object::new();
    let no_program = TempFile::new(b"#!/nosuch/interpreter\n");
    let path = no_program.0.to_str().unwrap();
    let told = |program: &str, code, text: &str| {
        let one = with_program(&object, &[program]).finish();
        one.assert_failed(code, &format!("cannot run {program}: {text}"));
        assert!(!object.exists());
    };
    told("no-such-program", 127, "No such file or directory");
    told("/no/such/program", 127, "No such file or directory");
    told(path, 126, "Permission denied");
    told("/", 126, "");

    // What only the system can tell is told to both sides.
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let one = with_program(&object, &[path]);
    object
        .side(b"")
        .finish()
        .assert_failed(4, "the peer stopped");
    one.finish().assert_failed(127, "No such file or directory");
    object.assert_usable();
}

#[test]
fn a_program_that_stops_reading_still_says_what_it_says() {
    let object = Object::new();
    let one = with_program(&object, &["head", "-n", "1"]);
    let mut lines = b"first\n".to_vec();
    lines.extend(noise(1_000_000, 2));
    let other = object.side(&lines).finish();
    other.assert_failed(4, "the peer stopped");
    assert_eq!(other.stdout, b"first\n");
    one.finish().assert_failed(1, "stopped reading");
    object.assert_usable();
}

#[test]
fn a_program_that_ends_at_once_ends_its_stream() {
    let object = Object::new();
    let one = with_program(&object, &["true"]);
    object.side(b"").finish().assert_complete(b"");
    one.finish().assert_complete(b"");

    let one = with_program(&object, &["false"]);
    object.side(b"").finish().assert_complete(b"");
    assert_eq!(one.finish().code, Some(1));
}

#[test]
fn what_its_descendants_write_after_its_end_is_not_awaited() {
    // They leave our standard error alone, which the test reads to its end.
    for script in [
        "sleep 1000 2>/dev/null & echo $!",
        // The pipe is never empty.
        "yes 2>/dev/null & echo $!",
    ] {
        let object = Object::new();
        let one = with_script(&object, script);
        let mut other = object.open_side();
        let pid = loop {
            match other.next_line() {
                line if line == "y" => {}
                line => break line,
            }
        };
        other.finish();
        let one = one.finish();
        assert_eq!((one.code, &*one.stderr), (Some(0), ""), "{script}");
        let _ = std::process::Command::new("kill").arg(&pid).status();
    }
}

#[test]
fn descendants_that_have_its_input_open_and_do_not_read_hold_up_nobody() {
    // It ends at once, or when its input has long been full.
    for end in ["", "sleep 0.3"] {
        let object = Object::new();
        // A shell gives a background job another input, and calls that 0 from then on.
        let script = format!("exec 3<&0; read line; sleep 1000 >&- 2>&- & echo $!; {end}");
        // Much is written at once. With a byte in the pipe, there is no room for all of it.
        let mut command = object.memtalk();
        command.args(["--pages", "64", "--", "sh", "-c", &script]);
        let one = Side::start(command.stdin(Stdio::null()));
        one.wait_until_seated(&object);
        let mut other = object.open_side();
        other.say(b"line\n+");
        let pid = other.next_line();
        other.write_in_background(noise(1_000_000, 3));
        other
            .finish_with_open_input()
            .assert_failed(4, "the peer stopped");
        one.finish().assert_failed(1, "stopped reading");
        let _ = std::process::Command::new("kill").arg(&pid).status();
    }
}

#[test]
fn it_does_not_outlive_us_even_if_we_are_killed() {
    let object = Object::new();
    let mut one = with_script(&object, "echo $$; exec sleep 1000");
    let mut other = object.open_side();
    let pid = other.next_line();
    assert!(runs(&pid));
    one.kill();
    eventually("it ends", || !runs(&pid));
    other.finish().assert_failed(4, "the peer died");
    object.assert_usable();
}

#[test]
fn it_is_no_zombie_while_the_talk_goes_on() {
    let object = Object::new();
    let one = with_script(&object, "echo $$");
    let mut other = object.open_side();
    let pid = other.next_line();
    eventually("it is reaped", || {
        !Path::new(&format!("/proc/{pid}")).exists()
    });
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_signal_is_passed_on_and_the_program_decides() {
    let object = Object::new();
    let wait = "while :; do sleep 0.01; done";
    let one = with_script(
        &object,
        &format!("trap 'echo bye; exit 7' TERM; echo on; {wait}"),
    );
    let mut other = object.open_side();
    other.expect(b"on\n");
    one.signal(TERM);
    other.finish().assert_complete(b"bye\n");
    assert_eq!(one.finish().code, Some(7));

    let one = with_script(&object, &format!("echo on; {wait}"));
    let mut other = object.open_side();
    other.expect(b"on\n");
    one.signal(TERM);
    other.finish().assert_failed(4, "the peer stopped");
    one.finish()
        .assert_failed(128 + TERM, "killed by signal 15");
    object.assert_usable();
}

#[test]
fn a_second_signal_ends_both() {
    let object = Object::new();
    let script = "trap 'echo heard' TERM; echo $$; while :; do sleep 0.01; done";
    let one = with_script(&object, script);
    let mut other = object.open_side();
    let pid = other.next_line();
    one.signal(TERM);
    other.expect(b"heard\n");
    one.signal(TERM);
    assert_eq!(one.finish().signal, Some(TERM));
    eventually("it ends", || !runs(&pid));
    other.finish();
    object.assert_usable();
}

#[test]
fn an_incomplete_input_does_not_look_complete_to_a_program() {
    let object = Object::new();
    let file = TempFile::new(b"");
    let path = file.0.display();
    let script = format!(
        "trap 'echo interrupted >{path}; exit 5' TERM; echo on; cat >/dev/null; echo complete >{path}"
    );
    let one = with_script(&object, &script);
    let mut other = object.open_side();
    other.expect(b"on\n");
    other.kill();
    one.finish().assert_failed(4, "the peer died");
    assert_eq!(fs::read(&file.0).unwrap(), b"interrupted\n");
}

#[test]
fn a_program_has_no_signals_blocked() {
    let object = Object::new();
    let one = with_program(&object, &["grep", "SigBlk", "/proc/self/status"]);
    let expected = b"SigBlk:\t0000000000000000\n";
    object.side(b"").finish().assert_complete(expected);
    one.finish().assert_complete(b"");
}

/// The shell itself reads. So it is quick if its input ends before it is told.
#[test]
fn a_quick_program_does_not_see_the_end_of_an_incomplete_input() {
    for _ in 0..100 {
        let object = Object::new();
        let file = TempFile::new(b"");
        let script = format!("echo on; read -r line; echo complete >{}", file.0.display());
        let one = with_script(&object, &script);
        let mut other = object.open_side();
        other.expect(b"on\n");
        other.kill();
        one.finish().assert_failed(4, "the peer died");
        assert_eq!(fs::read(&file.0).unwrap(), b"");
    }
}

#[test]
fn a_program_that_ignores_everything_is_killed() {
    let object = Object::new();
    let script = "trap '' TERM; echo $$; while :; do sleep 0.01; done";
    let one = with_script(&object, script);
    let mut other = object.open_side();
    let pid = other.next_line();
    other.kill();
    one.finish().assert_failed(4, "the peer died");
    assert!(!runs(&pid));
}

#[test]
fn the_next_talk_need_not_wait_for_a_program_that_lingers() {
    let object = Object::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = object.memtalk();
    // Its standard error stays open until this test ends the program.
    command.args(["--", "sh", "-c", "cat; exec >&-; read line <&2"]);
    let one = Side::start_telling(command.stdin(Stdio::null()), reader);
    object.side(b"hello").finish().assert_complete(b"hello");
    object.assert_usable();
    drop(writer);
    assert_eq!(one.finish().code, Some(1));
}
