//! What the two ends share: the seat, and what becomes of the peer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use memtalk_ring::Page;

use crate::Error;
use crate::futex::Futex;
use crate::seated::{Seated, ViewOfPeer};
use crate::sys::map::{self, Mapping};

/// How often to look whether a peer outside is still there.
const LOOK: Duration = Duration::from_millis(100);

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

impl From<memtalk_ring::Departure> for Departure {
    fn from(departure: memtalk_ring::Departure) -> Self {
        match departure {
            memtalk_ring::Departure::Complete => Self::Complete,
            memtalk_ring::Departure::GaveUp => Self::GaveUp,
            memtalk_ring::Departure::Died => Self::Died,
        }
    }
}

/// Ends our part of a talk, as dropping its ends would: removes its name, and tells a
/// peer that sees no locks. For a process that is about to end without dropping its
/// ends, by a signal for example.
#[derive(Clone, Debug)]
pub struct NameRemover(pub(crate) Weak<Talk>);

impl NameRemover {
    /// Removes the name, unless it leads to another object by now or the talk
    /// has ended; and if the peer is outside, gives up what is not closed.
    ///
    /// # Errors
    /// [`Error::Stuck`] if another process keeps the object locked,
    /// [`Error::System`] if a system call fails.
    pub fn remove(&self) -> Result<(), Error> {
        match self.0.upgrade() {
            Some(talk) => {
                talk.seated.tell_outside();
                talk.seated.remove_name()
            }
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
                Some(Departure::Restarted) => Error::PeerRestarted,
                _ => Error::PeerStopped,
            },
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ if self.seated.was_restarted() => Error::PeerRestarted,
            _ => Error::Corrupt,
        }
    }

    /// The peer, a process, is gone: speaks for it, so that our ends learn of it.
    fn mourn(&self) {
        self.end_with(|page| {
            map::mourn(page, self.seated.seat.peer(), &Futex::for_waking()).into()
        });
    }

    /// The peer, outside, is gone or has started again. The page is not ours to write
    /// its part in: another may begin there, that does not know of us. So our ends are
    /// left with a copy of it, and learn there that the peer is gone.
    fn part(&self, view: &ViewOfPeer) {
        self.end_with(|page| {
            let (restarted, peer) = (self.seated.was_restarted(), self.seated.seat.peer());
            // Without a copy they would wait for ever, so what speaks against it has
            // to stand back.
            let shared = view
                .detach(page.region())
                .and_then(|shared| Page::over(shared).ok());
            let departure = map::mourn(page, peer, &Futex::for_waking()).into();
            // Those who fell asleep on what was shared.
            if let Some(shared) = shared {
                shared.wake(peer, &Futex::for_waking());
            }
            match restarted {
                true => Departure::Restarted,
                false => departure,
            }
        });
    }

    fn end_with(&self, how: impl FnOnce(&Page<Mapping>) -> Departure) {
        let mut state = self.fate.lock();
        if !state.over {
            state.peer = Some(how(&self.seated.page));
            self.fate.ended.notify_all();
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.fate.lock().over = true;
        self.fate.ended.notify_all();
        self.seated.tell_outside();
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

/// Starts a thread that waits until the peer is gone, and then speaks for it if it has
/// died.
///
/// The kernel frees the seat of a process whichever way it ends, so that needs no
/// polling. If we get up first, the thread stays until the peer does, and keeps
/// nothing but the open object. A peer outside has no lock: the thread looks ten times
/// a second whether it still has the object open, and whether it has started again.
pub(crate) fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let view = talk.seated.view_of_peer()?;
    let outside = talk.seated.peer_is_outside();
    let fate = Arc::clone(&talk.fate);
    let talk = Arc::downgrade(talk);
    let watcher = move || match outside {
        true => watch_outside(&fate, &talk, &view),
        false => {
            if view.wait_until_left().is_ok()
                && let Some(talk) = talk.upgrade()
            {
                talk.mourn();
            }
        }
    };
    std::thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024)
        .spawn(watcher)
        .map_err(Error::system("start a thread"))?;
    Ok(())
}

fn watch_outside(fate: &Fate, talk: &Weak<Talk>, view: &ViewOfPeer) {
    loop {
        let waited = fate
            .ended
            .wait_timeout_while(fate.lock(), LOOK, |state| !state.over);
        drop(waited);
        // None once both our ends are gone.
        let Some(talk) = talk.upgrade() else { return };
        if talk.seated.was_restarted() || view.is_alone() {
            return talk.part(view);
        }
    }
}
