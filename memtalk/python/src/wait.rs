//! Waiting for the peer without the interpreter's lock, while signals are still looked at.
//!
//! A wait is made of slices. Between two of them the interpreter's lock is taken for a moment
//! and Python's signal handlers run, in its main thread; they run nowhere else. So in that
//! thread a slice is short. In others it only bounds how late a wait notices that the
//! interpreter has gone, which does not matter to anybody.

use std::io;
use std::time::{Duration, Instant};

use memtalk::Error;
use pyo3::prelude::*;

use crate::errors::raised;

/// How late a signal's handler may run.
const SLICE: Duration = Duration::from_millis(50);

/// The same in a thread in which no handler runs.
const LONG_SLICE: Duration = Duration::from_secs(1);

/// What a slice has come to.
pub(crate) enum Step<T> {
    Done(T),
    /// The peer has gone on: its time begins again.
    Progress,
}

/// Calls `attempt` until it is done, or the peer has not gone on for `limit`. `attempt` gets
/// the time that it may wait, and runs without the interpreter's lock.
///
/// # Errors
/// Those of `attempt`. [`Error::Stalled`] from it ends a slice, and is returned after `limit`.
/// Whatever a signal handler raises.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    limit: Option<Duration>,
    mut attempt: impl FnMut(Duration) -> io::Result<Step<T>> + Send,
) -> PyResult<T> {
    let slice = slice();
    let mut began = Instant::now();
    loop {
        let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
        // Zero is no timeout to the library.
        let time = left.map_or(slice, |left| left.clamp(Duration::from_nanos(1), slice));
        match py.detach(|| attempt(time)) {
            Ok(Step::Done(done)) => return Ok(done),
            Ok(Step::Progress) => began = Instant::now(),
            Err(error) if is_stalled(&error) => {
                if limit.is_some_and(|limit| began.elapsed() >= limit) {
                    py.check_signals()?;
                    return Err(raised(py, error));
                }
            }
            Err(error) => return Err(raised(py, error)),
        }
        py.check_signals()?;
    }
}

/// How long this thread may wait before it looks for signals.
fn slice() -> Duration {
    // SAFETY: no arguments, and no failure.
    let thread = unsafe { libc::gettid() };
    // SAFETY: the same.
    let process = unsafe { libc::getpid() };
    match thread == process {
        true => SLICE,
        false => LONG_SLICE,
    }
}

/// For an attempt that never waits: the slice is over.
pub(crate) fn stalled(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => Error::Stalled.into(),
        _ => error,
    }
}

fn is_stalled(error: &io::Error) -> bool {
    matches!(Error::from_io(error), Some(Error::Stalled))
}
