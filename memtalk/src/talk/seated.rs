//! A process that sits at an object, and its view of the peer.

use std::time::{Duration, Instant};

use memtalk_ring::{Departure, Page, Presence, Seat};

use crate::error::Error;
use crate::lifecycle::await_peer::{Arrival, AwaitPeer};
use crate::lifecycle::get_up::{GetUp, Removed};
use crate::lifecycle::object::Object;
use crate::lifecycle::os::Os;
use crate::lifecycle::request::Request;
use crate::lifecycle::retry::{Deadline, Retry, SHORT_DOOR_WAIT};
use crate::lifecycle::sit_down::{Refusal, SitDown};
use crate::lifecycle::step::{Awaited, Step};
use crate::sys::map::{self, Mapping};
use crate::sys::named::NamedObject;
use crate::sys::{self, crash_points};
use crate::wait::futex::sleep_until_taken;
use crate::wait::linux::{Linux, Sleep};

/// We sit at `seat`, until we [get up](Self::get_up) or the process ends.
#[derive(Debug)]
pub(crate) struct Seated {
    request: Request,
    object: Object,
    pub(crate) page: Page<Mapping>,
    pub(crate) seat: Seat,
}

impl Seated {
    /// Takes a seat for `request`. Calls `idle` to let some time pass, and with whom it
    /// waits for if that may take longer; nothing is to be cleaned up then.
    pub(crate) fn sit_down(
        mut request: Request,
        deadline: Deadline,
        mut idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Self, Error> {
        let mut retry = deadline.retry();
        let mut machine = SitDown::Open;
        let mut looked = Instant::now();
        loop {
            crash_points::step();
            if matches!(machine, SitDown::Open) {
                looked = Instant::now();
            }
            machine = match machine.step(&mut request) {
                Ok(Step::Next(next)) => next,
                Ok(Step::Blocked(next)) => {
                    retry.pause(|time| idle(time, None))?;
                    next
                }
                Ok(Step::Early(next, awaited)) => {
                    // Looking through much memory takes a while: a twentieth of the time.
                    match (deadline.time_to_look(19 * looked.elapsed()), awaited) {
                        (Ok(time), _) => idle(time, Some(awaited)),
                        (Err(_), Awaited::Owner) => return Err(Error::LeftBehind),
                        (Err(error), _) => return Err(error),
                    }
                    retry = deadline.retry();
                    next
                }
                Ok(Step::Done((object, seat))) => return Self::new(request, object, seat),
                Err(Refusal::Busy) => return Err(Error::Busy),
                Err(Refusal::Foreign(reason)) => return Err(Error::Foreign(reason)),
                Err(Refusal::Os(error)) => return Err(error),
            };
        }
    }

    fn new(request: Request, object: Object, seat: Seat) -> Result<Self, Error> {
        // The machine has mapped every object that it is done with.
        let page = object.page.clone().ok_or(Error::NotAnObject)?;
        Ok(Self {
            request,
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
    /// longer than `retry` allows.
    pub(crate) fn get_up(&self, stays: bool, mut retry: Retry) -> Result<Removed, Error> {
        let mut request = self.request.clone();
        let mut machine = GetUp::Tell;
        loop {
            crash_points::step();
            machine = match machine {
                GetUp::Stand(removed) if stays => return removed,
                _ => match machine.step(&mut request, &self.object, self.seat) {
                    Step::Next(next) => next,
                    Step::Blocked(next) | Step::Early(next, _) => match retry.pause(sys::nap) {
                        Ok(()) => next,
                        Err(error) => next.skip(error)?,
                    },
                    Step::Done(removed) => return removed,
                },
            };
        }
    }

    /// The object, if it is ours to remove, under its name.
    pub(crate) fn named_object(&self) -> Option<NamedObject> {
        let named = || NamedObject::new(self.request.name.as_c_str(), &self.object.file);
        self.request.owns_name(&self.object).then(named)?.ok()
    }

    /// Ends our part of the talk at once, although our own threads may still use the
    /// ends.
    pub(crate) fn give_up(&self) {
        if self.peer().is_none_or(|peer| peer.outside) {
            self.request.clone().tell_outside(&self.object, self.seat);
        } else if let (_, true) = self.object.fail_ends(&self.page, self.seat) {
            // Who watches the seat learns of it as well. Otherwise when the process ends.
            let _ = self.get_up(false, Retry::within(SHORT_DOOR_WAIT));
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
    pub(crate) fn view_of_peer(&self) -> (Request, Object) {
        let page = self.peer_is_outside().then(|| self.page.clone());
        (self.request.clone(), self.object.with_page(page))
    }

    /// Speaks for the peer, which is gone, so that our ends learn of it.
    ///
    /// They go on with a private copy of the page, where nobody can write over what is said.
    /// If the peer was outside, the page is not ours to write its part in: another may
    /// begin there, that does not know of us.
    pub(super) fn mourn_peer(&self, outside: bool) -> Departure {
        let peer = self.seat.peer();
        // For those who have fallen asleep on what is shared. Without it there is no
        // copy either, unless the page is not ours.
        let shared = self.object.map_again(&self.page);
        if outside || shared.is_some() {
            // If this fails, what is said is said where others can write.
            let _ = self.object.detach(&self.page);
        }
        let departure = map::mourn(&self.page, peer, &Sleep::for_waking());
        if let Some(shared) = shared {
            shared.wake(peer, &Sleep::for_waking());
        }
        departure
    }

    /// Waits until a peer sits at the second seat, or the name is lost.
    ///
    /// # Errors
    /// [`Error::Timeout`] if neither is so in time: nobody has joined, nor will, unless
    /// they have been kept at the door for a second.
    pub(crate) fn wait_for_peer(&self, deadline: Deadline) -> Result<Arrival, Error> {
        let mut request = self.request.clone();
        let mut retry = Retry::within(SHORT_DOOR_WAIT);
        let mut machine = AwaitPeer::LookAtSecond;
        loop {
            crash_points::step();
            machine = match machine.step(&mut request, &self.object)? {
                Step::Next(next) => next,
                Step::Early(next, _) => match deadline.time_to_look(Duration::ZERO) {
                    Ok(pause) => {
                        sleep_until_taken(&self.page, Seat::Second, &Linux::default(), pause);
                        next
                    }
                    Err(_) => AwaitPeer::expire(),
                },
                Step::Blocked(next) if retry.pause(sys::nap).is_ok() => next,
                Step::Blocked(next) => {
                    // Somebody is stopped there, or keeps the door to spite us.
                    retry = Retry::within(SHORT_DOOR_WAIT);
                    next.skip().ok_or_else(|| deadline.over())?
                }
                Step::Done(Arrival::Nobody) => return Err(deadline.over()),
                Step::Done(arrival) => return Ok(arrival),
            };
        }
    }
}
