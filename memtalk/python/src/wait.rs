//! Waiting for the peer without the interpreter's lock, while signals are still looked at.
//!
//! A wait is made of slices. Between two of them the interpreter's lock is taken for a moment.
//! Then Python's signal handlers run, if this is Python's main thread, and a wait whose talk was
//! given up by another thread ends. (The library would go on waiting until the peer has answered
//! that.)

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memtalk::Error;
use pyo3::prelude::*;

use crate::errors::{raised, talk_error};

/// How late a signal's handler may run.
const SLICE: Duration = Duration::from_millis(50);

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
/// Whatever a signal handler raises. [`Error::Ended`] once the talk is `given_up`.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    limit: Option<Duration>,
    given_up: &AtomicBool,
    mut attempt: impl FnMut(Duration) -> io::Result<Step<T>> + Send,
) -> PyResult<T> {
    let mut began = Instant::now();
    loop {
        let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
        // Zero is no timeout to the library.
        let time = left.map_or(SLICE, |left| left.clamp(Duration::from_nanos(1), SLICE));
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
        if given_up.load(Ordering::Relaxed) {
            return Err(talk_error(py, &Error::Ended));
        }
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
