//! A process that sits at an object, and its view of the peer.

use std::time::{Duration, Instant};

use memtalk_ring::{Page, Presence, Seat};

use crate::futex::sleep_until_taken;
use crate::object::Object;
use crate::place::{Deadline, Patience, Place, SHORT_PATIENCE};
use crate::seat::{Arrival, AwaitPeer, Awaited, GetUp, Os, Refusal, Removed, SitDown, Step};
use crate::sys;
use crate::sys::futex::Linux;
use crate::sys::map::Mapping;
use crate::{Error, steps};

/// We sit at `seat`, until we [get up](Self::get_up) or the process ends.
#[derive(Debug)]
pub(crate) struct Seated {
    place: Place,
    object: Object,
    pub(crate) page: Page<Mapping>,
    pub(crate) seat: Seat,
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
                        (Err(error), _) => return Err(error),
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
        Ok(Self {
            place,
            object,
            page,
            seat,
        })
    }

    /// Tells whoever is outside that we leave, removes the name, and gives up the seat,
    /// unless it `stays` because the process is about to end.
    ///
    /// # Errors
    /// The name stays: what has failed, or [`Error::Stuck`] if others keep the door for
    /// longer than `patience`.
    pub(crate) fn get_up(&self, stays: bool, mut patience: Patience) -> Result<Removed, Error> {
        let mut place = self.place.clone();
        let mut machine = GetUp::Tell;
        loop {
            steps::step();
            machine = match machine {
                GetUp::Stand(removed) if stays => return removed,
                _ => match machine.step(&mut place, &self.object, self.seat) {
                    Step::Next(next) => next,
                    Step::Blocked(next) | Step::Early(next, _) => match patience.pause(sys::nap) {
                        Ok(()) => next,
                        Err(error) => next.skip(error)?,
                    },
                    Step::Done(removed) => return removed,
                },
            };
        }
    }

    /// The object, if it is ours to remove, under its name.
    #[cfg(feature = "cli")]
    pub(crate) fn named(&self) -> Option<sys::signal::Named> {
        let named = || sys::signal::Named::new(self.place.name.as_c_str(), &self.object.file);
        self.place.owns_name(&self.object).then(named)?.ok()
    }

    /// Ends our part of the talk at once, although our own threads may still use the
    /// ends.
    pub(crate) fn give_up(&self) {
        if self.peer().is_none_or(|peer| peer.outside) {
            self.place.clone().tell_outside(&self.object, self.seat);
        } else if let (_, true) = self.object.fail_ends(&self.page, self.seat) {
            // Who watches the seat learns of it as well. Otherwise when the process ends.
            let _ = self.get_up(false, Patience::new(SHORT_PATIENCE));
        }
    }

    fn peer(&self) -> Option<Presence> {
        self.page.presence(self.seat.peer())
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

    /// What a thread needs to watch the peer: the page only if that is outside.
    pub(crate) fn view_of_peer(&self) -> (Place, Object) {
        let page = self.peer_is_outside().then(|| self.page.clone());
        (self.place.clone(), self.object.with_page(page))
    }

    /// Another mapping of the page, if there is room for it.
    pub(crate) fn map_again(&self) -> Option<Page<Mapping>> {
        self.object.map_again(&self.page)
    }

    /// Leaves our ends with a private copy of the page; `false` if there is no room for it.
    pub(crate) fn detach(&self) -> bool {
        self.object.detach(&self.page)
    }

    /// Waits until a peer sits at the second seat, or the name is lost.
    ///
    /// # Errors
    /// [`Error::Timeout`] if neither is so in time: nobody has joined, nor will, unless
    /// they have been kept at the door for a second.
    pub(crate) fn wait_for_peer(&self, deadline: Deadline) -> Result<Arrival, Error> {
        let mut place = self.place.clone();
        let mut patience = Patience::new(SHORT_PATIENCE);
        let mut machine = AwaitPeer::LookAtSecond;
        loop {
            steps::step();
            machine = match machine.step(&mut place, &self.object)? {
                Step::Next(next) => next,
                Step::Early(next, _) => match deadline.time_to_look(Duration::ZERO) {
                    Ok(pause) => {
                        sleep_until_taken(&self.page, Seat::Second, &Linux::default(), pause);
                        next
                    }
                    Err(_) => AwaitPeer::expire(),
                },
                Step::Blocked(next) if patience.pause(sys::nap).is_ok() => next,
                Step::Blocked(next) => {
                    // Somebody is stopped there, or keeps the door to spite us.
                    patience = Patience::new(SHORT_PATIENCE);
                    next.skip().ok_or_else(|| deadline.over())?
                }
                Step::Done(Arrival::Nobody) => return Err(deadline.over()),
                Step::Done(arrival) => return Ok(arrival),
            };
        }
    }
}
