//! The system calls: all `unsafe` code of the library, behind safe functions.
//!
//! Everything here is a thin wrapper: it retries after `EINTR`, turns `-1` into
//! an [`io::Error`], and knows nothing of talks. The public functions are for the
//! command's own system calls.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

pub(crate) mod cpu;
pub(crate) mod crash_points;
pub(crate) mod device;
pub(crate) mod futex;
pub(crate) mod guard;
pub(crate) mod lease;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod named;
pub(crate) mod shm;
mod thread;
pub(crate) mod transfer;
pub mod user;

pub(crate) use thread::start_with_room;
pub use thread::{check_room_for, start};
pub use transfer::{Ready, readable_bytes, set_non_blocking, wait_ready};

/// Makes a system call, once.
#[track_caller]
pub fn once<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    crash_points::call()?;
    call()
}

/// Makes a system call, and again as long as it fails with `EINTR`.
#[track_caller]
pub fn call<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match once(&mut call) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// As [`call()`], for a system call that returns -1 on failure.
#[track_caller]
pub fn retry<T: PartialEq + From<i8>>(mut call: impl FnMut() -> T) -> io::Result<T> {
    self::call(|| check(call()))
}

/// The result of a call that returns -1 on failure and sets `errno`.
pub fn check<T: PartialEq + From<i8>>(result: T) -> io::Result<T> {
    match result == T::from(-1) {
        true => Err(io::Error::last_os_error()),
        false => Ok(result),
    }
}

/// The result of a call that returns an error number on failure, and 0 otherwise.
pub fn check_number(error: libc::c_int) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// What the system says of an error, in words alone. (The standard library adds the number
/// of the error, which helps nobody who reads the words.)
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|n| format!(" (os error {n})"));
    let words = number.and_then(|number| text.strip_suffix(&number));
    words.map_or_else(|| text.clone(), str::to_owned)
}

/// A duration as a `timespec`.
#[must_use]
pub fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Sleeps for at most `time`: a signal ends it early.
///
/// After a signal, the standard library's sleep goes on for the time that the kernel says
/// is left. That includes the slack of the timer, so signals in quick succession make it
/// last for ever.
pub fn nap(time: Duration) {
    let time = timespec(time);
    // SAFETY: a valid time; the time that is left is not asked for.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

/// What `fstat(2)` says of an open descriptor; `None` if it fails.
#[must_use]
pub fn status(fd: RawFd) -> Option<libc::stat> {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` is valid for writes.
    let result = retry(|| unsafe { libc::fstat(fd, &raw mut status) });
    result.ok().map(|_| status)
}
