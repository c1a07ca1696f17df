//! Ending a talk from outside its ends.

use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};
use std::time::Duration;

use super::Talk;
use super::seated::Seated;
use crate::error::Error;
use crate::lifecycle::get_up::Removed;
use crate::lifecycle::retry::Retry;
use crate::sys;
use crate::sys::named::NamedObject;

/// A handle on a talk, to end our part of it while its ends may be in use: for a process
/// that is about to end without dropping them, in a signal's thread for example.
///
/// It follows a first party that loses its name and sits down again.
#[derive(Clone, Debug)]
pub struct TalkHandle(pub(crate) Arc<Current>);

impl TalkHandle {
    /// Removes the name, unless it leads to another object by now or the talk
    /// has ended; and if the peer is outside, gives up what is not closed. Others who
    /// sit down or get up are waited for no longer than `within`.
    ///
    /// # Errors
    /// The name stays, until the next talk: [`Error::Stuck`] if another process keeps
    /// the object locked, [`Error::LeftBehind`] if it is for another user to remove,
    /// [`Error::System`] if a system call fails.
    pub fn remove_name(&self, within: Duration) -> Result<(), Error> {
        let mut retry = Retry::within(within);
        let Some(talk) = self.0.last(&mut retry)? else {
            return Ok(());
        };
        match talk.seated.get_up(true, retry)? {
            Removed::Refused => Err(Error::LeftBehind),
            Removed::Gone | Removed::ByPeer | Removed::Joined => Ok(()),
        }
    }

    /// Gives up both ends, unless they are closed, as dropping them would: the peer is
    /// told at once, even while our own threads still use them.
    pub fn give_up(&self) {
        if let Some(talk) = self.talk() {
            talk.seated.give_up();
        }
    }

    /// Keeps our part of the talk until the process ends, however early its ends are
    /// dropped: [`remove_name`](Self::remove_name) and the end of the process do what
    /// dropping them would have done.
    pub fn keep(&self) {
        std::mem::forget(self.talk());
    }

    /// The object under its name, for a handler of SIGBUS; `None` if the name is not ours
    /// to remove, or the talk has ended.
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

/// The talk of one who waits, which may change, and of its two ends.
#[derive(Debug, Default)]
pub(crate) struct Current(Mutex<Sitting>);

#[derive(Debug, Default)]
struct Sitting {
    talk: Weak<Talk>,
    /// The name was removed, and nobody is to publish another object.
    over: bool,
}

impl Current {
    /// Sits down, perhaps in place of an earlier talk.
    ///
    /// # Errors
    /// [`Error::Ended`] if it is all over; those of `seated`.
    pub(crate) fn sit_down(
        &self,
        seated: impl FnOnce() -> Result<Seated, Error>,
    ) -> Result<Arc<Talk>, Error> {
        // Locked meanwhile, so that whoever removes the name finds who has published it.
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.over {
            return Err(Error::Ended);
        }
        let talk = Talk::new(seated()?);
        current.talk = Arc::downgrade(&talk);
        Ok(talk)
    }

    /// The talk, unless it has ended; the last that sits down here.
    ///
    /// # Errors
    /// [`Error::Stuck`] if somebody sits down for longer than `retry` allows.
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
