//! Programs in C and C++ that use the library: the examples, and a test of every call. They
//! talk with each other, with the command, and with programs in Rust.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{
    Name, Noise, Process, Way, command, compile, folder, installed, not_tried, output, pkg_config,
    runs, soname, until, ways,
};

const REQUEST_REPLY: &str = "examples/request_reply.c";
const POLL_LOOP: &str = "examples/poll_loop.c";
const PARENT_AND_CHILD: &str = "examples/parent_and_child.c";

#[test]
fn every_call_works_and_every_misuse_is_an_error() {
    for way in ways() {
        let every_call = Process::start(&mut command("tests/calls.c", way));
        every_call.finish().succeeded(b"every call\n");
    }
}

#[test]
fn one_process_asks_and_another_one_replies() {
    for way in ways() {
        asks_and_replies(&command(REQUEST_REPLY, way), &command(REQUEST_REPLY, way));
    }
}

#[test]
fn the_example_in_rust_asks_and_replies() {
    for (way, rust) in ways().into_iter().zip(examples_in_rust("request_reply")) {
        asks_and_replies(&Command::new(&rust), &command(REQUEST_REPLY, way));
        asks_and_replies(&command(REQUEST_REPLY, way), &Command::new(&rust));
    }
}

fn asks_and_replies(replies: &Command, asks: &Command) {
    let name = Name::new();
    let replier = Process::start(again(replies).arg(&name.0));
    let asker = Process::start(again(asks).arg(&name.0).args(["0.5", "0.25", "40"]));
    asker.finish().succeeded(b"0.5 0.25 40: 40.75\n");
    replier.finish().succeeded(b"");
    assert!(!name.exists(), "the object is left behind");
}

/// The same command once more.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (key, value) in command.get_envs() {
        copy.env(key, value.unwrap_or_default());
    }
    copy
}

/// The program of an example of the Rust library, for as many ways as there are.
fn examples_in_rust(example: &str) -> Vec<PathBuf> {
    let Some(examples) = folder("EXAMPLES") else {
        not_tried("the examples in Rust: `make bindings-c` tries them");
        return Vec::new();
    };
    vec![examples.join(example); 4]
}

#[test]
fn two_poll_loops_exchange_streams_both_ways() {
    for way in ways() {
        exchange(&command(POLL_LOOP, way), &[], &command(POLL_LOOP, way), way);
    }
}

#[test]
fn a_poll_loop_and_the_command_exchange_streams_both_ways() {
    let Some(memtalk) = folder("MEMTALK") else {
        return not_tried("the command: `make bindings-c` tries it");
    };
    for way in ways() {
        exchange(
            &Command::new(&memtalk),
            &["-f"],
            &command(POLL_LOOP, way),
            way,
        );
    }
}

fn exchange(one: &Command, options: &[&str], other: &Command, way: Way) {
    let len = match way {
        Way::Valgrind => 100_000,
        _ => 1_000_000,
    };
    let name = Name::new();
    let (mine, theirs) = (Noise::new(len, 1), Noise::new(len / 3, 2));
    let one = Process::start_with(again(one).args(options).arg(&name.0), mine.open());
    let other = Process::start_with(again(other).arg(&name.0), theirs.open());
    one.finish().succeeded(&theirs.bytes);
    other.finish().succeeded(&mine.bytes);
    assert!(!name.exists(), "the object is left behind");
}

#[test]
fn a_byte_passes_at_once_and_a_death_is_told_with_the_commands_status() {
    for way in ways() {
        let name = Name::new();
        let start = || {
            let mut command = command(POLL_LOOP, way);
            Process::start_with(command.arg(&name.0), Stdio::piped())
        };
        let (mut one, mut other) = (start(), start());
        let (mut to_one, _to_other) = (one.pipe(), other.pipe());
        std::io::Write::write_all(&mut to_one, b"a").expect("it reads");
        until("the byte has passed", || other.printed() == b"a");
        one.kill();
        let ended = other.finish();
        assert_eq!(ended.status, Some(4), "{ended:?}");
        assert!(ended.said.contains("died"), "{ended:?}");
        assert_eq!(ended.printed, b"a");
    }
}

#[test]
fn a_parent_talks_to_its_child() {
    for way in ways() {
        let parent = Process::start(&mut command(PARENT_AND_CHILD, way));
        parent.finish().succeeded(b"A WORD FROM THE PARENT\n");
    }
    for (way, rust) in ways().into_iter().zip(examples_in_rust("parent_and_child")) {
        let parent = Process::start(command(PARENT_AND_CHILD, way).arg(rust));
        parent.finish().succeeded(b"A WORD FROM THE PARENT\n");
    }
}

#[test]
fn the_benchmark_runs() {
    let Some(way) = ways().pop() else { return };
    let bench = Process::start(command("bench/bench.c", way).args(["100000", "100"]));
    let ended = bench.finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let printed = String::from_utf8(ended.printed).expect("text");
    assert!(printed.contains("Unix socket"), "{printed}");
}

#[test]
fn a_program_without_any_shared_library_talks_too() {
    let Some(installed) = installed() else {
        return not_tried("the installed static library: `make bindings-c` tries it");
    };
    let said = pkg_config(&installed, &["--static", "--cflags", "--libs"]);
    let flags = std::iter::once("-static".to_owned()).chain(said);
    let program = compile("bench/bench.c", Way::Alone, flags.map(Into::into).collect());
    let ended = Process::start(runs(&program, Way::Alone).args(["100000", "100"])).finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

/// Names that the header declares.
fn declared() -> BTreeSet<String> {
    let header = include_str!("../memtalk.h");
    let declarations = header.lines().filter(|line| !line.starts_with("//"));
    let name = |line: &str| {
        let (start, _) = line.split_once('(')?;
        let name = start.rsplit([' ', '*']).next()?;
        name.starts_with("memtalk_").then(|| name.to_owned())
    };
    // Before the comment of the contract is over, there are calls.
    let after = declarations.skip_while(|line| !line.starts_with("#ifndef MEMTALK_H"));
    after.filter_map(name).collect()
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let Some(installed) = installed() else {
        return not_tried("the installed library: `make bindings-c` tries it");
    };
    let library = installed.join("lib").join(soname());
    let mut nm = Command::new("nm");
    let symbols = output(
        nm.args(["-D", "--defined-only", "-f", "just-symbols"])
            .arg(&library),
    );
    let exported: BTreeSet<String> = symbols.lines().map(str::to_owned).collect();
    assert_eq!(exported, declared());
    assert!(exported.len() > 30, "{exported:?}");
}

#[test]
fn the_installed_library_has_its_soname_and_stays_loaded() {
    let Some(installed) = installed() else {
        return not_tried("the installed library: `make bindings-c` tries it");
    };
    let library = installed.join("lib/libmemtalk.so");
    let said = output(Command::new("readelf").arg("-d").arg(&library));
    assert!(said.contains(&format!("soname: [{}]", soname())), "{said}");
    assert!(said.contains("NODELETE"), "{said}");
    let version = pkg_config(&installed, &["--modversion"]);
    assert_eq!(version, [env!("CARGO_PKG_VERSION")]);
    let link = |name: &str| std::fs::read_link(installed.join("lib").join(name)).expect("a link");
    assert_eq!(link("libmemtalk.so"), Path::new(&soname()));
    let real = format!("libmemtalk.so.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(link(&soname()), Path::new(&real));
}

/// The library as it is installed, but with a function that panics.
#[test]
fn a_panic_is_an_error_and_the_talk_can_still_be_freed() {
    let Some(folder) = folder("MEMTALK_C").map(|folder| folder.join("panics")) else {
        return not_tried("a library with a bug: `make bindings-c` tries it");
    };
    let link = folder.join(soname());
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink("libmemtalk.so", &link).expect("a link");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let flags = ["-I", "-L", "-Wl,-rpath,"].map(OsString::from);
    let [mut include, mut search, mut path] = flags;
    include.push(here);
    search.push(&folder);
    path.push(&folder);
    for way in [Way::Alone, Way::Valgrind] {
        let flags = vec![
            include.clone(),
            search.clone(),
            path.clone(),
            "-lmemtalk".into(),
        ];
        let program = compile("tests/panics.c", way, flags);
        let ended = Process::start(&mut runs(&program, way)).finish();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.printed, b"caught\n");
    }
}
