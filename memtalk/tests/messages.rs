//! The command's messages on standard error, and that they never delay the talk.

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use support::{Object, Side, bounded, eventually, memtalk};

/// A pipe that is full, and that nobody reads yet.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    // SAFETY: no pointers are involved.
    let room = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
    let dots = vec![b'.'; usize::try_from(room).unwrap()];
    writer.write_all(&dots).unwrap();
    (reader, writer)
}

/// Two sockets. What one call writes to the second arrives at the first as one packet.
fn packets() -> (File, OwnedFd) {
    let mut ends = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: a valid place for two descriptors.
    let result = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    assert_eq!(result, 0, "no sockets to be had");
    // SAFETY: new descriptors that nobody else owns.
    let [ours, theirs] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    (ours.into(), theirs)
}

/// All packets until the other side closes.
fn writes(mut packets: File) -> Vec<String> {
    bounded("messages", move || {
        let mut found = Vec::new();
        let mut packet = [0; 4096];
        while let Ok(count @ 1..) = packets.read(&mut packet) {
            found.push(String::from_utf8(packet[..count].to_vec()).unwrap());
        }
        found
    })
}

#[test]
fn a_message_is_one_line_and_one_write() {
    let object = Object::new();
    let (found, stderr) = packets();
    let one = Side::start_telling(object.memtalk().arg("-v").stdin(Stdio::null()), stderr);
    object.side(b"12345").finish().assert_complete(b"");
    one.finish().assert_complete(b"12345");
    let front = format!("memtalk: {}: ", object.name());
    let writes = writes(found);
    let told = |text: &str| writes.iter().any(|write| write.contains(text));
    for what in [
        "waiting for a peer\n",
        "our stream has ended; the peer has still to confirm it\n",
        "our stream is complete: the peer has written all of it\n",
        "the peer's stream is complete: all of it is written\n",
        "sent 0 bytes, received 5 bytes, in ",
    ] {
        assert!(told(what), "{what} {writes:?}");
    }
    for write in &writes {
        assert!(write.starts_with(&front), "{write}");
        assert_eq!(write.find('\n'), Some(write.len() - 1), "{write}");
    }
}

#[test]
fn a_failure_is_one_line_and_one_write_after_the_earlier_messages() {
    let object = Object::new();
    let (found, stderr) = packets();
    let mut command = object.memtalk();
    command
        .args(["-v", "--timeout", "0.1"])
        .stdin(Stdio::null());
    assert_eq!(
        Side::start_telling(&mut command, stderr).finish().code,
        Some(3)
    );
    let front = format!("memtalk: {}: ", object.name());
    let lines = [
        "waiting for a peer\n",
        "no peer came within 0.1 s; start the other side, or allow more time\n",
    ];
    assert_eq!(writes(found), lines.map(|line| format!("{front}{line}")));
}

#[test]
fn a_usage_error_is_one_write() {
    let (found, stderr) = packets();
    let mut command = memtalk();
    command.args(["-f", "/x", "--verbos"]).stdin(Stdio::null());
    assert_eq!(
        Side::start_telling(&mut command, stderr).finish().code,
        Some(255)
    );
    let writes = writes(found);
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].contains("unexpected argument '--verbos'"));
}

#[test]
fn a_standard_error_that_nobody_reads_does_not_delay_the_talk() {
    let object = Object::new();
    let (mut messages, stderr) = full_pipe();
    let mut command = object.memtalk();
    command.args(["-v", "--progress", "--interval", "0.01"]);
    let mut one = Side::start_telling(command.stdin(Stdio::piped()), stderr);
    let mut other = object.open_side();
    for _ in 0..3 {
        one.say(b"to the other");
        other.expect(b"to the other");
        other.say(b"to the one");
        one.expect(b"to the one");
        // Meanwhile there is progress to report.
        thread::sleep(Duration::from_millis(100));
    }
    one.end_input();
    other.finish().assert_complete(b"");
    assert_eq!(one.rest_of_output(), b"");

    // It writes all messages once somebody reads, and ends only then.
    assert!(!one.has_ended());
    let said = bounded("messages", move || {
        let mut said = String::new();
        messages.read_to_string(&mut said).map(|_| said)
    });
    let said = said.unwrap();
    for text in [
        "waiting for a peer",
        "; sent ",
        "sent 36 bytes, received 30",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    one.finish().assert_complete(b"");
}

#[test]
fn a_truncation_ends_the_process_even_if_its_message_cannot_be_written() {
    let object = Object::new();
    let (_messages, stderr) = full_pipe();
    let mut one = Side::start_telling(object.memtalk().stdin(Stdio::piped()), stderr);
    let mut other = object.open_side();
    one.say(b"hello");
    other.expect(b"hello");
    object.open().set_len(0).unwrap();
    one.say(b"b");
    assert_eq!(one.finish_with_open_input().code, Some(6));
    other.finish_with_open_input().assert_failed(6, "truncated");
}

/// The number of the system call that the process's first thread is in.
fn call_of_first_thread(side: &Side) -> Option<libc::c_long> {
    let threads = side.threads();
    let first = threads
        .iter()
        .find(|thread| thread.starts_with("memtalk "))?;
    first.split_whitespace().nth(4)?.parse().ok()
}

#[test]
fn a_signal_ends_a_process_that_waits_to_write_its_message() {
    const TERM: i32 = 15;
    let cases: [(&[u8], &[&str], _); 3] = [
        // It has taken no seat.
        (b"somebody's", &[], libc::SYS_write),
        // It has taken no seat, and waits until its earlier messages are written.
        (
            &[0; 4096],
            &["-v", "--scan", "--timeout", "0.1"],
            libc::SYS_futex,
        ),
        // It has taken a seat, and removed the object again.
        (b"", &["--timeout", "0"], libc::SYS_write),
    ];
    for (contents, args, call) in cases {
        let object = Object::new();
        if !contents.is_empty() {
            fs::write(object.path(), contents).unwrap();
        }
        let (_messages, stderr) = full_pipe();
        let mut command = object.memtalk();
        let side = Side::start_telling(command.args(args).stdin(Stdio::null()), stderr);
        eventually("it waits for standard error", || {
            call_of_first_thread(&side) == Some(call)
        });
        side.signal(TERM);
        assert_eq!(side.finish().signal, Some(TERM), "{args:?}");
    }
}

#[test]
fn usage_errors_repeat_arguments_without_their_control_characters() {
    let cases: &[(&[&str], &str)] = &[
        (&["-f", "/a/b\x1b[31m"], r"'/a/b\u{1b}[31m'"),
        (&["-f", "/a/\u{9b}31m"], r"'/a/\u{9b}31m'"),
        (&["-f", "/x", "--pages", "1\x1b[2J\n"], r"'1\u{1b}[2J\n'"),
        (&["-f", "/x", "--mode", "\r"], r"'\r'"),
        (&["-f", "/x", "--scan=\x07"], r"'\u{7}'"),
        (&["-f", "/x", "--\x1b[31m"], r"argument '--\u{1b}[31m'"),
        (&["-f", "/x", "stray\n"], r"argument 'stray\n' found"),
    ];
    for (arguments, repeated) in cases {
        let mut command = memtalk();
        // A parent may start the program under any name.
        command.arg0(OsStr::new("mem\x1b[31mtalk"));
        let side = Side::start(command.args(*arguments).stdin(Stdio::null())).finish();
        assert_eq!(side.code, Some(255), "{arguments:?}");
        assert!(side.stderr.contains(repeated), "{:?}", side.stderr);
        let is_raw = |c: char| c.is_control() && c != '\n';
        assert!(!side.stderr.contains(is_raw), "{:?}", side.stderr);
    }
}
