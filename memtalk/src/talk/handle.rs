//! Ending a talk from another thread, while its ends may be in use: [`TalkHandle`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};
use std::time::Duration;

use super::Talk;
use super::seated::Seated;
use crate::error::Error;
use crate::lifecycle::get_up::Removed;
use crate::lifecycle::request::Place;
use crate::lifecycle::retry::{DOOR_WAIT, Retry};
use crate::look::Party;
use crate::sys;
use crate::sys::named::NamedObject;

/// A handle to end our part of a talk while its ends may be in use: for a process that is
/// about to end without dropping them, in a thread that waits for signals for example.
///
/// If somebody removes the name while we wait for a peer, and we take a seat at another
/// object, the handle follows.
#[derive(Clone)]
pub struct TalkHandle(pub(crate) Arc<Current>);

impl TalkHandle {
    /// How long a newcomer waits for other processes at the door, 10 s: for
    /// [`remove_name`](Self::remove_name) in a program that has the time.
    pub const DOOR_WAIT: Duration = DOOR_WAIT;

    /// Removes the name, unless it leads to another object by now or the talk has ended.
    /// If the peer is outside, or none has come, this also fails the ends that are not
    /// closed, so that a party outside learns that we leave. It waits for other processes
    /// that sit down or get up, no longer than `within`. After this, we take no seat again.
    ///
    /// # Errors
    /// The name stays until the next talk removes it.
    /// - [`Error::Stuck`] if another process keeps the object locked.
    /// - [`Error::LeftBehind`] if only another user can remove it.
    /// - [`Error::System`] if a system call fails.
    pub fn remove_name(&self, within: Duration) -> Result<(), Error> {
        self.end(within, |_| ())
    }

    /// Gives up both ends, unless they are closed, and removes the name as
    /// [`remove_name`](Self::remove_name) does: for a process that is about to end, when a
    /// signal has come for example. What was sent can still be received. The peer is told
    /// that we have stopped ([`Error::PeerStopped`]); without this it would be told that we
    /// died. Our own threads that still use the ends get [`Error::Ended`].
    ///
    /// # Errors
    /// Those of [`remove_name`](Self::remove_name).
    pub fn leave(&self, within: Duration) -> Result<(), Error> {
        self.end(within, |talk| {
            talk.fate.give_up();
            talk.seated.fail_ends();
        })
    }

    fn end(&self, within: Duration, first: impl FnOnce(&Talk)) -> Result<(), Error> {
        let mut retry = Retry::within(within);
        let Some(talk) = self.0.last(&mut retry)? else {
            return Ok(());
        };
        first(&talk);
        match talk.seated.get_up(true, retry)? {
            Removed::Refused => Err(talk.seated.left_behind()),
            Removed::Gone | Removed::ByPeer | Removed::Joined => Ok(()),
        }
    }

    /// Gives up both ends, unless they are closed, as dropping them would. The peer is
    /// told at once, even while our own threads still use the ends: they get
    /// [`Error::Ended`].
    pub fn give_up(&self) {
        if let Some(talk) = self.talk() {
            talk.fate.give_up();
            talk.seated.give_up();
        }
    }

    /// Keeps our seat until the process ends, even if the ends are dropped earlier.
    /// Dropping them does not remove the name then: call
    /// [`remove_name`](Self::remove_name). The end of the process gives up the seat.
    pub fn keep(&self) {
        std::mem::forget(self.talk());
    }

    /// Who the peer is at this moment. `None` if the talk has ended.
    ///
    /// # Errors
    /// [`Error::System`] if a system call fails.
    pub fn peer(&self) -> Result<Option<Party>, Error> {
        let party = |talk: Arc<Talk>| talk.seated.party();
        self.talk().map(party).transpose()
    }

    /// The object and its name, for a handler of SIGBUS to remove. `None` if the name is
    /// not ours to remove, or the talk has ended.
    #[must_use]
    pub fn named_object(&self) -> Option<NamedObject> {
        self.talk()?.seated.named_object()
    }

    /// The talk, unless it has ended.
    fn talk(&self) -> Option<Arc<Talk>> {
        let current = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.talk.upgrade()
    }
}

/// The place of the talk, unless that has ended.
impl fmt::Debug for TalkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TalkHandle")
            .field("place", &self.0.place())
            .finish_non_exhaustive()
    }
}

/// The talk that a handle is about. It changes if a first party loses its name and sits
/// down again.
#[derive(Debug, Default)]
pub(crate) struct Current(Mutex<Sitting>);

#[derive(Debug, Default)]
struct Sitting {
    talk: Weak<Talk>,
    /// [`TalkHandle::remove_name`] was called, so we must not publish another object.
    over: bool,
}

impl Current {
    /// This talk, and no other later.
    pub(crate) fn only(talk: &Arc<Talk>) -> Self {
        let talk = Arc::downgrade(talk);
        Self(Mutex::new(Sitting { talk, over: false }))
    }

    /// Where the talk is, unless it has ended or somebody sits down at this moment.
    pub(crate) fn place(&self) -> Option<Place> {
        let talk = self.0.try_lock().ok()?.talk.upgrade()?;
        Some(talk.seated.place().clone())
    }

    /// Sits down, perhaps in place of an earlier talk.
    ///
    /// # Errors
    /// [`Error::Ended`] after [`TalkHandle::remove_name`]; those of `seated`.
    pub(crate) fn sit_down(
        &self,
        seated: impl FnOnce() -> Result<Seated, Error>,
    ) -> Result<Arc<Talk>, Error> {
        // Locked meanwhile: a thread that removes the name must find the talk that has
        // published it.
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.over {
            return Err(Error::Ended);
        }
        let talk = Talk::new(seated()?);
        current.talk = Arc::downgrade(&talk);
        Ok(talk)
    }

    /// The talk, unless it has ended. No other sits down here any more.
    ///
    /// # Errors
    /// [`Error::Stuck`] if a thread of ours is sitting down for longer than `retry` allows.
    fn last(&self, retry: &mut Retry) -> Result<Option<Arc<Talk>>, Error> {
        let mut current = loop {
            match self.0.try_lock() {
                Ok(current) => break current,
                Err(TryLockError::Poisoned(current)) => break current.into_inner(),
                Err(TryLockError::WouldBlock) => retry.pause(sys::nap)?,
            }
        };
        current.over = true;
        Ok(current.talk.upgrade())
    }
}
