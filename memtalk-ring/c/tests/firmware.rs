//! The library in a program without an operating system: which symbols it needs, and that
//! it contains no panic.

mod support;

use std::path::Path;
use std::process::Command;

use support::{HERE, c_compiler, library, run};

#[test]
fn firmware_needs_only_memcpy_and_its_like_and_contains_no_panic() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware");
    // The program is never run, so the addresses of these do not matter. The linker fails
    // if any other symbol is missing.
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
