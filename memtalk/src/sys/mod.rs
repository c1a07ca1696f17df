//! The system calls: all `unsafe` of this crate, behind safe functions.
//!
//! Everything here is a thin wrapper: it retries after `EINTR`, turns `-1` into
//! an [`io::Error`], and knows nothing of talks.

#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

use crate::steps;

pub(crate) mod futex;
pub(crate) mod lease;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod shm;
#[cfg(feature = "cli")]
pub(crate) mod signal;
pub(crate) mod stdio;

/// Runs a system call that returns -1 on failure, again after `EINTR`.
fn retry<T: PartialEq + From<i8>>(mut call: impl FnMut() -> T) -> io::Result<T> {
    loop {
        steps::step();
        let result = call();
        if result != T::from(-1) {
            return Ok(result);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// A time as the kernel takes it.
fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Sleeps for at most `time`: a signal ends it early.
///
/// The standard library's sleep goes on for what the kernel says is left. That
/// includes the slack of the timer, so signals in a quick succession make it
/// last for ever.
pub(crate) fn nap(time: Duration) {
    let time = timespec(time);
    // SAFETY: a valid time, and no wish to know what was left of it.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

/// Sends this process a signal that cannot be blocked: KILL or STOP. When it returns, the
/// process has been stopped, and continued.
#[cfg(feature = "crash-points")]
pub(crate) fn signal_this_process(signal: libc::c_int) {
    let this = std::process::id().cast_signed();
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(this, signal) };
    // Sent to the process, it may be taken by another thread first.
    std::thread::yield_now();
}
