//! What the two ends share: the seat, and what becomes of the peer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use memtalk_ring::Page;

use crate::Error;
use crate::futex::Sleep;
use crate::place::{Patience, SHORT_PATIENCE};
use crate::seat::{Removed, Step, Watch};
use crate::seated::Seated;
use crate::sys;
use crate::sys::map::{self, Mapping};

/// How often to look whether a peer is still there, where nothing wakes us when it goes.
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

/// Ends our part of a talk while its ends may be in use: for a process that is about to
/// end without dropping them.
#[derive(Clone, Debug)]
pub struct NameRemover(pub(crate) Arc<Current>);

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
    /// [`Error::Stuck`] if somebody sits down for longer than `patience`.
    fn last(&self, patience: &mut Patience) -> Result<Option<Arc<Talk>>, Error> {
        let mut current = loop {
            match self.0.try_lock() {
                Ok(current) => break current,
                Err(TryLockError::Poisoned(current)) => break current.into_inner(),
                Err(TryLockError::WouldBlock) => patience.pause(sys::nap)?,
            }
        };
        current.over = true;
        Ok(current.talk.upgrade())
    }
}

impl NameRemover {
    /// Removes the name, unless it leads to another object by now or the talk
    /// has ended; and if the peer is outside, gives up what is not closed. Others who
    /// sit down or get up are waited for no longer than `patience`.
    ///
    /// # Errors
    /// The name stays, until the next talk: [`Error::Stuck`] if another process keeps
    /// the object locked, [`Error::LeftBehind`] if it is for another user to remove,
    /// [`Error::System`] if a system call fails.
    pub fn remove(&self, patience: Duration) -> Result<(), Error> {
        let mut patience = Patience::new(patience);
        let Some(talk) = self.0.last(&mut patience)? else {
            return Ok(());
        };
        match talk.seated.get_up(true, patience)? {
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

    /// The talk, unless it has ended. As long as this is kept, it ends with nothing else.
    pub(crate) fn talk(&self) -> Option<Arc<Talk>> {
        let current = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.talk.upgrade()
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until we have got up; whether we have not.
    fn goes_on_for(&self, time: Duration) -> bool {
        let ongoing = |state: &mut State| !state.over;
        let waited = self.ended.wait_timeout_while(self.lock(), time, ongoing);
        !waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

impl Talk {
    pub(crate) fn new(seated: Seated) -> Arc<Self> {
        let fate = Arc::default();
        Arc::new(Self { seated, fate })
    }

    pub(crate) fn error(&self, error: memtalk_ring::Error) -> Error {
        match error {
            // The watcher marks a dead peer's words under this lock, so whoever
            // has seen the mark also sees the reason.
            memtalk_ring::Error::PeerFailed => match self.fate.lock().peer {
                Some(departure) => departure.error(),
                None => Error::PeerStopped,
            },
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ if self.seated.was_restarted() => Error::PeerRestarted,
            _ => Error::Corrupt,
        }
    }

    /// Whether sending may go on: not after the peer has gone, even if there is room.
    #[inline]
    pub(crate) fn check_peer(&self) -> Result<(), Error> {
        match self.fate.gone.load(Ordering::Relaxed) {
            false => Ok(()),
            true => self.fate.lock().peer.map_or(Ok(()), |how| Err(how.error())),
        }
    }

    /// The peer is gone, or has started again: speaks for it, so that our ends learn of it.
    ///
    /// They are left with a copy of the page, where nobody can write over that. And if the
    /// peer was outside, the page is not ours to write its part in: another may begin
    /// there, that does not know of us.
    fn part(&self, outside: bool) {
        self.end_with(|page| {
            let peer = self.seated.seat.peer();
            let restarted = outside && self.seated.was_restarted();
            // For those who have fallen asleep on what is shared. Without it there is no
            // copy either, unless the page is not ours.
            let shared = self.seated.map_again();
            if outside || shared.is_some() {
                // If this fails, what is said is said where others can write.
                let _ = self.seated.detach();
            }
            let departure = map::mourn(page, peer, &Sleep::for_waking()).into();
            if let Some(shared) = shared {
                shared.wake(peer, &Sleep::for_waking());
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
            self.fate.gone.store(true, Ordering::Relaxed);
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
        let _ = self.seated.get_up(false, Patience::new(SHORT_PATIENCE));
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
/// a second whether it still has the object open, and whether it has started again; and
/// as often at the seat, where the kernel has no lock to give.
pub(crate) fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let (seat, outside) = (talk.seated.seat, talk.seated.peer_is_outside());
    let (mut place, object) = talk.seated.view_of_peer();
    let (fate, talk) = (Arc::clone(&talk.fate), Arc::downgrade(talk));
    let watcher = move || {
        let mut machine = Watch::begin(outside);
        loop {
            machine = match machine.step(&mut place, &object, seat) {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next, _) => match fate.goes_on_for(LOOK) {
                    true => next,
                    false => return,
                },
                Step::Done(()) => break,
            };
        }
        if let Some(talk) = talk.upgrade() {
            talk.part(outside);
        }
    };
    let thread = std::thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024);
    sys::start(thread, watcher).map_err(Error::system("start a thread"))?;
    Ok(())
}
