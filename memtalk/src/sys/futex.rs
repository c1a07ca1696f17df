//! The kernel's "sleep if this word still holds that value" (`futex(2)`), in its
//! shared form: the two processes map the word at different addresses.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `word` holds `seen`, until a wake-up, a signal, or for `timeout`.
pub(crate) fn wait(word: &AtomicU32, seen: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` is a valid word and `timeout` null or a valid time for the
    // time of the call. What it returns does not matter: the caller looks again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            seen,
            timeout,
        )
    };
}

/// Wakes everybody who sleeps on `word`.
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: `word` is a valid word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}
