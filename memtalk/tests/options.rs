//! Each option beside each other one.

mod support;

use std::os::unix::fs::symlink;
use std::process::Stdio;

use support::{Finished, Object, Side, memtalk};

/// Each option, with those below it that make sense beside it.
const OPTIONS: [(&[&str], &str); 17] = [
    (
        &["--pages", "2"],
        "mode send receive wait timeout progress verbose --",
    ),
    (
        &["--mode", "660"],
        "offset scan send receive wait timeout progress verbose --",
    ),
    (
        &["--offset", "64"],
        "send receive wait timeout progress verbose status --",
    ),
    (&["--scan"], "send receive wait timeout progress verbose --"),
    (&["--send"], "wait timeout progress verbose"),
    (&["--receive"], "keep wait timeout progress verbose"),
    (&["--wait"], "timeout progress verbose --"),
    (&["--timeout", "0"], "progress verbose --"),
    (&["--progress"], "interval size verbose --"),
    (&["--interval", "2s"], ""),
    (&["--size", "10"], ""),
    (&["--verbose"], "--"),
    (&["--list"], "json"),
    (&["--status"], "watch json"),
    (&["--watch"], ""),
    (&["--json"], ""),
    (&["--keep"], "--"),
];

/// What comes of these options. The object is a symbolic link, so no talk begins.
fn run(object: &Object, options: [&[&str]; 2]) -> Finished {
    let mut command = memtalk();
    if !options.contains(&&["--list"][..]) {
        command.args(["-f", &object.name()]);
    }
    Side::start(command.args(options.concat()).stdin(Stdio::null())).finish()
}

#[test]
fn two_options_make_sense_together_or_one_line_says_why_not() {
    let object = Object::new();
    symlink("/dev/null", object.path()).unwrap();
    let program: (&[&str], &str) = (&["--", "true"], "");
    for (place, (one, sensible)) in OPTIONS.iter().enumerate() {
        for (other, _) in OPTIONS[place + 1..].iter().chain([&program]) {
            let result = run(&object, [one, other]);
            let name = other[0].strip_prefix("--").filter(|name| !name.is_empty());
            let sensible = sensible.split(' ').any(|word| word == name.unwrap_or("--"));
            let message = &result.stderr;
            assert_eq!(
                result.code != Some(255),
                sensible,
                "{one:?} {other:?}: {message}"
            );
            if !sensible {
                assert_eq!(message.lines().count(), 1, "{message}");
                let reason = [
                    "cannot be used with",
                    "required arguments were not provided",
                ];
                assert!(
                    reason.iter().any(|text| message.contains(text)),
                    "{message}"
                );
            }
        }
    }
}
