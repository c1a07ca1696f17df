//! What the tests share: running the real binary, bounded in time and cleaned up afterwards.

#![allow(dead_code, reason = "each test program uses only a part of this")]
#![allow(unreachable_pub, reason = "shared by test programs, not by crates")]

pub mod aftermath;
pub mod lines;
pub mod linux;
pub mod machine;
pub mod party;
pub mod program;
pub mod rights;
pub mod round_trips;
pub mod seccomp;
pub mod users;
pub mod words;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use memtalk_ring::Seat;
use memtalk_ring::layout::seat_offset;

/// No wait in a test is longer than this; reaching it is a failure.
pub const BOUND: Duration = Duration::from_secs(30);

/// The names of these tests' shared memory objects: this, the process id of the test
/// program, and a number.
const PREFIX: &str = "memtalk-test-";

/// Aborts the test program two minutes after the first call of this, if it still runs: for
/// tests in which this program's own calls may hang.
pub fn bound_the_whole() {
    static BOUND: Once = Once::new();
    BOUND.call_once(|| {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(120));
            eprintln!("a test hangs");
            std::process::abort();
        });
    });
}

/// Gives signals their default action, which the sides inherit. A script's background job ignores
/// INT, and what `nohup(1)` starts ignores HUP.
fn heed_signals() {
    for signal in [libc::SIGINT, libc::SIGHUP] {
        // SAFETY: the default action. No test handles these signals in this program.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// With `FAIL_FAST` in the environment, the first panic ends the test program. This is for
/// changes that break every test: each of them would wait until its bound.
fn fail_fast() {
    if std::env::var_os("FAIL_FAST").is_some() {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // What this prints is captured, and lost when the process ends. This is not:
            let name = thread::current().name().unwrap_or("a thread").to_owned();
            let _ = writeln!(io::stderr(), "thread '{name}' panicked");
            print(panic);
            std::process::exit(101);
        }));
    }
}

/// The name of an object that only one test uses. Dropping it removes the object.
#[derive(Debug)]
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        static FIRST: Once = Once::new();
        FIRST.call_once(|| {
            remove_those_of_dead_tests();
            fail_fast();
            heed_signals();
        });
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("{PREFIX}{}-{number}", std::process::id()))
    }

    pub fn name(&self) -> String {
        format!("/{}", self.0)
    }

    /// The path of the object.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/dev/shm").join(&self.0)
    }

    pub fn exists(&self) -> bool {
        self.path().symlink_metadata().is_ok()
    }

    /// Whether the object exists and has a magic number.
    pub fn is_initialised(&self) -> bool {
        let mut magic = [0; 4];
        File::open(self.path())
            .is_ok_and(|mut file| file.read_exact(&mut magic).is_ok() && magic != [0; 4])
    }

    /// Whether the object is a page whose second seat was never taken: its first party
    /// waits for a peer.
    pub fn is_alone(&self) -> bool {
        let file = File::open(self.path());
        let second = file.and_then(|file| words::read(&file, seat_offset(Seat::Second)));
        self.is_initialised() && second.is_ok_and(|word| word == 0)
    }

    /// The number of the object at which the next one may join, once there is one.
    pub fn free_place(&self) -> u64 {
        let mut number = None;
        eventually("there is a free place", || {
            let inode = || fs::metadata(self.path()).ok().map(|data| data.ino());
            number = inode().filter(|_| self.is_alone());
            number.is_some() && number == inode()
        });
        number.expect("a number")
    }

    /// Opens the object for reading and writing.
    pub fn open(&self) -> File {
        let file = OpenOptions::new().read(true).write(true).open(self.path());
        file.expect("the object exists")
    }

    /// `memtalk -f` this object.
    pub fn memtalk(&self) -> Command {
        let mut command = memtalk();
        command.arg("-f").arg(self.name());
        command
    }

    /// Starts a side that gets `input`.
    pub fn side(&self, input: &[u8]) -> Side {
        let mut side = Side::start(self.memtalk().stdin(Stdio::piped()));
        side.write_in_background(input.to_vec());
        side
    }

    /// Starts a side whose input stays open.
    pub fn open_side(&self) -> Side {
        Side::start(self.memtalk().stdin(Stdio::piped()))
    }

    /// Starts two sides whose inputs stay open, and lets the one send something to the
    /// other. So they talk, and go on talking.
    pub fn talking_sides(&self) -> (Side, Side) {
        let (mut one, mut other) = (self.open_side(), self.open_side());
        one.say(b"hello");
        other.expect(b"hello");
        (one, other)
    }

    /// Lets a pair of processes talk under this name, to prove that it is usable.
    pub fn assert_usable(&self) {
        let (one, other) = (self.side(b"one"), self.side(b"other"));
        one.finish().assert_complete(b"other");
        other.finish().assert_complete(b"one");
        assert!(!self.exists(), "the object is left behind");
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path()).or_else(|_| fs::remove_dir(self.path()));
    }
}

/// Removes the objects of test programs that were killed, and their copies of the command.
fn remove_those_of_dead_tests() {
    let folders = [
        PathBuf::from("/dev/shm"),
        std::env::temp_dir(),
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    ];
    let entries = folders.into_iter().flat_map(fs::read_dir).flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .split('-')
                .next()?
                .parse::<u32>()
                .ok()
        });
        if owner.is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err()) {
            let path = entry.path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }
}

/// `fcntl(2)` with a number as its argument.
pub fn fcntl(file: &impl AsRawFd, command: i32, argument: i32) -> io::Result<i32> {
    // SAFETY: no pointers are involved.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// Tries to lock a byte of an object as memtalk does, until the file is closed. `kind` is
/// `F_RDLCK` or `F_WRLCK`. Returns `false` if somebody else's lock is in the way.
pub fn try_lock(file: &File, byte: i64, kind: libc::c_int) -> bool {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind.try_into().expect("a small number");
    (lock.l_start, lock.l_len) = (byte, 1);
    // SAFETY: a pointer to a `flock` that lives here.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw mut lock) == 0 }
}

/// A number from the environment, for tests that can also run for long.
pub fn setting(name: &str, default: usize) -> usize {
    let number = std::env::var(name).ok();
    number.map_or(default, |number| number.parse().expect("a number"))
}

/// Says that a test was not tried, and why. This is shown even if the output of passing
/// tests is not.
pub fn not_tried(why: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "\nNOT TRIED: {name}: {why}");
}

/// The real binary.
pub fn memtalk() -> Command {
    without_wishes(Command::new(env!("CARGO_BIN_EXE_memtalk")))
}

/// A shell script in which `$MEMTALK` is the binary.
pub fn shell(script: &str) -> Command {
    let mut command = without_wishes(Command::new("sh"));
    command
        .arg("-c")
        .arg(script)
        .env("MEMTALK", env!("CARGO_BIN_EXE_memtalk"));
    command
}

/// Without the variables that say for all programs whether to use colours.
fn without_wishes(mut command: Command) -> Command {
    for variable in ["CI", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// A file in the build's own directory for temporary files. Dropping it removes the file.
pub struct TempFile(pub PathBuf);

impl TempFile {
    pub fn new(contents: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, contents).expect("a temporary file can be written");
        Self(path)
    }

    pub fn open(&self) -> File {
        File::open(&self.0).expect("the file exists")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// This test program, to run only the ignored test of this name.
pub fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args(["--exact", test, "--nocapture", "--ignored"]);
    command.stdout(Stdio::null());
    command
}

/// Lets this process have so many descriptors.
pub fn limit_descriptors(most: u64) {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most.max(1000),
    };
    // SAFETY: a limit that is valid for reads.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
}

/// How many descriptors this process has.
pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// `len` pseudo-random bytes, different for each `seed`.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}

/// Runs `wait` in a thread and returns its result. Panics after the bound.
pub fn bounded<T: Send + 'static>(what: &str, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(wait()));
    result
        .recv_timeout(BOUND)
        .unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Waits until `condition` holds. Panics after the bound.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "{what}: not within the bound");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A running process, killed if the test fails.
pub struct Side {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<Output>,
    stderr: Option<Output>,
}

/// What a process writes. It is read in the background, so that the process never has to
/// wait.
struct Output {
    pieces: mpsc::Receiver<Vec<u8>>,
    /// Bytes that are read and not yet taken by the test.
    pending: Vec<u8>,
}

impl Output {
    fn new(mut from: impl Read + Send + 'static) -> Self {
        let (found, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = vec![0; 65536];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                if found.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            pieces,
            pending: Vec::new(),
        }
    }

    /// Waits for more; `false` at the end.
    fn more(&mut self) -> bool {
        match self.pieces.recv_timeout(BOUND) {
            Ok(piece) => self.pending.extend(piece),
            Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("output takes too long"),
        }
        true
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.pending.len() < count && self.more() {}
        self.pending
            .drain(..count.min(self.pending.len()))
            .collect()
    }

    /// Waits for a line, and takes it; `None` at the end.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<_> = self.pending.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.pending)
    }
}

/// The rest of an output; empty if the output is not caught.
fn rest_of(output: &mut Option<Output>) -> Vec<u8> {
    output.as_mut().map_or_else(Vec::new, Output::rest)
}

/// How a process ended, and what it wrote.
pub struct Finished {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Streams are long, and tell a reader nothing.
        let Self {
            code,
            signal,
            stdout,
            stderr,
        } = self;
        let bytes = stdout.len();
        write!(
            f,
            "[code {code:?}, signal {signal:?}, {bytes} bytes, said {stderr:?}]"
        )
    }
}

impl Side {
    /// Starts `command` with its output caught.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// Starts `command` with its output going to `stdout`.
    pub fn start_with(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        Self::spawn(command.stdout(stdout).stderr(Stdio::piped()))
    }

    /// Starts `command` with its output caught and its messages going to `stderr`.
    pub fn start_telling(command: &mut Command, stderr: impl Into<Stdio>) -> Self {
        Self::spawn(command.stdout(Stdio::piped()).stderr(stderr))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the process starts");
        // The command has copies of these descriptors. Close them, or their readers would
        // never see the end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(Output::new),
            stderr: child.stderr.take().map(Output::new),
            child,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its input.
    pub fn say(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(bytes).expect("it reads its input");
    }

    /// Writes to its input from another thread, and ends it.
    pub fn write_in_background(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("its input is open");
        // The process may end before it has read everything.
        thread::spawn(move || stdin.write_all(&bytes));
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for the next bytes of its output, which must be `bytes`, and takes them.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) {
        let stdout = self.stdout.as_mut().expect("its output is caught");
        let found = stdout.take(bytes.len());
        assert_eq!(
            found.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// Waits for the next line of its output, and takes it.
    pub fn next_line(&mut self) -> String {
        let stdout = self.stdout.as_mut().expect("its output is caught");
        let line = stdout.line().expect("it closes its output");
        line.trim_end().to_owned()
    }

    /// Waits until it closes its output, and returns the rest of it.
    pub fn rest_of_output(&mut self) -> Vec<u8> {
        rest_of(&mut self.stdout)
    }

    /// Waits for a message that contains `text`, and takes it and all messages before it.
    #[track_caller]
    pub fn expect_message(&mut self, text: &str) {
        self.message(text);
    }

    /// As [`expect_message`](Self::expect_message); returns what it has taken.
    #[track_caller]
    pub fn message(&mut self, text: &str) -> String {
        let stderr = self.stderr.as_mut().expect("its messages are caught");
        let (mut said, began) = (String::new(), Instant::now());
        while let Some(line) = stderr.line() {
            assert!(began.elapsed() < BOUND, "it does not say {text:?}: {said}");
            said.push_str(&line);
            if line.contains(text) {
                return said;
            }
        }
        panic!("it does not say {text:?}");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{signal} {}", self.pid()))
            .status();
        assert!(status.expect("a shell starts").success());
    }

    /// Kills it, and waits for that.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it can be waited for");
    }

    /// Stops it, and waits until none of its threads runs any more, since the signal
    /// reaches them one after the other. It may also have ended before.
    pub fn stop(&self) {
        self.signal(19);
        let stopped = |task: std::io::Result<fs::DirEntry>| {
            let status = task.and_then(|task| fs::read_to_string(task.path().join("status")));
            let idle = ["State:\tT", "State:\tZ"];
            status.is_ok_and(|status| idle.iter().any(|state| status.contains(state)))
        };
        eventually("it stops", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
            tasks.expect("it is there").all(stopped)
        });
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait();
        status.expect("it can be waited for").is_some()
    }

    /// The most memory that it has had resident so far, in bytes.
    pub fn most_resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("it is there");
        let mut lines = status.lines();
        let peak = lines.find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let peak = peak.expect("it has not ended");
        1024 * peak.trim().parse::<u64>().expect("a number")
    }

    /// For each of its threads, the name, the state, and the number and arguments of the
    /// system call that it is in.
    pub fn threads(&self) -> Vec<String> {
        threads_of(self.pid())
    }

    /// Whether one of its threads is in one of these system calls.
    pub fn is_in(&self, calls: &[libc::c_long]) -> bool {
        let mut threads = self.threads().into_iter();
        threads.any(|thread| calls.iter().any(|&call| is_in(&thread, call)))
    }

    /// One entry for each of its two ends that sleeps: whether it does so with a timeout.
    pub fn asleep(&self) -> Vec<bool> {
        let ends = self.threads().into_iter().filter(|thread| {
            ["memtalk-send", "memtalk-receive"]
                .iter()
                .any(|end| thread.starts_with(end))
                && is_in(thread, libc::SYS_futex)
        });
        // The arguments: the word, the operation, the value, the timeout.
        ends.map(|end| call_of(&end).nth(4) != Some("0x0"))
            .collect()
    }

    /// Waits until exactly `ends` of its two ends sleep, each without a timeout.
    pub fn wait_until_asleep(&self, ends: usize) {
        eventually("it sleeps", || self.asleep() == vec![false; ends]);
    }

    /// Waits until its thread of this name waits, with `poll(2)`, for its descriptor, which
    /// is non-blocking.
    pub fn wait_until_polling(&self, name: &str) {
        eventually("it waits for a descriptor", || {
            self.threads().into_iter().any(|thread| {
                thread.starts_with(name) && POLL.iter().any(|&call| is_in(&thread, call))
            })
        });
    }

    /// Waits until its output, which is non-blocking, takes nothing more.
    pub fn wait_until_its_output_is_full(&self) {
        self.wait_until_polling("memtalk-receive");
    }

    /// Ends its input, reads its output, and waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        self.end_input();
        self.finish_with_open_input()
    }

    /// Waits for its end without ending its input.
    #[track_caller]
    pub fn finish_with_open_input(mut self) -> Finished {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if began.elapsed() > BOUND {
                let _ = self.child.kill();
                let stderr = rest_of(&mut self.stderr);
                panic!("hangs; on stderr: {}", String::from_utf8_lossy(&stderr));
            }
            thread::sleep(Duration::from_millis(1));
        };
        Finished {
            code: status.code(),
            signal: status.signal(),
            stdout: self.rest_of_output(),
            stderr: String::from_utf8(rest_of(&mut self.stderr)).expect("messages are text"),
        }
    }

    /// Waits until it has the object open.
    pub fn wait_until_it_has(&self, object: &Object) {
        let leads_there = |open: io::Result<fs::DirEntry>| {
            let target = open.and_then(|open| fs::read_link(open.path()));
            target.is_ok_and(|target| target == object.path())
        };
        eventually("it opens the object", || {
            let mut open = fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it is there");
            open.any(leads_there)
        });
    }

    /// Waits until it waits for a peer: until the object is initialised.
    pub fn wait_until_seated(&self, object: &Object) {
        eventually("the first side sits down", || object.is_initialised());
    }
}

/// The name, state and system call of each thread of a process; see [`Side::threads`].
pub fn threads_of(pid: u32) -> Vec<String> {
    let about = |task: fs::DirEntry| {
        let read = |what| fs::read_to_string(task.path().join(what)).unwrap_or_default();
        let status = read("status");
        let state = status.lines().find(|line| line.starts_with("State:"));
        let (name, call) = (read("comm"), read("syscall"));
        [name.trim(), state.unwrap_or_default(), call.trim()].join(" ")
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().map(about).collect()
}

/// The processes that guard parties of this object, by their names and their mappings, which
/// tell its inode. (One that was made without a name is shown by another.)
pub fn guards_of(object: &Object) -> Vec<String> {
    let mut guards = Vec::new();
    let inode = format!(" {} ", fs::metadata(object.path()).unwrap().ino());
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| fs::read_to_string(process.path().join(file)).unwrap_or_default();
        if read("comm").trim() == "memtalk-guard" && read("maps").contains(&inode) {
            guards.push(process.file_name().to_str().unwrap().to_owned());
        }
    }
    guards
}

/// Kills the guards of this object, once it has this many.
#[track_caller]
pub fn kill_guards(object: &Object, count: usize) {
    eventually("they guard", || guards_of(object).len() == count);
    for guard in guards_of(object) {
        let kill = Command::new("kill").arg("-9").arg(guard).status();
        assert!(kill.expect("kill(1)").success());
    }
    eventually("they are dead", || guards_of(object).is_empty());
}

/// How often the threads of a process have fallen asleep so far.
pub fn sleeps_of(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| sleeps_of_thread(&task.unwrap().path()))
        .sum()
}

/// How often the thread with this folder in `/proc` has fallen asleep so far.
pub fn sleeps_of_thread(folder: &Path) -> u64 {
    let status = fs::read_to_string(folder.join("status")).unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

/// The number and the arguments of the system call that a thread is in.
fn call_of(thread: &str) -> impl Iterator<Item = &str> {
    let state = thread.split_once("State:").map_or("", |(_, state)| state);
    // A letter, and a word in brackets.
    let call = state.split_once(')').map_or("", |(_, call)| call);
    call.split_whitespace()
}

/// Whether one of the [`threads_of`] a process is in this system call.
pub fn is_in(thread: &str, call: libc::c_long) -> bool {
    call_of(thread).next() == Some(&*call.to_string())
}

/// The system calls by which a process waits until a descriptor is ready.
#[cfg(target_arch = "x86_64")]
pub const POLL: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_ppoll];
#[cfg(not(target_arch = "x86_64"))]
pub const POLL: &[libc::c_long] = &[libc::SYS_ppoll];

/// The system call by which a name is removed.
#[cfg(target_arch = "x86_64")]
pub const UNLINK: libc::c_long = libc::SYS_unlink;
#[cfg(not(target_arch = "x86_64"))]
pub const UNLINK: libc::c_long = libc::SYS_unlinkat;

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Checks that both streams are complete: status 0, this output, and no message.
    #[track_caller]
    pub fn assert_complete(&self, output: &[u8]) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert_eq!(self.stderr, "");
        assert!(
            self.stdout == output,
            "{} bytes, not the {}",
            self.stdout.len(),
            output.len()
        );
    }

    /// Checks that it failed with this status, and one line that contains `text`.
    #[track_caller]
    pub fn assert_failed(&self, code: i32, text: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {}", self.stderr);
        assert!(self.stderr.starts_with("memtalk: "), "{}", self.stderr);
        assert!(self.stderr.contains(text), "{}", self.stderr);
        // It speaks in words, and says what to do.
        assert!(!self.stderr.contains("os error"), "{}", self.stderr);
    }
}
