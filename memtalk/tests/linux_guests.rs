//! Virtual machines with Linux: the real command on both sides, one of them in a stock kernel
//! with the shared memory as a file.
//!
//! `talk` is `support/linux/talk.sh`: the command on that file.

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::linux::{AARCH64, Architecture, Extra, Guest, Running, X86_64};
use support::{Object, Side, noise, round_trips, setting};

/// Defines each of these tests for each architecture.
macro_rules! on_both {
    ($($test:ident)*) => {
        on_both!(x86_64: X86_64 $($test)*);
        on_both!(aarch64: AARCH64 $($test)*);
    };
    ($name:ident: $architecture:ident $($test:ident)*) => {
        mod $name {
            $(
                #[test]
                #[ignore = "needs QEMU and packages of Debian: `make bare-metal` runs it"]
                fn $test() {
                    super::$test(&super::$architecture);
                }
            )*
        }
    };
}

on_both! {
    a_host_that_came_before_the_machine_is_joined
    ten_talks_are_complete_whoever_comes_first
    lines_are_answered_at_once
    a_shell_in_the_machine_obeys_the_host
    bulk_streams_are_complete_both_ways
    each_stream_ends_on_its_own
    a_side_that_fails_is_noticed
    a_killed_process_of_the_guest_is_noticed
    a_killed_host_is_noticed
    a_process_that_is_interrupted_is_noticed
    a_guest_that_starts_again_can_talk_again
    a_process_that_died_before_anybody_came_is_not_joined
    a_process_that_gave_up_waiting_is_not_joined
    a_killed_machine_is_noticed
    the_next_machine_finds_a_good_page
    a_second_process_on_the_device_is_refused
    a_second_host_is_refused
    a_locked_down_kernel_says_so
    what_cannot_be_a_page_is_refused
    foreign_bytes_are_left_alone
    a_device_that_is_switched_off_is_not_used
    a_device_that_vanishes_is_noticed
    a_user_needs_the_right_to_the_file
    either_file_of_the_memory_will_do
    memory_is_reached_through_dev_mem
    the_recipe_works_as_typed
    two_processes_of_the_guest_talk_by_name
    waiting_costs_little
    every_byte_makes_its_round_trip
    bytes_flow_at_this_rate
}

/// The two of a talk that goes on: each has sent something to the other, and no input has
/// ended.
struct Talking {
    guest: Running,
    host: Side,
}

impl Talking {
    /// Starts a talk. The guest comes first, or the host does.
    fn start(guest: &mut Guest, object: &Object, guest_first: bool) -> Self {
        let start_host = || object.open_side();
        let (talk, mut host) = start(guest, object, "talk <>open", start_host, guest_first);
        host.say(b"from the host\n");
        guest.expect(talk, "from the host");
        guest.run("echo from the guest >open");
        host.expect(b"from the guest\n");
        Self { guest: talk, host }
    }
}

/// Starts a command of the guest and a host. The one that comes second is started once the
/// other has the memory.
fn start(
    guest: &mut Guest,
    object: &Object,
    command: &str,
    start_host: impl FnOnce() -> Side,
    guest_first: bool,
) -> (Running, Side) {
    if guest_first {
        let talk = guest.start(command);
        guest.await_talk(talk);
        (talk, start_host())
    } else {
        let host = start_host();
        host.wait_until_it_has(object);
        (guest.start(command), host)
    }
}

/// Boots a machine that has these bytes in the file `/bytes`.
fn boot_with_bytes(architecture: &'static Architecture, object: &Object, bytes: &[u8]) -> Guest {
    let extra = Extra {
        files: &[("bytes", bytes)],
        ..Extra::default()
    };
    architecture.boot_with(object, &extra)
}

/// Checks that a talk is possible, whatever came before, and whoever comes first.
#[track_caller]
fn assert_usable(guest: &mut Guest, object: &Object) {
    for guest_first in [true, false] {
        assert_talk(guest, object, guest_first);
    }
}

/// Lets the two talk, and checks both streams.
#[track_caller]
fn assert_talk(guest: &mut Guest, object: &Object, guest_first: bool) {
    let start_host = || object.side(b"from the host\n");
    let command = "echo from the guest | talk";
    let (talk, host) = start(guest, object, command, start_host, guest_first);
    host.finish().assert_complete(b"from the guest\n");
    guest.finish(talk).assert_complete(b"from the host\n");
}

fn a_host_that_came_before_the_machine_is_joined(architecture: &'static Architecture) {
    let object = Object::new();
    let host = object.side(b"from the host\n");
    host.wait_until_seated(&object);
    let mut guest = architecture.boot(&object);
    let talk = guest.start("echo from the guest | talk");
    host.finish().assert_complete(b"from the guest\n");
    guest.finish(talk).assert_complete(b"from the host\n");
    // The machine runs on, and so does its object.
    assert_usable(&mut guest, &object);
}

fn ten_talks_are_complete_whoever_comes_first(architecture: &'static Architecture) {
    let (object, began) = (Object::new(), Instant::now());
    let mut guest = architecture.boot(&object);
    println!("{architecture}: boots in {:?}", began.elapsed());
    for number in 0..10 {
        assert_talk(&mut guest, &object, number % 4 < 2);
    }
}

fn lines_are_answered_at_once(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let answers = "while read -r line; do echo \"reply: $line\"; done";
    let talk = guest.start(&format!(
        "mkfifo answers; talk <answers | {answers} >answers"
    ));
    let mut host = object.open_side();
    for line in ["hello", "world"] {
        host.say(format!("{line}\n").as_bytes());
        host.expect(format!("reply: {line}\n").as_bytes());
    }
    host.finish().assert_complete(b"");
    guest.finish(talk).assert_complete(b"");
}

fn a_shell_in_the_machine_obeys_the_host(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talk = guest.start("talk -- sh");
    let host = object.side(b"uname -m\nid -u\nexit 7\n");
    let answer = format!("{architecture}\n0\n");
    host.finish().assert_complete(answer.as_bytes());
    assert_eq!(guest.finish(talk).code, Some(7));
}

fn bulk_streams_are_complete_both_ways(architecture: &'static Architecture) {
    let (ours, theirs) = (noise(20_000_000, 1), noise(20_000_000, 2));
    for (pages, second_processor) in [(1, false), (256, true)] {
        let object = Object::new();
        let file = File::create_new(object.path()).expect("the object is new");
        file.set_len(pages * 4096).expect("there is room");
        let extra = Extra {
            files: &[("ours", &ours), ("theirs", &theirs)],
            second_processor,
            ..Extra::default()
        };
        let mut guest = architecture.boot_with(&object, &extra);
        let began = Instant::now();
        let talk = guest.start("talk </theirs >got");
        let host = object.side(&ours);
        host.finish().assert_complete(&theirs);
        guest.finish(talk).assert_complete(b"");
        println!(
            "{architecture}: 20 MB each way, {pages} pages, {:?}",
            began.elapsed()
        );
        guest.run("cmp /ours got");
    }
}

fn each_stream_ends_on_its_own(architecture: &'static Architecture) {
    let bytes = noise(3_000_000, 3);
    let object = Object::new();
    let mut guest = boot_with_bytes(architecture, &object, &bytes);

    // The guest's ends first.
    let talk = guest.start("talk </dev/null >got");
    let mut host = object.open_side();
    assert_eq!(host.rest_of_output(), b"");
    host.write_in_background(bytes.clone());
    host.finish_with_open_input().assert_complete(b"");
    guest.finish(talk).assert_complete(b"");
    guest.run("cmp /bytes got");

    // The host's ends first.
    let when = "until [ -e end-of-file ]; do usleep 2000; done";
    let talk = guest.start(&format!(
        "{{ {when}; cat /bytes; }} | talk | {{ cat; touch end-of-file; }}"
    ));
    object.side(b"").finish().assert_complete(&bytes);
    guest.finish(talk).assert_complete(b"");
}

fn a_side_that_fails_is_noticed(architecture: &'static Architecture) {
    let bytes = noise(1_000_000, 4);
    let object = Object::new();
    let mut guest = boot_with_bytes(architecture, &object, &bytes);

    let talk = guest.start("talk </dev/null >/dev/full");
    let host = object.side(&bytes);
    host.finish().assert_failed(4, "the peer stopped");
    guest.finish(talk).assert_failed(1, "No space left");

    let talk = guest.start("talk </bytes");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let host = Side::start_with(object.memtalk().stdin(Stdio::null()), full);
    host.finish().assert_failed(1, "No space left");
    guest.finish(talk).assert_failed(4, "the peer stopped");
    assert_usable(&mut guest, &object);
}

fn a_killed_process_of_the_guest_is_noticed(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    for guest_first in [true, false] {
        let talking = Talking::start(&mut guest, &object, guest_first);
        let began = Instant::now();
        guest.run("kill_talk -KILL");
        let host = talking.host.finish_with_open_input();
        println!(
            "{architecture}: a killed process of the guest: {:?}",
            began.elapsed()
        );
        host.assert_failed(4, "the peer");
        assert_eq!(guest.finish(talking.guest).code, Some(137));
        assert_usable(&mut guest, &object);
    }
}

fn a_killed_host_is_noticed(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    for guest_first in [true, false] {
        let mut talking = Talking::start(&mut guest, &object, guest_first);
        let began = Instant::now();
        talking.host.kill();
        let ended = guest.finish(talking.guest);
        println!("{architecture}: a killed host: {:?}", began.elapsed());
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(ended.stderr.contains("the peer"), "{ended:?}");
        assert_usable(&mut guest, &object);
    }
}

fn a_process_that_is_interrupted_is_noticed(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talking = Talking::start(&mut guest, &object, true);
    guest.run("kill_talk -TERM");
    let host = talking.host.finish_with_open_input();
    host.assert_failed(4, "the peer stopped");
    assert_eq!(guest.finish(talking.guest).code, Some(143));

    let talking = Talking::start(&mut guest, &object, false);
    talking.host.signal(libc::SIGTERM);
    let host = talking.host.finish_with_open_input();
    assert_eq!(host.signal, Some(libc::SIGTERM));
    let ended = guest.finish(talking.guest);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert_usable(&mut guest, &object);
}

fn a_guest_that_starts_again_can_talk_again(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    for guest_first in [true, false] {
        let talking = Talking::start(&mut guest, &object, guest_first);
        guest.reboot();
        // Nobody in the machine can have spoken for the process. The next one does.
        let talk = guest.start("echo from the guest | talk");
        let host = talking.host.finish_with_open_input();
        host.assert_failed(4, "the peer");
        let host = object.side(b"from the host\n");
        host.finish().assert_complete(b"from the guest\n");
        guest.finish(talk).assert_complete(b"from the host\n");
        assert_usable(&mut guest, &object);
    }
}

fn a_process_that_died_before_anybody_came_is_not_joined(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    // Alone; and with all that it left behind to speak for it.
    for kill in [
        "kill_talk -KILL",
        "killall -STOP memtalk; killall -KILL memtalk",
    ] {
        for guest_first in [true, false] {
            let talk = guest.start("talk <>open");
            guest.await_talk(talk);
            guest.run(kill);
            guest.finish(talk);
            assert_talk(&mut guest, &object, guest_first);
        }
    }
}

fn a_process_that_gave_up_waiting_is_not_joined(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    for guest_first in [true, false] {
        let talk = guest.start("talk --timeout 100ms </dev/null");
        guest.finish(talk).assert_failed(3, "no peer");
        assert_talk(&mut guest, &object, guest_first);
    }
}

fn a_killed_machine_is_noticed(architecture: &'static Architecture) {
    let object = Object::new();
    for guest_first in [true, false] {
        let mut guest = architecture.boot(&object);
        let talking = Talking::start(&mut guest, &object, guest_first);
        let began = Instant::now();
        guest.kill();
        let host = talking.host.finish_with_open_input();
        println!("{architecture}: a killed machine: {:?}", began.elapsed());
        host.assert_failed(4, "the peer died");
        object.assert_usable();
    }
}

fn the_next_machine_finds_a_good_page(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    assert_talk(&mut guest, &object, true);
    // What is left behind: a talk that is over; a first party that waits; a talk.
    guest.kill();
    let mut guest = architecture.boot(&object);
    assert_talk(&mut guest, &object, false);
    let talk = guest.start("talk <>open");
    guest.await_talk(talk);
    guest.kill();
    let mut guest = architecture.boot(&object);
    let talking = Talking::start(&mut guest, &object, true);
    guest.kill();
    let host = talking.host.finish_with_open_input();
    host.assert_failed(4, "the peer died");
    let mut guest = architecture.boot(&object);
    assert_usable(&mut guest, &object);
}

fn a_second_process_on_the_device_is_refused(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let refused = |guest: &mut Guest| {
        let second = guest.start("talk </dev/null");
        guest.finish(second).assert_failed(5, "already talk");
    };
    let first = guest.start("talk <>open");
    guest.await_talk(first);
    refused(&mut guest);
    let mut host = object.open_side();
    host.say(b"hello\n");
    guest.expect(first, "hello");
    refused(&mut guest);
    guest.run("echo still here >open");
    host.expect(b"still here\n");
}

fn a_second_host_is_refused(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    for guest_first in [true, false] {
        let mut talking = Talking::start(&mut guest, &object, guest_first);
        object.side(b"").finish().assert_failed(5, "already talk");
        talking.host.say(b"still here\n");
        guest.expect(talking.guest, "still here");
        guest.run("kill_talk -TERM");
        guest.finish(talking.guest);
    }
}

fn a_locked_down_kernel_says_so(architecture: &'static Architecture) {
    let object = Object::new();
    let extra = Extra {
        parameters: "lockdown=integrity",
        ..Extra::default()
    };
    let mut guest = architecture.boot_with(&object, &extra);
    for command in ["talk", "memtalk --device /dev/mem --length 4096"] {
        let talk = guest.start(&format!("{command} </dev/null"));
        guest.finish(talk).assert_failed(1, "lockdown");
    }
}

fn what_cannot_be_a_page_is_refused(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let cases = [
        ("/missing", 1, "nothing is created at a path"),
        ("/sys", 6, "not memory that can be mapped"),
        ("/dev/null", 255, "say it with --length"),
        ("/dev/mem", 255, "say it with --length"),
        (
            "/dev/null --length 4096",
            6,
            "not memory that can be mapped",
        ),
        ("${PAGE%/*}/config", 6, "not memory that can be mapped"),
        ("${PAGE%/*}/vendor", 1, "Permission denied"),
        // The device's registers.
        ("${PAGE%2}0", 6, "256 bytes of memory cannot hold a page"),
        ("$PAGE --length 8192", 6, "there are 4096 bytes"),
        ("$PAGE --offset 64 --length 4096", 6, "there are 4032 bytes"),
        ("$PAGE --length 100", 255, "multiple of 64"),
    ];
    for (place, status, text) in cases {
        let talk = guest.start(&format!("memtalk --device {place} </dev/null"));
        guest.finish(talk).assert_failed(status, text);
    }
    let page = fs::read(object.path()).unwrap();
    assert!(page == [0; 4096], "something was written");
}

fn a_device_that_is_switched_off_is_not_used(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    guest.switch_off();
    let talk = guest.start("talk </dev/null");
    guest.finish(talk).assert_failed(6, "switched off");
}

fn a_device_that_vanishes_is_noticed(architecture: &'static Architecture) {
    for guest_first in [true, false] {
        let object = Object::new();
        let mut guest = architecture.boot(&object);
        let talking = Talking::start(&mut guest, &object, guest_first);
        guest.switch_off();
        let ended = guest.finish(talking.guest);
        assert!([4, 6].contains(&ended.code.unwrap()), "{ended:?}");
        guest.run("echo 1 >${PAGE%/*}/remove");
        guest.run("echo 1 >/sys/bus/pci/rescan");
        guest.switch_on();
        // Nobody in the machine could speak for the process. The next one does.
        let talk = guest.start("echo from the guest | talk");
        let host = talking.host.finish_with_open_input();
        host.assert_failed(4, "the peer");
        let host = object.side(b"from the host\n");
        host.finish().assert_complete(b"from the guest\n");
        guest.finish(talk).assert_complete(b"from the host\n");
    }
}

fn a_user_needs_the_right_to_the_file(architecture: &'static Architecture) {
    let object = Object::new();
    let extra = Extra {
        files: &[("passwd", b"user:x:1000:1000::/:/bin/sh\n")],
        ..Extra::default()
    };
    let mut guest = architecture.boot_with(&object, &extra);
    guest.run("mkdir /etc; mv /passwd /etc; rm -f /tmp/talk.pid; chmod 777 .");
    let talk = guest.start("su user -c talk </dev/null");
    guest.finish(talk).assert_failed(1, "Permission denied");
    guest.run("rm -f /tmp/talk.pid; chmod 666 $PAGE");
    let talk = guest.start("echo from the guest | su user -c talk");
    let host = object.side(b"from the host\n");
    host.finish().assert_complete(b"from the guest\n");
    guest.finish(talk).assert_complete(b"from the host\n");
}

fn either_file_of_the_memory_will_do(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talk = guest.start("echo from the guest | memtalk --device ${PAGE}_wc");
    let host = object.side(b"from the host\n");
    host.finish().assert_complete(b"from the guest\n");
    guest.finish(talk).assert_complete(b"from the host\n");

    // It is one memory, for one of the machine's processes.
    let mut talking = Talking::start(&mut guest, &object, true);
    let second = guest.start("memtalk --device ${PAGE}_wc </dev/null");
    guest.finish(second).assert_failed(5, "already talk");
    talking.host.say(b"still here\n");
    guest.expect(talking.guest, "still here");
}

fn foreign_bytes_are_left_alone(architecture: &'static Architecture) {
    let object = Object::new();
    let bytes = noise(4096, 5);
    fs::write(object.path(), &bytes).unwrap();
    let mut guest = architecture.boot(&object);
    let talk = guest.start("talk </dev/null");
    let ended = guest.finish(talk);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(fs::read(object.path()).unwrap() == bytes, "touched");
}

fn memory_is_reached_through_dev_mem(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talk = guest.start(
        "echo from the guest | memtalk --device /dev/mem --length 4096 \
         --offset $(sed -n \"3s/ .*//p\" ${PAGE%2})",
    );
    let host = object.side(b"from the host\n");
    host.finish().assert_complete(b"from the guest\n");
    guest.finish(talk).assert_complete(b"from the host\n");
}

/// What VIRTUAL-MACHINES.md lets one type, with another object.
fn the_recipe_works_as_typed(architecture: &'static Architecture) {
    let object = Object::new();
    let recipe = include_str!("../VIRTUAL-MACHINES.md");
    let recipe = recipe.replace("/dev/shm/vm", object.path().to_str().unwrap());
    let recipe = recipe.replace("-f /vm", &format!("-f {}", object.name()));
    // The lines of the block of a console that begins with this, by their prompt.
    let typed = |begin: &str, prompt: &str| {
        let mut blocks = recipe.split("```console\n").skip(1);
        let block = blocks.find(|block| block.starts_with(begin)).expect(begin);
        let block = block.split("```").next().unwrap().replace("\\\n", " ");
        let lines = block.lines().filter_map(|line| line.strip_prefix(prompt));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for command in typed("$ (umask", "$ ") {
        if let Some((_, options)) = command.split_once("…") {
            // All other options are the harness's.
            assert_eq!(
                options.split_whitespace().collect::<Vec<_>>(),
                support::linux::sharing(&object)
            );
        } else {
            assert!(support::shell(&command).status().unwrap().success());
        }
    }
    let extra = Extra {
        as_found: true,
        ..Extra::default()
    };
    let mut guest = architecture.boot_with(&object, &extra);
    let mut last = None;
    for command in typed("# cd", "# ") {
        match command.contains("memtalk") {
            true => last = Some(guest.start(&command)),
            false => _ = guest.run(&command),
        }
    }
    let talk = last.expect("memtalk is started");
    let [command] = &*typed("$ echo", "$ ") else {
        panic!("one command")
    };
    let here = Path::new(env!("CARGO_BIN_EXE_memtalk")).parent().unwrap();
    let command = format!("PATH={}:$PATH; {command}", here.display());
    let host = Side::start(support::shell(&command).stdin(Stdio::null()));
    let answer = guest.run("uname -a");
    host.finish().assert_complete(answer.as_bytes());
    assert_eq!(guest.finish(talk).code, Some(0));
}

fn two_processes_of_the_guest_talk_by_name(architecture: &'static Architecture) {
    let mut guest = architecture.boot(&Object::new());
    let one = guest.start("echo one | memtalk -f /inside");
    let other = guest.start("echo other | memtalk -f /inside");
    guest.finish(one).assert_complete(b"other\n");
    guest.finish(other).assert_complete(b"one\n");
}

fn waiting_costs_little(architecture: &'static Architecture) {
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talking = Talking::start(&mut guest, &object, true);
    let pid: u32 = guest.run("cat talk.pid").trim_end().parse().unwrap();
    let mut switches = || {
        let count = |text: &str| -> u64 {
            let lines = text.lines();
            let counts = lines.filter_map(|line| line.split_once("ctxt_switches:"));
            counts
                .map(|(_, count)| count.trim().parse::<u64>().unwrap())
                .sum()
        };
        let here = format!("cat /proc/{}/task/*/status", talking.host.pid());
        let here = support::shell(&here).output().unwrap().stdout;
        let there = guest.run(&format!("cat /proc/{pid}/task/*/status"));
        (count(&String::from_utf8_lossy(&here)), count(&there))
    };
    let before = switches();
    std::thread::sleep(Duration::from_secs(5));
    let after = switches();
    let (host, guest) = (after.0 - before.0, after.1 - before.1);
    println!("{architecture}: context switches in 5 s: host {host}, guest {guest}");
    assert!(host < 5000 && guest < 5000, "{host}, {guest}");
}

fn every_byte_makes_its_round_trip(architecture: &'static Architecture) {
    let count = setting("ROUND_TRIPS", 500);
    let object = Object::new();
    let mut guest = architecture.boot(&object);
    let talk = guest.start("mkfifo echo; talk <echo | cat >echo");
    round_trips::print(architecture, &object, b"", count);
    guest.finish(talk).assert_complete(b"");
}

fn bytes_flow_at_this_rate(architecture: &'static Architecture) {
    let bytes = noise(setting("BYTES", 50_000_000), 6);
    for pages in [1, 256] {
        let object = Object::new();
        let file = File::create_new(object.path()).expect("the object is new");
        file.set_len(pages * 4096).expect("there is room");
        let mut guest = boot_with_bytes(architecture, &object, &bytes);
        let mut rate = |command: &str, from_host: &[u8], to_host: &[u8]| {
            let talk = guest.start(command);
            guest.await_talk(talk);
            let began = Instant::now();
            object.side(from_host).finish().assert_complete(to_host);
            let took = began.elapsed();
            guest.finish(talk).assert_complete(b"");
            bytes.len() as f64 / 1e6 / took.as_secs_f64()
        };
        let to_guest = rate("talk </dev/null >/dev/null", &bytes, b"");
        let to_host = rate("talk </bytes", b"", &bytes);
        println!(
            "{architecture}: {pages} pages: to the guest {to_guest:.0} MB/s, \
             to the host {to_host:.0} MB/s"
        );
    }
}
