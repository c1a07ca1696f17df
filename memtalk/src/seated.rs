//! A process that sits at an object, and its view of the peer.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use memtalk_ring::{Page, Presence, Region, Seat};

use crate::futex::{Sleep, sleep_until_taken};
use crate::object::{Object, leave, seat_byte};
use crate::place::{Deadline, LOOK, Patience, Place, SHORT_PATIENCE};
use crate::seat::{Awaited, Os, Reason, Refusal, RemoveName, Removed, SitDown, Step};
use crate::sys::futex::Linux;
use crate::sys::lock::{self, Kind};
use crate::sys::map::{self, Mapping};
use crate::sys::{self, lease};
use crate::{Error, steps};

/// We sit at `seat`, until [`stand`](Self::stand) or the end of the process.
#[derive(Debug)]
pub(crate) struct Seated {
    place: Place,
    object: Object,
    pub(crate) page: Page<Mapping>,
    pub(crate) seat: Seat,
    /// Whether the name is ours to remove: not from a machine's memory.
    owned: bool,
    /// Our own threads at the door: its lock belongs to the open file, and so
    /// keeps out everybody but ourselves.
    door: Mutex<()>,
}

impl Seated {
    /// Takes a seat at `place`. Calls `idle` to let some time pass, and with whom it
    /// waits for if that may take longer; nothing is to be cleaned up then.
    pub(crate) fn sit_down(
        mut place: Place,
        deadline: Deadline,
        mut idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Self, Error> {
        let mut patience = deadline.patience();
        let mut machine = SitDown::Open;
        let mut looked = Instant::now();
        loop {
            steps::step();
            if matches!(machine, SitDown::Open) {
                looked = Instant::now();
            }
            machine = match machine.step(&mut place) {
                Ok(Step::Next(next)) => next,
                Ok(Step::Blocked(next)) => {
                    patience.pause(|time| idle(time, None))?;
                    next
                }
                Ok(Step::Early(next, awaited)) => {
                    // Looking through much memory takes a while: a twentieth of the time.
                    match (deadline.time_to_look(19 * looked.elapsed()), awaited) {
                        (Ok(time), _) => idle(time, Some(awaited)),
                        (Err(_), Awaited::Owner) => return Err(Error::LeftBehind),
                        (Err(error), Awaited::Machine) => return Err(error),
                    }
                    patience = deadline.patience();
                    next
                }
                Ok(Step::Done((object, seat))) => return Self::new(place, object, seat),
                Err(Refusal::Busy) => return Err(Error::Busy),
                Err(Refusal::Foreign(reason)) => return Err(Error::Foreign(reason)),
                Err(Refusal::Os(error)) => return Err(error),
            };
        }
    }

    fn new(place: Place, object: Object, seat: Seat) -> Result<Self, Error> {
        // The machine has mapped every object that it is done with.
        let page = object.page.clone().ok_or(Error::NotAnObject)?;
        let first = page.presence(Seat::First);
        Ok(Self {
            owned: place.tenancy.is_none() && first.is_none_or(|first| !first.outside),
            place,
            object,
            page,
            seat,
            door: Mutex::new(()),
        })
    }

    /// Removes the name, if it still leads to our object and `reason` holds. Others can
    /// then use it for a talk of their own, while we go on with ours.
    ///
    /// # Errors
    /// [`Error::Stuck`] if others keep the door for longer than `patience`.
    pub(crate) fn remove_name(
        &self,
        reason: Reason,
        mut patience: Patience,
    ) -> Result<Removed, Error> {
        if !self.owned {
            return Ok(Removed::Gone);
        }
        let _only_one = loop {
            match self.door.try_lock() {
                Ok(guard) => break guard,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => patience.pause(sys::nap)?,
            }
        };
        let mut place = self.place.clone();
        let mut machine = RemoveName::begin(reason);
        loop {
            steps::step();
            machine = match machine.step(&mut place, &self.object, self.seat)? {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next, _) => {
                    patience.pause(sys::nap)?;
                    next
                }
                Step::Done(removed) => return Ok(removed),
            };
        }
    }

    /// The object, if it is ours to remove, under its name.
    #[cfg(feature = "cli")]
    pub(crate) fn named(&self) -> Option<sys::signal::Named> {
        let named = || sys::signal::Named::new(self.place.name.as_c_str(), &self.object.file);
        self.owned.then(named)?.ok()
    }

    /// Gives up what is not closed, in the name of our own threads, which may still use
    /// the ends: they go on with a copy, and so write nothing over what is said here. If
    /// there is no room for a copy, and another mapping to say it in, they perhaps do.
    /// Returns the page where it was said, and whether they cannot.
    fn fail_ends(&self) -> (Page<Mapping>, bool) {
        let (view, ours) = (self.view_of_peer(), self.page.region());
        let shared = view.map(ours).and_then(|shared| Page::over(shared).ok());
        let detached = shared.is_some() && view.detach(ours).is_ok();
        let page = shared.unwrap_or_else(|| self.page.clone());
        map::mourn(&page, self.seat, &Sleep::for_waking());
        (page, detached)
    }

    /// Tells a peer that sees no locks, present or future, that we are leaving: gives up
    /// what is not closed, and marks the seat.
    pub(crate) fn tell_outside(&self) {
        // If nobody has come, somebody outside may have the object open already.
        if self.peer().is_none_or(|peer| peer.outside) {
            let (page, _) = self.fail_ends();
            leave(&page, self.seat);
        }
    }

    /// Ends our part of the talk at once, although our own threads may still use the
    /// ends.
    pub(crate) fn give_up(&self) {
        if self.peer().is_none_or(|peer| peer.outside) {
            self.tell_outside();
        } else if let (_, true) = self.fail_ends() {
            // Who watches the seat learns of it as well. Otherwise when the process ends.
            let _ = self.stand();
        }
    }

    fn peer(&self) -> Option<Presence> {
        self.page.presence(self.seat.peer())
    }

    /// Gives up the seat. Nobody uses its ends any more.
    pub(crate) fn stand(&self) -> Result<(), Error> {
        self.place.clone().stand(&self.object, self.seat)
    }

    /// Whether the peer, who is there, holds no lock.
    pub(crate) fn peer_is_outside(&self) -> bool {
        self.peer().is_some_and(|peer| peer.outside)
    }

    /// Whether the peer may initialise the page again at any time.
    pub(crate) fn peer_may_restart(&self) -> bool {
        self.seat == Seat::Second && self.peer_is_outside()
    }

    /// Whether the peer, outside, has initialised the page again since we sat down:
    /// then our seat is free, and not since we left it. If not, what was read before was
    /// this talk's.
    pub(crate) fn was_restarted(&self) -> bool {
        self.seat == Seat::Second && self.page.was_restarted()
    }

    /// What a thread needs to watch the peer.
    pub(crate) fn view_of_peer(&self) -> ViewOfPeer {
        ViewOfPeer {
            file: Arc::clone(&self.object.file),
            at: self.object.at,
            seat: self.object.at + seat_byte(self.seat.peer()),
        }
    }

    /// Waits until a peer sits at the second seat, or the name is lost. What is told as
    /// lost, or as too late, is so for good: nobody has joined, nor will, unless they have
    /// been kept at the door for a second.
    pub(crate) fn wait_for_peer(&self, deadline: Deadline) -> Result<Arrival, Error> {
        loop {
            if self.peer().is_some() {
                return Ok(Arrival::Peer);
            }
            let why = match deadline.time_to_look(Duration::ZERO) {
                Ok(pause) if self.place.clone().is_named(&self.object)? => {
                    sleep_until_taken(&self.page, Seat::Second, &Linux::default(), pause);
                    continue;
                }
                why => why,
            };
            match self.remove_name(Reason::Alone, Patience::new(SHORT_PATIENCE)) {
                Ok(Removed::Joined) => {}
                Ok(_) => return why.map(|_| Arrival::NameLost),
                // Somebody is stopped there, or keeps the door to spite us.
                Err(Error::Stuck) => _ = why?,
                Err(error) => return Err(error),
            }
        }
    }
}

/// How the wait for a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A peer is there.
    Peer,
    /// The name does not lead to our object any more, so that nobody can come.
    NameLost,
}

/// The peer's seat, and the object, open.
#[derive(Debug)]
pub(crate) struct ViewOfPeer {
    file: Arc<File>,
    /// Offset of the page in bytes.
    at: u64,
    /// The byte that the peer locks, if it is a process.
    seat: u64,
}

impl ViewOfPeer {
    /// Sleeps until no process sits there any more.
    ///
    /// It asks for a read lock, which the sitter's write lock holds off and which
    /// does not make the seat look taken, and gives it back at once. Where the kernel
    /// has no locks to give, it looks now and then.
    pub(crate) fn wait_until_left(&self) {
        if lock::lock(&self.file, self.seat, Kind::Read).is_ok() {
            // If this fails, whoever wants the seat finds that nobody sits there.
            let _ = lock::unlock(&self.file, self.seat);
            return;
        }
        while lock::is_write_locked(&self.file, self.seat).unwrap_or(true) {
            sys::nap(LOOK);
        }
    }

    /// Another mapping of the same, if there is room for it.
    pub(crate) fn map(&self, mapping: &Mapping) -> Option<Mapping> {
        Mapping::new(&self.file, self.at, mapping.size()).ok()
    }

    /// Puts a private copy in place of `mapping`, for all its clones.
    pub(crate) fn detach(&self, mapping: &Mapping) -> io::Result<()> {
        mapping.detach(&self.file)
    }

    /// Whether nobody else has the object open, so that no party outside is there.
    pub(crate) fn is_alone(&self) -> bool {
        !lease::is_open_elsewhere(&self.file)
    }
}
