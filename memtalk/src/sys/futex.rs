//! `futex(2)`: sleep while a word still holds a value, and wake the sleepers.
//!
//! This is the shared form, since the two processes map the word at different addresses.

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
    // SAFETY: during the call, `word` is a valid word, and `timeout` is null or a valid
    // time. The result does not matter: the caller looks again.
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

/// Sets the seat word `word` to `VALUE` and wakes everybody who sleeps on it, in one step:
/// a process that dies has done both or neither.
pub(crate) fn set_and_wake<const VALUE: u32, A: InPlace>(word: Watched<'_, A>) -> io::Result<()> {
    // The kernel takes the operation, "set", and its operand in one number
    // (`FUTEX_WAKE_OP` in `futex(2)`). The operand has 12 bits, the first of which is its
    // sign. Afterwards the kernel compares the old value with 0 and, if they are equal,
    // wakes 0 more.
    const { assert!(VALUE < 1 << 11) };
    let operation =
        libc::FUTEX_OP_SET << 28 | libc::FUTEX_OP_CMP_EQ << 24 | VALUE.cast_signed() << 12;
    // SAFETY: `word` is a valid word, and no end relies on the value of a seat word.
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
