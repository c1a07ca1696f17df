//! How the peer went, once it has, and waiting for that: [`Departure`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;

/// How a peer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Departure {
    /// It closed both its ends: both streams are complete.
    Complete,
    /// It gave up: it closed or failed both its ends, and failed at least one.
    GaveUp,
    /// It left an end open: it died.
    Died,
    /// It was outside, and has initialised the page again while we still had our seat: a
    /// machine that was reset. Or the memory, a device's, has gone.
    Restarted,
}

impl Departure {
    /// The error of an end that is not closed yet.
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Died => Error::PeerDied,
            Self::Restarted => Error::PeerRestarted,
            Self::Complete | Self::GaveUp => Error::PeerStopped,
        }
    }
}

impl From<memtalk_ring::Departure> for Departure {
    fn from(departure: memtalk_ring::Departure) -> Self {
        match departure {
            memtalk_ring::Departure::Complete => Self::Complete,
            memtalk_ring::Departure::GaveUp => Self::GaveUp,
            memtalk_ring::Departure::Died => Self::Died,
        }
    }
}

/// Whether our part of the talk is over, and how the peer went.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    state: Mutex<State>,
    ended: Condvar,
    /// Whether `state.peer` is set, readable without the lock.
    gone: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// We have given up both our ends, and then the peer goes because of that.
    given_up: bool,
    /// We have got up: the page is no longer this talk's.
    over: bool,
    /// How the peer went, once it has.
    peer: Option<Departure>,
}

impl State {
    /// Why our ends fail, as far as that is known.
    fn error(&self) -> Option<Error> {
        match self.given_up {
            true => Some(Error::Ended),
            false => self.peer.map(Departure::error),
        }
    }
}

impl Fate {
    /// Why the peer's end of a ring has failed.
    pub(super) fn reason(&self) -> Error {
        // The watcher marks a dead peer's words under this lock. So an end that has seen
        // the mark also sees the reason.
        self.lock().error().unwrap_or(Error::PeerStopped)
    }

    /// Fails if the peer has gone, with the error that says how.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.gone.load(Ordering::Relaxed) {
            false => Ok(()),
            true => self.lock().error().map_or(Ok(()), Err),
        }
    }

    /// Records how the peer went, as `how` returns it, unless we have got up. `how` runs
    /// under the lock.
    pub(super) fn decide(&self, how: impl FnOnce() -> Departure) {
        let mut state = self.lock();
        if !state.over {
            state.peer = Some(how());
            self.gone.store(true, Ordering::Relaxed);
            self.ended.notify_all();
        }
    }

    /// Records that we are about to give up both our ends, unless the peer has gone.
    pub(super) fn give_up(&self) {
        let mut state = self.lock();
        state.given_up = state.peer.is_none();
    }

    /// Records that we have got up.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.ended.notify_all();
    }

    /// Waits until the peer is gone, or we have got up. `None` if it goes because of us.
    pub(super) fn wait_until_gone(&self) -> Option<Departure> {
        let ongoing = |state: &mut State| state.peer.is_none() && !state.over;
        let ended = self.ended.wait_while(self.lock(), ongoing);
        let state = ended.unwrap_or_else(PoisonError::into_inner);
        state.peer.filter(|_| !state.given_up)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this time, or until we have got up. Returns whether the talk goes on.
    pub(super) fn goes_on_for(&self, time: Duration) -> bool {
        let ongoing = |state: &mut State| !state.over;
        let waited = self.ended.wait_timeout_while(self.lock(), time, ongoing);
        !waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}
