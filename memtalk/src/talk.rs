//! What the two ends share: the seat, and what becomes of the peer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use memtalk_ring::Departure;

use crate::Error;
use crate::futex::Futex;
use crate::object::{Seated, wait_until_left};

/// Removes the name of a talk, as its end would. For a process that is about to
/// end without dropping its ends, by a signal for example.
#[derive(Clone, Debug)]
pub struct NameRemover(pub(crate) Weak<Talk>);

impl NameRemover {
    /// Removes the name, unless it leads to another object by now or the talk
    /// has ended.
    ///
    /// # Errors
    /// [`Error::Stuck`] if another process keeps the object locked,
    /// [`Error::System`] if a system call fails.
    pub fn remove(&self) -> Result<(), Error> {
        match self.0.upgrade() {
            Some(talk) => talk.seated.remove_name(),
            None => Ok(()),
        }
    }
}

/// What the two ends share: the seat, until the last of them goes.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) seated: Seated,
    pub(crate) fate: Arc<Fate>,
}

/// What became of the two who sat down.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// We have got up: the page is no longer this talk's.
    over: bool,
    /// How the peer went, once it has.
    peer: Option<Departure>,
}

impl Fate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    pub(crate) fn error(&self, error: memtalk_ring::Error) -> Error {
        match error {
            // The watcher marks a dead peer's words under this lock, so whoever
            // has seen the mark also sees the reason.
            memtalk_ring::Error::PeerFailed => match self.fate.lock().peer {
                Some(Departure::Died) => Error::PeerDied,
                _ => Error::PeerStopped,
            },
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ => Error::Corrupt,
        }
    }

    /// The peer is gone: speaks for it, so that our ends learn of it.
    fn mourn(&self) {
        let mut state = self.fate.lock();
        if !state.over {
            let peer = self.seated.seat.peer();
            state.peer = Some(self.seated.page.mourn(peer, &Futex::new()));
            self.fate.ended.notify_all();
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.fate.lock().over = true;
        self.fate.ended.notify_all();
        // Nothing is lost if this fails: the next to use the name finds an
        // object that nobody sits at.
        let _ = self.seated.remove_name();
        let _ = self.seated.stand();
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

/// Starts a thread that sleeps until the peer's seat is free, and then speaks
/// for the peer if it has died.
///
/// The kernel frees the seat whichever way the peer ends, so this needs no
/// polling. If we get up first, the thread stays until the peer does, and keeps
/// nothing but the open object.
pub(crate) fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let file = talk.seated.file()?;
    let peer = talk.seated.seat.peer();
    let talk = Arc::downgrade(talk);
    let watcher = move || {
        if wait_until_left(&file, peer).is_ok()
            && let Some(talk) = talk.upgrade()
        {
            talk.mourn();
        }
    };
    std::thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024)
        .spawn(watcher)
        .map_err(Error::system("start a thread"))?;
    Ok(())
}
