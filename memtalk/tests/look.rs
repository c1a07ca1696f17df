//! `--list` and `--status`: what they show, what they refuse, and that they disturb nobody.

mod support;

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use memtalk::look::{Onlooker, Party, State};
use memtalk::{Error, Name, Options};
use memtalk_ring::layout::{seat_offset, sender_offset};
use memtalk_ring::{Presence, Seat};
use serde_json::Value;
use support::party::{self, Memory, Stop};
use support::users::Users;
use support::words::{self, BYTES_EACH_WAY, INDEX};
use support::{Finished, Object, Side, bound_the_whole, eventually, fcntl, memtalk, noise};

const PAGE: usize = 4096;

/// Runs `memtalk` with these arguments.
#[track_caller]
fn run(arguments: &[&str]) -> Finished {
    Side::start(memtalk().args(arguments).stdin(Stdio::null())).finish()
}

/// What it prints, which is all that it does.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let result = run(arguments);
    assert_eq!((result.code, &*result.stderr), (Some(0), ""));
    String::from_utf8(result.stdout).unwrap()
}

#[track_caller]
fn status(object: &Object) -> String {
    printed(&["-f", &object.name(), "--status"])
}

#[track_caller]
fn status_json(object: &Object) -> Value {
    serde_json::from_str(&printed(&["-f", &object.name(), "--status", "--json"])).unwrap()
}

/// The object in the list, if it is there. Other tests may have objects of their own.
fn listed(object: &Object) -> Option<Value> {
    let result = run(&["--list", "--json"]);
    assert_eq!((result.code, &*result.stderr), (Some(0), ""));
    let all: Value = serde_json::from_slice(&result.stdout).unwrap();
    let mut all = all.as_array().unwrap().iter();
    all.find(|it| it["name"] == object.name()).cloned()
}

/// An onlooker in this program.
fn onlooker(object: &Object) -> Onlooker {
    Onlooker::new(Name::new(object.name()).unwrap())
}

#[test]
fn a_process_that_waits_is_listed_with_its_number_and_its_command() {
    let object = Object::new();
    assert_eq!(listed(&object), None);
    let side = object.open_side();
    side.wait_until_seated(&object);
    let seen = listed(&object).unwrap();
    assert_eq!(seen["state"], "waiting");
    assert_eq!((&seen["pages"], &seen["mode"]), (&1.into(), &"600".into()));
    assert_eq!(seen["first"]["party"], "process");
    assert_eq!(seen["first"]["pid"], side.pid());
    let command = seen["first"]["command"].as_str().unwrap();
    assert!(
        command.ends_with(&format!("-f {}", object.name())),
        "{command}"
    );
    assert_eq!(seen["second"]["party"], "nobody");
    assert!(seen["age_seconds"].as_f64().unwrap() < 30.0);
    // As a table.
    let table = printed(&["--list"]);
    assert!(table.starts_with("NAME "), "{table}");
    let line = table.lines().find(|line| line.starts_with(&object.name()));
    let words: Vec<_> = line.unwrap().split_whitespace().collect();
    let pid = side.pid().to_string();
    assert_eq!(words[1..3], ["1", "600"]);
    assert_eq!(words[4], "waiting");
    assert_eq!(words[6..], [&pid, "memtalk", "-"]);
    let second = object.side(b"");
    side.finish().assert_complete(b"");
    second.finish().assert_complete(b"");
    assert_eq!(listed(&object), None);
}

#[test]
fn a_talk_is_shown_as_a_picture_of_its_page() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    one.wait_until_asleep(1);
    other.wait_until_asleep(1);
    let picture = status(&object);
    let lines: Vec<_> = picture.lines().collect();
    assert_eq!(lines[0], object.name());
    assert!(
        lines[1].starts_with("talking, 4096 bytes (1 page), mode 600, of "),
        "{}",
        lines[1]
    );
    for (line, seat, side) in [(3, "first   ", &one), (4, "second  ", &other)] {
        let start = format!("{seat}{} ", side.pid());
        // Either may have come first.
        let other = format!("{seat}{} ", if line == 3 { other.pid() } else { one.pid() });
        assert!(
            lines[line].starts_with(&start) || lines[line].starts_with(&other),
            "{}",
            lines[line]
        );
    }
    let empty = format!("[{}] 0 of 1856 bytes", ".".repeat(40));
    assert_eq!(lines[6], format!("first to second  {empty}"));
    assert_eq!(lines[10], format!("second to first  {empty}"));
    let mut five = [7, 11].map(|line| lines[line].contains("sender    at 5, open, awake"));
    five.sort_unstable();
    assert_eq!(five, [false, true], "{picture}");
    for line in [8, 12] {
        assert!(
            lines[line].ends_with("open, asleep until 1 byte is there"),
            "{}",
            lines[line]
        );
    }
    one.end_input();
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_full_ring_and_what_its_sender_sleeps_for_are_shown() {
    let object = Object::new();
    let mut side = object.open_side();
    side.wait_until_seated(&object);
    let name = Name::new(object.name()).unwrap();
    let channel = Options::new().open(&name).unwrap();
    side.say(&noise(3000, 1));
    let full = || status_json(&object)["first_to_second"]["sender"]["wants"].is_u64();
    eventually("the ring is full", full);
    let seen = status_json(&object);
    assert_eq!(seen["first_to_second"]["used"], BYTES_EACH_WAY);
    assert_eq!(seen["first_to_second"]["sender"]["index"], BYTES_EACH_WAY);
    assert_eq!(seen["second"]["pid"], std::process::id());
    let picture = status(&object);
    let bar = format!("[{}] 1856 of 1856 bytes", "#".repeat(40));
    assert!(picture.contains(&bar), "{picture}");
    assert!(picture.contains("bytes are free"), "{picture}");
    drop(channel);
    side.finish().assert_failed(4, "the peer stopped");
}

#[test]
fn the_end_of_a_stream_is_shown() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    one.end_input();
    // The receiver reads an end only once it has confirmed it.
    eventually("one stream is over", || {
        status(&object).contains("has confirmed the stream")
    });
    assert!(status(&object).contains("has ended the stream"));
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn what_a_killed_process_leaves_behind_is_shown_as_that() {
    let object = Object::new();
    let mut side = object.open_side();
    side.wait_until_seated(&object);
    side.kill();
    assert_eq!(listed(&object).unwrap()["state"], "left_behind");
    let picture = status(&object);
    assert!(picture.contains("\nleft behind, "), "{picture}");
    assert!(
        picture.contains("\nfirst   has left or died\n"),
        "{picture}"
    );
    object.assert_usable();
}

#[test]
fn a_machines_page_is_shown_wherever_it_lies() {
    let object = Object::new();
    let memory = Memory::create(&object, 4 * PAGE);
    assert_eq!(status_json(&object)["state"], "blank");
    assert_eq!(listed(&object), None, "zeros may be anybody's");
    party::initialise(memory.region(PAGE + 64, PAGE), Presence::DEVICE);
    let at = (PAGE + 64).to_string();
    let arguments = ["-f", &object.name(), "--status", "--offset", &at];
    let picture = printed(&arguments);
    assert!(
        picture.contains("\na machine's page, 16384 bytes"),
        "{picture}"
    );
    assert!(picture.contains("\nfirst   outside: "), "{picture}");
    let mut side = Side::start(
        object
            .memtalk()
            .args(["--offset", &at])
            .stdin(Stdio::piped()),
    );
    side.say(b"four");
    eventually("it talks", || {
        printed(&arguments).contains("4 of 1856 bytes")
    });
    let picture = printed(&arguments);
    let second = format!("\nsecond  {} ", side.pid());
    assert!(
        picture.contains("\ntalking, ") && picture.contains(&second),
        "{picture}"
    );
    drop(memory);
    side.finish_with_open_input().assert_failed(4, "died");
}

#[test]
fn a_page_that_lies_is_shown_as_corrupt() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    party::initialise(memory.whole(), Presence::DEVICE);
    let file = object.open();
    words::write(&file, seat_offset(Seat::Second), Presence::PROCESS.word());
    let tail = sender_offset(Seat::First, BYTES_EACH_WAY) + INDEX;
    for lie in [BYTES_EACH_WAY + 1, 2 * BYTES_EACH_WAY, u32::MAX] {
        words::write(&file, tail, lie);
        let seen = status_json(&object);
        assert_eq!(seen["state"], "corrupt", "{lie}");
        assert_eq!(seen["first"]["party"], "outside");
        assert!(status(&object).contains("\ncorrupt: "));
        words::write(&file, tail, 1);
        assert_eq!(status_json(&object)["state"], "machine");
    }
}

#[test]
fn what_cannot_be_looked_at_is_told_in_one_line() {
    let object = Object::new();
    let arguments = &["-f", &object.name(), "--status"];
    run(arguments).assert_failed(3, "there is no such object");
    fs::write(object.path(), b"an unrelated file").unwrap();
    run(arguments).assert_failed(6, "not a memtalk object of this version");
    assert_eq!(listed(&object), None);
    assert_eq!(fs::read(object.path()).unwrap(), b"an unrelated file");
    fs::remove_file(object.path()).unwrap();
    fs::create_dir(object.path()).unwrap();
    run(arguments).assert_failed(6, "not a shared memory object");
    fs::remove_dir(object.path()).unwrap();
    symlink("/etc/passwd", object.path()).unwrap();
    run(arguments).assert_failed(6, "not a shared memory object");
    assert_eq!(listed(&object), None);
}

#[test]
fn an_object_of_another_version_is_foreign() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let file = object.open();
    words::write(&file, words::VERSION, 99);
    run(&["-f", &object.name(), "--status"]).assert_failed(6, "layout version 99");
    let seen = listed(&object).unwrap();
    assert_eq!(seen["state"], "foreign");
    assert!(seen["reason"].as_str().unwrap().contains("version 99"));
    drop((one, other));
}

#[test]
fn an_object_that_is_truncated_kills_no_onlooker() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    party::initialise(memory.whole(), Presence::DEVICE);
    drop(memory);
    let file = object.open();
    for size in [4095, 200, 100, 40, 3] {
        file.set_len(size).unwrap();
        run(&["-f", &object.name(), "--status"]).assert_failed(6, "not a memtalk object");
    }
    file.set_len(0).unwrap();
    assert!(status(&object).contains("\nno page: "));
}

#[test]
fn a_fifo_under_the_name_is_not_opened() {
    let object = Object::new();
    let path = CString::new(object.path().as_os_str().as_bytes()).unwrap();
    // SAFETY: a valid string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let script = format!("echo first > {}; echo second", object.path().display());
    let mut writer = Side::start(support::shell(&script).stdin(Stdio::null()));
    run(&["-f", &object.name(), "--status"]).assert_failed(6, "not a shared memory object");
    assert_eq!(listed(&object), None);
    // An opened reader would have let it go on.
    assert!(!writer.has_ended());
    assert_eq!(fs::read(object.path()).unwrap(), b"first\n");
    writer.expect(b"second\n");
}

/// Another user may put it there at any moment.
#[test]
fn a_symbolic_link_that_comes_and_goes_is_never_followed() {
    let (object, [name, spare]) = (Object::new(), [Object::new(), Object::new()]);
    let side = Side::start(object.memtalk().stdin(Stdio::piped()));
    side.wait_until_seated(&object);
    fs::write(name.path(), b"an unrelated file").unwrap();
    symlink(object.path(), spare.path()).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let _stop = Stop(&stop);
        threads.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                exchange(&name.path(), &spare.path());
            }
        });
        let mut onlooker = onlooker(&name);
        for _ in 0..50_000 {
            match onlooker.look() {
                Ok(Some(seen)) => assert!(matches!(seen.state, State::Foreign(_)), "{seen:?}"),
                seen => assert!(matches!(seen, Err(Error::NotAnObject)), "{seen:?}"),
            }
        }
    });
}

/// Swaps what the two names lead to.
#[track_caller]
fn exchange(one: &Path, other: &Path) {
    let [one, other] = [one, other].map(|path| CString::new(path.as_os_str().as_bytes()).unwrap());
    let (from, to) = (one.as_ptr(), other.as_ptr());
    let here = libc::AT_FDCWD;
    // SAFETY: valid strings.
    let result = unsafe { libc::renameat2(here, from, here, to, libc::RENAME_EXCHANGE) };
    assert_eq!(result, 0);
}

#[test]
fn names_and_commands_of_others_cannot_command_the_terminal() {
    let object = Object::new();
    let name = format!("{}\x1b[2J\n", object.name());
    let path = format!("/dev/shm{name}");
    let side = Side::start(memtalk().args(["-f", &name]).stdin(Stdio::piped()));
    eventually("it sits down", || fs::metadata(&path).is_ok());
    for arguments in [&["--list"][..], &["-f", &name, "--status"]] {
        let text = printed(arguments);
        assert!(!text.contains('\x1b'), "{text:?}");
        assert!(text.contains(r"\u{1b}[2J\n"), "{text:?}");
    }
    // In JSON it is the name itself.
    let seen: Value = serde_json::from_str(&printed(&["-f", &name, "--status", "--json"])).unwrap();
    assert_eq!(seen["name"], name);
    side.signal(15);
    assert_eq!(side.finish_with_open_input().signal, Some(15));
}

#[test]
fn whoever_holds_a_lease_is_waited_for_but_not_for_ever() {
    const F_SETSIG: libc::c_int = 10;
    let object = Object::new();
    fs::write(object.path(), [0; PAGE]).unwrap();
    let file = File::open(object.path()).unwrap();
    fcntl(&file, F_SETSIG, libc::SIGCONT).unwrap();
    if fcntl(&file, libc::F_SETLEASE, libc::F_WRLCK).is_err() {
        support::not_tried("the object is open elsewhere, or this system has no leases");
        return;
    }
    let arguments = ["-f", &object.name(), "--status"];
    run(&arguments).assert_failed(5, "another process keeps this object locked");
    assert_eq!(listed(&object), None);
    fcntl(&file, libc::F_SETLEASE, libc::F_UNLCK).unwrap();
    assert!(status(&object).contains("\nno page: "));
}

#[test]
fn a_user_sees_what_others_let_it_read_and_not_who_they_are() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let see = |user| {
        let mut command = users.memtalk(user, &object);
        Side::start(command.arg("--status").stdin(Stdio::null())).finish()
    };
    let side = users.side(None, &object, &[]);
    side.wait_until_seated(&object);
    see(users.ann).assert_failed(6, "this user may not read the object");
    drop(side);
    fs::remove_file(object.path()).unwrap();

    let side = users.side(users.ben, &object, &["--mode", "606"]);
    side.wait_until_seated(&object);
    let text = |result: Finished| String::from_utf8(result.stdout).unwrap();
    let (ann, ben) = (text(see(users.ann)), text(see(users.ben)));
    assert!(ann.contains("\nfirst   another user's process\n"), "{ann}");
    assert!(ben.contains(&format!("\nfirst   {} ", side.pid())), "{ben}");
    drop(side);
}

#[test]
fn a_look_that_says_too_little_or_too_much_is_told_in_one_line() {
    for (arguments, text) in [
        (&["--list", "-f", "/x"][..], "cannot be used with"),
        (&["--status"], "--file <NAME>"),
        (&["-f", "/x", "--watch"], "--status"),
        (&["-f", "/x", "--json"], "--list|--status"),
        (&["-f", "/x", "--status", "--offset", "1"], "multiple of 64"),
    ] {
        let result = run(arguments);
        assert_eq!(result.code, Some(255), "{arguments:?}: {}", result.stderr);
        assert!(result.stderr.contains(text), "{}", result.stderr);
        assert_eq!(result.stderr.lines().count(), 1, "{}", result.stderr);
        assert!(result.stdout.is_empty());
    }
}

#[test]
fn an_output_that_takes_nothing_is_told_and_one_whose_reader_has_gone_is_not() {
    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    for arguments in [&["--list"][..], &["-f", &object.name(), "--status"]] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = memtalk();
        let side = Side::start_with(command.args(arguments).stdin(Stdio::null()), full);
        side.finish()
            .assert_failed(1, "cannot write standard output");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = memtalk();
        let side = Side::start_with(command.args(arguments).stdin(Stdio::null()), writer);
        side.finish().assert_complete(b"");
    }
    side.signal(15);
    assert_eq!(side.finish_with_open_input().signal, Some(15));
}

/// Looks at the object again and again, until the talks are over.
fn look_without_end(object: &Object, stop: &AtomicBool) -> Vec<State> {
    bound_the_whole();
    let mut onlooker = onlooker(object);
    let mut states = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match onlooker.look() {
            Ok(Some(seen)) => states.push(seen.state),
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
    }
    states
}

#[test]
fn a_talk_at_full_speed_never_looks_corrupt_and_arrives_whole() {
    let object = Object::new();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let _stop = Stop(&stop);
        let looks = threads.spawn(|| look_without_end(&object, &stop));
        let bytes = noise(20_000_000, 7);
        let (one, other) = (object.side(&bytes), object.side(&bytes));
        one.finish().assert_complete(&bytes);
        other.finish().assert_complete(&bytes);
        stop.store(true, Ordering::Relaxed);
        let states = looks.join().unwrap();
        assert!(states.contains(&State::Talking));
        let known = [
            State::Waiting,
            State::Talking,
            State::Over,
            State::LeftBehind,
        ];
        assert!(
            states.iter().all(|state| known.contains(state)),
            "{states:?}"
        );
    });
}

#[test]
fn beside_onlookers_newcomers_sit_down_and_get_up() {
    let object = Object::new();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let _stop = Stop(&stop);
        for _ in 0..2 {
            threads.spawn(|| look_without_end(&object, &stop));
        }
        for _ in 0..20 {
            object.assert_usable();
        }
    });
}

#[test]
fn beside_an_onlooker_the_death_of_a_party_outside_is_noticed() {
    let object = Object::new();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let _stop = Stop(&stop);
        let mut side = object.open_side();
        side.wait_until_seated(&object);
        let memory = Memory::open(&object);
        let mut party = party::second(memory.whole());
        threads.spawn(|| look_without_end(&object, &stop));
        party.send(b"last words");
        side.expect(b"last words");
        party.die();
        drop(memory);
        side.finish_with_open_input()
            .assert_failed(4, "the peer died");
    });
}

#[test]
fn an_onlooker_in_a_program_sees_who_comes_and_goes() {
    let object = Object::new();
    let mut onlooker = onlooker(&object);
    assert!(onlooker.look().unwrap().is_none());
    let mut side = object.open_side();
    side.wait_until_seated(&object);
    let seen = onlooker.look().unwrap().unwrap();
    let pid = |party: &Party| match party {
        Party::Process(process) => Some(process.pid),
        _ => None,
    };
    assert_eq!(seen.state, State::Waiting);
    assert_eq!(seen.parties.each_ref().map(pid), [Some(side.pid()), None]);
    assert_eq!(seen.parties[1], Party::Nobody);
    let second = object.side(b"hello");
    side.expect(b"hello");
    let seen = onlooker.look().unwrap().unwrap();
    assert_eq!(seen.parties.each_ref().map(pid)[0], Some(side.pid()));
    side.kill();
    let left = second.finish();
    assert_eq!(left.code, Some(4));
    assert!(onlooker.look().unwrap().is_none());
}

#[test]
fn a_look_changes_no_byte_and_takes_no_lock() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    one.wait_until_asleep(1);
    other.wait_until_asleep(1);
    let file = object.open();
    let read = || {
        let mut bytes = vec![0; PAGE];
        file.read_exact_at(&mut bytes, 0).unwrap();
        (bytes, file.metadata().unwrap().modified().unwrap())
    };
    let before = read();
    for _ in 0..100 {
        assert_eq!(
            onlooker(&object).look().unwrap().unwrap().state,
            State::Talking
        );
    }
    assert_eq!(read(), before);
    assert_ne!(words::read(&file, seat_offset(Seat::Second)).unwrap(), 0);
    one.end_input();
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_program_is_told_who_its_peer_is() {
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let waiting = Options::new().sit_down(&name).unwrap();
    let handle = waiting.handle();
    assert_eq!(handle.peer().unwrap(), Some(Party::Nobody));
    let mut side = object.open_side();
    let channel = waiting.wait_for_peer().unwrap();
    match handle.peer().unwrap() {
        Some(Party::Process(peer)) => assert_eq!(peer.pid, side.pid()),
        other => panic!("{other:?}"),
    }
    side.kill();
    assert_eq!(handle.peer().unwrap(), Some(Party::Gone));
    drop(channel);
    // Its watcher may have been about to tell of the death.
    eventually("the talk has ended", || handle.peer().unwrap().is_none());
}
