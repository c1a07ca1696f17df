//! What becomes of the peer: how it went, and who waits to know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;

/// How a peer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Departure {
    /// It closed both its ends: both streams are complete.
    Complete,
    /// It ended both, but said that it gave up on one.
    GaveUp,
    /// It left an end open.
    Died,
    /// It was outside, and has initialised the page again since it left an end open.
    Restarted,
}

impl Departure {
    /// What it means to an end that is not closed.
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

/// What became of the two who sat down.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    state: Mutex<State>,
    ended: Condvar,
    /// Whether the peer has gone: for a look without the lock.
    gone: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// We have got up: the page is no longer this talk's.
    over: bool,
    /// How the peer went, once it has.
    peer: Option<Departure>,
}

impl Fate {
    /// Why an end of the peer's has failed.
    pub(super) fn reason(&self) -> Error {
        // The watcher marks a dead peer's words under this lock, so whoever
        // has seen the mark also sees the reason.
        let peer = self.lock().peer;
        peer.map_or(Error::PeerStopped, Departure::error)
    }

    /// Whether the peer is still there, or how it went.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.gone.load(Ordering::Relaxed) {
            false => Ok(()),
            true => self.lock().peer.map_or(Ok(()), |how| Err(how.error())),
        }
    }

    /// Notes how the peer went, as `how` finds out and says: unless we have got up.
    pub(super) fn decide(&self, how: impl FnOnce() -> Departure) {
        let mut state = self.lock();
        if !state.over {
            state.peer = Some(how());
            self.gone.store(true, Ordering::Relaxed);
            self.ended.notify_all();
        }
    }

    /// We have got up.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until we have got up; whether we have not.
    pub(super) fn goes_on_for(&self, time: Duration) -> bool {
        let ongoing = |state: &mut State| !state.over;
        let waited = self.ended.wait_timeout_while(self.lock(), time, ongoing);
        !waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

/// The other process.
#[derive(Clone, Debug)]
pub struct Peer(pub(crate) Arc<Fate>);

impl Peer {
    /// Waits, asleep, until the peer has closed its ends and got up, or died.
    /// Our own ends learn of it by themselves; this is for a thread that is to
    /// know while they are busy elsewhere. `None` if both our ends have gone
    /// first: then nobody looks at the peer any more.
    #[must_use]
    pub fn wait_until_gone(&self) -> Option<Departure> {
        let ongoing = |state: &mut State| state.peer.is_none() && !state.over;
        let ended = self.0.ended.wait_while(self.0.lock(), ongoing);
        ended.unwrap_or_else(PoisonError::into_inner).peer
    }
}
