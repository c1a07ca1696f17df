//! Crash points: the steps at which a test can kill or stop a process, or make a call fail.
//!
//! A step is a system call that this crate makes, or an access to a word of the page or to
//! bytes of a slab. Between two steps a process does nothing that another process could
//! see, and nothing that another process could have influenced. So if dying or stopping at
//! some moment breaks a promise, then so does dying or stopping before some step.
//!
//! With the feature `crash-points`, for tests, a process counts its steps from 1.
//! Environment variables say what happens:
//!
//! - `MEMTALK_CRASH_AT`: before this step, the process kills itself, as `kill -9` would.
//! - `MEMTALK_STOP_AT`: before this step, it stops itself, as `kill -STOP` would.
//! - `MEMTALK_FAIL_AT` and `MEMTALK_FAIL_WITH`: this system call is not made, and fails
//!   with this error number. System calls have numbers of their own, from 1; those whose
//!   failure means nothing are not counted.
//! - `MEMTALK_FAILED`: the file to which the place of that call in the sources is written.
//!
//! Without the feature all of this compiles to nothing.

use std::io;

/// Whether steps are counted. An end does not look again before it sleeps then: that would
/// be most of the steps, and all of them alike.
pub(crate) const COUNTED: bool = cfg!(feature = "crash-points");

/// How the ends access ordinary memory.
#[cfg(not(feature = "crash-points"))]
pub(crate) type Accesses = memtalk_ring::Native;
/// How everything else accesses memory, and the ends that of a device: right for any memory.
#[cfg(not(feature = "crash-points"))]
pub(crate) type Careful = memtalk_ring::DeviceMemory;

#[cfg(feature = "crash-points")]
pub(crate) type Accesses = counted::Counted<memtalk_ring::Native>;
#[cfg(feature = "crash-points")]
pub(crate) type Careful = counted::Counted<memtalk_ring::DeviceMemory>;

/// To be called before each step.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(feature = "crash-points")]
    counted::step();
}

/// To be called before each system call, which is a step. Returns the error if this call is
/// to fail.
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
    use std::convert::Infallible;
    use std::io;
    use std::marker::PhantomData;
    use std::panic::Location;
    use std::str::FromStr;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use memtalk_ring::order::Site;
    use memtalk_ring::{Atomics, CompareExchange, InPlace};

    /// Accesses to the page as `A` makes them, each of them a step.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Counted<A>(Infallible, PhantomData<A>);

    // SAFETY: every call is passed on to `A` unchanged.
    unsafe impl<A: InPlace> Atomics for Counted<A> {
        type Word = AtomicU32;
        type Byte = UnsafeCell<u8>;

        fn load<S: Site>(word: &AtomicU32) -> u32 {
            step();
            A::load::<S>(word)
        }

        fn store<S: Site>(word: &AtomicU32, value: u32) {
            step();
            A::store::<S>(word, value);
        }

        fn fence<S: Site>() {
            A::fence::<S>();
        }

        unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
            step();
            // SAFETY: the same contract.
            unsafe { A::write(to, bytes) };
        }

        unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
            step();
            // SAFETY: the same contract.
            unsafe { A::read(from, bytes) };
        }
    }

    // SAFETY: every call is passed on to `A` unchanged.
    unsafe impl<A: InPlace + CompareExchange> CompareExchange for Counted<A> {
        fn compare_exchange<S: Site>(word: &AtomicU32, old: u32, new: u32) {
            step();
            A::compare_exchange::<S>(word, old, new);
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

    /// Sends this process a signal that cannot be blocked: KILL or STOP. If this returns,
    /// the process has been stopped and continued.
    fn signal_this_process(signal: libc::c_int) {
        let this = std::process::id().cast_signed();
        // SAFETY: no pointers are involved.
        unsafe { libc::kill(this, signal) };
        // The signal goes to the process, and another thread may take it first.
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
