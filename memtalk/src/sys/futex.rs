//! The kernel's "sleep if this word still holds that value" (`futex(2)`), in its
//! shared form: the two processes map the word at different addresses.

use std::io;
use std::time::Duration;

use memtalk_ring::{InPlace, Watched};

use super::{crash_points, retry, timespec};

/// Sleeps while `word` holds `seen`, until a wake-up, a signal, or for `timeout`.
pub(crate) fn wait<A: InPlace>(word: Watched<'_, A>, seen: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(timespec);
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    crash_points::step();
    // SAFETY: `word` is a valid word and `timeout` null or a valid time for the time of
    // the call. What it returns does not matter: the caller looks again.
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
pub(crate) fn wake<A: InPlace>(word: Watched<'_, A>) {
    crash_points::step();
    // SAFETY: `word` is a valid word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Sets `word`, a seat's, to `VALUE` and wakes everybody who sleeps on it, in one step:
/// who dies does both or neither.
pub(crate) fn set_and_wake<const VALUE: u32, A: InPlace>(word: Watched<'_, A>) -> io::Result<()> {
    // The kernel takes the operation, "set", and its operand in one number, the
    // operand in 12 bits (`FUTEX_WAKE_OP` in `futex(2)`), of which the first is its
    // sign. It goes on to compare the old value with 0, and to wake 0 more if they
    // are equal.
    const { assert!(VALUE < 1 << 11) };
    let operation =
        libc::FUTEX_OP_SET << 28 | libc::FUTEX_OP_CMP_EQ << 24 | VALUE.cast_signed() << 12;
    // SAFETY: `word` is a valid word, and no end relies on what a seat's holds.
    retry(|| unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_OP,
            i32::MAX,
            std::ptr::null::<libc::timespec>(),
            word.as_ptr(),
            operation,
        )
    })
    .map(drop)
}

#[cfg(test)]
mod tests;
