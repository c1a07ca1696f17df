//! A program in place of standard input and output: `-- CMD ARGS…`.
//!
//! - It starts once a peer is there. What we receive is its standard input, its standard
//!   output is what we send. Its standard error is ours.
//! - Its stream ends when it closes its output, or ends. Everything that it wrote before it
//!   ended is sent, and nothing that its descendants write later.
//! - It is reaped as soon as it ends. It does not outlive us: the kernel kills it when our
//!   main thread dies, however that dies. (Not if it changes its user, as `sudo` does:
//!   `PR_SET_PDEATHSIG` in `prctl(2)`.)
//! - An input that is not complete must not look complete. So the program gets TERM before
//!   its input ends.

#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use memtalk::escape::Escaped;
use memtalk::sys::{self, Ready};
use memtalk::{Receiver, Sender};

use crate::failure::Failure;
use crate::signals;

/// How long a program may take to end after a signal, before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long after its output has closed we look whether the program was killed. The kernel
/// closes the descriptors of a dying process first, and tells its parent microseconds later.
const CLOSED: Duration = Duration::from_millis(100);

/// A program that runs, or has ended.
#[derive(Clone)]
pub(crate) struct Program(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    /// Its number is its own until it is reaped, under the lock.
    child: Child,
    /// How it ended, once it has.
    status: Option<ExitStatus>,
    /// It was told to end because the talk failed.
    terminated: bool,
}

impl Program {
    /// Checks that there is such a program, as the system will look for it.
    ///
    /// # Errors
    /// [`Failure::Program`], before anybody has to wait for it.
    pub(crate) fn look_up(program: &OsStr) -> Result<(), Failure> {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
        let candidates: Vec<PathBuf> = match program.as_encoded_bytes().contains(&b'/') {
            true => vec![program.into()],
            false => std::env::split_paths(&path)
                .map(|folder| folder.join(program))
                .collect(),
        };
        let mut error = libc::ENOENT;
        for file in candidates.iter().filter_map(|path| path.metadata().ok()) {
            if !file.is_dir() && file.permissions().mode() & 0o111 != 0 {
                return Ok(());
            }
            error = libc::EACCES;
        }
        Err(failure(program)(io::Error::from_raw_os_error(error)))
    }

    /// Starts the program with its arguments. Call this in the main thread: the program is
    /// killed when the calling thread ends.
    pub(crate) fn start(command: &[OsString]) -> Result<(Self, Input, Output), Failure> {
        let [program, arguments @ ..] = command else {
            return Err(failure(OsStr::new(""))(io::ErrorKind::NotFound.into()));
        };
        let cannot_start = Failure::system("start a program");
        let pipe = io::pipe().and_then(|(ended, end)| Ok((ended.try_clone()?, ended, end)));
        let (also_ended, ended, end) = match pipe {
            Ok(pipe) => pipe,
            Err(error) => return Err(cannot_start(error)),
        };
        let parent = std::process::id();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // SAFETY: the closure only makes system calls.
        unsafe { command.pre_exec(move || die_with(parent)) };
        let mut child = command.spawn().map_err(failure(program))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some((stdin, stdout)) = pipes else {
            return Err(cannot_start(io::ErrorKind::BrokenPipe.into()));
        };
        sys::set_non_blocking(stdin.as_fd()).map_err(Failure::system("start a program"))?;
        let id = child.id();
        let this = Self(Arc::new(Shared {
            state: Mutex::new(State {
                child,
                status: None,
                terminated: false,
            }),
            ended: Condvar::new(),
        }));
        let reaper = this.clone();
        let reap = move || {
            reaper.reap(id);
            // Its output ends here, even if others have it open.
            drop(end);
        };
        let thread = thread::Builder::new().name("memtalk-program".into());
        if let Err(error) = sys::start(thread, reap) {
            this.signal(libc::SIGKILL);
            this.reap(id);
            return Err(Failure::system("start a thread")(error));
        }
        let input = Input {
            pipe: Some(stdin),
            ended: also_ended,
            program: this.clone(),
        };
        let output = Output {
            pipe: stdout,
            ended,
            left: None,
            program: this.clone(),
            name: program.clone(),
        };
        Ok((this, input, output))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the process `id` has ended, and reaps it.
    fn reap(&self, id: u32) {
        // SAFETY: a struct of integers, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // Leave it unreaped until nobody else can send a signal to its number.
        let options = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `info` is valid for writes. It fails only if there is no such child.
        let _ = sys::retry(|| unsafe { libc::waitid(libc::P_PID, id, &raw mut info, options) });
        let mut state = self.state();
        state.status = state.child.wait().ok();
        self.0.ended.notify_all();
    }

    /// Sends the program a signal, unless it has ended.
    pub(crate) fn signal(&self, signal: i32) {
        self.state().signal(signal);
    }

    /// Tells the program to end, since the talk has failed. Once this returns, it is told,
    /// whichever thread did it: then its input may end.
    fn terminate(&self) {
        let mut state = self.state();
        if state.status.is_none() && !state.terminated {
            state.terminated = true;
            state.signal(libc::SIGTERM);
        }
    }

    /// Waits until the program has ended, but no longer than this.
    fn wait(&self, time: Duration) -> Option<ExitStatus> {
        let running = |state: &mut State| state.status.is_none();
        let waited = self.0.ended.wait_timeout_while(self.state(), time, running);
        waited.unwrap_or_else(PoisonError::into_inner).0.status
    }

    /// Waits until the program has ended. If the talk has failed, ends it: by TERM, and by
    /// KILL after [`GRACE`]. Returns its exit status, as shells count: 128 and the number
    /// if a signal killed it; 0 if it had to be ended.
    pub(crate) fn finish(&self, failed: bool) -> u8 {
        if failed {
            self.terminate();
            if self.wait(GRACE).is_none() {
                self.signal(libc::SIGKILL);
            }
        }
        while self.wait(Duration::MAX).is_none() {}
        let state = self.state();
        let code = |status: ExitStatus| status.code().or(status.signal().map(|n| 128 + n));
        let code = state.status.filter(|_| !state.terminated).and_then(code);
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0)
    }
}

impl State {
    fn signal(&self, signal: i32) {
        if self.status.is_none() {
            // SAFETY: no pointers are involved. The number is the program's: it is not
            // reaped.
            unsafe { libc::kill(self.child.id().cast_signed(), signal) };
        }
    }
}

/// For `map_err` on starting a program.
fn failure(program: &OsStr) -> impl FnOnce(io::Error) -> Failure {
    let name = Escaped(&program.to_string_lossy()).to_string();
    move |error| Failure::Program(name, error)
}

/// Has the kernel kill this process when the thread that started it ends. Undoes what we
/// have changed for ourselves. Runs between `fork` and `exec`.
fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: no pointers are involved.
    sys::check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: as above.
    if unsafe { libc::getppid() }.cast_unsigned() != parent {
        // It has ended already.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    // SAFETY: the default action of an existing signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
    signals::restore()
}

/// The program's standard input. Dropping it before it is [closed](Self::close) tells the
/// program to end.
pub(crate) struct Input {
    /// Non-blocking. `None` once it is closed.
    pipe: Option<ChildStdin>,
    /// Has an end of file once the program has ended.
    ended: PipeReader,
    program: Program,
}

impl Input {
    /// Receives once and writes what was received; 0 at the end of the peer's stream.
    ///
    /// # Errors
    /// Those of receiving; or there are bytes, and the program reads no more. Once it has
    /// ended nobody does, although its descendants may have the pipe open.
    pub(crate) fn take_from(&mut self, receiver: &mut Receiver) -> io::Result<usize> {
        if let Some(pipe) = &self.pipe {
            let (pipe, end) = (pipe.as_fd(), self.ended.as_fd());
            let [_, ended] = sys::wait_ready([Ready::ToWrite(pipe), Ready::ToRead(end)])?;
            if !ended {
                // There is room, so this waits for the peer only.
                return receiver.write_to(pipe);
            }
            self.close();
        }
        match receiver.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(io::Error::from_raw_os_error(libc::EPIPE)),
        }
    }

    /// Ends the program's input: it is complete, or the program reads no more.
    pub(crate) fn close(&mut self) {
        self.pipe = None;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if self.pipe.is_some() {
            self.program.terminate();
        }
    }
}

/// The program's standard output.
pub(crate) struct Output {
    pipe: ChildStdout,
    /// Has an end of file once the program has ended.
    ended: PipeReader,
    /// Once it has: how many bytes that it wrote are still to be sent.
    left: Option<usize>,
    program: Program,
    name: OsString,
}

impl Output {
    /// Reads once and sends what was read; 0 at the end of the program's stream.
    pub(crate) fn give_to(&mut self, sender: &mut Sender) -> io::Result<usize> {
        if self.left.is_none() {
            let (pipe, end) = (self.pipe.as_fd(), self.ended.as_fd());
            let [_, ended] = sys::wait_ready([Ready::ToRead(pipe), Ready::ToRead(end)])?;
            if ended {
                self.left = Some(sys::readable_bytes(self.pipe.as_fd())?);
            }
        }
        if self.left == Some(0) {
            return Ok(0);
        }
        let count = sender.read_from(self.pipe.as_fd())?;
        self.left = self.left.map(|left| left.saturating_sub(count));
        Ok(count)
    }

    /// Checks, at the end of the stream, that the program was not killed.
    ///
    /// # Errors
    /// [`Failure::Killed`]: the program did not end its stream.
    pub(crate) fn check_end(&self) -> Result<(), Failure> {
        match self.program.wait(CLOSED).and_then(|status| status.signal()) {
            None => Ok(()),
            Some(signal) => {
                let name = Escaped(&self.name.to_string_lossy()).to_string();
                Err(Failure::Killed(name, signal))
            }
        }
    }
}
