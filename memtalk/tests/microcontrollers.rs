//! Microcontrollers: programs of `memtalk/guests` on boards that QEMU emulates.
//!
//! Some programs talk with themselves. The others run on a board whose memory a process can
//! see, and talk with the real command.

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use memtalk_ring::Seat;
use memtalk_ring::layout::{MAGIC, capacity_of, seat_offset};
use support::program::{Program, tally};
use support::{Finished, Object, Side, TempFile, eventually, noise};

/// The memory of the firmware's board.
const RAM: usize = 16 << 20;

/// The offset of the firmware's page in it: not a multiple of a page of memory.
const PAGE_AT: usize = 0x3040;
const PAGE: usize = 4096;

/// The two ways to find the page.
const WAYS: [&[&str]; 2] = [&["--offset", "0x3040"], &["--scan"]];

static INTERRUPT: Program = Program::new("thumbv6m-none-eabi", "interrupt");
/// The same program on two boards.
static EMBASSY: [(Program, &str); 2] = [
    (Program::new("thumbv6m-none-eabi", "embassy"), "microbit"),
    (Program::new("thumbv7m-none-eabi", "embassy"), "mps2-an385"),
];
static FIRMWARE: Program = Program::new("thumbv7m-none-eabi", "firmware");
static FIRMWARE_IN_C: Program = Program::new("thumbv7m-none-eabi", "firmware_c");

/// QEMU with this program on `board`. Its standard input is a monitor, and its standard
/// error what the program prints.
fn emulator(program: &Program, board: &str) -> Command {
    let mut command = Command::new("qemu-system-arm");
    command
        .args(["-M", board, "-display", "none", "-monitor", "stdio"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(program.path())
        .stdin(Stdio::piped());
    command
}

/// A board with the firmware. It is switched off if the test fails.
struct Board(Side);

impl Board {
    /// Starts a board with `object` as its memory. QEMU creates an object that does not
    /// exist.
    ///
    /// Before 8.0, QEMU omits memory barriers if there is only one processor. On x86 the
    /// firmware does not need them, since its ends neither sleep nor wake.
    fn start(object: &Object) -> Self {
        Self::start_with(&FIRMWARE, object)
    }

    fn start_with(firmware: &Program, object: &Object) -> Self {
        let backend = format!(
            "memory-backend-file,id=ram,mem-path={},size={RAM},share=on",
            object.path().display()
        );
        let mut command = emulator(firmware, "mps2-an385,memory-backend=ram");
        Self(Side::start(command.args(["-object", &backend])))
    }

    /// Starts a board, and waits until it offers a talk.
    fn ready(object: &Object) -> Self {
        let board = Self::start(object);
        eventually("the firmware initialises its page", || {
            let page = page(object);
            is_initialised(&page) && page[seat_offset(Seat::Second)..][..4] == [0; 4]
        });
        board
    }

    /// Presses the button.
    fn reset(&mut self) {
        self.0.say(b"system_reset\n");
    }

    /// Asks the firmware to end, and returns what it has printed.
    #[track_caller]
    fn stop(self, object: &Object) -> Vec<String> {
        let host = tenant(object, WAYS[0], b"stop\n");
        host.finish().assert_complete(b"");
        let Finished { code, stderr, .. } = self.0.finish_with_open_input();
        assert_eq!(code, Some(0), "{stderr}");
        stderr.lines().map(str::to_owned).collect()
    }
}

/// The firmware's page, as much of it as the object has yet.
fn page(object: &Object) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let file = fs::File::open(object.path());
    let _ = file.and_then(|file| file.read_exact_at(&mut page, PAGE_AT as u64));
    page
}

fn is_initialised(page: &[u8]) -> bool {
    page.starts_with(&MAGIC.to_ne_bytes())
}

/// Starts `memtalk` for a machine's memory, with this input.
fn tenant(object: &Object, way: &[&str], input: &[u8]) -> Side {
    let mut side = open_tenant(object, way);
    side.write_in_background(input.to_vec());
    side
}

/// Starts `memtalk` for a machine's memory, with an input that stays open.
fn open_tenant(object: &Object, way: &[&str]) -> Side {
    Side::start(object.memtalk().args(way).stdin(Stdio::piped()))
}

/// A request and what follows it.
fn request(line: &str, rest: &[u8]) -> Vec<u8> {
    [line.as_bytes(), b"\n", rest].concat()
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn a_main_loop_and_an_interrupt_handler_talk_and_wake_each_other() {
    // In QEMU, `wfe` does not wait and `sev` does nothing. So the program itself makes sure
    // that wake-ups are needed, and this log shows that the instructions were executed.
    let log = TempFile::new(b"");
    let mut command = emulator(&INTERRUPT, "microbit");
    command.args(["-d", "in_asm", "-D"]).arg(&log.0);
    let began = Instant::now();
    let Finished { code, stderr, .. } = Side::start(&mut command).finish_with_open_input();
    println!(
        "{} in {:.1} s",
        stderr.trim_end(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(code, Some(0), "{stderr}");

    let (sent, received) = (noise(8_000_074, 2), noise(4_000_037, 1));
    let said = format!(
        "sent {}, received {}; the handler agrees; slept ",
        tally(&sent),
        tally(&received)
    );
    let counts = stderr.strip_prefix(&said).expect(&said);
    let counts = counts.strip_suffix(" times\n").expect("one line");
    let (slept, woken) = counts.split_once(" times, woken ").expect("both counts");
    let [slept, woken] = [slept, woken].map(|count| count.parse::<u32>().expect("a number"));
    // A ring holds 1,856 bytes. Each run of the handler empties one and fills the other.
    assert!(slept >= 4_000_037 / 1856, "{stderr}");
    assert!(woken >= slept, "{stderr}");

    let log = fs::read_to_string(&log.0).expect("QEMU writes a log");
    let log: Vec<_> = log.lines().collect();
    let is = |line: &str, name| line.split_whitespace().any(|word| word == name);
    assert!(log.iter().any(|line| is(line, "wfe")), "it never sleeps");
    let mut pairs = log.windows(2);
    assert!(
        pairs.any(|pair| is(pair[0], "dsb") && is(pair[1], "sev")),
        "it never wakes"
    );
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn tasks_of_embassy_talk_with_an_interrupt_handler_and_with_a_silent_peer() {
    // In QEMU, `wfe` does not wait. But the executor polls no task that was not woken.
    let bytes = tally(&noise(20_000, 1));
    for (program, board) in &EMBASSY {
        let mut command = emulator(program, board);
        let began = Instant::now();
        let Finished { code, stderr, .. } = Side::start(&mut command).finish_with_open_input();
        println!(
            "on {board}, in {:.1} s:\n{}",
            began.elapsed().as_secs_f64(),
            stderr.trim_end()
        );
        assert_eq!(code, Some(0), "{stderr}");

        let lines: Vec<_> = stderr.lines().collect();
        let rung = ["with doorbells", "with a silent peer"].map(|talk| {
            let said = format!("{talk}: sent {bytes}, received {bytes}; rung ");
            let count = lines.iter().find_map(|line| line.strip_prefix(&said));
            let count = count.and_then(|count| count.strip_suffix(" times"));
            let count = count.unwrap_or_else(|| panic!("{said}… times: {stderr}"));
            count.parse::<usize>().expect("a number")
        });
        let capacity = capacity_of(1024).expect("a page") as usize;
        // Each run of the handler empties one ring, and fills the other.
        assert!(rung[0] >= 20_000 / capacity, "{stderr}");
        assert_eq!(rung[1], 0, "{stderr}");
    }
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn firmware_echoes_whichever_side_starts_first() {
    let bytes = noise(500_000, 3);
    for way in WAYS {
        for host_first in [false, true] {
            let object = Object::new();
            let talk = || tenant(&object, way, &request("echo", &bytes));
            let (board, host) = if host_first {
                let host = talk();
                (Board::start(&object), host)
            } else {
                (Board::ready(&object), talk())
            };
            host.finish().assert_complete(&bytes);
            let said = format!("firmware: complete, sent {0}, received {0}", tally(&bytes));
            assert_eq!(board.stop(&object), [said]);
        }
    }
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn firmware_sends_and_receives_at_once() {
    let (theirs, ours) = (noise(4_000_001, 1), noise(3_000_005, 2));
    let object = Object::new();
    let board = Board::ready(&object);
    let began = Instant::now();
    let host = tenant(&object, WAYS[1], &request("bulk 4000001", &ours));
    host.finish().assert_complete(&theirs);
    println!("both ways in {:.2} s", began.elapsed().as_secs_f64());
    let said = board.stop(&object);
    println!("{}", said.join("\n"));
    assert_eq!(
        said,
        [format!(
            "firmware: complete, sent {}, received {}",
            tally(&theirs),
            tally(&ours)
        )]
    );
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn firmware_serves_talk_after_talk() {
    let object = Object::new();
    let board = Board::ready(&object);
    let (theirs, ours) = (noise(300_000, 1), noise(200_003, 2));
    for round in 0..3 {
        let bytes = noise(10_000 + round, 3);
        let host = tenant(&object, WAYS[0], &request("echo", &bytes));
        host.finish().assert_complete(&bytes);
        let host = tenant(&object, WAYS[1], &request("bulk 300000", &ours));
        host.finish().assert_complete(&theirs);
    }
    // Nothing to send; nothing to receive; nothing at all.
    let host = tenant(&object, WAYS[0], &request("bulk 0", &ours));
    host.finish().assert_complete(b"");
    let host = tenant(&object, WAYS[0], &request("bulk 300000", b""));
    host.finish().assert_complete(&theirs);
    let host = tenant(&object, WAYS[0], &request("echo", b""));
    host.finish().assert_complete(b"");
    let said = board.stop(&object);
    println!("{}", said.join("\n"));
    assert_eq!(said.len(), 9);
    assert!(
        said.iter()
            .all(|line| line.starts_with("firmware: complete, "))
    );
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn firmware_and_a_person_take_turns() {
    let object = Object::new();
    let board = Board::ready(&object);
    let mut host = open_tenant(&object, WAYS[0]);
    host.say(b"echo\n");
    let began = Instant::now();
    for i in 0..200 {
        let line = format!("line {i}\n");
        host.say(line.as_bytes());
        host.expect(line.as_bytes());
    }
    println!(
        "a line there and back in {:.0} us",
        began.elapsed().as_secs_f64() / 200.0 * 1e6
    );
    host.finish().assert_complete(b"");
    board.stop(&object);
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn an_unknown_request_ends_the_talk_and_not_the_firmware() {
    let object = Object::new();
    let board = Board::ready(&object);
    for input in [&b"what?\n"[..], b"stop it\n", b"sto", b""] {
        tenant(&object, WAYS[0], input)
            .finish()
            .assert_failed(4, "the peer stopped");
    }
    let other = request("bulk 10", &noise(1000, 4));
    tenant(&object, WAYS[0], &other)
        .finish_with_open_input()
        .assert_failed(4, "the peer stopped");
    let said = board.stop(&object);
    println!("{}", said.join("\n"));
    let none = "firmware: the first line is no request; ";
    assert!(
        said[..4].iter().all(|line| line.starts_with(none)),
        "{said:?}"
    );
    assert!(
        said[4].starts_with("firmware: byte 0 is not the expected byte"),
        "{said:?}"
    );
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn a_board_that_is_switched_off_is_noticed() {
    let object = Object::new();
    for way in WAYS {
        let mut board = Board::ready(&object);
        let mut host = open_tenant(&object, way);
        host.say(b"echo\nhello");
        host.expect(b"hello");
        board.0.kill();
        host.finish_with_open_input()
            .assert_failed(4, "the peer died");
        // The next one waits until the board is switched on again.
        let host = tenant(&object, way, &request("echo", b"again"));
        let board = Board::start(&object);
        host.finish().assert_complete(b"again");
        board.stop(&object);
    }
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn a_board_that_is_reset_is_noticed() {
    let object = Object::new();
    let mut board = Board::ready(&object);
    let mut host = open_tenant(&object, WAYS[0]);
    host.say(b"echo\nhello");
    host.expect(b"hello");
    board.reset();
    host.finish_with_open_input()
        .assert_failed(4, "the peer has started again");
    let host = tenant(&object, WAYS[0], &request("echo", b"again"));
    host.finish().assert_complete(b"again");
    board.stop(&object);
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn a_killed_process_is_noticed_when_the_next_one_comes() {
    let object = Object::new();
    let board = Board::ready(&object);
    for way in WAYS {
        let mut host = open_tenant(&object, way);
        host.say(b"echo\nhello");
        host.expect(b"hello");
        host.kill();
        let next = tenant(&object, way, &request("echo", b"again"));
        next.finish().assert_complete(b"again");
    }
    let said = board.stop(&object);
    println!("{}", said.join("\n"));
    let began = |at: usize, text| said[at].starts_with(text);
    assert_eq!(said.len(), 4, "{said:?}");
    for at in [0, 2] {
        assert!(began(at, "firmware: the peer gave up"), "{said:?}");
        assert!(began(at + 1, "firmware: complete"), "{said:?}");
    }
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn a_process_finds_no_peer_at_an_offset_without_a_page() {
    let object = Object::new();
    let board = Board::ready(&object);
    for at in ["0x3000", "0x3080", "0x4040", "0", "0x1000000"] {
        let way = ["--offset", at, "--timeout", "1"];
        open_tenant(&object, &way)
            .finish()
            .assert_failed(3, "no peer came");
    }
    // The page is still where it was.
    let host = tenant(&object, WAYS[0], &request("echo", b"here"));
    host.finish().assert_complete(b"here");
    board.stop(&object);
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn other_memory_of_the_board_is_left_alone() {
    let object = Object::new();
    let before = noise(RAM, 5);
    fs::write(object.path(), &before).expect("there is room");
    let (theirs, ours) = (noise(300_000, 1), noise(200_003, 2));
    let mut board = Board::ready(&object);
    for way in WAYS {
        let host = tenant(&object, way, &request("bulk 300000", &ours));
        host.finish().assert_complete(&theirs);
    }
    // Two talks that do not end in good order.
    let mut host = open_tenant(&object, WAYS[0]);
    host.say(b"echo\nhello");
    host.expect(b"hello");
    host.kill();
    let mut host = open_tenant(&object, WAYS[1]);
    host.say(b"echo\nhello");
    host.expect(b"hello");
    board.0.kill();
    host.finish_with_open_input()
        .assert_failed(4, "the peer died");

    let after = fs::read(object.path()).expect("the object is there");
    assert_eq!(after.len(), RAM);
    let others = |memory: &[u8]| [&memory[..PAGE_AT], &memory[PAGE_AT + PAGE..]].concat();
    assert!(
        others(&before) == others(&after),
        "other memory was changed"
    );
    assert!(is_initialised(&page(&object)));
}

#[test]
#[ignore = "needs QEMU and targets without an operating system: `make bare-metal` runs it"]
fn firmware_in_c_echoes_one_talk_and_ends() {
    // The program is `memtalk-ring/c/examples/firmware.c`.
    let bytes = noise(500_000, 4);
    for way in WAYS {
        let object = Object::new();
        let host = tenant(&object, way, &bytes);
        let board = Board::start_with(&FIRMWARE_IN_C, &object);
        host.finish().assert_complete(&bytes);
        let Finished { code, stderr, .. } = board.0.finish_with_open_input();
        assert_eq!((code, &*stderr), (Some(0), ""));
    }
    // A host that gives up.
    let object = Object::new();
    let board = Board::start_with(&FIRMWARE_IN_C, &object);
    let mut host = open_tenant(&object, WAYS[0]);
    host.say(b"hello");
    host.expect(b"hello");
    host.signal(15);
    assert_eq!(board.0.finish_with_open_input().code, Some(9));
}
