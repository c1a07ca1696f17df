//! Standard input and output of every kind, and what happens if they fail.

mod support;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use memtalk_ring::Error;
use support::party::{self, Memory};
use support::seccomp::{self, Call};
use support::{BOUND, Object, POLL, Side, bounded, eventually, fcntl, noise, shell};

#[test]
fn non_blocking_descriptors_work_on_both_sides() {
    let object = Object::new();
    let (one, other) = (noise(1_000_000, 1), noise(1_000_000, 2));
    let start = |input: Vec<u8>| {
        let (mut feed, stdin) = UnixStream::pair().unwrap();
        let (stdout, mut result) = UnixStream::pair().unwrap();
        stdin.set_nonblocking(true).unwrap();
        stdout.set_nonblocking(true).unwrap();
        let side = Side::start_with(
            object.memtalk().stdin(OwnedFd::from(stdin)),
            OwnedFd::from(stdout),
        );
        std::thread::spawn(move || feed.write_all(&input));
        result.set_read_timeout(Some(BOUND)).unwrap();
        let (go, gone) = mpsc::channel();
        let output = std::thread::spawn(move || {
            gone.recv().unwrap();
            let mut bytes = Vec::new();
            result.read_to_end(&mut bytes).map(|_| bytes)
        });
        (side, go, output)
    };
    let (one_side, one_go, one_output) = start(one.clone());
    let (other_side, other_go, other_output) = start(other.clone());
    // Nobody reads until both outputs are full. There is input all the time.
    for (side, go) in [(&one_side, one_go), (&other_side, other_go)] {
        side.wait_until_its_output_is_full();
        go.send(()).unwrap();
    }
    one_side.finish().assert_complete(b"");
    other_side.finish().assert_complete(b"");
    assert!(bounded("output", move || one_output.join().unwrap().unwrap()) == other);
    assert!(bounded("output", move || other_output.join().unwrap().unwrap()) == one);
}

#[test]
fn non_blocking_input_that_comes_late_is_waited_for() {
    // With one page through private memory, with 40 straight. Nobody can write to this end
    // of a pipe, so a process that waits until it is writable waits for ever.
    for pages in ["1", "40"] {
        let object = Object::new();
        let (input, mut feed) = std::io::pipe().unwrap();
        fcntl(&input, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
        let mut command = object.memtalk();
        let one = Side::start(command.args(["--pages", pages]).stdin(input));
        let mut command = object.memtalk();
        let mut other = Side::start(command.args(["--pages", pages]).stdin(Stdio::piped()));
        eventually("it waits for input", || one.is_in(POLL));
        feed.write_all(b"late").unwrap();
        other.expect(b"late");
        drop(feed);
        other.finish().assert_complete(b"");
        one.finish().assert_complete(b"");
    }
}

#[test]
fn a_pipe_that_takes_a_part_at_a_time_gets_every_byte() {
    // With one page through private memory, with 40 straight; more bytes than the ring and
    // the pipe hold.
    for pages in ["1", "40"] {
        let object = Object::new();
        let (mut reader, output) = std::io::pipe().unwrap();
        fcntl(&output, libc::F_SETPIPE_SZ, 16 * 1024).unwrap();
        fcntl(&output, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
        let mut command = object.memtalk();
        command.args(["--pages", pages]).stdin(Stdio::null());
        let one = Side::start_with(&mut command, output);
        let sent = noise(300_000, 7);
        let mut command = object.memtalk();
        let mut other = Side::start(command.args(["--pages", pages]).stdin(Stdio::piped()));
        other.write_in_background(sent.clone());
        one.wait_until_its_output_is_full();
        // Never read as much at once as the pipe holds.
        let received = bounded("output", move || {
            let (mut received, mut piece) = (Vec::new(), [0; 1000]);
            while let count @ 1.. = reader.read(&mut piece).unwrap() {
                received.extend_from_slice(&piece[..count]);
            }
            received
        });
        assert!(received == sent);
        one.finish().assert_complete(b"");
        other.finish().assert_complete(b"");
    }
}

#[test]
fn closed_input_is_an_empty_stream() {
    let object = Object::new();
    let one = Side::start(&mut shell(&format!(
        "exec $MEMTALK -f {} <&-",
        object.name()
    )));
    let other = object.side(b"for you");
    one.finish().assert_complete(b"for you");
    other.finish().assert_complete(b"");
}

#[test]
fn closed_output_fails_if_there_is_anything_to_write() {
    let closed = |object: &Object| {
        let mut command = shell(&format!("exec $MEMTALK -f {} >&-", object.name()));
        Side::start(command.stdin(Stdio::null()))
    };
    let object = Object::new();
    let (one, other) = (closed(&object), object.side(b"lost"));
    one.finish()
        .assert_failed(1, "cannot write standard output");
    other.finish().assert_failed(4, "the peer stopped");
    object.assert_usable();

    let (one, other) = (closed(&object), object.side(b""));
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_process_whose_descriptors_are_all_closed_can_talk() {
    let object = Object::new();
    let one = Side::start(&mut shell(&format!(
        "exec $MEMTALK -f {} <&- >&- 2>&-",
        object.name()
    )));
    let other = object.side(b"");
    other.finish().assert_complete(b"");
    assert_eq!(one.finish().code, Some(0));
}

#[test]
fn input_that_cannot_be_read_is_reported() {
    for directory_first in [true, false] {
        let object = Object::new();
        let directory = || Side::start(object.memtalk().stdin(File::open("/").unwrap()));
        let (failing, other) = if directory_first {
            let failing = directory();
            failing.wait_until_seated(&object);
            (failing, object.side(b"arrives all the same"))
        } else {
            let other = object.side(b"arrives all the same");
            other.wait_until_seated(&object);
            (directory(), other)
        };
        let failing = failing.finish();
        failing.assert_failed(1, "cannot read standard input: Is a directory");
        other.finish().assert_failed(4, "the peer stopped");
        object.assert_usable();
    }
}

#[test]
fn the_first_failure_is_the_one_that_is_reported() {
    let object = Object::new();
    let (feed, stdin) = connection();
    let (mut reader, output) = std::io::pipe().unwrap();
    fcntl(&output, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
    let mut command = object.memtalk();
    let failing = Side::start_with(command.stdin(OwnedFd::from(stdin)), output);
    let other = object.side(&noise(1_000_000, 9));
    failing.wait_until_its_output_is_full();
    // Its input fails, and then its peer goes. Only after that does it come to the end of
    // what it has received.
    reset(feed);
    other.finish().assert_failed(4, "the peer stopped");
    eventually("it notices that its peer has gone", || {
        let mut threads = failing.threads().into_iter();
        !threads.any(|thread| thread.starts_with("memtalk-peer"))
    });
    bounded("output", move || reader.read_to_end(&mut Vec::new())).unwrap();
    failing
        .finish()
        .assert_failed(1, "cannot read standard input: Connection reset by peer");
}

#[test]
fn input_that_fails_half_way_is_reported() {
    // A connection is reset by its other side. The bytes that came before are sent.
    let object = Object::new();
    let (mut feed, stdin) = connection();
    let one = Side::start(object.memtalk().stdin(OwnedFd::from(stdin)));
    let mut other = object.open_side();
    feed.write_all(b"the first half").unwrap();
    other.expect(b"the first half");
    reset(feed);
    one.finish()
        .assert_failed(1, "cannot read standard input: Connection reset by peer");
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer stopped");
    object.assert_usable();
}

#[test]
fn input_that_fails_ends_its_own_stream_only() {
    let object = Object::new();
    let (mut feed, stdin) = connection();
    let side = Side::start(object.memtalk().stdin(OwnedFd::from(stdin)));
    side.wait_until_seated(&object);
    let memory = Memory::open(&object);
    let mut party = party::second(memory.whole());
    feed.write_all(b"the first half").unwrap();
    party.expect(b"the first half");
    reset(feed);
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
    // If the peer goes on sending, its bytes arrive and are confirmed.
    let sent = noise(1_000_000, 8);
    party.send(&sent);
    assert_eq!(party.sender.wait_delivered(), Ok(()));
    let side = side.finish();
    side.assert_failed(1, "cannot read standard input: Connection reset by peer");
    assert!(side.stdout == sent);
}

/// The two sides of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    (one, other)
}

/// Closes a connection so that the other side's next read fails.
fn reset(connection: TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: a valid value of the size that is given.
    let result = unsafe {
        libc::setsockopt(
            connection.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            libc::socklen_t::try_from(size_of_val(&linger)).unwrap(),
        )
    };
    assert_eq!(result, 0);
}

#[test]
fn a_reader_that_pauses_after_the_end_of_the_other_stream_loses_nothing() {
    let object = Object::new();
    let (mut reader, output) = std::io::pipe().unwrap();
    let one = Side::start_with(object.memtalk().stdin(Stdio::null()), output);
    let sent = noise(4 << 20, 6);
    let other = object.side(&sent);
    std::thread::sleep(Duration::from_millis(1200));
    let mut received = Vec::new();
    let received = bounded("output", move || {
        reader.read_to_end(&mut received).map(|_| received)
    });
    assert!(received.unwrap() == sent);
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn output_to_a_full_device_is_reported() {
    for open_input in [false, true] {
        let object = Object::new();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failing = Side::start_with(object.memtalk().stdin(Stdio::piped()), full);
        let other = object.side(&noise(100_000, 3));
        // It fails even while there may be more input.
        let failing = match open_input {
            true => failing.finish_with_open_input(),
            false => failing.finish(),
        };
        failing.assert_failed(1, "cannot write standard output: No space left on device");
        assert_eq!(other.finish().code, Some(4));
        object.assert_usable();
    }
}

#[test]
fn output_that_fails_when_it_is_closed_is_not_confirmed() {
    // As with a file system that writes late, and fails only then.
    let object = Object::new();
    let mut command = object.memtalk();
    let close = Call(
        libc::SYS_close,
        Some((0, libc::STDOUT_FILENO.unsigned_abs())),
    );
    seccomp::fail(&mut command, close, libc::EIO);
    let failing = Side::start(command.stdin(Stdio::null()));
    let other = object.side(b"lost in the end");
    failing
        .finish()
        .assert_failed(1, "cannot write standard output: Input/output error");
    other.finish().assert_failed(4, "the peer stopped");
}

#[test]
fn output_beyond_the_file_size_limit_is_reported() {
    let object = Object::new();
    let file = support::TempFile::new(b"");
    let script = format!(
        "ulimit -f 16; exec $MEMTALK -f {} >{}",
        object.name(),
        file.0.display()
    );
    let limited = Side::start(shell(&script).stdin(Stdio::null()));
    let other = object.side(&noise(100_000, 4));
    limited
        .finish()
        .assert_failed(1, "cannot write standard output: File too large");
    assert_eq!(other.finish().code, Some(4));
}

#[test]
fn output_that_nobody_reads_any_more_is_reported() {
    let object = Object::new();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let one = Side::start_with(object.memtalk().stdin(Stdio::piped()), writer);
    let other = object.side(&noise(1_000_000, 5));
    let mut first = [0; 10];
    bounded("the first bytes", move || reader.read_exact(&mut first)).unwrap();
    one.finish_with_open_input()
        .assert_failed(1, "cannot write standard output: Broken pipe");
    assert_eq!(other.finish_with_open_input().code, Some(4));
    object.assert_usable();
}

#[test]
fn messages_that_cannot_be_written_do_not_change_the_status() {
    // Standard error is a full device: no panic, and the same status.
    let mut command = shell("exec $MEMTALK 2>/dev/full");
    assert_eq!(
        Side::start(command.stdin(Stdio::null())).finish().code,
        Some(255)
    );
    let object = Object::new();
    std::fs::write(object.path(), b"somebody's").unwrap();
    let mut command = shell(&format!(
        "exec $MEMTALK -v -f {} 2>/dev/full",
        object.name()
    ));
    assert_eq!(
        Side::start(command.stdin(Stdio::null())).finish().code,
        Some(6)
    );
}

#[test]
fn a_socket_as_input_and_output_closes_one_way_at_a_time() {
    // One socket is both input and output, as with inetd.
    let object = Object::new();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let both = OwnedFd::from(theirs);
    let stdin = both.try_clone().unwrap();
    let side = Side::start_with(object.memtalk().stdin(stdin), both);
    let mut other = object.open_side();
    (&ours).write_all(b"ping").unwrap();
    other.expect(b"ping");
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(other.rest_of_output(), b"");
    other.say(b"pong");
    other.end_input();
    side.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
    ours.set_read_timeout(Some(BOUND)).unwrap();
    let mut rest = Vec::new();
    (&ours).read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"pong");
}

#[test]
fn a_socket_that_is_also_input_or_standard_error_ends_as_output() {
    for (too, heard) in [("<&1", &b"heard"[..]), ("2>&1", b"")] {
        let object = Object::new();
        let (mut client, theirs) = UnixStream::pair().unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        let mut command = shell(&format!("exec $MEMTALK -f {} {too}", object.name()));
        let side = Side::start_with(command.stdin(Stdio::piped()), OwnedFd::from(theirs));
        let other = object.side(b"all of it");
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        assert_eq!(received, "all of it");

        // The other direction stays open.
        client.write_all(b"heard").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        side.finish().assert_complete(b"");
        other.finish().assert_complete(heard);
    }
}

#[test]
fn a_socket_that_another_program_shares_stays_open_for_it() {
    let object = Object::new();
    let (mut client, theirs) = UnixStream::pair().unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    let script = format!("$MEMTALK -f {} && echo and more", object.name());
    let mut command = shell(&script);
    let side = Side::start_with(command.stdin(Stdio::null()), OwnedFd::from(theirs));
    object.side(b"all of it ").finish().assert_complete(b"");
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "all of it and more\n");
    side.finish().assert_complete(b"");
}
