//! Virtual machines: the real command talks with guests that have no operating system.
//!
//! The guests are the programs of `memtalk/guests`.

mod support;

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use memtalk_ring::Seat::{First, Second};
use memtalk_ring::layout::{CLAIM, LINE, MAGIC, OUTSIDE, SEATED, SILENT, VERSION, WAITING};
use memtalk_ring::layout::{receiver_offset, seat_offset, sender_offset};
use support::machine::{AARCH64, Machine, X86_64};
use support::program::tally;
use support::words::{self, BYTES_EACH_WAY as CAPACITY, INDEX};
use support::{Object, Side, TempFile, eventually, noise, round_trips, setting};

/// The exit statuses of guests: `memtalk/guests/src/failure.rs`.
const COMPLETE: i32 = 0;
const NO_DEVICE: i32 = 2;
const NOT_A_PAGE: i32 = 3;
const WRONG_VERSION: i32 = 4;
const WRONG_SIZE: i32 = 5;
const BYTE_ORDER: i32 = 6;
const UNFINISHED: i32 = 7;
const TAKEN: i32 = 8;
const PEER_FAILED: i32 = 9;
const CORRUPT: i32 = 10;
const GARBAGE: i32 = 11;

/// Defines each of these tests for each machine.
macro_rules! on_both_machines {
    ($($test:ident)*) => {
        on_both_machines!(x86_64: X86_64 $($test)*);
        on_both_machines!(aarch64: AARCH64 $($test)*);
    };
    ($name:ident: $machine:ident $($test:ident)*) => {
        mod $name {
            $(
                #[test]
                #[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
                fn $test() {
                    super::$test(&super::$machine);
                }
            )*
        }
    };
}

on_both_machines! {
    a_talk_is_complete_if_the_guest_sits_first
    a_talk_is_complete_if_the_host_sits_first
    a_talk_through_many_pages_is_complete
    talk_after_talk_is_complete_whoever_sits_first
    both_streams_are_complete_if_the_host_ends_first
    both_streams_are_complete_if_the_guest_ends_first
    empty_streams_are_complete
    a_killed_guest_that_sat_first_is_noticed
    a_killed_guest_that_sat_second_is_noticed
    a_host_that_gives_up_is_noticed
    a_killed_host_is_noticed_when_the_next_comes
    an_unknown_request_is_refused
    a_wrong_byte_is_noticed
    without_shared_memory_the_guest_says_so
    an_object_without_a_page_to_join_is_left_untouched
    the_guest_waits_for_a_page_that_is_being_initialised
    the_guest_joins_again_if_another_party_initialises_the_page
    an_impossible_index_is_noticed
    every_byte_makes_its_round_trip
    bulk_streams_are_complete_both_ways
}

/// What the host sends to get `bytes` back.
fn echo(bytes: &[u8]) -> Vec<u8> {
    [b"echo\n", bytes].concat()
}

/// What the host sends to get this much noise, of seed 1, with noise of its own, of seed 2.
fn bulk(to_host: usize, to_guest: usize) -> Vec<u8> {
    let request = format!("bulk {to_host}\n");
    [request.as_bytes(), &noise(to_guest, 2)].concat()
}

/// What the guest prints if both streams are complete.
fn complete(to_host: &[u8], to_guest: &[u8]) -> String {
    format!(
        "complete, sent {}, received {}",
        tally(to_host),
        tally(to_guest)
    )
}

fn a_talk_is_complete_if_the_guest_sits_first(machine: &'static Machine) {
    let (object, bytes) = (Object::new(), noise(8_000_000, 3));
    let guest = machine.start(&object);
    eventually("the guest sits down", || object.is_initialised());
    let host = object.side(&echo(&bytes));
    host.finish().assert_complete(&bytes);
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&bytes, &bytes));
}

fn a_talk_is_complete_if_the_host_sits_first(machine: &'static Machine) {
    let (object, bytes) = (Object::new(), noise(8_000_000, 4));
    let host = object.side(&echo(&bytes));
    host.wait_until_seated(&object);
    let guest = machine.start(&object);
    host.finish().assert_complete(&bytes);
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&bytes, &bytes));
    assert!(!object.exists());
}

fn a_talk_through_many_pages_is_complete(machine: &'static Machine) {
    let (object, bytes) = (Object::new(), noise(8_000_000, 5));
    let mut host = Side::start(
        object
            .memtalk()
            .args(["--pages", "64"])
            .stdin(Stdio::piped()),
    );
    host.write_in_background(echo(&bytes));
    host.wait_until_seated(&object);
    let guest = machine.start(&object);
    host.finish().assert_complete(&bytes);
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&bytes, &bytes));
}

fn talk_after_talk_is_complete_whoever_sits_first(machine: &'static Machine) {
    let object = Object::new();
    for seed in 0..8 {
        let bytes = noise(10_000, seed);
        let start_host = || object.side(&echo(&bytes));
        let (guest, host) = match seed % 2 {
            0 => (machine.start(&object), start_host()),
            _ => {
                let host = start_host();
                (machine.start(&object), host)
            }
        };
        host.finish().assert_complete(&bytes);
        let ended = guest.finish();
        ended.assert_said(COMPLETE, &complete(&bytes, &bytes));
    }
}

fn both_streams_are_complete_if_the_host_ends_first(machine: &'static Machine) {
    let object = Object::new();
    let guest = machine.start(&object);
    let host = object.side(&bulk(20_000_000, 1_000_003));
    let sent = noise(20_000_000, 1);
    host.finish().assert_complete(&sent);
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&sent, &noise(1_000_003, 2)));
}

fn both_streams_are_complete_if_the_guest_ends_first(machine: &'static Machine) {
    let object = Object::new();
    let guest = machine.start(&object);
    let (sent, received) = (noise(1_000_003, 1), noise(20_000_000, 2));
    let mut host = object.open_side();
    host.say(b"bulk 1000003\n");
    // The end of file arrives while the other direction is open.
    assert!(host.rest_of_output() == sent);
    host.write_in_background(received.clone());
    host.finish_with_open_input().assert_complete(b"");
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&sent, &received));
}

fn empty_streams_are_complete(machine: &'static Machine) {
    for request in [echo(b""), bulk(0, 0)] {
        let object = Object::new();
        let guest = machine.start(&object);
        object.side(&request).finish().assert_complete(b"");
        let ended = guest.finish();
        ended.assert_said(COMPLETE, &complete(b"", b""));
    }
}

fn a_killed_guest_that_sat_first_is_noticed(machine: &'static Machine) {
    let object = Object::new();
    let mut guest = machine.start(&object);
    eventually("the guest sits down", || object.is_initialised());
    let mut host = object.open_side();
    host.say(&echo(b"hello"));
    host.expect(b"hello");
    guest.kill();
    host.finish_with_open_input()
        .assert_failed(4, "the peer died");
    assert_talk_possible(machine, &object);
}

fn a_killed_guest_that_sat_second_is_noticed(machine: &'static Machine) {
    let object = Object::new();
    let mut host = object.open_side();
    host.wait_until_seated(&object);
    let mut guest = machine.start(&object);
    host.say(&echo(b"hello"));
    host.expect(b"hello");
    guest.kill();
    host.finish_with_open_input()
        .assert_failed(4, "the peer died");
    assert_talk_possible(machine, &object);
}

/// Checks that a talk is possible, whatever a dead guest has left behind.
fn assert_talk_possible(machine: &'static Machine, object: &Object) {
    let host = object.side(&echo(b"again"));
    let guest = machine.start(object);
    host.finish().assert_complete(b"again");
    guest.finish().assert_said(COMPLETE, "complete");
}

fn a_host_that_gives_up_is_noticed(machine: &'static Machine) {
    // While the guest still sends, and while it waits for the confirmation.
    for len in [1_000_000, 100] {
        let object = Object::new();
        let guest = machine.start(&object);
        let input = TempFile::new(&bulk(len, len));
        let full = File::options().write(true).open("/dev/full").unwrap();
        let host = Side::start_with(object.memtalk().stdin(input.open()), full);
        host.finish().assert_failed(1, "No space left");
        guest.finish().assert_said(PEER_FAILED, "the peer gave up");
    }
}

fn a_killed_host_is_noticed_when_the_next_comes(machine: &'static Machine) {
    for guest_first in [true, false] {
        let object = Object::new();
        let mut guest = None;
        if guest_first {
            guest = Some(machine.start(&object));
            eventually("the guest sits down", || object.is_initialised());
        }
        let mut host = object.open_side();
        host.wait_until_seated(&object);
        let guest = guest.unwrap_or_else(|| machine.start(&object));
        host.say(&echo(b"hello"));
        host.expect(b"hello");
        host.kill();
        let _next = object.open_side();
        guest.finish().assert_said(PEER_FAILED, "the peer gave up");
    }
}

fn an_unknown_request_is_refused(machine: &'static Machine) {
    for request in [&b""[..], b"echo", b"hello\n", b"bulk -1\n", &[b'x'; 10_000]] {
        let object = Object::new();
        let guest = machine.start(&object);
        let host = object.side(request);
        host.finish().assert_failed(4, "the peer stopped");
        guest.finish().assert_said(GARBAGE, "is no request");
    }
}

fn a_wrong_byte_is_noticed(machine: &'static Machine) {
    let object = Object::new();
    let guest = machine.start(&object);
    let mut input = bulk(1_000_000, 1_000_000);
    input[b"bulk 1000000\n".len() + 700_001] ^= 1;
    let host = object.side(&input);
    host.finish().assert_failed(4, "the peer stopped");
    guest.finish().assert_said(GARBAGE, "byte 700001 is not");
}

fn without_shared_memory_the_guest_says_so(machine: &'static Machine) {
    let ended = machine.start_alone().finish();
    ended.assert_said(NO_DEVICE, "-device ivshmem-plain");
}

/// A page at which a process sits first. These words, by their offset, replace those that
/// should be there.
fn page(words: &[(usize, u32)]) -> Vec<u8> {
    let honest = [
        (words::MAGIC, MAGIC),
        (words::CLAIM, CLAIM),
        (words::VERSION, VERSION),
        (words::SIZE, 4096),
        (words::CAPACITY, CAPACITY),
        (seat_offset(First), SEATED | WAITING),
    ];
    let mut page = vec![0; 4096];
    for (at, word) in honest.iter().chain(words) {
        words::put(&mut page, *at, *word);
    }
    page
}

fn an_object_without_a_page_to_join_is_left_untouched(machine: &'static Machine) {
    let other_order = (words::MAGIC, MAGIC.swap_bytes());
    let unfinished = (words::MAGIC, 0);
    let taken = (seat_offset(Second), SEATED);
    let cases = [
        (noise(4096, 5), NOT_A_PAGE, "magic number"),
        (page(&[(words::VERSION, 1)]), WRONG_VERSION, "version 1"),
        (page(&[(words::SIZE, 8192)]), WRONG_SIZE, "8192 bytes"),
        (page(&[(words::CAPACITY, 1920)]), WRONG_SIZE, "4096 bytes"),
        (page(&[other_order]), BYTE_ORDER, "byte order"),
        (page(&[unfinished]), UNFINISHED, "never fully initialised"),
        (page(&[taken]), TAKEN, "both seats"),
    ];
    for (bytes, status, text) in cases {
        let object = Object::new();
        fs::write(object.path(), &bytes).unwrap();
        machine.start(&object).finish().assert_said(status, text);
        assert!(fs::read(object.path()).unwrap() == bytes, "{text}: touched");
    }
}

fn the_guest_waits_for_a_page_that_is_being_initialised(machine: &'static Machine) {
    let object = Object::new();
    fs::write(object.path(), page(&[(words::MAGIC, 0)])).unwrap();
    let mut guest = machine.start(&object);
    // Long enough for the guest to start and look, short enough for it to go on waiting.
    std::thread::sleep(Duration::from_secs(1));
    let page = object.open();
    words::write(&page, words::MAGIC, MAGIC);
    expect_second(&page);
    guest.kill();
}

fn the_guest_joins_again_if_another_party_initialises_the_page(machine: &'static Machine) {
    let object = Object::new();
    fs::write(object.path(), page(&[])).unwrap();
    let mut guest = machine.start(&object);
    let page = object.open();
    expect_second(&page);
    words::write(&page, seat_offset(Second), 0);
    expect_second(&page);
    guest.kill();
}

/// Waits until a guest has the second seat.
fn expect_second(page: &File) {
    eventually("the guest sits down", || {
        words::read(page, seat_offset(Second)).unwrap() == SEATED | OUTSIDE | SILENT
    });
}

fn an_impossible_index_is_noticed(machine: &'static Machine) {
    // More than a capacity ahead; not an index; both flags.
    let (sent, received) = (
        sender_offset(Second, CAPACITY),
        receiver_offset(Second, CAPACITY),
    );
    for index in [CAPACITY + 1, 2 * CAPACITY, u32::MAX] {
        // The tail of the first party, as the guest finds it, which sits second.
        let object = Object::new();
        let mut bytes = page(&[(sender_offset(First, CAPACITY) + INDEX, index)]);
        fs::write(object.path(), &bytes).unwrap();
        let guest = machine.start(&object);
        expect_second(&object.open());
        words::write(&object.open(), seat_offset(First), SEATED);
        words::put(&mut bytes, seat_offset(First), SEATED);
        let ended = guest.finish();
        ended.assert_said(CORRUPT, "indices are impossible");
        // The guest has written its seat word and its own two lines, and nothing else.
        let found = fs::read(object.path()).unwrap();
        for (at, len) in [(seat_offset(Second), 4), (sent, LINE), (received, LINE)] {
            bytes[at..][..len].copy_from_slice(&found[at..][..len]);
        }
        assert!(found == bytes, "{index}: something else was written");

        // The tail of the second party, as the guest finds it, which sits first.
        let object = Object::new();
        let guest = machine.start(&object);
        eventually("the guest sits down", || object.is_initialised());
        let page = object.open();
        words::write(&page, sent + INDEX, index);
        words::write(&page, seat_offset(Second), SEATED);
        guest
            .finish()
            .assert_said(CORRUPT, "indices are impossible");
    }
}

fn every_byte_makes_its_round_trip(machine: &'static Machine) {
    let count = setting("ROUND_TRIPS", 20_000);
    let object = Object::new();
    let guest = machine.start(&object);
    round_trips::print(machine, &object, b"echo\n", count);
    guest.finish().assert_said(COMPLETE, "complete");
}

fn bulk_streams_are_complete_both_ways(machine: &'static Machine) {
    let bytes = setting("BYTES", 50_000_000);
    let object = Object::new();
    let guest = machine.start(&object);
    eventually("the guest sits down", || object.is_initialised());
    let began = Instant::now();
    let host = object.side(&bulk(bytes, bytes));
    let host = host.finish();
    let took = began.elapsed();
    host.assert_complete(&noise(bytes, 1));
    let ended = guest.finish();
    ended.assert_said(COMPLETE, &complete(&host.stdout, &noise(bytes, 2)));
    println!("{machine}: {} in {took:?}", ended.console.trim_end());
}
