//! Nobody waits for ever, whatever fails, is missing or is taken away.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use memtalk::{Channel, Departure, Error, Name, Options};
use memtalk_ring::layout::{WAITING, seat_offset, sender_offset};
use memtalk_ring::{Presence, Seat};
use support::party::{self, Memory};
use support::seccomp::{self, Call};
use support::{
    BOUND, Object, Side, UNLINK, bounded, eventually, fcntl, noise, shell, try_lock, words,
};

fn options() -> Options {
    Options::new().timeout(BOUND)
}

/// The two sides of a channel, both in this process.
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
    // Nobody reads its output.
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
    // It still waits to write why it failed, and does once somebody reads.
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
fn a_first_party_that_gives_up_does_not_wait_for_ever_at_a_door_that_is_kept() {
    let object = Object::new();
    let mut command = object.memtalk();
    let first = Side::start(command.args(["--timeout", "0.2"]).stdin(Stdio::null()));
    first.wait_until_seated(&object);
    let door = object.open();
    assert!(try_lock(&door, 0, libc::F_WRLCK));
    let first = first.finish();
    assert_eq!(first.code, Some(3), "{first:?}");
    drop(door);
    object.assert_usable();
}

#[test]
fn a_first_party_that_has_lost_its_name_waits_on_while_the_door_is_kept() {
    let object = Object::new();
    let first = object.side(b"hello");
    first.wait_until_seated(&object);
    let door = object.open();
    assert!(try_lock(&door, 0, libc::F_WRLCK));
    fs::remove_file(object.path()).unwrap();
    // It looks again each second, as long as it has to.
    thread::sleep(Duration::from_millis(1500));
    assert!(!object.exists());
    drop(door);
    eventually("it starts over", || object.is_initialised());
    object.side(b"").finish().assert_complete(b"hello");
    first.finish().assert_complete(b"");
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
fn finish_fails_if_the_rest_cannot_be_written() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    // One writer fails at once, the other when it is flushed.
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
fn finish_fails_if_the_peer_confirmed_nothing() {
    let (mut one, other) = pair(&Object::new());
    one.sender.end();
    drop(one.receiver);
    let finished = bounded("finishing", move || other.finish(&mut io::sink()));
    let error = finished.unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
}

#[test]
fn reading_or_writing_zero_bytes_does_not_wait() {
    let (mut one, mut other) = pair(&Object::new());
    let read = bounded("reading", move || one.receiver.read(&mut []));
    assert_eq!(read.unwrap(), 0);
    let full = vec![0; other.sender.capacity()];
    other.sender.write_all(&full).unwrap();
    let written = bounded("writing", move || other.sender.write(&[]));
    assert_eq!(written.unwrap(), 0);
}

#[test]
fn once_the_receiver_knows_that_the_peer_died_so_does_the_sender() {
    // With one page through private memory; with 16, `read_from` reads straight into the
    // shared memory.
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
        // There is space for these bytes, but nobody would ever read them.
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
fn a_waiting_process_whose_name_is_removed_starts_over() {
    let object = Object::new();
    let first = object.open_side();
    first.wait_until_seated(&object);
    fs::remove_file(object.path()).unwrap();
    eventually("it is there again", || object.is_initialised());
    // Once more, while another process takes the name.
    fs::remove_file(object.path()).unwrap();
    let second = object.side(b"from the second");
    first.finish().assert_complete(b"from the second");
    second.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn a_process_that_started_over_leaves_nothing_behind() {
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
fn a_death_is_noticed_even_if_the_kernel_has_no_locks_to_give() {
    let object = Object::new();
    let mut command = object.memtalk();
    let wait = libc::F_OFD_SETLKW.unsigned_abs();
    let call = Call(libc::SYS_fcntl, Some((1, wait)));
    seccomp::fail(&mut command, call, libc::ENOLCK);
    let mut one = Side::start(command.stdin(Stdio::piped()));
    let mut other = object.open_side();
    one.say(b"hello");
    other.expect(b"hello");
    other.kill();
    one.finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn processes_that_may_not_move_their_threads_talk_all_the_same() {
    let text = noise(300_000, 1);
    // With more ends than most machines have processors, some would move.
    let objects: Vec<_> = (0..8).map(|_| Object::new()).collect();
    let sides: Vec<_> = objects
        .iter()
        .flat_map(|object| [object, object])
        .map(|object| {
            let mut command = object.memtalk();
            let call = Call(libc::SYS_sched_setaffinity, None);
            seccomp::fail(&mut command, call, libc::EPERM);
            let mut side = Side::start(command.stdin(Stdio::piped()));
            side.write_in_background(text.clone());
            side
        })
        .collect();
    for side in sides {
        side.finish().assert_complete(&text);
    }
}

#[test]
fn a_process_that_cannot_remove_the_name_keeps_nobody_from_using_it() {
    let object = Object::new();
    let (one, other) = pair(&object);
    bounded("it gets up", move || {
        seccomp::fail_here(Call(UNLINK, None), libc::EIO);
        drop(one);
    });
    assert!(object.exists());
    // This process lives on, with the object open, and a thread that watches the peer.
    let (next, last) = (object.side(b"next"), object.side(b"last"));
    next.finish().assert_complete(b"last");
    last.finish().assert_complete(b"next");
    drop(other);
}

#[test]
fn the_name_is_free_once_the_peer_sees_that_a_side_gave_up() {
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let waiting = options().sit_down(&name).unwrap();
    let handle = waiting.handle();
    let other = thread::spawn(move || options().open(&name).unwrap());
    let one = waiting.wait_for_peer().unwrap();
    let other = bounded("the other side", move || other.join().unwrap());
    handle.give_up();
    let gone = bounded("it is seen", move || other.peer.wait_until_gone());
    assert!(gone.is_some());
    assert!(!object.exists());
    drop(one);
}

#[test]
fn a_talk_needs_one_descriptor_beside_the_standard_ones() {
    // The standard descriptors and one more, whatever else the test was started with.
    let object = Object::new();
    let script = format!("exec 3>&-; ulimit -n 4; exec $MEMTALK -f {}", object.name());
    let start = || Side::start(shell(&script).stdin(Stdio::null()));
    let (one, other) = (start(), start());
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
    assert!(!object.exists());

    // Then let the descriptors run out during the talk: to look where the name leads takes
    // none.
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
fn the_death_of_a_party_outside_is_noticed_without_room_for_a_copy() {
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    let mut command = object.memtalk();
    seccomp::fail(&mut command, Call(libc::SYS_mremap, None), libc::ENOMEM);
    let side = Side::start(command.stdin(Stdio::piped()));
    eventually("it joins", || page.presence(Seat::Second).is_some());
    drop(memory);
    side.finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn a_peer_is_told_that_we_gave_up_without_room_for_another_mapping() {
    let (one, mut other) = Channel::pair().unwrap();
    let handle = one.handle();
    let giving_up = move || {
        let map = Call(libc::SYS_mmap, Some((3, libc::MAP_SHARED.cast_unsigned())));
        seccomp::fail_here(map, libc::ENOMEM);
        handle.give_up();
    };
    bounded("giving up", move || thread::spawn(giving_up).join()).unwrap();
    let error = bounded("the peer", move || other.receiver.read(&mut [0]));
    let error = error.unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
    drop(one);
}

#[test]
fn a_process_waits_for_an_object_on_which_another_holds_a_lease() {
    // A machine has left the object. The test takes the lease with which a process finds
    // that out, and keeps it.
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let examined = object.open();
    // `F_SETSIG` to a signal that is ignored, since somebody will open the object.
    fcntl(&examined, 10, libc::SIGURG).unwrap();
    // A process that another test starts may have inherited the memory for a moment.
    eventually("nobody else has it open", || {
        fcntl(&examined, libc::F_SETLEASE, libc::F_WRLCK).is_ok()
    });
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
fn a_process_that_waits_at_the_door_keeps_nothing_open() {
    // Otherwise the process that holds the door would take it for the machine that has left
    // the object.
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let door = object.open();
    assert!(try_lock(&door, 0, libc::F_WRLCK));
    let (one, other) = (object.side(b"one"), object.side(b"other"));
    for side in [&one, &other] {
        eventually("it waits", || side.is_in(&[libc::SYS_rt_sigtimedwait]));
    }
    // `F_SETSIG` to a signal that is ignored.
    fcntl(&door, 10, libc::SIGURG).unwrap();
    let lease = |kind| fcntl(&door, libc::F_SETLEASE, kind).is_ok();
    eventually("nobody has it open", || {
        lease(libc::F_WRLCK) && lease(libc::F_UNLCK)
    });
    drop(door);
    one.finish().assert_complete(b"other");
    other.finish().assert_complete(b"one");
}

/// Runs `leave` in a thread until it is about to remove the name. The thread goes on when
/// the returned value is dropped. It does not remove the name; that is left to the test.
fn up_to_the_removal(leave: impl FnOnce() + Send + 'static) -> mpsc::Sender<()> {
    let (arrive, arrived) = mpsc::channel();
    let (go_on, rest) = mpsc::channel();
    thread::spawn(move || {
        seccomp::instead_of(Call(UNLINK, None), move || {
            let _ = arrive.send(());
            let _ = rest.recv();
        });
        leave();
    });
    let arrived = arrived.recv_timeout(BOUND);
    arrived.expect("it comes to remove the name");
    go_on
}

#[test]
fn one_thread_of_a_process_at_a_time_holds_the_door() {
    // The lock on the door does not exclude threads of one process. Without another guard,
    // the second thread could remove the name, and the first then remove it from somebody
    // else's object.
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let waiting = options().sit_down(&name).unwrap();
    let (one, other) = (waiting.handle(), waiting.handle());
    let _first = up_to_the_removal(move || drop(one.remove_name(BOUND)));
    let second = bounded("the second", move || other.remove_name(Duration::ZERO));
    assert!(matches!(second, Err(Error::Stuck)), "{second:?}");
}

#[test]
fn a_process_that_gets_up_keeps_its_seat_until_the_name_is_gone() {
    // So others see that a process is still there that will remove the name.
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let waiting = options().sit_down(&name).unwrap();
    let leaving = up_to_the_removal(move || drop(waiting));
    let file = object.open();
    assert!(!try_lock(&file, 1, libc::F_RDLCK));
    drop(leaving);
    eventually("the seat is free", || try_lock(&file, 1, libc::F_RDLCK));
}

#[test]
fn a_watched_seat_does_not_look_taken() {
    let object = Object::new();
    let mut first = object.open_side();
    first.wait_until_seated(&object);
    first.kill();
    let watching = object.open();
    assert!(
        [1, 2]
            .iter()
            .all(|&seat| try_lock(&watching, seat, libc::F_RDLCK))
    );
    object.assert_usable();
}

#[test]
fn a_process_that_has_the_object_open_for_a_moment_is_not_taken_for_a_machine() {
    // A machine has left the object. The other process is gone when the newcomer looks for
    // the second time.
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let other = object.open();
    let name = Name::new(object.name()).unwrap();
    let newcomer = bounded("sitting down", move || {
        let nap = Call(libc::SYS_clock_nanosleep, None);
        seccomp::instead_of(nap, move || drop(other));
        options().sit_down(&name)
    });
    let _seated = newcomer.unwrap();
    let first = words::read(&object.open(), seat_offset(Seat::First));
    assert_eq!(first.unwrap(), Presence::PROCESS.word() | WAITING);
}

#[test]
fn a_watcher_that_found_its_peer_gone_keeps_nobody_from_opening_the_object() {
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    party::initialise(memory.whole(), Presence::DEVICE);
    let name = Name::new(object.name()).unwrap();
    let survivor = options().open(&name).unwrap();
    drop(memory);
    let peer = survivor.peer.clone();
    let departure = bounded("the departure", move || peer.wait_until_gone());
    assert_eq!(departure, Some(Departure::Died));
    // If the survivor had kept the lease, the kernel would have to ask for it, and this
    // `open`, which does not wait, would fail.
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK);
    options.open(object.path()).unwrap();
}

#[test]
fn input_is_not_read_for_a_peer_that_has_stopped() {
    // With one page through private memory, with 40 straight.
    for pages in [1, 40] {
        let object = Object::new();
        let name = Name::new(object.name()).unwrap();
        let waiting = options().pages(pages).sit_down(&name).unwrap();
        drop(options().open(&name).unwrap().receiver);
        let mut one = bounded("the peer", move || waiting.wait_for_peer()).unwrap();
        let (mut rest, mut input) = io::pipe().unwrap();
        input.write_all(b"for whoever comes next").unwrap();
        drop(input);
        let error = one.sender.read_from(&rest).unwrap_err();
        assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
        let mut kept = String::new();
        rest.read_to_string(&mut kept).unwrap();
        assert_eq!(kept, "for whoever comes next");
    }
}

#[test]
fn a_kernel_that_names_no_descriptor_is_asked_by_way_of_proc() {
    // Before Linux 6.10, only the privileged may link an open descriptor.
    let object = Object::new();
    let mut command = object.memtalk();
    let call = Call(
        libc::SYS_linkat,
        Some((4, libc::AT_EMPTY_PATH.cast_unsigned())),
    );
    seccomp::fail(&mut command, call, libc::ENOENT);
    let first = Side::start(command.stdin(Stdio::null()));
    first.wait_until_seated(&object);
    let second = object.side(b"hello");
    first.finish().assert_complete(b"hello");
    second.finish().assert_complete(b"");
}

#[test]
fn removing_the_name_keeps_the_seat() {
    // Our own threads may still use the ends, and a peer that sees a free seat speaks for us.
    let object = Object::new();
    let waiting = options().sit_down(object.name()).unwrap();
    // Nobody else has it open meanwhile: the name would stay for them.
    let kept = Object::new();
    fs::hard_link(object.path(), kept.path()).unwrap();
    waiting.handle().remove_name(BOUND).unwrap();
    assert!(!object.exists());
    let file = kept.open();
    assert!(!try_lock(&file, 1, libc::F_RDLCK));
    drop(waiting);
    eventually("the seat is free", || try_lock(&file, 1, libc::F_RDLCK));
}

#[test]
fn a_watcher_that_has_seen_its_peer_die_keeps_no_lock() {
    let object = Object::new();
    let mut first = object.open_side();
    first.wait_until_seated(&object);
    let file = object.open();
    let channel = options().open(object.name()).unwrap();
    first.kill();
    let peer = channel.peer.clone();
    let gone = bounded("the death is noticed", move || peer.wait_until_gone());
    assert_eq!(gone, Some(Departure::Died));
    assert!(try_lock(&file, 1, libc::F_WRLCK));
    drop(channel);
}

#[test]
fn what_others_write_after_a_death_reaches_no_end() {
    let object = Object::new();
    let mut first = object.open_side();
    first.wait_until_seated(&object);
    let file = object.open();
    let mut channel = options().open(object.name()).unwrap();
    first.kill();
    let peer = channel.peer.clone();
    bounded("the death is noticed", move || peer.wait_until_gone());
    let tail = sender_offset(Seat::First, words::BYTES_EACH_WAY) + words::INDEX;
    words::write(&file, tail, u32::MAX);
    let error = channel.receiver.read(&mut [0]).unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
}
