//! `futex(2)` and `futex_waitv(2)`: sleep while words still hold their values, and wake the
//! sleepers.
//!
//! This is the shared form, since the two processes map the word at different addresses.

use std::array;
use std::io;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use memtalk_ring::{InPlace, Watched};

use super::{check, crash_points, retry, timespec};

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

/// The most words that [`wait_any`] can wait for, besides its control word.
pub(crate) const MOST: usize = 127;

/// Whether the kernel has `futex_waitv(2)` (Linux 5.16), and lets us use it.
pub(crate) fn can_wait_for_any() -> bool {
    let result = wait_for(std::ptr::null(), 0, None);
    result.is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL))
}

/// The kernel's `struct futex_waitv`. (That of the crate `libc` cannot be made.)
#[repr(C)]
struct Waiter {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Waiter {
    fn new(word: *const u32, seen: u32, flags: libc::c_int) -> Self {
        Self {
            value: seen.into(),
            address: word.expose_provenance() as u64,
            flags: flags.cast_unsigned(),
            reserved: 0,
        }
    }
}

/// Sleeps while `control` and each of `words` hold the values beside them, until a wake-up
/// of one of them, a signal, or for `timeout`. Comparing and falling asleep are one step for
/// each word. `control` is a word of this process alone. Of more than [`MOST`] words, the
/// first ones count.
///
/// # Errors
/// It could not sleep. The words were compared or not.
pub(crate) fn wait_any<'w, A: InPlace>(
    control: (&AtomicU32, u32),
    words: impl Iterator<Item = (Watched<'w, A>, u32)>,
    timeout: Option<Duration>,
) -> io::Result<()>
where
    A::Word: 'w,
{
    let (word, kicks) = control;
    let private = libc::FUTEX2_SIZE_U32 | libc::FUTEX2_PRIVATE;
    let mut waiters =
        array::from_fn::<_, { MOST + 1 }, _>(|_| Waiter::new(word.as_ptr(), kicks, private));
    let mut count = 1;
    for (slot, (word, seen)) in waiters.iter_mut().skip(1).zip(words) {
        *slot = Waiter::new(word.as_ptr(), seen, libc::FUTEX2_SIZE_U32);
        count += 1;
    }
    match wait_for(waiters.as_ptr(), count, timeout) {
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR | libc::ETIMEDOUT) => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// `futex_waitv(2)` with the first `count` of these waiters, for at most `timeout`.
fn wait_for(
    waiters: *const Waiter,
    count: libc::c_uint,
    timeout: Option<Duration>,
) -> io::Result<()> {
    // The kernel takes the moment at which the wait ends.
    let end = timeout.map(|timeout| timespec(monotonic_now().saturating_add(timeout)));
    let end = end.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the callers give waiters whose words live during the call, or none. The kernel
    // reads the words, and writes nothing.
    check(unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            waiters,
            count,
            0,
            end,
            libc::CLOCK_MONOTONIC,
        )
    })
    .map(drop)
}

/// Wakes everybody who sleeps on a word of this process alone.
pub(crate) fn wake_private(word: &AtomicU32) {
    let wake = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` is a valid word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), wake, i32::MAX) };
}

/// Sleeps while a word of this process alone holds `seen`, until a wake-up or a signal.
pub(crate) fn wait_private(word: &AtomicU32, seen: u32) {
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let for_ever = std::ptr::null::<libc::timespec>();
    // SAFETY: `word` is a valid word, and there is no timeout. The caller looks again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), wait, seen, for_ever) };
}

/// The time on `CLOCK_MONOTONIC`.
fn monotonic_now() -> Duration {
    let mut now = timespec(Duration::ZERO);
    // SAFETY: `now` is valid for writes.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // The clock never goes below 0.
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
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
pub(crate) mod tests;
