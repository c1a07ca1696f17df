//! The examples: each runs as its first lines say.

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Object, Side};

/// The program of an example, which cargo builds before it runs all tests of this package.
fn program(example: &str) -> PathBuf {
    let here = env::current_exe().unwrap();
    let built = here.parent().unwrap().with_file_name("examples");
    let built = built.join(example);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{example}.rs"));
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    assert!(
        time(&built) >= time(&source),
        "run all tests of the package, or cargo build --examples: {built:?} is not built from {source:?}"
    );
    built
}

fn start(example: &str, arguments: &[&str]) -> Side {
    let mut command = Command::new(program(example));
    Side::start(command.args(arguments).stdin(Stdio::null()))
}

/// Runs it alone, and returns what it printed, and said on standard error.
fn run(example: &str, arguments: &[&str]) -> (String, String) {
    let finished = start(example, arguments).finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    (String::from_utf8(finished.stdout).unwrap(), finished.stderr)
}

#[test]
fn one_process_asks_and_another_one_replies() {
    let (printed, said) = run("request_reply", &[]);
    assert_eq!(
        printed,
        "1 2 3: 6\n0.5 0.25: 0.75\none two: invalid float literal\n"
    );
    assert_eq!(said, "");
}

#[test]
fn request_and_reply_work_in_two_terminals() {
    let object = Object::new();
    let replies = start("request_reply", &[&object.name()]);
    let (printed, _) = run("request_reply", &[&object.name(), "40", "2"]);
    assert_eq!(printed, "40 2: 42\n");
    replies.finish().assert_complete(b"");
}

#[test]
fn a_parent_talks_to_its_child() {
    let (printed, said) = run("parent_and_child", &[]);
    assert_eq!(printed, "A WORD FROM THE PARENT\n");
    assert_eq!(said, "");
}

#[test]
fn two_threads_talk() {
    let (printed, said) = run("two_threads", &[]);
    assert_eq!(printed, "2000 words\n");
    assert_eq!(said, "");
}

#[test]
fn a_transfer_shows_its_progress() {
    let size = fs::metadata(program("progress")).unwrap().len();
    let (printed, said) = run("progress", &[]);
    assert_eq!(printed, format!("{size} of {size} bytes arrived\n"));
    assert_full(&said);
    assert!(said.matches('%').count() > 10, "{said}");
}

#[test]
fn an_empty_file_is_sent_with_its_progress() {
    let (printed, said) = run("progress", &["/dev/null"]);
    assert_eq!(printed, "0 of 0 bytes arrived\n");
    assert_full(&said);
}

/// Checks that the bar, as it was drawn last, is full.
fn assert_full(said: &str) {
    let bar = said.trim_end().rsplit('\r').next().unwrap();
    assert_eq!(bar, format!("[{}] 100 %", "#".repeat(50)));
}
