//! A process at its seat: driving the lifecycle's machines, and looking at the peer.

use std::fs::File;
use std::time::{Duration, Instant};

use memtalk_ring::layout::OUTSIDE;
use memtalk_ring::{Departure, Page, Presence, Seat};

use super::outside;

use crate::error::Error;
use crate::error::system::doing;
use crate::lifecycle::await_peer::{Arrival, AwaitPeer};
use crate::lifecycle::await_turn::{AwaitTurn, Turn};
use crate::lifecycle::get_up::{GetUp, Reason, RemoveName, Removed};
use crate::lifecycle::object::Object;
use crate::lifecycle::os::Os;
use crate::lifecycle::request::{Part, Place, Request};
use crate::lifecycle::retry::{DOOR_WAIT, Deadline, GUARD_WAIT, Retry, SHORT_DOOR_WAIT};
use crate::lifecycle::sit_down::{Refusal, SitDown};
use crate::lifecycle::step::{Awaited, Step};
use crate::look::{self, Party};
use crate::sys::map::{self, Mapping};
use crate::sys::named::NamedObject;
use crate::sys::{self, crash_points, guard, shm};
use crate::wait::futex::{Futex, Kernel, sleep_until_taken};
use crate::wait::linux::Linux;
use crate::wait::nap;

/// How long one that has joined looks often whether the first party has noticed it, and
/// whatever its deadline.
const BEGINNING_WAIT: Duration = Duration::from_millis(200);

/// Our seat at an object, until we [get up](Self::get_up) or the process ends.
#[derive(Debug)]
pub(crate) struct Seated {
    request: Request,
    object: Object,
    pub(crate) page: Page<Mapping>,
    pub(crate) seat: Seat,
}

impl Seated {
    /// Takes a seat for `request`. Calls `idle` to let some time pass, with whom this waits
    /// for; `None` is a process that is only on its way to or from a seat. During `idle`
    /// there is nothing to clean up.
    pub(crate) fn sit_down(
        mut request: Request,
        deadline: &Deadline,
        mut idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Self, Error> {
        if let Place::Device(device) = &request.place
            && let Some(object) = outside::open(device, deadline, &mut idle)?
        {
            let (object, seat) =
                outside::sit_down(object, device, request.part, deadline, &mut idle)?;
            return Self::new(request, object, seat);
        }
        let waits = || (deadline.retry(DOOR_WAIT), deadline.retry(GUARD_WAIT));
        let (mut at_door, mut at_seat) = waits();
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
                    at_door.pause(|time| idle(time, None))?;
                    next
                }
                Ok(Step::Early(next, awaited)) => {
                    // Searching much memory takes a while. Spend a twentieth of the time
                    // on it.
                    match (deadline.time_to_look(19 * looked.elapsed()), awaited) {
                        (Ok(time), _) => idle(time, Some(awaited)),
                        (Err(Error::Timeout(_)), Awaited::Owner) => {
                            return Err(request.left_behind());
                        }
                        (Err(error), _) => return Err(error),
                    }
                    (at_door, at_seat) = waits();
                    next
                }
                Ok(Step::Done((object, seat))) => return Self::new(request, object, seat),
                Err(Refusal::Guarded) => {
                    at_seat.pause_at_seat(|time| idle(time, None))?;
                    SitDown::Open
                }
                Err(Refusal::Busy) => return Err(Error::Busy),
                Err(Refusal::Foreign(reason)) => return Err(request.place.foreign(reason)),
                Err(Refusal::Over) => return Err(Error::PeerStopped),
                Err(Refusal::Os(error)) => return Err(error),
            };
        }
    }

    fn new(mut request: Request, object: Object, seat: Seat) -> Result<Self, Error> {
        // The machine ends only with an object that it has mapped.
        let page = object.page.clone().ok_or(Error::NotAnObject)?;
        if let Place::Unnamed(given) = &mut request.place {
            // It is open by our own descriptor now.
            *given = None;
        }
        Ok(Self {
            request,
            object,
            page,
            seat,
        })
    }

    /// The object that the page is in.
    pub(crate) fn place(&self) -> &Place {
        &self.request.place
    }

    /// The open file of an object without a name, for whoever is to be our peer. It is
    /// another open file than ours, so our locks do not go with it.
    ///
    /// # Errors
    /// [`Error::System`] if a system call fails.
    pub(crate) fn give(&self) -> Result<File, Error> {
        shm::open_again(&self.object.file).map_err(Error::system(doing::OPEN_AGAIN))
    }

    /// Tells a party outside that we leave, removes the name, and gives up the seat. If
    /// `stays`, the seat is left to the end of the process, which is near.
    ///
    /// # Errors
    /// The name stays: because a call failed, or with [`Error::Stuck`] because others keep
    /// the door for longer than `retry` allows.
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

    /// Removes the name, so that the next object can have it, and stays.
    ///
    /// # Errors
    /// As for [`get_up`](Self::get_up).
    pub(crate) fn release_name(&self, mut retry: Retry) -> Result<Removed, Error> {
        let mut request = self.request.clone();
        let mut machine = RemoveName::begin(Reason::Over);
        loop {
            crash_points::step();
            machine = match machine.step(&mut request, &self.object, self.seat) {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next, _) => {
                    retry.pause(sys::nap)?;
                    next
                }
                Step::Done(removed) => return removed,
            };
        }
    }

    /// Begins the talk with whoever has joined or joins next, if they wait for their turn.
    pub(crate) fn attend(&self) -> Result<(), Error> {
        self.object.give_turn()?;
        // Whoever was about to fall asleep looks again after a while.
        let word = self.page.seat_word(Seat::First);
        Kernel::wake(&Linux::default(), word);
        Ok(())
    }

    /// The object and its name, if that is ours to remove.
    pub(crate) fn named_object(&self) -> Option<NamedObject> {
        let name = self.request.place.name()?.as_c_str();
        let named = || NamedObject::new(name, &self.object.file);
        self.request.owns_page(&self.object).then(named)?.ok()
    }

    /// Ends our part of the talk at once, even while our own threads use the ends.
    pub(crate) fn give_up(&self) {
        if self.fail_ends() {
            // The peer's watcher learns of it as well, since the seat is free now. Without
            // this, it would learn when the process ends.
            let _ = self.get_up(false, Retry::within(SHORT_DOOR_WAIT));
        }
    }

    /// Fails our ends that are not closed, even while our own threads use them. Returns
    /// whether there is a peer that is a process, and our threads go on with a private copy
    /// of the page.
    pub(crate) fn fail_ends(&self) -> bool {
        if self.peer().is_none_or(|peer| peer.outside) {
            self.request.clone().tell_outside(&self.object, self.seat);
            return false;
        }
        self.object.fail_ends(&self.page, self.seat).detached
    }

    /// Fails our ends that are not closed, once none of our threads uses them: those that
    /// were never taken. The peer would take them for a dead process's.
    pub(super) fn fail_open_ends(&self) {
        if self.peer().is_some_and(|peer| !peer.outside) {
            map::mourn(&self.page, self.seat, &Futex::for_waking());
        }
    }

    fn peer(&self) -> Option<Presence> {
        self.page.presence(self.seat.peer())
    }

    /// Who the peer is.
    pub(super) fn party(&self) -> Result<Party, Error> {
        if self.object.is_device() {
            return Ok(Party::Outside);
        }
        let peer = self.seat.peer();
        look::party_at(&self.object, peer, self.page.seat_value(peer))
    }

    /// Whether the peer has its seat at this moment. True of a party outside, of which this
    /// cannot be seen.
    pub(crate) fn peer_sits(&self) -> Result<bool, Error> {
        let seat = self.seat.peer();
        Ok(self.is_apart() || self.request.clone().is_seated(&self.object, seat)?)
    }

    /// Whether there is a peer, and it and we see no locks of each other: one of us is
    /// outside.
    pub(crate) fn is_apart(&self) -> bool {
        let peer = self.page.seat_value(self.seat.peer());
        peer & OUTSIDE != 0 || peer != 0 && self.object.is_device()
    }

    /// Whether the page may be initialised again at any time, or its memory go away.
    pub(crate) fn may_lose_page(&self) -> bool {
        self.object.is_device() || self.seat == Seat::Second && self.is_apart()
    }

    /// Whether the page, where one of us is outside, has been initialised again since we sat
    /// down, or its memory has gone. Then our seat's word is not ours although we did not leave.
    /// If it has not, everything that was read before this call belongs to this talk.
    pub(crate) fn was_restarted(&self) -> bool {
        self.object.is_restarted(self.seat)
    }

    /// What the watcher needs. It gets the page only if it sees no locks.
    pub(crate) fn view_of_peer(&self) -> (Request, Object) {
        let page = self.is_apart().then(|| self.page.clone());
        (self.request.clone(), self.object.with_page(page))
    }

    /// The error for an object that only its owner can remove.
    pub(super) fn left_behind(&self) -> Error {
        self.request.left_behind()
    }

    /// Fails the ends that the peer left open, in its name, so that our ends learn that it
    /// is gone. Returns how it went.
    ///
    /// Our ends go on with a private copy of the page, where nobody can overwrite what we
    /// write for the peer. If the peer was outside, we must not write its part into the
    /// shared page at all: another party, which does not know of us, may begin there.
    pub(super) fn mourn_peer(&self, outside: bool) -> Departure {
        let peer = self.seat.peer();
        // A second mapping, to wake the ends that sleep on the shared words. Without it we
        // make no private copy either, unless the page is not ours to write in.
        let shared = self.object.map_again(&self.page);
        if outside || shared.is_some() {
            // If this fails, we write in the shared page, where others can overwrite it.
            let _ = self.object.detach(&self.page);
        }
        let departure = map::mourn(&self.page, peer, &Futex::for_waking());
        if let Some(shared) = shared {
            shared.wake(peer, &Futex::for_waking());
        }
        departure
    }

    /// Waits at the second seat until the first party has noticed us, if one of us is outside;
    /// or until it has time for us, if we are a client.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it has none in time; [`Error::Cancelled`].
    pub(crate) fn wait_for_turn(&self, deadline: &Deadline) -> Result<Turn, Error> {
        let mut machine = match (self.is_apart(), self.request.part) {
            (true, _) => AwaitTurn::LookAtBeginning,
            (false, Part::Client) => AwaitTurn::LookAtTurn,
            (false, _) => return Ok(Turn::Ours),
        };
        let (word, mut request) = (self.page.seat_word(Seat::First), self.request.clone());
        let mut soon = Retry::within(BEGINNING_WAIT);
        loop {
            crash_points::step();
            let said = self.page.seat_value(Seat::First);
            machine = match machine.step(&mut request, &self.object)? {
                Step::Next(next) | Step::Blocked(next) => next,
                // One that is there will notice us soon.
                Step::Early(next @ AwaitTurn::LookAtBeginning, _) => {
                    if soon.pause(sys::nap).is_err() {
                        sys::nap(deadline.time_to_look(Duration::ZERO)?);
                    }
                    next
                }
                Step::Early(next, _) => {
                    let pause = deadline.time_to_look(Duration::ZERO)?;
                    Kernel::wait(&Linux::default(), word, said, Some(pause));
                    next
                }
                Step::Done(turn) => return Ok(turn),
            };
        }
    }

    /// Sees to it that a peer outside learns of our death.
    ///
    /// # Errors
    /// [`Error::System`] if no guard can be started.
    pub(crate) fn start_guard(&self) -> Result<(), Error> {
        match self.is_apart() {
            true => self.object.start_guard(guard::Party::Process(self.seat)),
            false => Ok(()),
        }
    }

    /// Waits until a peer has the second seat, or the name is lost.
    ///
    /// # Errors
    /// [`Error::Timeout`] if neither happens in time, or [`Error::Cancelled`]. Then nobody has joined, nor will. The
    /// exception: if others have kept us at the door for a second, somebody may have.
    pub(crate) fn wait_for_peer(&self, deadline: &Deadline) -> Result<Arrival, Error> {
        let mut request = self.request.clone();
        let mut retry = Retry::within(SHORT_DOOR_WAIT);
        let mut machine = AwaitPeer::LookAtSecond;
        loop {
            crash_points::step();
            machine = match machine.step(&mut request, &self.object)? {
                Step::Next(next) => next,
                Step::Early(next, _) => match deadline.time_to_look(Duration::ZERO) {
                    Ok(pause) => {
                        match self.object.is_device() {
                            true => sys::nap(pause.min(nap::LONGEST)),
                            false => {
                                let kernel = Linux::default();
                                sleep_until_taken(&self.page, Seat::Second, &kernel, pause);
                            }
                        }
                        next
                    }
                    Err(_) => AwaitPeer::expire(),
                },
                Step::Blocked(next) if retry.pause(sys::nap).is_ok() => next,
                Step::Blocked(next) => {
                    // The process that holds the door is stopped, or keeps it on purpose.
                    retry = Retry::within(SHORT_DOOR_WAIT);
                    next.skip().ok_or_else(|| deadline.over())?
                }
                Step::Done(Arrival::Nobody) => return Err(deadline.over()),
                Step::Done(arrival) => return Ok(arrival),
            };
        }
    }
}
