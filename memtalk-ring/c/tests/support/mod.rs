//! Builds the static library and the C programs, and runs processes with a time limit.

#![allow(dead_code, reason = "each test program uses only a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The directory of the header and of `examples`.
pub(crate) const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Runs `command`, which must succeed, and returns its output.
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

/// A C99 compiler that finds the header, and takes a warning for an error.
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
    build("memtalk-ring-c").join("libmemtalk_ring_c.a")
}

/// Builds the command `memtalk`.
pub(crate) fn memtalk() -> &'static Path {
    static MEMTALK: OnceLock<PathBuf> = OnceLock::new();
    MEMTALK.get_or_init(|| build("memtalk").join("memtalk"))
}

/// Builds a package in release mode, and returns the directory with the results.
fn build(package: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--locked"])
        .args(["-p", package, "--target-dir"])
        .arg(&target)
        .current_dir(HERE)
        // The C program is linked without what this test may be built with, such as a
        // sanitizer.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET"));
    target.join("release")
}

/// Builds the program `examples/echo.c` as its first lines say.
pub(crate) fn echo() -> &'static Path {
    static ECHO: OnceLock<PathBuf> = OnceLock::new();
    ECHO.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("echo");
        run(c_compiler()
            .arg(Path::new(HERE).join("examples/echo.c"))
            .arg(library())
            .args(["-Wl,--gc-sections", "-lrt", "-lpthread", "-ldl", "-o"])
            .arg(&program));
        program
    })
}

/// How long a test waits for something that should take a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls `look` until it returns something. The test fails if that takes longer than
/// [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A process that is killed when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stderr(Stdio::piped()).spawn();
        Self(child.expect("the program starts"))
    }

    /// Waits until the process ends. Returns its exit status, and what it wrote to standard
    /// error.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let status = until("the program ends", || self.0.try_wait().expect("a child"));
        let said = self.0.stderr.take().expect("a pipe");
        let said = std::io::read_to_string(said).expect("UTF-8");
        (status.code(), said)
    }

    /// Waits until the process ends. It must exit with `status`, and write one line with
    /// `because` to standard error.
    pub(crate) fn fails_with(self, status: i32, because: &str) {
        let (ended, said) = self.finish();
        assert_eq!(ended, Some(status), "{said}");
        assert!(said.contains(because), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
