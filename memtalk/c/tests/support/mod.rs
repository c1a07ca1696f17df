//! Compiles programs in C and C++, and runs them: alone, under valgrind, and with sanitizers.
//!
//! `make bindings-c` installs the library for these tests, and says where: `MEMTALK_C`. Without
//! that, as in `make test`, programs are linked with the library that cargo has built for the
//! tests, and run alone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// No wait is longer than this. Valgrind takes a while.
const BOUND: Duration = Duration::from_secs(600);

/// Where `make bindings-c` has installed the library.
pub(crate) fn installed() -> Option<PathBuf> {
    folder("MEMTALK_C").map(|folder| folder.join("installed & used"))
}

/// A path that `make bindings-c` passes.
pub(crate) fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// Says that something was not tried, and why, past the test harness, which hides what a test
/// that passes prints.
pub(crate) fn not_tried(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nNOT TRIED: {why}");
}

/// How a program is built and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Alone,
    /// Compiled as C++17.
    Cpp,
    Valgrind,
    /// With the address sanitizer and that of undefined behaviour, and with the static
    /// library.
    Sanitizers,
}

/// The ways that there are here.
pub(crate) fn ways() -> Vec<Way> {
    // The library that cargo has built needs a sanitizer of another compiler then.
    if std::env::var("RUSTFLAGS").is_ok_and(|flags| flags.contains("sanitizer")) {
        not_tried("programs in C need a library without a sanitizer");
        return Vec::new();
    }
    match installed() {
        Some(_) => vec![Way::Alone, Way::Cpp, Way::Valgrind, Way::Sanitizers],
        None => vec![Way::Alone],
    }
}

/// The temporary folder of these tests.
fn scratch() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("memtalk-c");
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// Runs a command, which must succeed, and returns its output.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// What pkg-config says of the installed library, with these options: as words of a shell.
pub(crate) fn pkg_config(installed: &Path, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("sh");
    command.env("PKG_CONFIG_PATH", installed.join("lib/pkgconfig"));
    let words = r#"said=$(pkg-config "$@" memtalk) && eval "printf '%s\n' $said""#;
    let said = output(command.args(["-c", words, "sh"]).args(options));
    said.lines().map(str::to_owned).collect()
}

/// The folder of a shared library, for `-L` and for the program to find it.
fn flags(folder: &Path) -> Vec<OsString> {
    let option = |start: &str, path: &Path| {
        let mut option = OsString::from(start);
        option.push(path);
        option
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    vec![
        option("-I", here),
        option("-L", folder),
        option("-Wl,-rpath,", folder),
        "-lmemtalk".into(),
    ]
}

/// What a program is linked with.
fn library(way: Way) -> Vec<OsString> {
    let Some(installed) = installed() else {
        return flags(&built());
    };
    let mut flags: Vec<OsString>;
    if way == Way::Sanitizers {
        flags = vec![
            "-fsanitize=address,undefined".into(),
            "-fno-sanitize-recover=all".into(),
        ];
        flags.extend(
            pkg_config(&installed, &["--cflags"])
                .into_iter()
                .map(Into::into),
        );
        // The static library, although there is a shared one beside it.
        flags.push(installed.join("lib/libmemtalk.a").into());
        let rest = pkg_config(&installed, &["--libs", "--static"]);
        let rest = rest.into_iter().filter(|flag| flag != "-lmemtalk");
        flags.extend(rest.map(Into::into));
    } else {
        let said = pkg_config(&installed, &["--cflags", "--libs"]);
        flags = said.into_iter().map(Into::into).collect();
        flags.push(format!("-Wl,-rpath,{}/lib", installed.display()).into());
    }
    flags
}

/// A folder with the library that cargo has built, under its name.
fn built() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let test = std::env::current_exe().expect("a path");
        let library = test.parent().expect("a folder");
        let folder = scratch().join("built");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for name in ["libmemtalk.so", &soname()] {
            symlink(library.join("libmemtalk_c.so"), folder.join(name)).expect("a link");
        }
        folder
    };
    BUILT.get_or_init(make).clone()
}

/// The soname that the library is to have.
pub(crate) fn soname() -> String {
    let (major, minor) = (
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
    );
    match major {
        "0" => format!("libmemtalk.so.0.{minor}"),
        major => format!("libmemtalk.so.{major}"),
    }
}

/// Compiles a program of this package; once for each way.
pub(crate) fn program(source: &str, way: Way) -> PathBuf {
    type Programs = HashMap<(String, Way), PathBuf>;
    static PROGRAMS: Mutex<Option<Programs>> = Mutex::new(None);
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    let programs = programs.get_or_insert_default();
    let program = programs.entry((source.to_owned(), way));
    let program = program.or_insert_with(|| compile(source, way, library(way)));
    program.clone()
}

/// Compiles a program of this package with these flags.
pub(crate) fn compile(source: &str, way: Way, flags: Vec<OsString>) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = scratch().join(format!("{}-{way:?}", source.replace('/', "-")));
    let (compiler, language) = match way {
        Way::Cpp => ("c++", ["-xc++", "-std=c++17"]),
        _ => ("cc", ["-xc", "-std=c11"]),
    };
    let mut command = Command::new(compiler);
    command.args(language);
    command.args([
        "-g",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "-pthread",
    ]);
    command.arg(here.join(source)).args(["-xnone"]).args(flags);
    output(command.arg("-o").arg(&program));
    program
}

/// A program of this package, to be run in this way.
pub(crate) fn command(source: &str, way: Way) -> Command {
    runs(&program(source, way), way)
}

/// A program that was compiled, to be run in this way.
pub(crate) fn runs(program: &Path, way: Way) -> Command {
    if way != Way::Valgrind {
        let mut command = Command::new(program);
        // In a PID namespace of its own the sanitizer cannot stop the threads. Valgrind looks
        // for leaks.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        return command;
    }
    let mut command = Command::new("valgrind");
    command.env("LD_PRELOAD", locks_for_valgrind());
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    command
        .args([
            "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite",
        ])
        .arg(program);
    command
}

/// What lets valgrind's threads run while one waits for a lock.
fn locks_for_valgrind() -> PathBuf {
    static LOCKS: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/valgrind.c");
        let library = scratch().join("valgrind.so");
        let mut command = Command::new("cc");
        command.args([
            "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
        ]);
        output(command.arg(source).arg("-o").arg(&library));
        library
    };
    LOCKS.get_or_init(make).clone()
}

/// The name of an object. Dropping it removes the object.
pub(crate) struct Name(pub(crate) String);

impl Name {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("/memtalk-c-{}-{number}", std::process::id()))
    }

    pub(crate) fn exists(&self) -> bool {
        self.path().exists()
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm{}", self.0))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// A process that is killed when this is dropped. Its output goes to files, so that it never
/// waits for this test.
pub(crate) struct Process {
    child: Child,
    files: [PathBuf; 2],
}

/// How a process ended, and what it wrote.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) printed: Vec<u8>,
    pub(crate) said: String,
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.printed.len();
        write!(
            f,
            "status {:?}, {count} bytes, said: {}",
            self.status, self.said
        )
    }
}

impl Process {
    /// Starts a command whose input is empty.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a command with this input.
    pub(crate) fn start_with(command: &mut Command, input: impl Into<Stdio>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let file = |what| scratch().join(format!("{what}-{id}-{number}"));
        let files = ["printed", "said"].map(file);
        let [printed, said] = [0, 1].map(|i| File::create(&files[i]).expect("a file"));
        let command = command.stdin(input).stdout(printed).stderr(said);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child, files }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
    }

    pub(crate) fn pipe(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> Vec<u8> {
        fs::read(&self.files[0]).expect("its output")
    }

    /// Waits until it ends.
    pub(crate) fn finish(mut self) -> Ended {
        // Valgrind mentions system calls that it does not know.
        let of_the_program = |line: &&str| !line.starts_with("--");
        let mut status = None;
        until("the program ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        Ended {
            status: status.and_then(|status| status.code()),
            printed: self.printed(),
            said: fs::read_to_string(&self.files[1])
                .expect("text")
                .lines()
                .filter(of_the_program)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "{what}: not within the bound");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Ended {
    /// Checks that it succeeded, printed this, and said nothing.
    #[track_caller]
    pub(crate) fn succeeded(&self, printed: &[u8]) {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.said, "", "{self:?}");
        let (found, wanted) = (self.printed.len(), printed.len());
        assert!(self.printed == printed, "{found} bytes, not the {wanted}");
    }
}

/// A file with bytes of all kinds. Dropping it removes the file.
pub(crate) struct Noise {
    path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Noise {
    pub(crate) fn new(len: usize, seed: u32) -> Self {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let bytes: Vec<u8> = (0..len).map(next).collect();
        let path = scratch().join(format!("noise-{}-{seed}", std::process::id()));
        fs::write(&path, &bytes).expect("a file");
        Self { path, bytes }
    }

    pub(crate) fn open(&self) -> File {
        File::open(&self.path).expect("the file is there")
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
