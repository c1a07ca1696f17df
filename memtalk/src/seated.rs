//! A process that sits at an object, and its view of the peer.

use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use memtalk_ring::{Page, Presence, Region, Seat};

use crate::futex::Futex;
use crate::object::{Object, leave, seat_byte};
use crate::place::{Patience, Place, time_to_look};
use crate::seat::{Os, Refusal, RemoveName, SitDown, Step};
use crate::sys::lock::{self, Kind};
use crate::sys::map::{self, Mapping};
use crate::sys::{futex, lease};
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
    /// Takes a seat at `place`. Calls `idle` to let some time pass while nobody is
    /// there whom we could join; nothing is to be cleaned up then.
    pub(crate) fn sit_down(
        mut place: Place,
        timeout: Option<Duration>,
        mut idle: impl FnMut(Duration),
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let mut patience = Patience::new(timeout);
        let mut machine = SitDown::Open;
        let mut looked = began;
        loop {
            steps::step();
            if matches!(machine, SitDown::Open) {
                looked = Instant::now();
            }
            machine = match machine.step(&mut place) {
                Ok(Step::Next(next)) => next,
                Ok(Step::Blocked(next)) => {
                    patience.pause()?;
                    next
                }
                Ok(Step::Early(next)) => {
                    // Looking through much memory takes a while: a twentieth of the time.
                    idle(time_to_look(began, timeout, 19 * looked.elapsed())?);
                    patience = Patience::new(timeout);
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

    /// Removes the name, if it still leads to our object. Others can then use it
    /// for a talk of their own, while we go on with ours.
    pub(crate) fn remove_name(&self) -> Result<(), Error> {
        if !self.owned {
            return Ok(());
        }
        let _only_one = self.door.lock();
        let mut place = self.place.clone();
        let mut patience = Patience::new(None);
        let mut machine = RemoveName::Door;
        loop {
            steps::step();
            machine = match machine.step(&mut place, &self.object)? {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next) => {
                    patience.pause()?;
                    next
                }
                Step::Done(()) => return Ok(()),
            };
        }
    }

    /// Tells whoever is outside, or may come from there, and sees no locks, that we go:
    /// gives up what is not closed, and marks the seat.
    pub(crate) fn tell_outside(&self) {
        // If nobody has come, somebody outside may have the object open already.
        if self.peer().is_none_or(|peer| peer.outside) {
            // Our own threads may be using the ends still. They go on with a copy, and
            // so write nothing over what is said here: if there is room for another
            // mapping to say it in, and otherwise perhaps.
            let (file, ours) = (&self.object.file, self.page.region());
            let shared = Mapping::new(file, self.object.at, ours.size())
                .ok()
                .and_then(|shared| Page::over(shared).ok());
            if shared.is_some() {
                let _ = ours.detach(file);
            }
            let page = shared.as_ref().unwrap_or(&self.page);
            map::mourn(page, self.seat, &Futex::for_waking());
            leave(page, self.seat);
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
    /// then our seat is free, and not since we left it.
    ///
    /// What was read before was the old talk's, if this is not so: initialising frees our
    /// seat before anything else (`RestartFence`).
    pub(crate) fn was_restarted(&self) -> bool {
        fence(Ordering::Acquire);
        self.seat == Seat::Second && self.page.is_free(self.seat)
    }

    /// What a thread needs to watch the peer.
    pub(crate) fn view_of_peer(&self) -> Result<ViewOfPeer, Error> {
        let copy = self.object.file.try_clone();
        Ok(ViewOfPeer {
            file: copy.map_err(Error::system("copy a descriptor"))?,
            at: self.object.at,
            seat: self.object.at + seat_byte(self.seat.peer()),
        })
    }

    /// Waits until a peer sits at the other seat.
    pub(crate) fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let began = Instant::now();
        let seat = self.page.seat_word(Seat::Second);
        loop {
            let said = futex::load(seat);
            if Presence::from_word(said).is_some() {
                return Ok(());
            }
            let pause = time_to_look(began, timeout, Duration::ZERO)?;
            // A process wakes us, somebody outside does not.
            futex::wait(seat, said, Some(pause));
        }
    }
}

/// The peer's seat, and the object, open.
#[derive(Debug)]
pub(crate) struct ViewOfPeer {
    file: File,
    /// Offset of the page in bytes.
    at: u64,
    /// The byte that the peer locks, if it is a process.
    seat: u64,
}

impl ViewOfPeer {
    /// Sleeps until no process sits there any more.
    ///
    /// It asks for a read lock, which the sitter's write lock holds off and which
    /// does not make the seat look taken, and gives it back at once.
    pub(crate) fn wait_until_left(&self) -> io::Result<()> {
        lock::lock(&self.file, self.seat, Kind::Read)?;
        lock::unlock(&self.file, self.seat)
    }

    /// Puts a private copy in place of `mapping`, for all its clones. Returns another
    /// mapping of what is shared, if there is room for it.
    pub(crate) fn detach(&self, mapping: &Mapping) -> Option<Mapping> {
        let shared = Mapping::new(&self.file, self.at, mapping.size());
        mapping.detach(&self.file).ok()?;
        shared.ok()
    }

    /// Whether nobody else has the object open, so that no party outside is there.
    pub(crate) fn is_alone(&self) -> bool {
        !lease::is_open_elsewhere(&self.file)
    }
}
