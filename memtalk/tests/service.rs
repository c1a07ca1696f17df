//! A service and its clients: `--keep` and `--wait`.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use support::{Object, Side, eventually, setting};

const KILL: i32 = 9;
const INT: i32 = 2;
const TERM: i32 = 15;

/// A service that writes all streams to its output, one after the other.
fn sink(object: &Object) -> Side {
    let mut command = object.memtalk();
    let service = Side::start(command.args(["--receive", "--keep"]).stdin(Stdio::null()));
    service.wait_until_seated(object);
    service
}

/// A service that runs this script for each client.
fn with_script(object: &Object, script: &str) -> Side {
    let mut command = object.memtalk();
    command.args(["--keep", "--", "sh", "-c", script]);
    let service = Side::start(command.stdin(Stdio::null()));
    service.wait_until_seated(object);
    service
}

/// A client whose input stays open.
fn client(object: &Object, options: &[&str]) -> Side {
    let mut command = object.memtalk();
    Side::start(command.arg("--wait").args(options).stdin(Stdio::piped()))
}

/// A client with this input.
fn client_with(object: &Object, options: &[&str], input: &str) -> Side {
    let mut client = client(object, options);
    client.write_in_background(input.into());
    client
}

/// Starts a client, and waits until it has its place in the queue.
fn queued(object: &Object, input: &str) -> Side {
    let place = object.free_place();
    let client = client_with(object, &["--send"], input);
    eventually("it has joined", || object.free_place() != place);
    client
}

#[track_caller]
fn end(service: Side) {
    service.signal(TERM);
    let service = service.finish_with_open_input();
    assert_eq!((service.signal, &*service.stderr), (Some(TERM), ""));
}

#[test]
fn all_streams_come_one_after_the_other() {
    let object = Object::new();
    let mut service = sink(&object);
    for number in 0..10 {
        let line = format!("{number}\n");
        client_with(&object, &["--send"], &line)
            .finish()
            .assert_complete(b"");
        service.expect(line.as_bytes());
    }
    end(service);
    assert!(!object.exists());
}

#[test]
fn many_clients_at_once_are_all_served_and_none_mixed() {
    let object = Object::new();
    let mut service = sink(&object);
    let count = setting("CLIENTS", 60);
    let (mut running, mut started) = (Vec::new(), 0);
    while started < count || !running.is_empty() {
        while running.len() < 20 && started < count {
            let lines = format!("begin {started}\nend {started}\n");
            running.push(client_with(&object, &["--send"], &lines));
            started += 1;
        }
        running.remove(0).finish().assert_complete(b"");
    }
    let mut seen = vec![false; count];
    for _ in 0..count {
        let begin = service.next_line();
        let number = begin.strip_prefix("begin ").expect("a stream begins");
        assert_eq!(service.next_line(), format!("end {number}"));
        let number: usize = number.parse().unwrap();
        assert!(!std::mem::replace(&mut seen[number], true));
    }
    end(service);
}

#[test]
fn clients_are_served_in_the_order_in_which_they_come() {
    let object = Object::new();
    let mut service = sink(&object);
    let mut first = client(&object, &["--send"]);
    first.say(b"first\n");
    service.expect(b"first\n");
    let lines: Vec<_> = (0..8).map(|number| format!("{number}\n")).collect();
    let clients: Vec<_> = lines.iter().map(|line| queued(&object, line)).collect();
    first.finish().assert_complete(b"");
    service.expect(lines.concat().as_bytes());
    for client in clients {
        client.finish().assert_complete(b"");
    }
    end(service);
}

#[test]
fn each_client_has_a_program_of_its_own() {
    let object = Object::new();
    let service = with_script(&object, "echo $$; cat");
    let mut pids = Vec::new();
    for _ in 0..3 {
        let mut client = client(&object, &[]);
        pids.push(client.next_line());
        client.say(b"hello");
        client.finish().assert_complete(b"hello");
    }
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    end(service);
}

#[test]
fn whoever_does_not_wait_is_told_that_the_service_is_busy() {
    let object = Object::new();
    let service = with_script(&object, "echo on; cat");
    // Without waiting, it is served if the service is free.
    let mut first = object.open_side();
    first.expect(b"on\n");
    let busy = "two processes already talk";
    object.side(b"").finish().assert_failed(5, busy);
    // With a queue, too.
    let second = client_with(&object, &[], "");
    object.side(b"").finish().assert_failed(5, busy);
    let late = client(&object, &["--timeout", "0.2"]);
    late.finish().assert_failed(3, "no peer came within 0.2 s");
    first.finish().assert_complete(b"");
    second.finish().assert_complete(b"on\n");
    end(service);
}

#[test]
fn no_more_than_sixty_five_wait_in_the_queue() {
    let object = Object::new();
    let mut service = sink(&object);
    let mut talking = client(&object, &["--send"]);
    talking.say(b"talking");
    service.expect(b"talking");
    let queue: Vec<_> = (0..64).map(|_| queued(&object, "")).collect();
    let last = client_with(&object, &["--send"], "");
    eventually("the last one has joined", || !object.is_alone());
    let place = || fs::metadata(object.path()).unwrap().ino();
    let full = place();
    let late = client_with(&object, &["--send", "--timeout", "0.3"], "");
    assert_eq!(late.finish().code, Some(3));
    assert_eq!(place(), full, "there is another place");
    drop((service, talking, queue, last));
}

#[test]
fn who_leaves_the_queue_is_left_out() {
    let object = Object::new();
    let mut service = sink(&object);
    let mut first = client(&object, &["--send"]);
    first.say(b"first\n");
    service.expect(b"first\n");
    let mut killed = queued(&object, "killed\n");
    let last = queued(&object, "last\n");
    killed.kill();
    first.finish().assert_complete(b"");
    last.finish().assert_complete(b"");
    service.expect(b"last\n");
    end(service);
}

#[test]
fn a_client_may_come_before_the_service() {
    let object = Object::new();
    let early = client_with(&object, &["--send"], "early\n");
    let other = client(&object, &["--timeout", "0.2"]);
    // Clients do not find each other, and create nothing.
    other.finish().assert_failed(3, "no peer came");
    assert!(!object.exists());
    let mut service = sink(&object);
    service.expect(b"early\n");
    early.finish().assert_complete(b"");
    end(service);
}

#[test]
fn a_client_also_waits_for_a_party_that_is_no_service() {
    let object = Object::new();
    let (mut one, other) = object.talking_sides();
    let client = client_with(&object, &[], "hello");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    object.open_side().finish().assert_complete(b"hello");
    client.finish().assert_complete(b"");
}

#[test]
fn clients_in_the_queue_wait_for_the_next_service_if_this_one_dies() {
    for signal in [KILL, TERM] {
        let object = Object::new();
        let mut service = sink(&object);
        let mut first = client(&object, &["--send"]);
        first.say(b"first\n");
        service.expect(b"first\n");
        let waits = queued(&object, "waits\n");
        service.signal(signal);
        if signal == TERM {
            // The talk goes on until it has noticed the signal.
            eventually("nobody may come any more", || !object.exists());
            first.end_input();
        }
        assert_eq!(service.finish().signal, Some(signal));
        let first = first.finish();
        assert_eq!(
            first.code,
            Some(if signal == TERM { 0 } else { 4 }),
            "{first:?}"
        );
        let mut service = sink(&object);
        service.expect(b"waits\n");
        waits.finish().assert_complete(b"");
        end(service);
    }
}

#[test]
fn a_talk_that_fails_is_told_and_the_service_goes_on() {
    let object = Object::new();
    let mut service = with_script(&object, "echo on; cat");
    let mut client_that_dies = client(&object, &[]);
    client_that_dies.expect(b"on\n");
    client_that_dies.kill();
    service.expect_message("a talk failed: the peer died");
    client_with(&object, &[], "hello")
        .finish()
        .assert_complete(b"on\nhello");
    end(service);

    let mut service = with_script(&object, "kill -KILL $$");
    client_with(&object, &[], "")
        .finish()
        .assert_failed(4, "the peer stopped");
    service.expect_message("a talk failed: sh was killed by signal 9");
    end(service);
}

#[test]
fn a_service_that_cannot_write_ends() {
    let object = Object::new();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = object.memtalk();
    command.args(["--receive", "--keep"]).stdin(Stdio::null());
    let service = Side::start_with(&mut command, full);
    let client = client_with(&object, &["--send"], "hello");
    client.finish().assert_failed(4, "the peer stopped");
    service
        .finish()
        .assert_failed(1, "cannot write standard output");
    object.assert_usable();
}

#[test]
fn a_signal_ends_a_service_after_the_talk_and_a_second_one_at_once() {
    let object = Object::new();
    let mut service = sink(&object);
    let mut talks = client(&object, &["--send"]);
    talks.say(b"on\n");
    service.expect(b"on\n");
    service.signal(INT);
    eventually("nobody may come any more", || !object.exists());
    talks.say(b"and on");
    talks.finish().assert_complete(b"");
    let service = service.finish_with_open_input();
    assert_eq!(
        (service.signal, &*service.stdout),
        (Some(INT), &b"and on"[..])
    );

    let mut service = sink(&object);
    let mut talks = client(&object, &["--send"]);
    talks.say(b"on\n");
    service.expect(b"on\n");
    service.signal(TERM);
    eventually("nobody may come any more", || !object.exists());
    service.signal(TERM);
    assert_eq!(service.finish().signal, Some(TERM));
    talks.finish().assert_failed(4, "the peer died");
    object.assert_usable();
}

#[test]
fn options_that_make_no_sense_for_a_service_are_refused() {
    for (options, text) in [
        (&["--keep"][..], "--receive"),
        (&["--keep", "--send"], "cannot be used"),
        (&["--keep", "--receive", "--wait"], "cannot be used"),
        (&["--keep", "--receive", "--timeout", "1"], "cannot be used"),
        (&["--keep", "--receive", "--scan"], "cannot be used"),
    ] {
        let mut command = support::memtalk();
        command.args(["-f", "/x"]).args(options);
        let side = Side::start(command.stdin(Stdio::null())).finish();
        assert_eq!(side.code, Some(255), "{options:?}: {side:?}");
        assert!(side.stderr.contains(text), "{options:?}: {}", side.stderr);
    }
}
