//! `--device`: memory that a path leads to. An ordinary file is shared by two processes of
//! one kernel. A device's memory has the peer on its other side; here a process stands for
//! that which uses an ordinary file in the same way.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use memtalk::{Cancel, Channel, Device, Error, Options, Status};
use memtalk_ring::layout::{CLAIM, LEFT, MAGIC, OUTSIDE, SEATED, VERSION, seat_offset};
use memtalk_ring::{Presence, Seat};

use support::{
    Object, Side, TempFile, bounded, eventually, fcntl, guards_of, kill_guards, memtalk, noise,
    sleeps_of, sleeps_of_thread, try_lock, words,
};

/// Zeros that nobody has used, in a file whose name is not that of a talk.
fn zeros(len: u64) -> Object {
    let object = Object::new();
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true);
    let file = file.open(object.path()).unwrap();
    file.set_len(len).unwrap();
    object
}

/// `memtalk --device` this file, with `options`.
fn device(path: &Path, options: &[&str]) -> Command {
    let mut command = memtalk();
    command.arg("--device").arg(path).args(options);
    command
}

/// A side at this file that gets `input`.
fn side(path: &Path, options: &[&str], input: &[u8]) -> Side {
    let mut side = Side::start(device(path, options).stdin(Stdio::piped()));
    side.write_in_background(input.to_vec());
    side
}

fn open_side(path: &Path) -> Side {
    Side::start(device(path, &[]).stdin(Stdio::piped()))
}

/// Two sides at this file that talk, and go on talking.
fn talking_sides(path: &Path) -> (Side, Side) {
    let (mut one, mut other) = (open_side(path), open_side(path));
    one.say(b"hello");
    other.expect(b"hello");
    (one, other)
}

/// Its talk is complete, whatever it has said.
#[track_caller]
fn assert_received(side: Side, bytes: &[u8]) {
    let finished = side.finish();
    assert_eq!((finished.code, &*finished.stdout), (Some(0), bytes));
}

fn assert_usable(path: &Path) {
    let (one, other) = (side(path, &[], b"one"), side(path, &[], b"other"));
    one.finish().assert_complete(b"other");
    other.finish().assert_complete(b"one");
}

#[test]
fn two_processes_talk_through_a_file_again_and_again_and_it_stays() {
    let file = zeros(16 * 4096);
    let inode = fs::metadata(file.path()).unwrap();
    for round in 0..10 {
        let (up, down) = (noise(300_000, round), noise(200_000, 100 + round));
        let one = side(&file.path(), &[], &up);
        let other = side(&file.path(), &[], &down);
        one.finish().assert_complete(&down);
        other.finish().assert_complete(&up);
        assert_eq!(first_word(&file), LEFT, "the talk is not over");
    }
    let now = fs::metadata(file.path()).unwrap();
    assert_eq!(now.len(), inode.len());
}

#[test]
fn a_file_need_not_be_in_memory() {
    let file = TempFile::new(&[0; 4096]);
    assert_usable(&file.0);
    assert_usable(&file.0);
}

#[test]
fn talks_at_two_offsets_of_a_file_do_not_disturb_each_other() {
    let file = zeros(3 * 4096);
    let low = ["--length", "4096"];
    let high = ["--offset", "0x1040", "--length", "0x1000"];
    let sides =
        [(low, b"low" as &[u8]), (low, b"also low")].map(|(at, say)| side(&file.path(), &at, say));
    let others = [b"high" as &[u8], b"also high"].map(|say| side(&file.path(), &high, say));
    let [one, other] = sides.map(Side::finish);
    one.assert_complete(b"also low");
    other.assert_complete(b"low");
    let [one, other] = others.map(Side::finish);
    one.assert_complete(b"also high");
    other.assert_complete(b"high");
    let mut rest = vec![0; 4096];
    file.open().read_exact_at(&mut rest[..64], 4096).unwrap();
    assert!(rest.iter().all(|&byte| byte == 0), "between the two");
}

#[test]
fn a_third_process_is_refused_or_waits_for_its_turn() {
    let file = zeros(4096);
    let (mut one, mut other) = talking_sides(&file.path());
    side(&file.path(), &[], b"")
        .finish()
        .assert_failed(5, "already talk");
    let mut third = side(&file.path(), &["--wait", "-v"], b"third");
    third.expect_message("waiting for our turn");
    one.end_input();
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
    let fourth = side(&file.path(), &[], b"fourth");
    assert_received(third, b"fourth");
    fourth.finish().assert_complete(b"third");
}

#[test]
fn a_file_on_which_another_process_holds_a_lease_is_waited_for() {
    let file = zeros(4096);
    let examined = file.open();
    // `F_SETSIG` to a signal that is ignored, since somebody will open the file.
    fcntl(&examined, 10, libc::SIGURG).unwrap();
    eventually("nobody else has it open", || {
        fcntl(&examined, libc::F_SETLEASE, libc::F_WRLCK).is_ok()
    });
    side(&file.path(), &["--timeout", "0.1"], b"")
        .finish()
        .assert_failed(3, "no peer came");
    let sides = [b"one" as &[u8], b"other"].map(|say| side(&file.path(), &[], say));
    drop(examined);
    let [one, other] = sides.map(Side::finish);
    one.assert_complete(b"other");
    other.assert_complete(b"one");
}

#[test]
fn whoever_is_killed_leaves_memory_for_the_next_talk() {
    let file = zeros(4096);
    // Alone, in a talk, and the one whose peer is still there.
    let mut alone = Side::start(device(&file.path(), &["-v"]).stdin(Stdio::piped()));
    alone.expect_message("waiting for a peer");
    alone.kill();
    for survivor in [0, 1] {
        let (one, other) = talking_sides(&file.path());
        let mut sides = [one, other];
        sides.rotate_left(survivor);
        let [mut killed, survivor] = sides;
        killed.kill();
        survivor.finish().assert_failed(4, "the peer died");
        assert_usable(&file.path());
    }
}

#[test]
fn whoever_died_while_it_initialised_the_page_leaves_memory_for_the_next_talk() {
    let file = zeros(4096);
    let page = file.open();
    words::write(&page, words::CLAIM, CLAIM);
    words::write(&page, words::SIZE, 77);
    page.write_all_at(b"garbage", 1000).unwrap();
    assert_usable(&file.path());
}

#[test]
fn one_that_gives_up_waiting_leaves_memory_for_the_next_talk() {
    let file = zeros(4096);
    let alone = side(&file.path(), &["--timeout", "0.1"], b"");
    alone.finish().assert_failed(3, "no peer came");
    assert_usable(&file.path());
    let mut waiting = Side::start(device(&file.path(), &["-v"]).stdin(Stdio::piped()));
    waiting.expect_message("waiting for a peer");
    waiting.signal(15);
    assert_eq!(waiting.finish().signal, Some(15));
    assert_usable(&file.path());
}

#[test]
fn a_survivor_of_the_last_talk_is_waited_for() {
    let file = zeros(4096);
    let (mut killed, survivor) = talking_sides(&file.path());
    survivor.stop();
    killed.kill();
    let mut next = side(&file.path(), &["-v"], b"next");
    next.expect_message("waiting for a process of the last talk");
    survivor.signal(18);
    survivor.finish().assert_failed(4, "the peer died");
    let other = side(&file.path(), &[], b"other");
    assert_received(next, b"other");
    other.finish().assert_complete(b"next");
}

/// A process that watches a seat may outlive the talk.
#[test]
fn a_seat_that_is_still_watched_is_waited_for() {
    let file = zeros(4096);
    let watched = file.open();
    assert!(try_lock(&watched, 1, libc::F_RDLCK));
    let one = side(&file.path(), &[], b"one");
    eventually("it looks again and again", || sleeps_of(one.pid()) > 5);
    drop(watched);
    side(&file.path(), &[], b"other")
        .finish()
        .assert_complete(b"one");
    one.finish().assert_complete(b"other");
}

#[test]
fn a_client_never_begins_a_talk_in_a_file() {
    let client = |file: &Object| {
        let (options, file) = (Options::new().as_client(), Device::new(file.path()));
        let options = options.timeout(Duration::from_millis(1));
        bounded("its timeout", move || options.sit_down(file).err())
    };
    let blank = zeros(4096);
    let left = zeros(4096);
    let mut killed = open_side(&left.path());
    killed.wait_until_seated(&left);
    killed.kill();
    for file in [blank, left] {
        let before = fs::read(file.path()).unwrap();
        let error = client(&file);
        assert!(matches!(error, Some(Error::Timeout(_))), "{error:?}");
        assert!(fs::read(file.path()).unwrap() == before);
    }
}

#[test]
fn memory_that_cannot_be_used_is_refused_and_stays_as_it_is() {
    let name = |file: &Object| file.path().to_str().unwrap().to_owned();
    let (page, odd, small) = (zeros(4096), zeros(4100), zeros(64));
    let other = zeros(128 * 1024);
    // Neither a magic number nor a claim, and yet somebody's.
    other.open().write_all_at(b"x", 60_000).unwrap();
    let version = zeros(4096);
    let file = version.open();
    for (at, word) in [(words::MAGIC, MAGIC), (words::CLAIM, CLAIM)] {
        words::write(&file, at, word);
    }
    words::write(&file, words::VERSION, VERSION + 1);
    for (arguments, status, why) in [
        (
            vec!["/nowhere/at/all"],
            1,
            "cannot open the memory: No such file",
        ),
        (vec!["/dev"], 6, "not memory that can be mapped"),
        (
            vec!["/dev/null", "--length", "4096"],
            6,
            "not memory that can be mapped",
        ),
        (vec!["/dev/null"], 255, "say it with --length"),
        // Mapped, it is a process's own.
        (
            vec!["/dev/zero", "--length", "4096"],
            6,
            "not memory that can be mapped",
        ),
        (
            vec![&name(&page), "--length", "8192"],
            6,
            "there are 4096 bytes of memory, not 8192",
        ),
        (
            vec![&name(&page), "--offset", "4096"],
            6,
            "cannot hold a page",
        ),
        (
            vec![&name(&page), "--length", "100"],
            255,
            "a multiple of 64 from 512",
        ),
        (vec![&name(&page), "--offset", "4"], 255, "a multiple of 64"),
        (
            vec![&name(&page), "--pages", "2"],
            255,
            "cannot be used with",
        ),
        (vec![&name(&page), "-f", "/x"], 255, "cannot be used with"),
        (
            vec![&name(&page), "--keep", "--receive"],
            255,
            "cannot be used with",
        ),
        (vec![&name(&odd)], 6, "cannot hold a page"),
        (vec![&name(&small)], 6, "cannot hold a page"),
        (
            vec![&name(&other)],
            6,
            "holds something else, left untouched",
        ),
        (vec![&name(&version)], 6, "layout version"),
    ] {
        let mut command = memtalk();
        command
            .arg("--device")
            .args(&arguments)
            .stdin(Stdio::null());
        let finished = Side::start(&mut command).finish();
        finished.assert_failed(status, why);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
    let bytes = |file: &Object| fs::read(file.path()).unwrap();
    assert!(bytes(&page).iter().all(|&byte| byte == 0));
    let mut expected = vec![0; 128 * 1024];
    expected[60_000] = b'x';
    assert!(bytes(&other) == expected);
    assert_eq!(
        words::read(&version.open(), words::VERSION).unwrap(),
        VERSION + 1
    );
}

#[test]
fn a_fifo_is_not_opened() {
    let fifo = Object::new();
    let path = std::ffi::CString::new(fifo.path().to_str().unwrap()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let finished = side(&fifo.path(), &[], b"").finish();
    finished.assert_failed(6, "not memory that can be mapped");
}

// Beyond here, one side is outside: it uses the object as it would use a device's memory.

/// The object's memory as a device's.
fn outside(object: &Object) -> Device {
    Device::new(object.path()).as_device()
}

fn open_outside(object: &Object) -> Channel {
    let (options, device) = (Options::new().timeout(support::BOUND), outside(object));
    bounded("opening", move || options.open(device)).unwrap()
}

/// Sends `up` and receives everything, at the same time.
fn exchange(channel: Channel, up: Vec<u8>) -> Vec<u8> {
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = channel;
    bounded("the talk", move || {
        let sending = thread::spawn(move || {
            sender.write_all(&up).unwrap();
            sender.end();
            sender
        });
        let mut down = Vec::new();
        receiver.read_to_end(&mut down).unwrap();
        receiver.close().unwrap();
        sending.join().unwrap().close().unwrap();
        down
    })
}

#[test]
fn a_party_outside_talks_whoever_comes_first() {
    let object = zeros(4096);
    let open = object.open();
    for outside_first in [true, false, true] {
        let (up, down) = (noise(400_000, 1), noise(300_001, 2));
        let side = |input: &[u8]| object.side(input);
        let (channel, host) = if outside_first {
            let opening = thread::spawn({
                let device = outside(&object);
                move || Options::new().timeout(support::BOUND).open(device)
            });
            eventually("it offers a page", || object.is_alone());
            let host = side(&down);
            (opening.join().unwrap().unwrap(), host)
        } else {
            let host = side(&down);
            (open_outside(&object), host)
        };
        assert!(exchange(channel, up.clone()) == down);
        host.finish().assert_complete(&up);
    }
    drop(open);
}

#[test]
fn a_party_outside_moves_files_through_private_memory() {
    let object = zeros(64 * 4096);
    let open = object.open();
    let input = TempFile::new(&noise(500_000, 3));
    let host = Side::start(object.memtalk().stdin(input.open()));
    let mut channel = open_outside(&object);
    let output = TempFile::new(b"");
    let written = OpenOptions::new().write(true).open(&output.0).unwrap();
    let source = TempFile::new(&noise(300_000, 4));
    channel = bounded("the transfers", move || {
        while channel.receiver.write_to(&written).unwrap() > 0 {}
        let source = source.open();
        channel
            .sender
            .set_write_timeout(Some(support::BOUND))
            .unwrap();
        for _ in 0..2 {
            assert!(channel.sender.read_from(&source).unwrap() > 0);
        }
        channel.sender.set_write_timeout(None).unwrap();
        while channel.sender.read_from(&source).unwrap() > 0 {}
        channel
    });
    channel.finish(&mut io::sink()).unwrap();
    assert!(fs::read(&output.0).unwrap() == noise(500_000, 3));
    host.finish().assert_complete(&noise(300_000, 4));
    drop(open);
}

#[test]
fn only_one_process_of_a_kernel_is_outside_at_a_time() {
    let object = zeros(4096);
    let waiting = Options::new().sit_down(outside(&object)).unwrap();
    let second = bounded("the refusal", {
        let device = outside(&object);
        move || Options::new().sit_down(device).err()
    });
    assert!(matches!(second, Some(Error::Busy)));
    assert_eq!(Status::from(&second.unwrap()), Status::Busy);
    drop(waiting);
    drop(Options::new().sit_down(outside(&object)).unwrap());
}

#[test]
fn a_client_outside_waits_for_the_process_that_is_outside() {
    let object = zeros(4096);
    let waiting = Options::new().sit_down(outside(&object)).unwrap();
    let time = Duration::from_millis(1);
    let client = Options::new().as_client().timeout(time);
    let second = bounded("its timeout", {
        let device = outside(&object);
        move || client.sit_down(device).err()
    });
    assert!(matches!(second, Some(Error::Timeout(_))), "{second:?}");
    drop(waiting);
}

#[test]
fn one_that_gives_up_says_so_before_its_ends_are_dropped() {
    let object = zeros(4096);
    let waiting = Options::new().sit_down(outside(&object)).unwrap();
    assert_eq!(first_word(&object) & LEFT, 0);
    waiting.handle().give_up();
    assert_eq!(first_word(&object) & LEFT, LEFT);
    drop(waiting);
}

#[test]
fn one_that_is_cancelled_while_another_process_is_outside_is_told_that() {
    let object = zeros(4096);
    let _waiting = Options::new().sit_down(outside(&object)).unwrap();
    let cancel = Cancel::new();
    let options = Options::new().cancelled_by(&cancel);
    cancel.cancel();
    let second = bounded("the refusal", {
        let device = outside(&object);
        move || options.sit_down(device).err()
    });
    assert!(matches!(second, Some(Error::Cancelled)), "{second:?}");
}

#[test]
fn a_device_that_is_switched_off_or_holds_something_else_is_refused() {
    let object = zeros(8192);
    object.open().write_all_at(&[0xFF; 8192], 0).unwrap();
    let refused = || Options::new().sit_down(outside(&object)).err();
    assert!(matches!(refused(), Some(Error::SwitchedOff)));
    object.open().write_all_at(&[0; 8192], 0).unwrap();
    object.open().write_all_at(&[1], 8000).unwrap();
    assert!(matches!(refused(), Some(Error::ForeignMemory(_))));
    let mut expected = vec![0; 8192];
    expected[8000] = 1;
    assert!(fs::read(object.path()).unwrap() == expected);
}

/// What a device reads as that does not answer: on one machine, and on another.
const NOTHING: [[u8; 4096]; 2] = [[0; 4096], [0xFF; 4096]];

#[test]
fn memory_that_goes_away_ends_the_talk_at_either_seat() {
    for nothing in NOTHING {
        for seat in [Seat::First, Seat::Second] {
            let object = match seat {
                Seat::First => zeros(4096),
                Seat::Second => Object::new(),
            };
            let host = (seat == Seat::Second).then(|| object.open_side());
            eventually("the object is there", || object.path().exists());
            let open = object.open();
            let waiting = Options::new().sit_down(outside(&object)).unwrap();
            let host = host.unwrap_or_else(|| object.open_side());
            let mut channel = bounded("the peer", move || waiting.wait_for_peer()).unwrap();
            // What it says does not come here any more.
            host.stop();
            open.write_all_at(&nothing, 0).unwrap();
            let error = bounded("the end", move || {
                channel.receiver.read(&mut [0]).unwrap_err()
            });
            let error = Error::from_io(&error).unwrap();
            assert!(matches!(error, Error::PeerRestarted), "{error:?}");
        }
    }
}

#[test]
fn a_first_party_whose_memory_goes_away_starts_over() {
    for nothing in NOTHING {
        let object = zeros(4096);
        let waiting = Options::new()
            .timeout(Duration::from_secs(1))
            .sit_down(outside(&object))
            .unwrap();
        object.open().write_all_at(&nothing, 0).unwrap();
        let error = bounded("the end", move || waiting.wait_for_peer().unwrap_err());
        match nothing[0] {
            // It has initialised the page again, and nobody came.
            0 => assert!(matches!(error, Error::Timeout(_)), "{error:?}"),
            _ => assert!(matches!(error, Error::SwitchedOff), "{error:?}"),
        }
        let magic = words::read(&object.open(), words::MAGIC).unwrap();
        assert_eq!(magic == MAGIC, nothing[0] == 0);
    }
}

#[test]
fn an_idle_party_outside_naps() {
    let (object, _machine) = Machine::first();
    let host = object.open_side();
    let mut channel = open_outside(&object);
    channel
        .receiver
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let sleeps = || sleeps_of_thread(Path::new("/proc/thread-self"));
    let (used, slept) = bounded("its timeout", move || {
        let (time, slept) = (processor_time(), sleeps());
        assert!(channel.receiver.read(&mut [0]).is_err());
        (processor_time() - time, sleeps() - slept)
    });
    assert!(used < Duration::from_millis(100), "{used:?} in a second");
    assert!(slept > 10, "{slept} times in a second");
    drop(host);
}

/// The time that this thread has run for.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writes.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap())
}

/// Not a test of its own, but a process that is outside at the path in `MEMTALK_TEST_DEVICE`:
/// it sends back what it receives, and ends with the command's status.
#[test]
#[ignore = "another test's process"]
fn guest() {
    let path = std::env::var_os("MEMTALK_TEST_DEVICE").expect("a path");
    let device = Device::new(path).as_device();
    let status = match Options::new().open(device) {
        Ok(mut channel) => {
            let copied = io::copy(&mut channel.receiver, &mut channel.sender);
            match copied.map(|_| channel.close()) {
                Ok(Ok(())) => Status::Complete,
                Ok(Err(error)) => Status::from(&error),
                Err(error) => Error::from_io(&error).map_or(Status::Failed, Status::from),
            }
        }
        Err(error) => Status::from(&error),
    };
    std::process::exit(status as i32);
}

/// Starts that process.
fn start_guest(object: &Object) -> Side {
    let mut command = support::child("guest");
    command.env("MEMTALK_TEST_DEVICE", object.path());
    Side::start(command.stdin(Stdio::null()))
}

/// A host's side and a guest that talk, and go on talking.
fn host_and_guest(object: &Object) -> (Side, Side) {
    let (mut host, guest) = (object.open_side(), start_guest(object));
    host.say(b"hello");
    host.expect(b"hello");
    (host, guest)
}

/// They talk to the end.
#[track_caller]
fn complete(mut host: Side, guest: Side) {
    host.say(b" and goodbye");
    host.expect(b" and goodbye");
    host.end_input();
    host.finish().assert_complete(b"");
    assert_eq!(guest.finish().code, Some(0));
}

/// What has the object open while the machine runs, whatever its processes do.
struct Machine(#[expect(dead_code, reason = "it is open")] fs::File);

impl Machine {
    /// With memory of zeros of its own.
    fn first() -> (Object, Self) {
        let object = zeros(4096);
        let machine = Self(object.open());
        (object, machine)
    }

    /// With the memory that a waiting host has made, which is killed or waits on.
    fn second(killed: bool) -> (Object, Self, Option<Side>) {
        let object = Object::new();
        let mut host = object.open_side();
        host.wait_until_seated(&object);
        let machine = Self(object.open());
        let host = match killed {
            true => {
                host.kill();
                None
            }
            false => Some(host),
        };
        (object, machine, host)
    }
}

#[test]
fn talk_follows_talk_whoever_came_first_and_however_the_last_one_ended() {
    let (offered, machine) = Machine::first();
    let (made, other, _) = Machine::second(true);
    for object in [&offered, &made] {
        for round in 0..3 {
            let (host, guest) = host_and_guest(object);
            complete(host, guest);
            let (mut host, guest) = host_and_guest(object);
            host.kill();
            assert_eq!(guest.finish().code, Some(4), "round {round}");
            let (host, mut guest) = host_and_guest(object);
            guest.kill();
            host.finish_with_open_input()
                .assert_failed(4, "the peer stopped");
            let (host, guest) = host_and_guest(object);
            host.signal(libc::SIGTERM);
            assert_eq!(host.finish_with_open_input().signal, Some(libc::SIGTERM));
            assert_eq!(guest.finish().code, Some(4));
        }
    }
    assert!(made.exists());
    drop((machine, other));
    made.assert_usable();
    offered.assert_usable();
}

#[test]
fn a_guest_that_was_killed_before_a_host_came_is_not_joined() {
    let (object, _machine) = Machine::first();
    let mut guest = start_guest(&object);
    eventually("it offers a page", || object.is_alone());
    guest.kill();
    eventually("its guard has spoken", || first_word(&object) & LEFT != 0);
    let mut host = Side::start(object.memtalk().arg("-v").stdin(Stdio::piped()));
    host.expect_message("waiting for a machine");
    let guest = start_guest(&object);
    host.say(b"hello");
    host.expect(b"hello");
    host.end_input();
    assert_received(host, b"");
    assert_eq!(guest.finish().code, Some(0));
}

#[test]
fn a_host_that_joined_a_dead_guest_joins_the_next_one() {
    // The guest's kernel died, and its guard with it.
    let (object, _machine) = Machine::first();
    let memory = support::party::Memory::open(&object);
    support::party::offer(memory.whole(), Presence::DEVICE);
    let mut host = object.open_side();
    eventually("it joins", || second_word(&object) == SEATED);
    host.say(b"hello");
    let guest = start_guest(&object);
    host.expect(b"hello");
    complete(host, guest);
}

#[test]
fn a_guest_that_joined_a_dead_host_joins_the_next_one() {
    let (object, _machine, _) = Machine::second(true);
    let guest = start_guest(&object);
    eventually("it joins", || second_word(&object) & SEATED != 0);
    let mut host = object.open_side();
    host.say(b"hello");
    host.expect(b"hello");
    complete(host, guest);
}

#[test]
fn a_guest_whose_host_and_its_guard_died_learns_it_from_the_next_host() {
    let (object, _machine, host) = Machine::second(false);
    let (mut host, guest) = (host.unwrap(), start_guest(&object));
    host.say(b"hello");
    host.expect(b"hello");
    kill_guards(&object, 2);
    host.kill();
    let mut next = object.open_side();
    // A guest that is told ends, and so may the next one come.
    assert_eq!(guest.finish().code, Some(4));
    let guest = start_guest(&object);
    eventually("it joins", || second_word(&object) & SEATED != 0);
    next.say(b"hello");
    next.expect(b"hello");
    complete(next, guest);
}

#[test]
fn a_newcomer_gives_the_guard_of_a_dead_process_the_time_to_speak() {
    let (object, _machine, host) = Machine::second(false);
    let (mut host, guest) = (host.unwrap(), start_guest(&object));
    host.say(b"hello");
    host.expect(b"hello");
    eventually("one guard for each", || guards_of(&object).len() == 2);
    let guards = guards_of(&object);
    let tell = |signal| {
        let told = Command::new("kill").arg(signal).args(&guards).status();
        assert!(told.unwrap().success());
    };
    tell("-STOP");
    host.kill();
    let mut next = object.open_side();
    // If this is too short for it to look, it finds a seat that is free already.
    thread::sleep(Duration::from_millis(100));
    tell("-CONT");
    assert_eq!(guest.finish().code, Some(4));
    let guest = start_guest(&object);
    next.say(b"hello");
    next.expect(b"hello");
    complete(next, guest);
}

#[test]
fn a_second_host_does_not_join_where_a_guest_may_still_believe_in_its_talk() {
    let (object, _machine, _) = Machine::second(true);
    // Nobody knows whether this one still believes in its talk.
    let memory = support::party::Memory::open(&object);
    let party = support::party::second(memory.whole());
    let host = object.open_side();
    eventually("it begins a page", || second_word(&object) == OUTSIDE);
    let mut other = object.memtalk();
    let other = other.args(["--timeout", "0.2"]).stdin(Stdio::null());
    Side::start(other).finish().assert_failed(3, "no peer came");
    party.die();
    let guest = start_guest(&object);
    let mut host = host;
    host.say(b"hello");
    host.expect(b"hello");
    complete(host, guest);
}

#[test]
fn a_host_that_gives_up_waiting_keeps_the_name_for_the_machine() {
    let (object, _machine, host) = Machine::second(false);
    let host = host.unwrap();
    host.signal(libc::SIGTERM);
    assert_eq!(host.finish_with_open_input().signal, Some(libc::SIGTERM));
    assert_eq!(first_word(&object), LEFT);
    let alone = object
        .memtalk()
        .args(["--timeout", "0.1"])
        .stdin(Stdio::null())
        .status();
    assert_eq!(alone.unwrap().code(), Some(3));
    let (host, guest) = host_and_guest(&object);
    complete(host, guest);
}

#[test]
fn a_guard_leaves_no_trace_and_holds_no_pipe() {
    let (object, _machine) = Machine::first();
    let (mut host, mut guest) = host_and_guest(&object);
    eventually("one guard for each", || guards_of(&object).len() == 2);
    let guards = guards_of(&object);
    for guard in &guards {
        let fds = || fs::read_dir(format!("/proc/{guard}/fd")).unwrap().count();
        eventually("a guard has its socket only", || fds() == 1);
        let stat = fs::read_to_string(format!("/proc/{guard}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        assert_eq!(fields[3], guard, "a session of its own");
        for side in [&host, &guest] {
            assert_ne!(fields[1], side.pid().to_string(), "a child");
        }
        let term = Command::new("kill").args(["-TERM", guard]).status();
        assert!(term.unwrap().success());
    }
    // The reader of its output sees the end although the guard may live.
    guest.kill();
    host.rest_of_output();
    host.finish_with_open_input()
        .assert_failed(4, "the peer stopped");
    eventually("both have ended", || {
        guards
            .iter()
            .all(|guard| !Path::new(&format!("/proc/{guard}")).exists())
    });
}

fn first_word(object: &Object) -> u32 {
    words::read(&object.open(), seat_offset(Seat::First)).unwrap()
}

fn second_word(object: &Object) -> u32 {
    words::read(&object.open(), seat_offset(Seat::Second)).unwrap()
}
