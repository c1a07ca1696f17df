//! What the library asks of a program that has no operating system, and what it
//! brings along.

mod support;

use std::path::Path;
use std::process::Command;

use support::{HERE, c_compiler, library, run};

#[test]
fn it_needs_nothing_but_memcpy_and_its_like_and_brings_no_panic() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware");
    // Not to be run, so that these may be anywhere; whatever else is missing, the
    // linker names.
    let given = ["memcpy", "memmove", "memset", "memcmp"];
    run(c_compiler()
        .args(["-ffreestanding", "-nostdlib", "-static"])
        .args(["-Wl,--gc-sections", "-Wl,--entry=main"])
        .args(given.map(|name| format!("-Wl,--defsym={name}=0")))
        .arg(Path::new(HERE).join("examples/firmware.c"))
        .arg(library())
        .arg("-o")
        .arg(&program));
    let there = run(Command::new("nm").arg(&program));
    assert!(there.contains("memtalk_receiver_receive"), "{there}");
    assert!(!there.contains("panic"), "{there}");
}
