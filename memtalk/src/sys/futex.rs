//! The kernel's "sleep if this word still holds that value" (`futex(2)`), in its
//! shared form: the two processes map the word at different addresses.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use memtalk_ring::{InPlace, Page, Seat, Watched};

use super::map::Mapping;
use super::{retry, timespec};
use crate::steps;

/// Sleeps while `word` holds `seen`, until a wake-up, a signal, or for `timeout`.
pub(crate) fn wait<A: InPlace>(word: Watched<'_, A>, seen: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(timespec);
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    steps::step();
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
pub(crate) fn wake<A: InPlace>(word: Watched<'_, A>) {
    steps::step();
    // SAFETY: `word` is a valid word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Sets the word of `seat` to `VALUE` and wakes everybody who sleeps on it, in one step:
/// who dies does both or neither.
pub(crate) fn set_and_wake<const VALUE: u32>(page: &Page<Mapping>, seat: Seat) -> io::Result<()> {
    // The kernel takes the operation, "set", and its operand in one number, the
    // operand in 12 bits (`FUTEX_WAKE_OP` in `futex(2)`), of which the first is its
    // sign. It goes on to compare the old value with 0, and to wake 0 more if they
    // are equal.
    const { assert!(VALUE < 1 << 11) };
    let operation =
        libc::FUTEX_OP_SET << 28 | libc::FUTEX_OP_CMP_EQ << 24 | VALUE.cast_signed() << 12;
    let word = page.seat_word(seat);
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

/// Sets the word of `seat` to `new`, if it holds `old`.
pub(crate) fn exchange(page: &Page<Mapping>, seat: Seat, old: u32, new: u32) {
    let word = page.seat_word(seat).as_ptr().cast_mut();
    // SAFETY: a valid word, and no end relies on what a seat's holds.
    let word = unsafe { AtomicU32::from_ptr(word) };
    steps::step();
    // That it fails is fine.
    let _ = word.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed);
}

/// What `word` holds; what was written before it, whoever sees it sees as well.
pub(crate) fn load<A: InPlace>(word: Watched<'_, A>) -> u32 {
    // SAFETY: a valid word, and nothing is stored in it.
    unsafe { word.word() }.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests;
