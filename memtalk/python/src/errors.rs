//! Python's exceptions for the library's errors. The classes are in `package/memtalk/_errors.py`.
//!
//! Each has the number and the text that every `OSError` has, and the status with which the
//! command would end.

use std::io;

use memtalk::{Error, Status};
use pyo3::prelude::*;

/// The exception for an error of the library, or for one of the system.
pub(crate) fn raised(py: Python<'_>, error: io::Error) -> PyErr {
    match Error::from_io(&error) {
        Some(talk) => talk_error(py, talk),
        None => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            new(py, "Error", number, &error.to_string(), Status::Failed)
        }
    }
}

/// The exception for an error of the library.
pub(crate) fn talk_error(py: Python<'_>, error: &Error) -> PyErr {
    let (class, number) = class_of(error);
    new(py, class, number, &words(error), Status::from(error))
}

/// What a call that never waits has come to: `None` if it would have had to wait.
pub(crate) fn unless_it_waits<T>(py: Python<'_>, result: io::Result<T>) -> PyResult<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(raised(py, error)),
    }
}

/// Another thread is using this end.
pub(crate) fn in_use(py: Python<'_>) -> PyErr {
    let text = "another thread is using this end; give it one thread at a time";
    new(py, "InUse", libc::EBUSY, text, Status::Failed)
}

/// What a caller has passed is not valid.
pub(crate) fn invalid(py: Python<'_>, text: &str) -> PyErr {
    new(py, "InvalidArgument", libc::EINVAL, text, Status::Usage)
}

/// Fails in a process that is not this one: it was forked.
pub(crate) fn check_process(py: Python<'_>, process: u32) -> PyResult<()> {
    if std::process::id() == process {
        return Ok(());
    }
    let text = "this talk belongs to the process that this one was forked from; \
                open another one here";
    Err(new(py, "Forked", libc::EPERM, text, Status::Failed))
}

/// The class, and the number of the error that comes closest.
fn class_of(error: &Error) -> (&'static str, i32) {
    match error {
        Error::Name(_) | Error::Pages { .. } | Error::Mode | Error::Offset => {
            ("InvalidArgument", libc::EINVAL)
        }
        Error::Timeout(_) => ("NoPeer", libc::ETIMEDOUT),
        Error::Busy | Error::Stuck => ("Busy", libc::EBUSY),
        Error::NotOurs { .. }
        | Error::Unreadable
        | Error::ModesDiffer { .. }
        | Error::LeftBehind { .. } => ("NotAllowed", libc::EACCES),
        Error::Foreign(_)
        | Error::NotAnObject
        | Error::Unsealed
        | Error::PagesDiffer { .. }
        | Error::SeveralPages(..) => ("Foreign", libc::EINVAL),
        Error::Corrupt | Error::Truncated => ("Damaged", libc::EIO),
        Error::PeerDied => ("PeerDied", libc::ECONNRESET),
        Error::PeerRestarted => ("PeerRestarted", libc::ECONNRESET),
        Error::PeerStopped => ("PeerStopped", libc::ECONNRESET),
        Error::Stalled => ("Stalled", libc::ETIMEDOUT),
        Error::Cancelled => ("Cancelled", libc::ECONNABORTED),
        Error::Ended => ("Ended", libc::EBADF),
        Error::NotAtEnd => ("NotAtEnd", libc::EINVAL),
        Error::Forked => ("Forked", libc::EPERM),
        Error::System { source, .. } => ("Error", source.raw_os_error().unwrap_or(libc::EIO)),
        _ => ("Error", libc::EIO),
    }
}

/// What happened and what to do, with the options as Python has them.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    for (rust, python) in [
        ("Options::at_offset", "offset="),
        ("Options::mode", "mode="),
        ("Options::pages", "pages="),
    ] {
        words = words.replace(rust, python);
    }
    words
}

fn new(py: Python<'_>, class: &str, number: i32, text: &str, status: Status) -> PyErr {
    let exception = || {
        let module = py.import("memtalk._errors")?;
        let exception = module.getattr(class)?.call1((number, text))?;
        exception.setattr("status", status as u8)?;
        Ok(PyErr::from_value(exception))
    };
    exception().unwrap_or_else(|error| error)
}
