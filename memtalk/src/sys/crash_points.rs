//! The steps of a process that a death can fall between.
//!
//! A step is a system call that this crate makes, or an access to a word of the
//! page or to bytes of a slab. Nothing that another process could see happens between
//! two steps, nor anything that another could have changed, so whatever can be wrong
//! with dying or stopping at some moment is wrong with doing so before some step.
//!
//! With the feature `crash-points`, for tests, a process counts its steps and
//! kills itself before that whose number the environment variable
//! `MEMTALK_CRASH_AT` gives, from 1, as `kill -9` would; or stops itself before that of
//! `MEMTALK_STOP_AT`, as `kill -STOP` would.
//!
//! And a system call can fail: that whose number, among those whose failure means
//! anything, `MEMTALK_FAIL_AT` gives is not made, and fails with the error number
//! `MEMTALK_FAIL_WITH`. Where in the sources it stands is written to the file
//! `MEMTALK_FAILED` then.
//!
//! Without the feature all of this compiles to nothing.

use std::io;

/// Whether steps are counted. Looking again before sleeping is left out then:
/// it would be most of the steps, and all the same.
pub(crate) const COUNTED: bool = cfg!(feature = "crash-points");

#[cfg(not(feature = "crash-points"))]
pub(crate) use memtalk_ring::Native as Accesses;

#[cfg(feature = "crash-points")]
pub(crate) use counted::Accesses;

/// Before a step.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(feature = "crash-points")]
    counted::step();
}

/// Before a system call, which is a step: the error, if this one is to fail.
#[inline(always)]
#[track_caller]
pub(crate) fn call() -> io::Result<()> {
    step();
    #[cfg(feature = "crash-points")]
    counted::call()?;
    Ok(())
}

#[cfg(feature = "crash-points")]
mod counted {
    use std::cell::UnsafeCell;
    use std::io;
    use std::panic::Location;
    use std::str::FromStr;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use memtalk_ring::order::Site;
    use memtalk_ring::{Atomics, CompareExchange, Native};

    /// Accesses to the page, each of them a step.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Accesses {}

    // SAFETY: passed on to `Native` as it is.
    unsafe impl Atomics for Accesses {
        type Word = AtomicU32;
        type Byte = UnsafeCell<u8>;

        fn load<S: Site>(word: &AtomicU32) -> u32 {
            step();
            Native::load::<S>(word)
        }

        fn store<S: Site>(word: &AtomicU32, value: u32) {
            step();
            Native::store::<S>(word, value);
        }

        fn fence<S: Site>() {
            Native::fence::<S>();
        }

        unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
            step();
            // SAFETY: the same contract.
            unsafe { Native::write(to, bytes) };
        }

        unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
            step();
            // SAFETY: the same contract.
            unsafe { Native::read(from, bytes) };
        }
    }

    // SAFETY: passed on to `Native` as it is.
    unsafe impl CompareExchange for Accesses {
        fn compare_exchange<S: Site>(word: &AtomicU32, old: u32, new: u32) {
            step();
            Native::compare_exchange::<S>(word, old, new);
        }
    }

    fn number<T: FromStr>(variable: &str) -> Option<T> {
        std::env::var(variable).ok()?.parse().ok()
    }

    pub(super) fn step() {
        static SIGNALS: LazyLock<[(Option<u32>, libc::c_int); 2]> = LazyLock::new(|| {
            [
                (number("MEMTALK_CRASH_AT"), libc::SIGKILL),
                (number("MEMTALK_STOP_AT"), libc::SIGSTOP),
            ]
        });
        static STEPS: AtomicU32 = AtomicU32::new(0);
        let this = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
        for (at, signal) in *SIGNALS {
            if at == Some(this) {
                signal_this_process(signal);
            }
        }
    }

    /// Sends this process a signal that cannot be blocked: KILL or STOP. When it returns,
    /// the process has been stopped, and continued.
    fn signal_this_process(signal: libc::c_int) {
        let this = std::process::id().cast_signed();
        // SAFETY: no pointers are involved.
        unsafe { libc::kill(this, signal) };
        // Sent to the process, it may be taken by another thread first.
        std::thread::yield_now();
    }

    #[track_caller]
    pub(super) fn call() -> io::Result<()> {
        static FAILURE: LazyLock<Option<(u32, i32)>> =
            LazyLock::new(|| number("MEMTALK_FAIL_AT").zip(number("MEMTALK_FAIL_WITH")));
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let this = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        match *FAILURE {
            Some((at, error)) if at == this => {
                if let Some(file) = std::env::var_os("MEMTALK_FAILED") {
                    std::fs::write(file, Location::caller().to_string())?;
                }
                Err(io::Error::from_raw_os_error(error))
            }
            _ => Ok(()),
        }
    }
}
