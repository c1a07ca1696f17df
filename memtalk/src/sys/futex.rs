//! The kernel's "sleep if this word still holds that value" (`futex(2)`), in its
//! shared form: the two processes map the word at different addresses.

use std::io;
use std::time::{Duration, Instant};

use memtalk_ring::{InPlace, Watched};

use super::{retry, timespec};
use crate::futex::Kernel;
use crate::patience::{Next, Patience};
use crate::steps;

/// How a process sleeps, after some [`Patience`], and wakes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linux {
    patience: Patience,
}

impl<A: InPlace> Kernel<A> for Linux {
    fn pause(&mut self, looks: u32) -> bool {
        if steps::COUNTED {
            return false;
        }
        match self.patience.next(looks, Instant::now) {
            Next::Look => std::hint::spin_loop(),
            Next::GiveWay => {
                std::thread::yield_now();
                self.patience.gave_way(Instant::now());
            }
            Next::Sleep => return false,
        }
        true
    }

    fn wait(&self, word: Watched<'_, A>, seen: u32, timeout: Option<Duration>) {
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

    fn wake(&self, word: Watched<'_, A>) {
        steps::step();
        // SAFETY: `word` is a valid word.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }
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
