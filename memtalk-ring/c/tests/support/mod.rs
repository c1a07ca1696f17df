//! The static library, for tests that link C programs with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the header is.
pub(crate) const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What `command` writes; it must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {stderr}");
    String::from_utf8_lossy(&stdout).into_owned()
}

/// A compiler of C99 that takes no warning, and finds the header.
pub(crate) fn c_compiler() -> Command {
    let mut compiler = Command::new("cc");
    compiler
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-pedantic",
            "-Werror",
            "-O2",
        ])
        .args(["-I", HERE]);
    compiler
}

/// Builds the library as a C programmer would.
pub(crate) fn library() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--locked"])
        .args(["-p", "memtalk-ring-c", "--target-dir"])
        .arg(&target)
        .current_dir(HERE)
        // What this test is built with (a sanitizer perhaps), the C compiler lacks.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET"));
    target.join("release/libmemtalk_ring_c.a")
}
