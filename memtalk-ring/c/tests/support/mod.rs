//! The static library, for tests that link C programs with it, and those programs.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

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
    build("memtalk-ring-c").join("libmemtalk_ring_c.a")
}

/// Builds the command that a C program can talk with.
pub(crate) fn memtalk() -> &'static Path {
    static MEMTALK: OnceLock<PathBuf> = OnceLock::new();
    MEMTALK.get_or_init(|| build("memtalk").join("memtalk"))
}

/// Builds one package for use, and returns the directory with what that made.
fn build(package: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--locked"])
        .args(["-p", package, "--target-dir"])
        .arg(&target)
        .current_dir(HERE)
        // What this test is built with (a sanitizer perhaps), the C compiler lacks.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET"));
    target.join("release")
}

/// The program in `examples/echo.c`, built as its first lines say.
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

/// For everything that should take a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until there is something, or the test fails.
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

/// A process that does not outlive this value.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stderr(Stdio::piped()).spawn();
        Self(child.expect("the program starts"))
    }

    /// Its status, and what it said.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let status = until("the program ends", || self.0.try_wait().expect("a child"));
        let said = self.0.stderr.take().expect("a pipe");
        let said = std::io::read_to_string(said).expect("UTF-8");
        (status.code(), said)
    }

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
