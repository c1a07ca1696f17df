//! The main job: two processes, both ways at once, byte for byte.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::{Object, Side, TempFile, noise, shell};

#[test]
fn files_arrive_both_ways_whichever_side_starts_first() {
    let (one, other) = (noise(3_000_000, 1), noise(2_000_003, 2));
    let (one_file, other_file) = (TempFile::new(&one), TempFile::new(&other));
    for swapped in [false, true] {
        let object = Object::new();
        let start = |file: &TempFile| Side::start(object.memtalk().stdin(file.open()));
        let (first, second) = match swapped {
            false => (&one_file, &other_file),
            true => (&other_file, &one_file),
        };
        let first = start(first);
        first.wait_until_seated(&object);
        let second = start(second);
        let (one_side, other_side) = match swapped {
            false => (first, second),
            true => (second, first),
        };
        one_side.finish().assert_complete(&other);
        other_side.finish().assert_complete(&one);
        assert!(!object.exists());
    }
}

#[test]
fn pipes_are_relayed_both_ways() {
    let (one, other) = (noise(1_000_000, 3), noise(999_999, 4));
    let object = Object::new();
    let (one_side, other_side) = (object.side(&one), object.side(&other));
    let other_got = std::thread::spawn(move || other_side.finish());
    one_side.finish().assert_complete(&other);
    other_got.join().unwrap().assert_complete(&one);
}

#[test]
fn the_example_of_the_specification_works() {
    // Words one way, file names the other. If this machine has no word list, numbers.
    let object = Object::new();
    let words = "cat /usr/share/dict/words 2>/dev/null || seq 100000";
    let find = "find /usr/share/doc /etc 2>/dev/null | head -n 20000";
    let script = |input: &str| format!("{{ {input}; }} | $MEMTALK -f {}", object.name());
    let run = |input: &str| {
        let output = shell(&format!("{{ {input}; }}")).output().unwrap();
        output.stdout
    };
    let one = Side::start(&mut shell(&script(words)));
    let other = Side::start(&mut shell(&script(find)));
    let other = std::thread::spawn(move || other.finish());
    one.finish().assert_complete(&run(find));
    other.join().unwrap().assert_complete(&run(words));
}

#[test]
fn empty_streams_are_complete() {
    for (one, other) in [(&b""[..], &b""[..]), (b"", b"something"), (b"x", b"")] {
        let object = Object::new();
        let (one_side, other_side) = (object.side(one), object.side(other));
        one_side.finish().assert_complete(other);
        other_side.finish().assert_complete(one);
        assert!(!object.exists());
    }
}

#[test]
fn streams_about_as_long_as_the_capacity_are_complete() {
    // One page of 4,096 bytes holds 1,856 bytes each way.
    for len in [1, 927, 928, 929, 1855, 1856, 1857, 3711, 3712, 3713, 4096] {
        let object = Object::new();
        let (one, other) = (noise(len, 5), noise(2 * len, 6));
        let (one_side, other_side) = (object.side(&one), object.side(&other));
        one_side.finish().assert_complete(&other);
        other_side.finish().assert_complete(&one);
    }
}

#[test]
fn the_side_that_creates_the_object_decides_its_number_of_pages() {
    for pages in ["1", "3", "16", "256"] {
        let object = Object::new();
        let (one, other) = (noise(700_000, 7), noise(700_001, 8));
        let (one_file, other_file) = (TempFile::new(&one), TempFile::new(&other));
        let first = Side::start(
            object
                .memtalk()
                .args(["--pages", pages])
                .stdin(one_file.open()),
        );
        first.wait_until_seated(&object);
        let size = object.path().metadata().unwrap().len();
        assert_eq!(size, pages.parse::<u64>().unwrap() * page_size());
        let second = Side::start(object.memtalk().stdin(other_file.open()));
        first.finish().assert_complete(&other);
        second.finish().assert_complete(&one);
    }
}

fn page_size() -> u64 {
    let page = Command::new("getconf").arg("PAGESIZE").output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    page.trim().parse().unwrap()
}

#[test]
fn by_default_the_object_is_private_and_has_one_page() {
    use std::os::unix::fs::MetadataExt;
    let object = Object::new();
    let side = Side::start(
        shell(&format!("umask 0; exec $MEMTALK -f {}", object.name())).stdin(Stdio::null()),
    );
    side.wait_until_seated(&object);
    let data = object.path().metadata().unwrap();
    assert_eq!(data.mode() & 0o7777, 0o600);
    assert_eq!(data.len(), page_size());
    object.side(b"").finish().assert_complete(b"");
    side.finish().assert_complete(b"");
}

#[test]
fn a_line_is_delivered_at_once_and_half_close_leaves_the_other_direction_open() {
    let object = Object::new();
    let (mut one, mut other) = (object.open_side(), object.open_side());
    one.say(b"hi\n");
    other.expect(b"hi\n");
    other.say(b"x");
    one.expect(b"x");
    one.end_input();
    assert_eq!(
        other.rest_of_output(),
        b"",
        "the end of file comes through at once"
    );
    for _ in 0..3 {
        other.say(b"still here\n");
        one.expect(b"still here\n");
    }
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn a_line_wakes_a_sleeping_peer_through_private_memory_and_straight() {
    // With one page through private memory, with 40 straight.
    for pages in ["1", "40"] {
        let object = Object::new();
        let start = || {
            let mut command = object.memtalk();
            Side::start(command.args(["--pages", pages]).stdin(Stdio::piped()))
        };
        let (mut one, mut other) = (start(), start());
        for line in [&b"a line\n"[..], b"another\n"] {
            other.wait_until_asleep(1);
            one.say(line);
            other.expect(line);
        }
        other.end_input();
        one.finish().assert_complete(b"");
        other.finish().assert_complete(b"");
    }
}

#[test]
fn two_programs_can_converse() {
    let object = Object::new();
    let fifo = TempFile::new(b"");
    let script = format!(
        "rm {0} && mkfifo {0} && $MEMTALK -f {1} <{0} | sed -u 's/^/reply /' >{0}",
        fifo.0.display(),
        object.name()
    );
    let replies = Side::start(shell(&script).stdin(Stdio::null()));
    let mut asks = object.open_side();
    for i in 0..20 {
        asks.say(format!("question {i}\n").as_bytes());
        asks.expect(format!("reply question {i}\n").as_bytes());
    }
    // The end of file goes all the way round: to sed, and back through the pipe.
    asks.finish().assert_complete(b"");
    assert_eq!(replies.finish().code, Some(0));
}

#[test]
fn talk_after_talk_goes_through_the_same_name() {
    let object = Object::new();
    for _ in 0..20 {
        object.assert_usable();
    }
}

#[test]
fn verbose_reports_on_standard_error_what_happens() {
    let object = Object::new();
    let mut one = Side::start(object.memtalk().arg("-v").stdin(Stdio::null()));
    let mut other = object.open_side();
    // The peer is looked up while it is there.
    let mut said = one.message("the peer is ");
    other.say(b"12345");
    other.end_input();
    let mut one = one.finish();
    said.push_str(&one.stderr);
    one.stderr = said;
    assert_eq!((one.code, &one.stdout[..]), (Some(0), &b"12345"[..]));
    for text in [
        "waiting for a peer",
        "a peer is there",
        &format!("the peer is {} (memtalk)", other.pid()),
        "our stream has ended; the peer has still to confirm it",
        "our stream is complete: the peer has written all of it",
        "the peer's stream is complete: all of it is written",
        "sent 0 bytes, received 5 bytes, in ",
    ] {
        assert!(one.stderr.contains(text), "{text}: {}", one.stderr);
    }
    other.finish().assert_complete(b"");
}

#[test]
fn the_threads_of_idle_processes_never_run() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    // Once both are asleep, none of their threads runs again.
    let switches = || (switches_of(one.pid()), switches_of(other.pid()));
    let mut last = switches();
    support::eventually("both are idle for half a second", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = switches();
        std::mem::replace(&mut last, now.clone()) == now
    });
    other.say(b"awake");
    one.expect(b"awake");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

#[test]
fn a_process_that_waits_for_a_non_blocking_descriptor_never_runs() {
    let object = Object::new();
    let (input, mut feed) = std::io::pipe().unwrap();
    support::fcntl(&input, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
    let one = Side::start(object.memtalk().stdin(input));
    let mut other = object.open_side();
    feed.write_all(b"hello").unwrap();
    other.expect(b"hello");
    let mut last = switches_of(one.pid());
    support::eventually("it is idle for half a second", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = switches_of(one.pid());
        std::mem::replace(&mut last, now.clone()) == now
    });
    drop(feed);
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
}

/// The context switches of each thread of a process.
fn switches_of(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("status")).unwrap()
    };
    let lines = tasks.map(status).flat_map(|text| {
        let lines = text.lines().filter(|line| line.contains("ctxt_switches"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    });
    lines.collect()
}
