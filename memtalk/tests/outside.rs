//! Talks with a party outside, which has nothing but the memory.

mod support;

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::mem::forget;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Channel, Name, Options, Receiver};
use memtalk_ring::layout::{self, receiver_offset, sender_offset};
use memtalk_ring::{
    Beginning, Error, Native, Page, PageError, Presence, RawRegion, Seat, Spin, Wait, Watched,
};
use support::party::{self, Memory, Party};
use support::words::{self, BYTES_EACH_WAY};
use support::{
    BOUND, Object, Side, TempFile, bounded, eventually, is_in, kill_guards, noise, sleeps_of,
    threads_of, try_lock,
};

const PAGE: usize = 4096;

/// An offset in the middle of a machine's memory, not at the start of a page of memory.
const SOMEWHERE: usize = 3 * PAGE + 0x40;

/// Starts `memtalk` with these options, most often those for a machine's memory.
fn tenant(object: &Object, args: &[&str]) -> Side {
    Side::start(object.memtalk().args(args).stdin(Stdio::piped()))
}

fn at_somewhere(object: &Object) -> Side {
    tenant(object, &["--offset", &SOMEWHERE.to_string()])
}

/// Waits until the side lets some time pass before it looks for a machine again.
fn wait_until_napping(side: &Side) {
    eventually("it waits for a machine", || {
        side.is_in(&[libc::SYS_rt_sigtimedwait])
    });
}

/// Ends both streams of a talk, and checks that both are complete.
#[track_caller]
fn finish<W: Wait<Native>>(mut side: Side, mut party: Party<W>) {
    side.end_input();
    party.finish();
    side.finish().assert_complete(b"");
}

#[test]
fn a_process_joins_a_first_party_outside() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut side = object.open_side();
    let mut party = party::first(memory.whole());
    let question = noise(100_000, 1);
    side.write_in_background(question.clone());
    party.expect(&question);
    party.send(b"answer");
    side.expect(b"answer");
    party.finish();
    side.finish().assert_complete(b"");
    // The object is not ours to remove, so the next talk begins in it.
    let mut side = object.open_side();
    let mut party = party::first(memory.whole());
    party.send(b"again");
    side.expect(b"again");
    finish(side, party);
    assert_eq!(fs::metadata(object.path()).unwrap().len(), PAGE as u64);
}

#[test]
fn a_machine_may_let_others_read_its_memory_and_not_write_it() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let set_mode = |mode| {
        fs::set_permissions(object.path(), Permissions::from_mode(mode)).unwrap();
    };
    party::initialise(memory.whole(), Presence::DEVICE);
    for mode in [0o620, 0o602, 0o666] {
        set_mode(mode);
        let side = object.open_side();
        side.finish_with_open_input()
            .assert_failed(6, "lets in other users");
    }
    set_mode(0o644);
    let side = object.open_side();
    finish(side, party::first(memory.whole()));
}

#[test]
fn a_first_party_that_does_not_notice_us_is_not_waited_for_too_long() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let page = party::offer(memory.whole(), Presence::DEVICE);
    let mut side = object.memtalk();
    let side = Side::start(side.args(["--timeout", "0.5"]).stdin(Stdio::piped()));
    eventually("it joins", || page.presence(Seat::Second).is_some());
    side.finish_with_open_input()
        .assert_failed(3, "no peer came");
    assert_eq!(page.presence(Seat::Second), None, "it says that it left");
}

#[test]
fn an_object_that_a_machine_has_only_just_created_is_waited_for() {
    let object = Object::new();
    let file = File::create_new(object.path()).unwrap();
    let side = object.open_side();
    wait_until_napping(&side);
    file.set_len(PAGE as u64).unwrap();
    let memory = Memory::open(&object);
    finish(side, party::first(memory.whole()));
}

#[test]
fn a_party_outside_joins_a_process_that_waits() {
    let object = Object::new();
    let mut side = object.open_side();
    side.wait_until_seated(&object);
    let memory = Memory::open(&object);
    let mut party = party::second(memory.whole());
    let answer = noise(100_000, 2);
    side.say(b"question");
    party.expect(b"question");
    thread::scope(|scope| {
        scope.spawn(|| party.send(&answer));
        side.expect(&answer);
    });
    // Half-close: one direction, then the other.
    side.end_input();
    assert_eq!(party.receiver.wait(), Ok(0));
    party.send(b"last words");
    side.expect(b"last words");
    party.finish();
    side.finish().assert_complete(b"");
    // It stays for the next talk as long as the machine has it.
    assert!(object.exists());
    drop((party, memory));
    object.assert_usable();
}

/// A process that sat down first, and a machine that has joined it.
fn joined_by_a_machine(
    object: &Object,
    options: &[&str],
) -> (Side, Memory, Party<impl Wait<Native>>) {
    let side = tenant(object, options);
    side.wait_until_seated(object);
    let memory = Memory::open(object);
    let party = party::second(memory.whole());
    eventually("the talk begins", || has_begun(&party));
    (side, memory, party)
}

/// The machine, after the process was killed with its guard.
fn killed_with_its_guard(object: &Object, options: &[&str]) -> (Memory, Party<impl Wait<Native>>) {
    let (mut side, memory, party) = joined_by_a_machine(object, options);
    kill_guards(object, 1);
    side.kill();
    (memory, party)
}

fn has_begun(party: &Party<impl Wait<Native>>) -> bool {
    party.page.beginning(Seat::Second) == Beginning::Begun
}

#[test]
fn a_process_that_waits_for_a_machine_starts_over_once_that_has_gone() {
    let object = Object::new();
    let (memory, party) = killed_with_its_guard(&object, &[]);
    // It renews the page, in which only a machine may join now.
    let waiting = object.side(b"one");
    eventually("the next one sits down", || !has_begun(&party));
    // It never sees that.
    forget(party);
    drop(memory);
    object.side(b"other").finish().assert_complete(b"one");
    waiting.finish().assert_complete(b"other");
}

#[test]
fn a_newcomer_speaks_for_a_process_whose_guard_died_too() {
    let object = Object::new();
    let (_memory, mut party) = killed_with_its_guard(&object, &["--mode", "660"]);
    // It lets in nobody else, so it takes another object.
    let newcomer = object.side(b"one");
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
    object.side(b"other").finish().assert_complete(b"one");
    newcomer.finish().assert_complete(b"other");
}

#[test]
fn a_third_party_is_told_that_two_talk() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut side = object.open_side();
    let mut party = party::first(memory.whole());
    for command in [
        &mut object.memtalk(),
        object.memtalk().args(["--offset", "0"]),
    ] {
        let third = Side::start(command.stdin(Stdio::null()));
        third
            .finish()
            .assert_failed(5, "two processes already talk");
    }
    party.send(b"undisturbed");
    side.expect(b"undisturbed");
    finish(side, party);

    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    let memory = Memory::open(&object);
    let party = party::second(memory.whole());
    object
        .side(b"")
        .finish()
        .assert_failed(5, "two processes already talk");
    finish(side, party);
    // SAFETY: the party's ends are gone.
    let third = unsafe { Page::sit_down(memory.whole(), true) };
    assert_eq!(third.err(), Some(PageError::Over));
}

#[test]
fn a_process_waits_at_memory_of_zeros_while_somebody_has_it_open() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let timeout = ["--timeout", "0.2"];
    tenant(&object, &timeout)
        .finish()
        .assert_failed(3, "no peer came");
    let waiting = object.open_side();
    wait_until_napping(&waiting);
    drop(memory);
    // Now the object is nobody's memory. It was left untouched.
    waiting.finish().assert_failed(6, "left untouched");
    assert_eq!(fs::read(object.path()).unwrap(), [0; PAGE]);
}

#[test]
fn a_process_waits_for_a_new_page_while_the_last_process_is_still_seated() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    // The last process has marked its seat as left, but still holds the lock. So the machine
    // has begun to initialise the page again: it has written zeros.
    let last = object.open();
    assert!(try_lock(&last, 2, libc::F_WRLCK));
    let side = object.open_side();
    wait_until_napping(&side);
    drop(last);
    finish(side, party::first(memory.whole()));
}

#[test]
fn a_client_waits_while_a_process_talks_to_a_machine() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut host = object.open_side();
    let mut machine = party::first(memory.whole());
    machine.send(b"x");
    host.expect(b"x");
    let client = Options::new().as_client().timeout(Duration::from_millis(1));
    let name = object.name();
    let error = bounded("its timeout", move || client.sit_down(name).err());
    assert!(
        matches!(error, Some(memtalk::Error::Timeout(_))),
        "{error:?}"
    );
    finish(host, machine);
}

#[test]
fn an_object_that_a_machine_left_behind_is_replaced() {
    for joined in [None, Some(Presence::PROCESS), Some(Presence::DEVICE)] {
        let object = Object::new();
        let memory = Memory::create(&object, 2 * PAGE);
        let page = party::initialise(memory.whole(), Presence::DEVICE);
        if let Some(second) = joined {
            // SAFETY: nobody has taken ends in it.
            unsafe { page.join(second) };
        }
        drop(memory);
        object.assert_usable();
    }
}

#[test]
fn the_death_of_a_party_outside_is_noticed() {
    let object = Object::new();
    let mut side = object.open_side();
    side.wait_until_seated(&object);
    let memory = Memory::open(&object);
    let mut party = party::second(memory.whole());
    party.send(b"last words");
    party.die();
    drop(memory);
    side.expect(b"last words");
    side.finish_with_open_input()
        .assert_failed(4, "the peer died");
    assert!(!object.exists());
}

#[test]
fn a_death_is_noticed_at_a_page_in_the_middle_of_a_machines_memory() {
    let object = Object::new();
    let mut side = at_somewhere(&object);
    let memory = Memory::create(&object, 8 * PAGE);
    let file = object.open();
    file.write_all_at(&noise(8 * PAGE, 4), 0).unwrap();
    drop(file);
    let mut party = party::first(memory.region(SOMEWHERE, PAGE));
    party.send(b"last words");
    side.expect(b"last words");
    party.die();
    drop(memory);
    side.finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn the_death_of_a_party_outside_is_noticed_whatever_the_ends_wait_for() {
    // The ends wait for input and for bytes, or for space. The peer is outside and wakes
    // others, so the ends sleep until they are woken.
    let waking = Presence {
        outside: true,
        silent: false,
    };
    for full in [false, true] {
        let object = Object::new();
        let memory = Memory::create(&object, PAGE);
        let mut side = object.open_side();
        let page = party::initialise(memory.whole(), waking);
        eventually("it joins", || page.presence(Seat::Second).is_some());
        if full {
            side.say(&noise(10_000, 1));
        }
        side.wait_until_asleep(if full { 2 } else { 1 });
        drop(memory);
        side.finish_with_open_input()
            .assert_failed(4, "the peer died");
        assert!(object.exists());
    }
}

#[test]
fn a_process_is_told_when_its_peer_outside_gives_up() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let side = object.open_side();
    drop(party::first(memory.whole()));
    side.finish_with_open_input()
        .assert_failed(4, "the peer stopped");
}

#[test]
fn a_restart_of_the_machine_ends_the_talk_and_the_next_talk_is_complete() {
    for corrupt in [false, true] {
        let object = Object::new();
        let memory = Memory::create(&object, PAGE);
        let mut side = object.open_side();
        let mut party = party::first(memory.whole());
        // Before that, the talk may not have begun for the side.
        side.say(b"hello");
        party.expect(b"hello");
        if corrupt {
            // Now the indices that the side knows are impossible in a new page.
            party.send(b"before");
            side.expect(b"before");
        }
        party.die();
        let page = party::initialise(memory.whole(), Presence::DEVICE);
        // Until then the seat is locked by the old process, which has not noticed yet.
        side.finish_with_open_input()
            .assert_failed(4, "the peer has started again");
        let mut side = object.open_side();
        let mut party = party::joined(page);
        party.send(b"after");
        side.expect(b"after");
        side.say(b"answer");
        party.expect(b"answer");
        finish(side, party);
    }
}

#[test]
fn a_restart_ends_a_talk_in_which_only_our_stream_is_open() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut side = object.open_side();
    let mut party = party::first(memory.whole());
    party.sender.end();
    assert_eq!(side.rest_of_output(), b"");
    party.die();
    party::initialise(memory.whole(), Presence::DEVICE);
    side.finish_with_open_input()
        .assert_failed(4, "the peer has started again");
}

fn assert_restarted(error: &io::Error) {
    let found = memtalk::Error::from_io(error);
    assert!(
        matches!(found, Some(memtalk::Error::PeerRestarted)),
        "{error:?}"
    );
}

/// A way to receive what has come.
type Taken = fn(&mut Receiver) -> io::Result<usize>;

#[test]
fn no_byte_of_the_next_talk_is_received_in_the_old_one() {
    let ways: [Taken; 4] = [
        |receiver| receiver.read(&mut [0; 1000]),
        |receiver| receiver.fill_buf().map(<[u8]>::len),
        |receiver| receiver.write_to(File::create("/dev/null")?),
        |receiver| io::pipe().and_then(|(_from, to)| receiver.write_to(to)),
    ];
    for (way, pages) in ways.into_iter().flat_map(|way| [(way, 1), (way, 32)]) {
        let object = Object::new();
        let name = Name::new(object.name()).unwrap();
        let memory = Memory::create(&object, pages * PAGE);
        let page = party::initialise(memory.whole(), Presence::DEVICE);
        let options = Options::new().timeout(BOUND);
        let Channel { mut receiver, .. } = options.open(&name).unwrap();
        let mut party = party::joined(page);
        party.send(&[1; 100]);
        receiver.read_exact(&mut [0; 100]).unwrap();
        party.die();
        // After the restart, the machine sends more than before, and ends the stream.
        let page = party::initialise(memory.whole(), Presence::DEVICE);
        let mut party = party::seated(page, Seat::First, Spin);
        party.send(&[2; 200]);
        party.sender.end();
        let error = way(&mut receiver).unwrap_err();
        assert_restarted(&error);
    }
}

#[test]
fn bytes_that_are_being_written_do_not_change_when_the_machine_restarts() {
    const HELD: usize = 64 * 1024;
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let memory = Memory::create(&object, 64 * PAGE);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    let options = Options::new().timeout(BOUND);
    let Channel { mut receiver, .. } = options.open(&name).unwrap();
    let mut party = party::joined(page);
    party.send(&[1; 50_000]);
    party.die();
    // Fill the pipe, so that the write waits.
    let (mut from, mut to) = io::pipe().unwrap();
    to.write_all(&[1; HELD]).unwrap();
    let writer = thread::Builder::new().name("full-pipe".into());
    let writer = writer.spawn(move || receiver.write_to(to)).unwrap();
    eventually("the write waits", || {
        let mut threads = threads_of(std::process::id()).into_iter();
        threads.any(|thread| {
            let writes = [libc::SYS_write, libc::SYS_writev];
            thread.starts_with("full-pipe State:\tS")
                && writes.iter().any(|&call| is_in(&thread, call))
        })
    });
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    party::seated(page, Seat::First, Spin).send(&[2; 50_000]);
    let mut written = Vec::new();
    from.read_to_end(&mut written).unwrap();
    assert!(written.iter().all(|&byte| byte == 1));
    assert!(writer.join().unwrap().is_ok());
}

#[test]
fn the_end_of_the_next_talks_stream_is_not_received_in_the_old_talk() {
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let memory = Memory::create(&object, PAGE);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    let options = Options::new().timeout(BOUND);
    let Channel { mut receiver, .. } = options.open(&name).unwrap();
    party::joined(page).die();
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    party::seated(page, Seat::First, Spin).sender.end();
    let error = receiver.read(&mut [0]).unwrap_err();
    assert_restarted(&error);
    assert!(receiver.close().is_err());
}

#[test]
fn a_machine_notices_a_process_that_came_and_went_between_two_looks() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    let side = object.open_side();
    eventually("it joins", || page.presence(Seat::Second).is_some());
    side.signal(libc::SIGTERM);
    eventually("it leaves", || page.presence(Seat::Second).is_none());
    let mut party = party::joined(page);
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
    drop(party);
    // The next talk can begin.
    let side = object.open_side();
    let party = party::first(memory.whole());
    finish(side, party);
}

#[test]
fn a_party_that_has_the_object_open_is_told_when_a_process_gives_up_waiting() {
    for (timeout, signal) in [("1", None), ("60", Some(libc::SIGTERM))] {
        let object = Object::new();
        let side = tenant(&object, &["--timeout", timeout]);
        side.wait_until_seated(&object);
        let memory = Memory::open(&object);
        if let Some(signal) = signal {
            side.signal(signal);
        }
        let ended = side.finish_with_open_input();
        let code = signal.is_none().then_some(3);
        assert_eq!((ended.code, ended.signal), (code, signal));
        // SAFETY: no ends were taken there.
        let sits = unsafe { Page::sit_down(memory.whole(), true) };
        assert_eq!(sits.err(), Some(PageError::Over));
        let mut party = party::second(memory.whole());
        assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
        assert_eq!(party.sender.wait(1), Err(Error::PeerFailed));
    }
}

#[test]
fn a_process_marks_its_seat_as_left() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    for i in 0..50_u8 {
        let mut side = object.open_side();
        let mut party = party::first(memory.whole());
        side.say(&[i]);
        party.expect(&[i]);
        side.end_input();
        party.finish();
        eventually("it has left", || {
            party.page.presence(Seat::Second).is_none()
        });
        side.finish().assert_complete(b"");
    }
    // The next process does not take the old page for a new one.
    let late = tenant(&object, &["--timeout", "0.1"]);
    late.finish().assert_failed(3, "no peer came");
}

#[test]
fn a_process_clears_the_words_that_the_last_one_left_behind() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    for line in [sender_offset, receiver_offset] {
        let at = line(Seat::Second, BYTES_EACH_WAY);
        words::write(&object.open(), at + words::INDEX, 7);
        words::write(&object.open(), at + words::WANT, 7);
    }
    let mut side = object.open_side();
    let mut party = party::joined(page);
    side.say(b"question");
    party.expect(b"question");
    finish(side, party);
}

#[test]
fn the_next_process_tells_the_machine_that_the_last_one_was_killed() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut side = object.open_side();
    let mut party = party::first(memory.whole());
    side.say(b"last words");
    party.expect(b"last words");
    side.kill();
    let mut next = object.open_side();
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
    drop(party);
    let mut party = party::first(memory.whole());
    party.send(b"the next");
    next.expect(b"the next");
    next.end_input();
    party.finish();
    next.finish().assert_complete(b"");
}

#[test]
fn a_party_outside_learns_that_the_process_was_killed_and_the_next_one_talks_there() {
    let object = Object::new();
    let (mut side, memory, mut party) = joined_by_a_machine(&object, &[]);
    side.kill();
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
    assert_eq!(party.sender.wait_delivered(), Err(Error::PeerFailed));
    // The next talk is in the same memory. Only a party outside joins: the last one may not
    // have seen yet that its seat is free.
    party.page.stand(Seat::Second, Presence::DEVICE);
    let mut side = object.open_side();
    let (page, seat) = sits_down(memory.whole());
    assert_eq!(seat, Seat::Second);
    let mut party = party::seated(page, seat, Spin);
    side.say(b"again");
    party.expect(b"again");
    finish(side, party);
}

/// Sits down outside, as soon as that is possible, and waits until the talk begins.
fn sits_down(region: RawRegion) -> (Page<RawRegion>, Seat) {
    let mut found = None;
    eventually("a talk begins", || {
        if found.is_none() {
            // SAFETY: the ends of the last talk are gone.
            found = unsafe { Page::sit_down(region, true) }.ok();
        }
        let state = found.as_ref().map(|(page, seat)| page.beginning(*seat));
        if state == Some(Beginning::Lost) {
            found = None;
        }
        state == Some(Beginning::Begun)
    });
    found.expect("it began")
}

#[test]
fn a_process_that_a_signal_ends_tells_its_peer_outside() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let side = object.open_side();
    let mut party = party::first(memory.whole());
    side.signal(15);
    assert_eq!(side.finish_with_open_input().signal, Some(15));
    assert_eq!(party.receiver.wait(), Err(Error::PeerFailed));
}

#[test]
fn a_signal_ends_the_wait_for_a_machine() {
    let object = Object::new();
    let side = at_somewhere(&object);
    // From here on the process waits for the signal.
    wait_until_napping(&side);
    side.signal(libc::SIGTERM);
    assert_eq!(side.finish_with_open_input().signal, Some(libc::SIGTERM));
    assert!(!object.exists());
}

/// A wait that wakes the peer as a process does.
#[derive(Clone)]
struct Waking;

impl Wait<Native> for Waking {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        thread::yield_now();
        true
    }

    fn sleep(&mut self, _word: Watched<'_, Native>, _seen: u32) {}

    fn wake(&self, word: Watched<'_, Native>) {
        // SAFETY: a valid word.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }
}

#[test]
fn sleeps_are_short_until_the_peer_says_that_it_wakes() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let mut side = object.open_side();
    let page = party::initialise(memory.whole(), Presence::DEVICE);
    eventually("it joins", || page.presence(Seat::Second).is_some());
    let mut party = party::seated(page, Seat::First, Waking);
    eventually("it sleeps for a time", || side.asleep() == [true]);
    let waking = Presence {
        outside: true,
        silent: false,
    };
    party.page.say(Seat::First, waking);
    side.wait_until_asleep(1);
    for i in 0..100_u8 {
        party.send(&[i]);
        side.expect(&[i]);
    }
    finish(side, party);
}

#[test]
fn a_talk_in_the_middle_of_a_machines_memory_changes_nothing_else_there() {
    for args in [&["--offset", "0x3040"][..], &["--scan"]] {
        let object = Object::new();
        let mut side = tenant(&object, args);
        let len = 64 * PAGE;
        let memory = Memory::create(&object, len);
        let rest = |memory: Vec<u8>| {
            let (before, after) = (&memory[..SOMEWHERE], &memory[SOMEWHERE + 1024..]);
            [before, after].concat()
        };
        object.open().write_all_at(&noise(len, 3), 0).unwrap();
        let mut party = party::first(memory.region(SOMEWHERE, 1024));
        let question = noise(50_000, 1);
        side.write_in_background(question.clone());
        party.expect(&question);
        party.send(b"answer");
        side.expect(b"answer");
        party.finish();
        side.finish().assert_complete(b"");
        let left = fs::read(object.path()).unwrap();
        assert!(
            rest(left) == rest(noise(len, 3)),
            "other memory was changed"
        );
    }
}

#[test]
fn a_program_joins_a_machine_whatever_number_of_pages_it_asked_for() {
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let memory = Memory::create(&object, 5 * PAGE);
    let options = Options::new().pages(3).timeout(BOUND);
    for options in [
        options.clone().at_offset(SOMEWHERE as u64),
        options.anywhere(),
    ] {
        party::initialise(memory.region(SOMEWHERE, PAGE), Presence::DEVICE);
        let channel = options.open(&name).unwrap();
        assert_eq!(channel.sender.capacity(), 1856);
    }
}

#[test]
fn bytes_sent_through_a_page_are_not_taken_for_another_page() {
    let object = Object::new();
    let memory = Memory::create(&object, 5 * PAGE);
    let page = party::initialise(memory.region(SOMEWHERE, PAGE), Presence::DEVICE);
    let mut head = [0; 64];
    let (file, at) = (object.open(), SOMEWHERE as u64);
    file.read_exact_at(&mut head, at).unwrap();
    // Copy the page's header to the first bytes of a slab, which lies behind its ring
    // struct.
    let slab = sender_offset(Seat::First, BYTES_EACH_WAY) + size_of::<layout::RingHeader<Native>>();
    file.write_all_at(&head, at + slab as u64).unwrap();
    let side = tenant(&object, &["--scan"]);
    finish(side, party::joined(page));
}

#[test]
fn a_process_interrupted_while_it_sends_writes_nothing_after_it_gives_up() {
    for _ in 0..60 {
        let object = Object::new();
        let memory = Memory::create(&object, PAGE);
        let mut command = object.memtalk();
        let side = Side::start(command.stdin(File::open("/dev/zero").unwrap()));
        let mut party = party::first(memory.whole());
        party.expect(&[0; 100_000]);
        let interrupted = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            side.signal(libc::SIGTERM);
            side.finish_with_open_input()
        });
        let error = loop {
            match party.receiver.wait() {
                Ok(_) => party.receiver.receive(&mut [1; 512]).unwrap(),
                Err(error) => break error,
            };
        };
        assert_eq!(error, Error::PeerFailed);
        assert_eq!(interrupted.join().unwrap().signal, Some(libc::SIGTERM));
    }
}

#[test]
fn a_tenant_joins_only_a_page_that_is_offered() {
    let object = Object::new();
    let timeout = |args: &[&str]| {
        let side = tenant(&object, &[args, &["--timeout", "0.1"]].concat());
        side.finish().assert_failed(3, "no peer came");
    };
    // First there is no object; then no page; then a page elsewhere; then a page that nobody
    // offers any more.
    timeout(&["--scan"]);
    timeout(&["--offset", "64"]);
    assert!(!object.exists());
    let memory = Memory::create(&object, 2 * PAGE);
    timeout(&["--scan"]);
    timeout(&["--offset", "64"]);
    timeout(&["--offset", "1048576"]);
    party::initialise(memory.region(64, PAGE), Presence::DEVICE);
    timeout(&["--offset", "128"]);
    drop(memory);
    timeout(&["--scan"]);
    timeout(&["--offset", "64"]);
}

#[test]
fn several_pages_are_told_apart_by_their_offsets() {
    let object = Object::new();
    let memory = Memory::create(&object, 4 * PAGE);
    let page = party::initialise(memory.region(64, PAGE), Presence::DEVICE);
    let other = party::initialise(memory.region(2 * PAGE, PAGE), Presence::DEVICE);
    let scan = tenant(&object, &["--scan"]);
    scan.finish()
        .assert_failed(6, "pages are at offsets 64 and 8192");
    // A talk through each page, at the same time.
    let mut sides = ["64", "8192"].map(|at| tenant(&object, &["--offset", at]));
    let parties = [page, other].map(party::joined);
    for (mut party, side) in parties.into_iter().zip(&mut sides) {
        party.send(b"hello");
        side.expect(b"hello");
        side.end_input();
        party.finish();
    }
    for side in sides {
        side.finish().assert_complete(b"");
    }
}

#[test]
fn pages_side_by_side_up_to_the_end_of_the_memory_are_found() {
    let object = Object::new();
    let memory = Memory::create(&object, 3 * PAGE);
    let last = party::initialise(memory.region(2 * PAGE, PAGE), Presence::DEVICE);
    let side = tenant(&object, &["--scan"]);
    finish(side, party::joined(last));
    party::initialise(memory.region(PAGE, PAGE), Presence::DEVICE);
    tenant(&object, &["--scan"])
        .finish()
        .assert_failed(6, "pages are at offsets 4096 and 8192");
}

#[test]
fn pages_of_another_layout_in_a_machines_memory_are_left_untouched() {
    let object = Object::new();
    let memory = Memory::create(&object, 2 * PAGE);
    for (at, word, text) in [
        (words::MAGIC, layout::MAGIC.swap_bytes(), "other byte order"),
        (words::VERSION, 1, "layout version 1"),
        (words::SIZE, 1 << 20, "claims 1048576 bytes"),
        (words::CAPACITY, 64, "capacity does not match"),
    ] {
        party::initialise(memory.region(64, PAGE), Presence::DEVICE);
        words::write(&object.open(), 64 + at, word);
        let before = fs::read(object.path()).unwrap();
        let side = tenant(&object, &["--offset", "64"]);
        side.finish().assert_failed(6, text);
        assert!(fs::read(object.path()).unwrap() == before);
    }
}

#[test]
fn a_file_that_a_party_outside_sends_back_arrives_whole() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let bytes = noise(1_000_000, 5);
    let file = TempFile::new(&bytes);
    let side = Side::start(object.memtalk().stdin(file.open()));
    let mut party = party::first(memory.whole());
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(rest.len().min(1000));
        party.expect(piece);
        party.send(piece);
        rest = others;
    }
    party.finish();
    side.finish().assert_complete(&bytes);
}

#[test]
fn a_process_that_waits_for_a_party_outside_uses_little_processor_time() {
    let object = Object::new();
    let memory = Memory::create(&object, PAGE);
    let side = object.open_side();
    let party = party::first(memory.whole());
    let (began, before) = (Instant::now(), sleeps_of(side.pid()));
    thread::sleep(Duration::from_millis(500));
    // One end looks again every 5 ms, and the watcher ten times a second.
    let most = began.elapsed().as_millis() / 5 * 2;
    let naps = u128::from(sleeps_of(side.pid()) - before);
    assert!((1..=most).contains(&naps), "{naps} naps, not {most}");
    let ticks = fs::read_to_string(format!("/proc/{}/stat", side.pid())).unwrap();
    let ticks = ticks
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(|n| n.parse::<u32>().unwrap());
    // There are 50 ticks in half a second.
    assert!(ticks.sum::<u32>() <= 10);
    drop(party);
}
