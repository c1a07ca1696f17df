//! What any thread may do with a talk, also while its ends are in use: [`Handle`]; and leaving
//! all talks when the interpreter ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use memtalk::look::Party;
use memtalk::{Channel, Peer, TalkHandle};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::errors::{check_process, talk_error};
use crate::opening::cancel_all;

/// The talks of this process that may not be over, to leave them at its end. Locked only by
/// threads that have the interpreter's lock. So has a thread that forks, and no child inherits
/// this while it is locked.
static TALKS: Mutex<Vec<(Owner, Weak<TalkHandle>)>> = Mutex::new(Vec::new());

/// How long the end of the interpreter may wait for others who sit down or get up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose a talk is: an interpreter's, in a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    process: u32,
    interpreter: i64,
}

impl Owner {
    pub(crate) fn current(_py: Python<'_>) -> Self {
        // SAFETY: the interpreter's lock is held.
        let interpreter = unsafe { ffi::PyInterpreterState_Get() };
        Self {
            process: std::process::id(),
            // SAFETY: as above, and it is the current one.
            interpreter: unsafe { ffi::PyInterpreterState_GetID(interpreter) },
        }
    }

    /// Takes out what is this one's and is still alive.
    pub(crate) fn take<T>(self, all: &mut Vec<(Self, Weak<T>)>) -> Vec<Arc<T>> {
        let own = all.extract_if(.., |(owner, _)| *owner == self);
        own.filter_map(|(_, one)| one.upgrade()).collect()
    }
}

/// A talk, for any thread.
#[pyclass(frozen, module = "memtalk._memtalk")]
pub(crate) struct Handle {
    talk: Arc<TalkHandle>,
    peer: Peer,
    process: u32,
    /// Tells the ends.
    given_up: Arc<AtomicBool>,
}

impl Handle {
    pub(crate) fn new(py: Python<'_>, channel: &Channel, given_up: &Arc<AtomicBool>) -> Self {
        let talk = Arc::new(channel.handle());
        let owner = Owner::current(py);
        let mut talks = TALKS.lock().unwrap_or_else(PoisonError::into_inner);
        talks.retain(|(_, talk)| talk.strong_count() > 0);
        talks.push((owner, Arc::downgrade(&talk)));
        Self {
            talk,
            peer: channel.peer.clone(),
            process: owner.process,
            given_up: Arc::clone(given_up),
        }
    }
}

#[pymethods]
impl Handle {
    /// Gives up both ends, unless they are closed. Calls that wait in them end with `Ended`.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        check_process(py, self.process)?;
        self.given_up.store(true, Ordering::Relaxed);
        py.detach(|| self.talk.give_up());
        Ok(())
    }

    /// Whether the peer has gone. Never waits.
    fn peer_is_gone(&self) -> bool {
        self.peer.is_gone()
    }

    /// Who the peer is: pid, user, name and command of a process that can be seen.
    #[allow(clippy::type_complexity, reason = "a tuple for Python's half")]
    fn peer(&self, py: Python<'_>) -> PyResult<Option<(u32, u32, String, String)>> {
        check_process(py, self.process)?;
        let party = py.detach(|| self.peer.party());
        Ok(match party.map_err(|e| talk_error(py, &e))? {
            Some(Party::Process(peer)) => Some((peer.pid, peer.user, peer.name, peer.command)),
            _ => None,
        })
    }
}

/// Ends the waits for peers, and gives up all ends that are not closed, so that the peers are
/// told that we have stopped, and no name is left behind. For the end of the interpreter, which
/// does not drop all objects. Talks of other interpreters go on, and a forked child leaves those
/// of its parent alone.
///
/// Keeps the interpreter's lock, for these few moments: an interpreter that ends because the
/// process does could not take it again.
#[pyfunction]
pub(crate) fn leave_all(py: Python<'_>) {
    let owner = Owner::current(py);
    for opening in cancel_all(owner) {
        opening.wait_until_over(PATIENCE);
    }
    let own = owner.take(&mut TALKS.lock().unwrap_or_else(PoisonError::into_inner));
    for talk in own {
        // A name that stays is removed by the next talk.
        let _ = talk.leave(PATIENCE);
    }
}
