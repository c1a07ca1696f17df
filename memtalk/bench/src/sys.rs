//! System calls that the standard library does not offer.
//!
//! All unsafe code is here, except for the memory of memtalk-ring in `questions/rings`.

#![allow(unsafe_code, reason = "this is the room for it")]

use std::ffi::{CString, c_int};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::Path;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64};

fn check(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// Makes the kernel kill the process of `command` when the thread that starts it ends, however
/// that ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let ask = move || {
        // SAFETY: this request takes numbers only.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
        // The kernel does not look back at a parent that has died before that.
        if parent_id() != parent {
            // SAFETY: takes a number only.
            unsafe { libc::_exit(1) };
        }
        Ok(())
    };
    // SAFETY: `ask` makes system calls and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// Kills a child, and waits until it is dead.
pub(crate) fn kill(child: u32) {
    if let Ok(child) = libc::pid_t::try_from(child) {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(child, libc::SIGKILL) };
        // SAFETY: the status is not asked for.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
    }
}

/// Makes a FIFO and opens both ends. A blocking open of one end would wait for the other.
pub(crate) fn fifo(path: &Path) -> io::Result<(File, File)> {
    let text = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the string ends with a zero.
    check(unsafe { libc::mkfifo(text.as_ptr(), 0o600) })?;
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let writer = OpenOptions::new().write(true).open(path)?;
    // SAFETY: the descriptor is open, and the flags are a number. From here on
    // reading blocks.
    check(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, 0) })?;
    Ok((reader, writer))
}

/// The processors that the calling thread may run on.
fn allowed() -> io::Result<libc::cpu_set_t> {
    // SAFETY: a set of processors is a bit mask.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: `set` is that large.
    check(unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) })?;
    Ok(set)
}

fn allow(set: &libc::cpu_set_t) -> io::Result<()> {
    // SAFETY: `set` is that large.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) }).map(drop)
}

/// The numbers of the processors that we may run on.
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    let set = allowed()?;
    let most = 8 * size_of::<libc::cpu_set_t>();
    // SAFETY: the number is within the set.
    Ok((0..most)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect())
}

/// Keeps the calling thread, and the threads and processes that it starts, on one processor.
pub(crate) fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= 8 * size_of::<libc::cpu_set_t>() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: a set of processors is a bit mask.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the number is within the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    allow(&set)
}

/// While this lives, the calling thread and all that it starts are kept on one processor. What
/// it has started stays there.
pub(crate) struct Pinned(libc::cpu_set_t);

impl Pinned {
    pub(crate) fn to(cpu: usize) -> io::Result<Self> {
        let before = allowed()?;
        pin(cpu)?;
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was allowed before, so it is allowed again.
        let _ = allow(&self.0);
    }
}

fn signal_set(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: a set of signals is a bit mask.
    let mut set = unsafe { zeroed() };
    // SAFETY: `set` is ours to write.
    unsafe { libc::sigemptyset(&raw mut set) };
    for &signal in signals {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

/// Blocks `signals` in this thread and in the threads that it starts.
pub(crate) fn block(signals: &[c_int]) {
    let set = signal_set(signals);
    // SAFETY: `set` is a set of signals, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

/// Waits for one of `signals`, which are blocked, and returns it.
pub(crate) fn wait_for(signals: &[c_int]) -> c_int {
    let set = signal_set(signals);
    let mut signal = 0;
    // SAFETY: both are ours to access.
    while unsafe { libc::sigwait(&raw const set, &raw mut signal) } != 0 {}
    signal
}

/// Ends the process by `signal`, which has its default action.
pub(crate) fn die_of(signal: c_int) -> ! {
    let set = signal_set(&[signal]);
    // SAFETY: `set` is a set of signals, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
    // SAFETY: takes a number only.
    unsafe { libc::raise(signal) };
    std::process::exit(1)
}

/// Asks for SIGALRM in `seconds`. That replaces an earlier request.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: takes a number only.
    unsafe { libc::alarm(seconds) };
}

/// Nanoseconds of a clock that all processes share.
pub(crate) fn nanoseconds() -> u64 {
    // SAFETY: a `timespec` is two numbers.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: `time` is ours to write.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// A cache line that one of two processes writes. Its neighbour stays empty: processors fetch
/// lines in pairs.
#[repr(C, align(128))]
pub(crate) struct Line {
    pub(crate) message: AtomicU64,
    pub(crate) word: AtomicU32,
}

/// Maps two lines, one for each process, from a file that has room for them,
/// for as long as the process lives.
pub(crate) fn map_lines(file: &File) -> io::Result<&'static [Line; 2]> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let (length, fd) = (size_of::<[Line; 2]>(), file.as_raw_fd());
    // SAFETY: a new mapping at an address of the kernel's choice.
    let address =
        unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_SHARED, fd, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: page-aligned, never unmapped, and atomics may be shared with
    // another process; any bits are a value of theirs.
    Ok(unsafe { &*address.cast() })
}

/// Sleeps while `word` holds `seen`, or returns earlier.
pub(crate) fn futex_wait(word: &AtomicU32, seen: u32) {
    let forever = ptr::null::<libc::timespec>();
    // SAFETY: the word lives, and there is no timeout.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            seen,
            forever,
        )
    };
}

/// Wakes one thread that sleeps on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    // SAFETY: the word lives.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}
