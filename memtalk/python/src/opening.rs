//! Opening a talk: a thread waits for the peer, and whoever has the [`Opening`] waits for the
//! thread, or selects on its descriptor.
//!
//! # Contract
//! - The library's wait for a peer takes no callback, so that Ctrl-C could not end it. The
//!   thread's wait can be cancelled, and ends within 0.05 s then.
//! - An opening that is dropped is cancelled. The thread then gives up whatever it has opened.
//! - The thread never takes the interpreter's lock, so the interpreter may end before it.

use std::ffi::OsString;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use memtalk::{Cancel, Channel, Error};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::errors::{check_process, raised, talk_error};
use crate::event::{Event, When};
use crate::handle::{Handle, Owner};
use crate::options::Wanted;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::wait::{Step, wait};

type Parts = (Sender, Receiver, Handle);

/// The openings of this process that may not be over, to cancel them at its end. Locked only by
/// threads that have the interpreter's lock, as the list of talks is.
static OPENINGS: Mutex<Vec<(Owner, Weak<Job>)>> = Mutex::new(Vec::new());

/// The thread's work, and what came of it.
pub(crate) struct Job {
    outcome: Mutex<Outcome>,
    /// Ready once there is an outcome.
    over: Arc<Event>,
    cancel: Cancel,
}

enum Outcome {
    Waits,
    Open(Box<Channel>),
    Failed(Error),
    Panicked,
    Taken,
}

impl Job {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is an outcome, for at most `time`, or until a signal.
    pub(crate) fn wait_until_over(&self, time: Duration) {
        if matches!(*self.outcome(), Outcome::Waits) {
            self.over.wait(time);
        }
    }
}

/// Cancels all openings of this owner, and returns them.
pub(crate) fn cancel_all(owner: Owner) -> Vec<Arc<Job>> {
    let own = owner.take(&mut openings());
    own.iter().for_each(|job| job.cancel.cancel());
    own
}

fn openings() -> MutexGuard<'static, Vec<(Owner, Weak<Job>)>> {
    OPENINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A talk that is being opened.
#[pyclass(frozen, module = "memtalk._memtalk")]
pub(crate) struct Opening {
    job: Arc<Job>,
    process: u32,
}

impl Opening {
    /// Starts the thread.
    fn start(
        py: Python<'_>,
        cancel: Cancel,
        work: impl FnOnce() -> Result<Channel, Error> + Send + 'static,
    ) -> PyResult<Self> {
        let over = Event::new(When::Readable).map_err(|e| raised(py, e))?;
        over.clear();
        let job = Arc::new(Job {
            outcome: Mutex::new(Outcome::Waits),
            over,
            cancel,
        });
        let process = std::process::id();
        let mut openings = openings();
        openings.retain(|(_, job)| job.strong_count() > 0);
        openings.push((Owner::current(py), Arc::downgrade(&job)));
        drop(openings);
        let theirs = Arc::clone(&job);
        let opens = move || {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            *theirs.outcome() = match outcome {
                Ok(Ok(channel)) => Outcome::Open(Box::new(channel)),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(_) => Outcome::Panicked,
            };
            theirs.over.set();
        };
        let thread = thread::Builder::new().name("memtalk-open".into());
        py.detach(|| thread.spawn(opens))
            .map_err(|e| raised(py, e))?;
        Ok(Self { job, process })
    }
}

#[pymethods]
impl Opening {
    /// Waits until the talk is open, and returns its parts.
    fn wait(&self, py: Python<'_>) -> PyResult<Parts> {
        check_process(py, self.process)?;
        let waited = wait(py, None, &AtomicBool::new(false), |time| {
            if matches!(*self.job.outcome(), Outcome::Waits) {
                self.job.over.wait(time);
                return Err(Error::Stalled.into());
            }
            Ok(Step::Done(()))
        });
        if let Err(error) = waited {
            self.job.cancel.cancel();
            return Err(error);
        }
        match std::mem::replace(&mut *self.job.outcome(), Outcome::Taken) {
            Outcome::Open(channel) => Ok(parts(py, *channel)),
            Outcome::Failed(error) => Err(talk_error(py, &error)),
            Outcome::Waits | Outcome::Taken => Err(talk_error(py, &Error::Ended)),
            Outcome::Panicked => Err(PyRuntimeError::new_err("opening the talk panicked")),
        }
    }

    /// Ends the wait: `wait` raises `Cancelled`.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        check_process(py, self.process)?;
        self.job.cancel.cancel();
        Ok(())
    }

    /// The descriptor that is readable once `wait` need not wait.
    fn fileno(&self) -> RawFd {
        self.job.over.as_raw_fd()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        match std::process::id() == self.process {
            true => self.job.cancel.cancel(),
            // It is the parent's to drop.
            false => std::mem::forget(Arc::clone(&self.job)),
        }
    }
}

fn parts(py: Python<'_>, channel: Channel) -> Parts {
    let given_up = Arc::default();
    let handle = Handle::new(py, &channel, &given_up);
    let Channel {
        sender, receiver, ..
    } = channel;
    (
        Sender::new(sender, &given_up),
        Receiver::new(receiver, &given_up),
        handle,
    )
}

/// Opens the talk `name`.
#[pyfunction]
pub(crate) fn open(py: Python<'_>, name: OsString, wanted: Wanted<'_>) -> PyResult<Opening> {
    let cancel = Cancel::new();
    let options = wanted.options(py)?.cancelled_by(&cancel);
    Opening::start(py, cancel, move || options.open(name))
}

/// Creates memory without a name, for a talk. Returns the opening, and the descriptor for the
/// peer, which is the caller's to close.
#[pyfunction]
pub(crate) fn create_memfd(py: Python<'_>, wanted: Wanted<'_>) -> PyResult<(Opening, RawFd)> {
    let cancel = Cancel::new();
    let options = wanted.options(py)?.cancelled_by(&cancel);
    let created = py.detach(|| options.create_memfd());
    let (waiting, memory) = created.map_err(|e| talk_error(py, &e))?;
    let opening = Opening::start(py, cancel, || waiting.wait_for_peer())?;
    Ok((opening, memory.into_raw_fd()))
}

/// Joins the talk in the memory behind a descriptor, which stays the caller's.
#[pyfunction]
pub(crate) fn join_memfd(py: Python<'_>, memory: RawFd, wanted: Wanted<'_>) -> PyResult<Opening> {
    // SAFETY: takes numbers only; whatever they are, it fails or makes a new descriptor.
    let copy = unsafe { libc::fcntl(memory, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(raised(py, io::Error::last_os_error()));
    }
    // SAFETY: a descriptor that was just made for us.
    let memory = unsafe { OwnedFd::from_raw_fd(copy) };
    let cancel = Cancel::new();
    let options = wanted.options(py)?.cancelled_by(&cancel);
    Opening::start(py, cancel, move || options.join_memfd(memory))
}

/// Two talks that are each other's peer.
#[pyfunction]
pub(crate) fn pair(py: Python<'_>, wanted: Wanted<'_>) -> PyResult<(Parts, Parts)> {
    let options = wanted.options(py)?;
    let (one, other) = py
        .detach(|| options.pair())
        .map_err(|e| talk_error(py, &e))?;
    Ok((parts(py, one), parts(py, other)))
}
