//! A process: it drives the machines of `memtalk::lifecycle`, as the command does.

use memtalk::lifecycle::await_peer::{Arrival, AwaitPeer};
use memtalk::lifecycle::get_up::{GetUp, RemoveName, Removed};
use memtalk::lifecycle::sit_down::{Refusal, SitDown};
use memtalk::lifecycle::step::Step;
use memtalk::lifecycle::watch::Watch;
use memtalk_ring::{Presence, Seat};

use super::kernel::View;
use super::world::World;
use super::{Bug, Failed, ObjectId};

/// What a process is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Not running.
    Off,
    SittingDown(SitDown<ObjectId>),
    /// It sits first.
    Waiting(ObjectId, AwaitPeer<Failed>),
    /// Until it ends its part, or its watcher has told that the peer is gone.
    Talking(ObjectId, Seat),
    GettingUp(ObjectId, Seat, GetUp<Failed>, Then),
    /// The same, but its other thread has to do it.
    Parked(ObjectId, Seat),
    /// It has got up, and its watcher keeps the object open.
    Up(ObjectId, Seat),
}

/// What a process does once it has got up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Then {
    End,
    StartOver,
}

/// The user of a process.
pub(super) type User = bool;

/// What a process is started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) user: User,
    /// It talks with other users.
    pub(super) shared: bool,
    /// It joins only what is somebody else's.
    pub(super) tenant: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) phase: Phase,
    /// The thread that watches its peer, if it has one.
    pub(super) watch: Option<Watch>,
    /// The thread that has taken a signal, and gets up in all but the last step before the
    /// process ends of it.
    pub(super) signalled: Option<GetUp<Failed>>,
    /// How often it may still start.
    pub(super) starts: u8,
    pub(super) wish: Wish,
}

impl Process {
    pub(super) fn new(starts: u8, wish: Wish) -> Self {
        Self {
            phase: Phase::Off,
            watch: None,
            signalled: None,
            starts,
            wish,
        }
    }

    /// Where it sits.
    pub(super) fn sits_at(&self) -> Option<(ObjectId, Seat)> {
        match self.phase {
            Phase::Waiting(object, _) => Some((object, Seat::First)),
            Phase::Talking(object, seat)
            | Phase::GettingUp(object, seat, ..)
            | Phase::Parked(object, seat) => Some((object, seat)),
            _ => None,
        }
    }

    /// Where it sits, if its talk is not over.
    pub(super) fn talks_at(&self) -> Option<(ObjectId, Seat)> {
        match self.phase {
            Phase::GettingUp(..) | Phase::Parked(..) => None,
            _ => self.sits_at(),
        }
    }

    /// The object that it has open.
    pub(super) fn has_open(&self) -> Option<ObjectId> {
        match &self.phase {
            Phase::Off => None,
            Phase::SittingDown(machine) => machine.object().copied(),
            Phase::Waiting(object, _)
            | Phase::Talking(object, _)
            | Phase::GettingUp(object, ..)
            | Phase::Parked(object, _)
            | Phase::Up(object, _) => Some(*object),
        }
    }

    /// Whether it makes a call now that changes anything. Who waits sleeps while nobody has
    /// come and the name is still there; who talks, until it is told that the peer is gone.
    pub(super) fn runs(&self, world: &World, bug: Option<Bug>) -> bool {
        match self.phase {
            Phase::Waiting(object, AwaitPeer::LookAtSecond) => {
                !world.waits(object)
                    || world.kernel.name != Some(object) && bug != Some(Bug::NameLossUnnoticed)
            }
            Phase::Talking(..) => self.watch.is_none(),
            Phase::Off | Phase::Parked(..) | Phase::Up(..) => false,
            _ => true,
        }
    }

    /// Whether its watcher does, which sleeps for the lock of a seat while that is taken.
    pub(super) fn wakes(&self, world: &World) -> bool {
        match (self.watch, self.watches_from()) {
            (None, _) | (_, None) => false,
            (Some(Watch::Await), Some((object, seat))) => {
                world.object(object).seats[seat.peer().index()].is_none()
            }
            _ => true,
        }
    }

    /// Where the one sits, or sat, whose watcher there is. That rests while it gets up.
    fn watches_from(&self) -> Option<(ObjectId, Seat)> {
        match self.phase {
            Phase::Talking(object, seat) | Phase::Up(object, seat) => Some((object, seat)),
            _ => None,
        }
    }

    /// Whether it may end its part, or give up waiting before it has begun.
    pub(super) fn may_finish(&self) -> bool {
        match self.phase {
            Phase::Waiting(_, AwaitPeer::LookAtSecond) => true,
            Phase::Talking(..) => self.watch != Some(Watch::GiveBack),
            _ => false,
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some((object, seat)) = self.sits_at() {
            self.get_up(object, seat, Then::End);
        }
    }

    /// Whether its time may be over: for a peer to come, or at the door that somebody else
    /// keeps.
    pub(super) fn may_expire(&self, world: &World) -> bool {
        match &self.phase {
            Phase::Waiting(_, AwaitPeer::LookAtSecond) => true,
            Phase::Waiting(object, AwaitPeer::Remove(RemoveName::Door(_), _))
            | Phase::GettingUp(object, _, GetUp::Remove(RemoveName::Door(_)), _) => {
                world.object(*object).door.is_some()
            }
            _ => false,
        }
    }

    pub(super) fn expire(&mut self, view: &mut View<'_>) {
        match self.phase.clone() {
            Phase::Waiting(object, machine @ AwaitPeer::Remove(..)) => match machine.skip() {
                Some(machine) => self.phase = Phase::Waiting(object, machine),
                None => self.get_up(object, Seat::First, Then::End),
            },
            Phase::Waiting(object, _) => self.phase = Phase::Waiting(object, AwaitPeer::expire()),
            Phase::GettingUp(object, seat, machine, then) => match machine.skip(Failed) {
                Ok(machine) => self.phase = Phase::GettingUp(object, seat, machine, then),
                Err(Failed) => self.is_up(view, object, seat, then),
            },
            _ => {}
        }
    }

    /// Makes the next call.
    pub(super) fn advance(&mut self, view: &mut View<'_>) {
        match self.phase.clone() {
            Phase::Off => {
                self.starts -= 1;
                self.phase = Phase::SittingDown(SitDown::Open);
            }
            Phase::SittingDown(machine) => match machine.step(view) {
                Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                    self.phase = Phase::SittingDown(machine);
                }
                Ok(Step::Done((object, Seat::First))) => {
                    self.phase = Phase::Waiting(object, AwaitPeer::LookAtSecond);
                }
                Ok(Step::Done((object, Seat::Second))) => self.talk(view, object, Seat::Second),
                Err(Refusal::Busy | Refusal::Foreign(_) | Refusal::Os(Failed)) => {
                    self.phase = Phase::Off;
                }
            },
            Phase::Waiting(object, machine) => match machine.step(view, &object) {
                Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                    self.phase = Phase::Waiting(object, machine);
                }
                Ok(Step::Done(Arrival::Peer)) => self.talk(view, object, Seat::First),
                Ok(Step::Done(arrival)) => {
                    // A guest does not ask for the door.
                    if view.object(object).second == Some(Presence::PROCESS) {
                        view.violated("a first gives up waiting for one who is there");
                    }
                    let then = match arrival {
                        Arrival::NameLost => Then::StartOver,
                        _ => Then::End,
                    };
                    self.get_up(object, Seat::First, then);
                }
                Err(Failed) => self.get_up(object, Seat::First, Then::End),
            },
            Phase::Talking(object, seat) => self.get_up(object, seat, Then::End),
            Phase::GettingUp(object, seat, machine, then) => {
                match machine.step(view, &object, seat) {
                    Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                        self.phase = Phase::GettingUp(object, seat, machine, then);
                        self.make_mistakes(view);
                        self.check_refusal(view);
                    }
                    Step::Done(_) => {
                        let page = view.object(object);
                        let unsaid = seat == Seat::Second && page.has_outside(seat);
                        if unsaid && page.second == Some(Presence::PROCESS) {
                            view.violated("a guest is not told that a process has left");
                        }
                        self.is_up(view, object, seat, then);
                    }
                }
            }
            Phase::Parked(..) | Phase::Up(..) => {}
        }
    }

    /// Makes the next call of the thread that has taken a signal.
    pub(super) fn follow_signal(&mut self, view: &mut View<'_>) {
        let (Some(machine), Some((object, seat))) = (self.signalled.take(), self.sits_at()) else {
            return;
        };
        match machine.step(view, &object, seat) {
            Step::Next(GetUp::Stand(_)) | Step::Done(_) => self.die(),
            Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                self.signalled = Some(machine);
            }
        }
    }

    pub(super) fn die(&mut self) {
        (self.phase, self.watch, self.signalled) = (Phase::Off, None, None);
    }

    /// Makes the watcher's next call.
    pub(super) fn watch(&mut self, view: &mut View<'_>) {
        let (Some(machine), Some((object, seat))) = (self.watch, self.watches_from()) else {
            return;
        };
        self.watch = match machine.step(view, &object, seat) {
            Step::Next(next) => Some(next),
            Step::Blocked(next) | Step::Early(next, _) => match self.phase {
                Phase::Talking(..) => Some(next),
                // The talk is over: nobody looks any more.
                _ => None,
            },
            Step::Done(()) => {
                let page = view.object(object);
                let gone = match machine {
                    Watch::LookForRestart => page.second.is_none(),
                    Watch::LookForOthers => view.world.machine.has_open() != Some(object),
                    _ => page.seats[seat.peer().index()].is_none(),
                };
                if !gone {
                    view.violated("a living peer is taken for dead");
                }
                None
            }
        };
        if let (Phase::Up(..), None) = (&self.phase, self.watch) {
            self.phase = Phase::Off;
        }
    }

    fn talk(&mut self, view: &mut View<'_>, object: ObjectId, seat: Seat) {
        self.phase = Phase::Talking(object, seat);
        self.watch = Some(Watch::begin(view.object(object).has_outside(seat)));
    }

    fn get_up(&mut self, object: ObjectId, seat: Seat, then: Then) {
        if self.signalled.is_some() {
            self.phase = Phase::Parked(object, seat);
            return;
        }
        self.phase = Phase::GettingUp(object, seat, GetUp::Tell, then);
        // Asleep, it does not learn that the talk is over; who looks now and then does.
        self.watch = self.watch.filter(|watch| *watch == Watch::Await);
    }

    /// The last call is made: nothing is kept but the open object, and that only for as
    /// long as the peer sits there.
    fn is_up(&mut self, view: &mut View<'_>, object: ObjectId, seat: Seat, then: Then) {
        let pid = view.pid;
        let page = view.object(object);
        let [first, second] = page.seats;
        if [page.door, first, second].contains(&Some(pid)) {
            view.violated("who has got up keeps a lock");
        }
        self.phase = match then {
            Then::StartOver => Phase::SittingDown(SitDown::Open),
            Then::End if self.watch.is_some() && view.world.lives_on => Phase::Up(object, seat),
            Then::End => Phase::Off,
        };
        if self.phase == Phase::Off {
            self.watch = None;
        }
    }

    /// A failing call that keeps others from being made, if that is the mistake.
    fn make_mistakes(&mut self, view: &mut View<'_>) {
        let Phase::GettingUp(object, seat, machine, then) = self.phase.clone() else {
            return;
        };
        match (view.bug, machine) {
            (Some(Bug::FailureEndsIt), GetUp::Stand(Err(_))) => {
                self.is_up(view, object, seat, then)
            }
            (Some(Bug::FailureKeepsDoor), GetUp::Remove(RemoveName::LeaveDoor(Err(Failed)))) => {
                self.phase = Phase::GettingUp(object, seat, GetUp::Stand(Err(Failed)), then);
            }
            _ => {}
        }
    }

    /// Who says that an object stays, since its owner is gone, is right.
    fn check_refusal(&self, view: &mut View<'_>) {
        let Phase::GettingUp(id, _, GetUp::Stand(Ok(Removed::Refused)), _) = self.phase else {
            return;
        };
        let owner = view.object(id).owner;
        let will_remove = |process: &Self| match &process.phase {
            Phase::GettingUp(_, _, GetUp::Stand(_), _) => false,
            _ => process.wish.user == owner && process.sits_at().is_some_and(|(at, _)| at == id),
        };
        if view.world.processes.iter().any(will_remove) {
            view.violated("an object is said to stay whose owner is about to remove it");
        }
    }
}
