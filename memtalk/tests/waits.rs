//! Nobody waits in vain, whatever fails, is missing or taken away.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::thread;

use memtalk::{Channel, Error, Name, Options};
use memtalk_ring::{Presence, Seat};
use support::party::{self, Memory};
use support::{BOUND, Object, Side, bounded, eventually, noise, seccomp, shell};

fn options() -> Options {
    Options::new().timeout(BOUND)
}

/// Two sides of a channel in this process.
fn pair(object: &Object) -> (Channel, Channel) {
    let name = Name::new(object.name()).unwrap();
    let theirs = name.clone();
    let other = thread::spawn(move || options().open(&theirs).unwrap());
    let one = options().open(&name).unwrap();
    (
        one,
        bounded("the other side", move || other.join().unwrap()),
    )
}

#[test]
fn a_side_that_fails_tells_its_peer_before_it_says_why() {
    // Its messages go to a pipe that is full, and that nobody reads.
    let (messages, mut full) = io::pipe().unwrap();
    full.write_all(&[b'x'; 64 * 1024]).unwrap();
    // Its output goes nowhere.
    let (reader, output) = io::pipe().unwrap();
    drop(reader);
    let object = Object::new();
    let mut command = object.memtalk();
    let failing = command.stdin(Stdio::piped()).stdout(output).stderr(full);
    let mut failing = failing.spawn().unwrap();
    drop(command);
    let mut other = object.open_side();
    other.say(b"hello");
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer stopped");
    assert!(!object.exists());
    // It still waits to say why, and does so when somebody reads.
    assert!(failing.try_wait().unwrap().is_none());
    let mut messages = messages;
    let said = bounded("the message", move || {
        let mut said = Vec::new();
        messages.read_to_end(&mut said).map(|_| said)
    });
    assert!(said.unwrap().ends_with(b"incomplete here\n"));
    assert_eq!(failing.wait().unwrap().code(), Some(1));
}

#[test]
fn both_sides_may_finish_at_once() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"one").unwrap();
    other.sender.write_all(b"other").unwrap();
    let theirs = thread::spawn(move || {
        let mut rest = Vec::new();
        other.finish(&mut rest).map(|_| rest)
    });
    let mut rest = Vec::new();
    let count = bounded("finishing", move || one.finish(&mut rest).map(|_| rest));
    assert_eq!(count.unwrap(), b"other");
    let rest = bounded("finishing", move || theirs.join().unwrap());
    assert_eq!(rest.unwrap(), b"one");
}

#[test]
fn one_side_may_finish_while_the_other_waits_for_its_certificate() {
    let (mut one, mut other) = pair(&Object::new());
    let long = noise(100_000, 1);
    let expected = long.clone();
    let peer = thread::spawn(move || {
        one.sender.write_all(&long).unwrap();
        one.sender.close().unwrap();
        let mut found = Vec::new();
        one.receiver.read_to_end(&mut found).unwrap();
        one.receiver.close().unwrap();
        found
    });
    other.sender.write_all(b"other").unwrap();
    let mut rest = Vec::new();
    let rest = bounded("finishing", move || other.finish(&mut rest).map(|_| rest));
    assert!(rest.unwrap() == expected);
    assert_eq!(bounded("the peer", move || peer.join().unwrap()), b"other");
}

#[test]
fn finishing_is_no_certificate_if_the_rest_could_not_be_written() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    // One that says so at once, and one that says so when it is flushed.
    let rests: [Box<dyn Write + Send>; 2] = [Box::new(full()), Box::new(BufWriter::new(full()))];
    for mut rest in rests {
        let (mut one, other) = pair(&Object::new());
        one.sender.write_all(b"lost").unwrap();
        one.sender.end();
        let finished = bounded("finishing", move || other.finish(&mut rest));
        assert_eq!(finished.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
        let closed = bounded("the certificate", move || one.sender.close());
        assert!(matches!(closed, Err(Error::PeerStopped)));
    }
}

#[test]
fn once_the_receiver_knows_that_the_peer_died_so_does_the_sender() {
    // Through a ring of 16 pages it reads straight into the shared memory.
    for pages in [1, 16] {
        let object = Object::new();
        let mut command = object.memtalk();
        let command = command.args(["--pages", &pages.to_string()]);
        let mut peer = Side::start(command.stdin(Stdio::piped()));
        let name = Name::new(object.name()).unwrap();
        let Channel {
            mut sender,
            mut receiver,
            ..
        } = options().pages(pages).open(&name).unwrap();
        peer.kill();
        let error = bounded("the receiver", move || receiver.read(&mut [0]).unwrap_err());
        assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
        // There is room for it, and it would never be read.
        for error in [
            sender.write(b"x").unwrap_err(),
            sender
                .read_from(fs::File::open("/dev/zero").unwrap())
                .unwrap_err(),
        ] {
            assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
        }
    }
}

#[test]
fn who_waits_where_the_name_was_removed_starts_over() {
    let object = Object::new();
    let first = object.open_side();
    first.wait_until_seated(&object);
    fs::remove_file(object.path()).unwrap();
    eventually("it is there again", || object.is_initialised());
    // And once more, while somebody else takes the name.
    fs::remove_file(object.path()).unwrap();
    let second = object.side(b"from the second");
    first.finish().assert_complete(b"from the second");
    second.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn who_started_over_leaves_nothing_behind() {
    for (timeout, signal) in [("0.5", None), ("60", Some(libc::SIGTERM))] {
        let object = Object::new();
        let mut command = object.memtalk();
        let first = Side::start(command.args(["--timeout", timeout]).stdin(Stdio::null()));
        first.wait_until_seated(&object);
        fs::remove_file(object.path()).unwrap();
        eventually("it is there again", || object.is_initialised());
        if let Some(signal) = signal {
            first.signal(signal);
        }
        let first = first.finish();
        assert_eq!(
            (first.code, first.signal),
            (signal.map_or(Some(3), |_| None), signal)
        );
        assert!(!object.exists());
    }
}

#[test]
fn a_talk_does_not_need_its_name() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    fs::remove_file(object.path()).unwrap();
    other.say(b"still here");
    one.expect(b"still here");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_death_is_noticed_where_the_kernel_has_no_locks_to_wait_for() {
    let object = Object::new();
    let mut command = object.memtalk();
    let wait = libc::F_OFD_SETLKW.unsigned_abs();
    seccomp::fail(&mut command, libc::SYS_fcntl, Some(wait), libc::ENOLCK);
    let mut one = Side::start(command.stdin(Stdio::piped()));
    let mut other = object.open_side();
    one.say(b"hello");
    other.expect(b"hello");
    other.kill();
    one.finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn who_cannot_remove_the_name_keeps_nobody_from_it() {
    #[cfg(target_arch = "x86_64")]
    const UNLINK: libc::c_long = libc::SYS_unlink;
    #[cfg(not(target_arch = "x86_64"))]
    const UNLINK: libc::c_long = libc::SYS_unlinkat;
    let object = Object::new();
    let (one, other) = pair(&object);
    bounded("it gets up", move || {
        seccomp::fail_here(UNLINK, libc::EIO);
        drop(one);
    });
    assert!(object.exists());
    // The process lives on, with a thread that watches the other, and the object open.
    let (next, last) = (object.side(b"next"), object.side(b"last"));
    next.finish().assert_complete(b"last");
    last.finish().assert_complete(b"next");
    drop(other);
}

#[test]
fn who_sees_one_give_up_finds_the_name_free() {
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let waiting = options().sit_down(&name).unwrap();
    let remover = waiting.name_remover();
    let other = thread::spawn(move || options().open(&name).unwrap());
    let one = waiting.wait_for_peer().unwrap();
    let other = bounded("the other side", move || other.join().unwrap());
    remover.give_up();
    let gone = bounded("it is seen", move || other.peer.wait_until_gone());
    assert!(gone.is_some());
    assert!(!object.exists());
    drop(one);
}

#[test]
fn no_more_descriptors_than_a_talk_needs() {
    // Those of the shell's that it inherits, and one.
    let object = Object::new();
    let script = format!("ulimit -n 4; exec $MEMTALK -f {}", object.name());
    let start = || Side::start(shell(&script).stdin(Stdio::null()));
    let (one, other) = (start(), start());
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
    assert!(!object.exists());

    // Used up during the talk: looking where the name leads takes none.
    let (mut one, other) = object.talking_sides();
    for side in [&one, &other] {
        let limit = libc::rlimit {
            rlim_cur: 3,
            rlim_max: 3,
        };
        let (pid, no) = (side.pid().cast_signed(), std::ptr::null_mut());
        // SAFETY: a valid limit, and the old one is not asked for.
        let result = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const limit, no) };
        assert_eq!(result, 0);
    }
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn a_departure_outside_is_noticed_where_there_is_no_room_for_a_copy() {
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    let mut command = object.memtalk();
    seccomp::fail(&mut command, libc::SYS_mremap, None, libc::ENOMEM);
    let side = Side::start(command.stdin(Stdio::piped()));
    eventually("it joins", || page.presence(Seat::Second).is_some());
    drop(memory);
    side.finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn an_object_that_somebody_examines_is_waited_for() {
    // A machine has left it; the test asks for the lease that says so, and keeps it.
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let examined = object.open();
    // `F_SETSIG`, to a signal that is ignored: somebody will open the object.
    for (command, argument) in [(10, libc::SIGURG), (libc::F_SETLEASE, libc::F_WRLCK)] {
        // SAFETY: no pointers are involved.
        let result = unsafe { libc::fcntl(examined.as_raw_fd(), command, argument) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
    let impatient = ["--timeout", "0.1"];
    Side::start(object.memtalk().args(impatient).stdin(Stdio::null()))
        .finish()
        .assert_failed(3, "no peer came");
    let (one, other) = (object.side(b"one"), object.side(b"other"));
    drop(examined);
    one.finish().assert_complete(b"other");
    other.finish().assert_complete(b"one");
}

#[test]
fn who_waits_at_the_door_keeps_nothing_open() {
    // Otherwise whoever holds the door takes it for the machine that has left this.
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let door = object.open();
    // SAFETY: a struct of integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_len) = (libc::F_WRLCK.try_into().unwrap(), 1);
    // SAFETY: a pointer to a `flock` that lives here.
    let result = unsafe { libc::fcntl(door.as_raw_fd(), libc::F_OFD_SETLK, &raw mut lock) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    let (one, other) = (object.side(b"one"), object.side(b"other"));
    for side in [&one, &other] {
        eventually("it waits", || side.is_in(&[libc::SYS_rt_sigtimedwait]));
    }
    let set = |command, argument: libc::c_int| {
        // SAFETY: no pointers are involved.
        unsafe { libc::fcntl(door.as_raw_fd(), command, argument) == 0 }
    };
    // `F_SETSIG`, to a signal that is ignored.
    assert!(set(10, libc::SIGURG));
    eventually("nobody has it open", || {
        set(libc::F_SETLEASE, libc::F_WRLCK) && set(libc::F_SETLEASE, libc::F_UNLCK)
    });
    drop(door);
    one.finish().assert_complete(b"other");
    other.finish().assert_complete(b"one");
}
