//! A process: it drives the machines of `memtalk::lifecycle`, as the command does.

use memtalk::lifecycle::await_peer::{Arrival, AwaitPeer};
use memtalk::lifecycle::await_turn::{AwaitTurn, Turn};
use memtalk::lifecycle::get_up::{GetUp, Reason, RemoveName, Removed};
use memtalk::lifecycle::sit_down::SitDown;
use memtalk::lifecycle::step::Step;
use memtalk::lifecycle::watch::Watch;
use memtalk_ring::Seat;

use super::calls::{Assumption, Failed, Part, Place, View, Wish};
use super::effect::Effect;
use super::kernel::{At, Kernel, ObjectId, User};
use super::mistakes::Bug;

/// What a process is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Not running.
    Off,
    SittingDown(SitDown<ObjectId>),
    /// It sits first.
    Waiting(ObjectId, AwaitPeer<Failed>),
    /// A client at the second seat.
    AwaitingTurn(ObjectId, AwaitTurn),
    /// A service at the first seat whose peer has come: the next object is to have the name.
    Releasing(ObjectId, RemoveName<Failed>),
    /// Until it ends its part, or its watcher has told it that the peer is gone.
    Talking(At),
    GettingUp(At, GetUp<Failed>, Then),
    /// It is to get up, but leaves that to the thread that has taken a signal.
    Parked(At),
    /// It has got up, and its watcher keeps the object open.
    Up(At),
    /// It was killed. Its guard, which has the object open and keeps its locks, has yet to
    /// speak for it.
    Guarded(At),
}

/// What a process does once it has got up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Then {
    End,
    StartOver,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) phase: Phase,
    /// The thread that watches its peer, if it has one.
    pub(super) watch: Option<Watch>,
    /// The thread that has taken a signal. It makes all steps of getting up but the last;
    /// then the process ends of the signal.
    pub(super) signalled: Option<GetUp<Failed>>,
    /// How often it may still start.
    pub(super) starts: u8,
    pub(super) wish: Wish,
}

/// What can happen to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It makes its next call, or starts.
    Step,
    /// It makes its next call, which fails.
    Fail,
    /// Its watcher makes its next call.
    Watch,
    /// Its watcher makes its next call, which fails.
    FailWatch,
    /// It is killed, with its guard if it has one.
    Crash,
    /// It is killed, and its guard is not.
    GuardedCrash,
    /// A thread of it takes a signal.
    Signal,
    /// The thread that has taken a signal makes its next call.
    FollowSignal,
    /// It has said all that it wanted to, or gives up.
    Finish,
    /// It has waited too long, for a peer or at the door; or another thread has told it to
    /// give up.
    Expire,
    /// It is a service and has time now.
    Attend,
}

impl Event {
    /// Whether it is that a call fails.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::FailWatch)
    }
}

/// Which events may still happen, of those whose number is limited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limited {
    pub(super) failures: bool,
    pub(super) signals: bool,
}

/// Those events that are possible.
fn possible<const N: usize>(events: [(bool, Event); N]) -> impl Iterator<Item = Event> {
    let possible = events.into_iter().filter(|&(possible, _)| possible);
    possible.map(|(_, event)| event)
}

// What it is, and what can happen to it.
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

    /// A process that has just started, and does not start again.
    pub(super) fn newcomer(wish: Wish) -> Self {
        Self {
            phase: Phase::SittingDown(SitDown::Open),
            ..Self::new(0, wish)
        }
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self.phase, Phase::Off)
    }

    /// Where it sits.
    pub(super) fn sits_at(&self) -> Option<At> {
        match self.phase {
            Phase::Waiting(object, _) | Phase::Releasing(object, _) => Some((object, Seat::First)),
            Phase::AwaitingTurn(object, _) => Some((object, Seat::Second)),
            Phase::Talking(at) | Phase::GettingUp(at, ..) | Phase::Parked(at) => Some(at),
            _ => None,
        }
    }

    /// Where it sits, if a guard speaks for it when it is killed.
    fn guarded(&self, kernel: &Kernel) -> Option<At> {
        let at = match self.phase {
            Phase::SittingDown(SitDown::LeaveDoor(id, Seat::Second))
            | Phase::AwaitingTurn(id, _) => (id, Seat::Second),
            Phase::Talking(at) | Phase::GettingUp(at, ..) | Phase::Parked(at) => at,
            _ => return None,
        };
        kernel.object(at.0).has_outside(at.1).then_some(at)
    }

    /// Whether it sits, and its talk has not begun.
    pub(super) fn awaits_turn(&self) -> bool {
        matches!(self.phase, Phase::AwaitingTurn(..))
    }

    /// Whether it is a service that has no time for whoever joins, but will.
    fn will_attend(&self, kernel: &Kernel) -> bool {
        match self.phase {
            Phase::Waiting(object, AwaitPeer::LookAtSecond) | Phase::Talking((object, _)) => {
                self.wish.part == Part::Service && kernel.object(object).turn.is_some()
            }
            _ => false,
        }
    }

    /// Where it sits, if its talk is not over.
    pub(super) fn talks_at(&self) -> Option<At> {
        match self.phase {
            Phase::GettingUp(..) | Phase::Parked(..) => None,
            _ => self.sits_at(),
        }
    }

    /// Whether it has said that it leaves the first seat of this object, and has yet to give
    /// that up.
    pub(super) fn is_leaving(&self, id: ObjectId) -> bool {
        let machine = match &self.phase {
            Phase::GettingUp((at, Seat::First), machine, _) if *at == id => machine,
            _ => return false,
        };
        matches!(machine, GetUp::Stand(Ok(_)))
    }

    /// Whether it has found the name to lead to this object, and may take the second seat.
    pub(super) fn is_on_its_way_to(&self, id: ObjectId) -> bool {
        match &self.phase {
            Phase::SittingDown(SitDown::Door(_) | SitDown::CheckName(_)) => false,
            Phase::SittingDown(machine) => machine.object() == Some(&id),
            _ => false,
        }
    }

    /// Whether it sits at this object as that user, and has yet to try to remove its name.
    pub(super) fn will_remove_name(&self, id: ObjectId, owner: User) -> bool {
        let is_past = matches!(self.phase, Phase::GettingUp(_, GetUp::Stand(_), _));
        let sits = self.sits_at().is_some_and(|(at, _)| at == id);
        sits && self.wish.user == owner && !is_past
    }

    /// The events that need no mishap: the next call of each of its threads.
    pub(super) fn progress(
        &self,
        kernel: &Kernel,
        bug: Option<Bug>,
    ) -> impl Iterator<Item = Event> {
        possible([
            (self.runs(kernel, bug), Event::Step),
            (self.wakes(kernel), Event::Watch),
            (self.signalled.is_some(), Event::FollowSignal),
            (self.will_attend(kernel), Event::Attend),
        ])
    }

    /// The events that come from elsewhere, at any moment.
    pub(super) fn mishaps(&self, kernel: &Kernel, may: Limited) -> impl Iterator<Item = Event> {
        let on = !self.is_off();
        let takes_signal = self.signalled.is_none() && self.talks_at().is_some();
        possible([
            (on && may.failures, Event::Fail),
            (on && may.failures, Event::FailWatch),
            (takes_signal && may.signals, Event::Signal),
            (on, Event::Crash),
            (self.guarded(kernel).is_some(), Event::GuardedCrash),
            (self.may_finish(), Event::Finish),
            (self.may_expire(kernel), Event::Expire),
        ])
    }

    /// Whether it may start, or makes a call now that changes anything. A first that waits
    /// sleeps while nobody has joined and the name is still there. A process that talks sleeps
    /// until it is told that the peer is gone.
    fn runs(&self, kernel: &Kernel, bug: Option<Bug>) -> bool {
        match self.phase {
            // Nobody starts who has yet to be given something.
            Phase::Off => {
                let given = self.wish.place != Place::Given || kernel.name().is_some();
                self.starts > 0 && given
            }
            Phase::Waiting(object, AwaitPeer::LookAtSecond) => {
                !kernel.object(object).awaits_peer()
                    || kernel.name() != Some(object) && bug != Some(Bug::NameLossUnnoticed)
                    || kernel.object(object).kept
            }
            Phase::Talking(..) => self.watch.is_none(),
            Phase::Parked(..) | Phase::Up(..) => false,
            _ => true,
        }
    }

    /// Whether its watcher makes a call now: it sleeps while the peer's seat is locked.
    fn wakes(&self, kernel: &Kernel) -> bool {
        match (self.watch, self.watches_from()) {
            (None, _) | (_, None) => false,
            (Some(Watch::Await), Some((object, seat))) => {
                kernel.object(object).is_free(seat.peer())
            }
            _ => true,
        }
    }

    /// Where it sits, or sat, if its watcher is at work. It rests while the process gets up.
    fn watches_from(&self) -> Option<At> {
        match self.phase {
            Phase::Talking(at) | Phase::Up(at) => Some(at),
            _ => None,
        }
    }

    /// Whether it may end its part, or give up waiting before it has begun.
    fn may_finish(&self) -> bool {
        match self.phase {
            Phase::Waiting(_, AwaitPeer::LookAtSecond) | Phase::AwaitingTurn(..) => true,
            Phase::Talking(..) => self.watch != Some(Watch::GiveBack),
            _ => false,
        }
    }

    /// Whether it may have waited too long: for a peer, or at a door that is locked.
    fn may_expire(&self, kernel: &Kernel) -> bool {
        match &self.phase {
            Phase::Waiting(_, AwaitPeer::LookAtSecond) => true,
            Phase::Waiting(object, AwaitPeer::Remove(RemoveName::Door(_), _))
            | Phase::Releasing(object, RemoveName::Door(_))
            | Phase::GettingUp((object, _), GetUp::Remove(RemoveName::Door(_)), _) => {
                kernel.object(*object).door.is_some()
            }
            _ => false,
        }
    }

    /// The object that it keeps open.
    fn object(&self) -> Option<ObjectId> {
        match &self.phase {
            Phase::Off => None,
            Phase::SittingDown(machine) => machine.object().copied(),
            Phase::Waiting(object, _)
            | Phase::AwaitingTurn(object, _)
            | Phase::Releasing(object, _)
            | Phase::Talking((object, _))
            | Phase::GettingUp((object, _), ..)
            | Phase::Parked((object, _))
            | Phase::Up((object, _))
            | Phase::Guarded((object, _)) => Some(*object),
        }
    }

    /// What it does not ask, if that is the mistake.
    fn assumption(&self, bug: Bug) -> Option<Assumption> {
        use AwaitPeer::{CheckName, Remove};
        use Phase::{SittingDown, Waiting};
        match (bug, &self.phase) {
            (Bug::JoinUnchecked, SittingDown(_)) => Some(Assumption::Named),
            (Bug::NameLossUnnoticed, Waiting(_, CheckName)) => Some(Assumption::Named),
            (Bug::RemoveUnchecked, SittingDown(_) | Waiting(_, CheckName)) => None,
            (Bug::RemoveUnchecked, _) => Some(Assumption::Named),
            (Bug::GiveUpUnchecked, Waiting(_, Remove(..))) => Some(Assumption::NotJoined),
            (Bug::DeadTurn, Phase::AwaitingTurn(..)) => Some(Assumption::Seated),
            _ => None,
        }
    }
}

// What it does.
impl Process {
    /// Lets it happen. What it has open no longer, it closes in the same step.
    pub(super) fn meet(&mut self, event: Event, view: &mut View<'_>) {
        view.assume(view.bug().and_then(|bug| self.assumption(bug)));
        if event.is_failure() {
            view.fail_next();
        }
        match event {
            Event::Step | Event::Fail => self.advance(view),
            Event::Watch | Event::FailWatch => self.watch(view),
            Event::Crash => self.die(),
            Event::GuardedCrash => {
                let guarded = self.guarded(view.kernel());
                self.die();
                self.phase = guarded.map_or(Phase::Off, Phase::Guarded);
            }
            Event::Signal => self.signalled = Some(GetUp::Tell),
            Event::FollowSignal => self.follow_signal(view),
            Event::Finish => self.finish(),
            Event::Expire => self.expire(view),
            Event::Attend => {
                if let Some((object, _)) = self.sits_at() {
                    view.attend(object);
                }
            }
        }
        view.close_all_but(self.object());
    }

    /// It ends. The kernel has to be told to close all that it had open.
    pub(super) fn die(&mut self) {
        (self.phase, self.watch, self.signalled) = (Phase::Off, None, None);
    }

    /// Makes the next call, or starts.
    fn advance(&mut self, view: &mut View<'_>) {
        match self.phase.clone() {
            Phase::Off => self.start(),
            Phase::SittingDown(machine) => self.sit_down(machine, view),
            Phase::Waiting(object, machine) => self.await_peer(object, machine, view),
            Phase::AwaitingTurn(object, machine) => self.await_turn(object, machine, view),
            Phase::Releasing(object, machine) => self.release_name(object, machine, view),
            Phase::Talking(at) => self.begin_to_get_up(at, Then::End),
            Phase::GettingUp(at, machine, then) => self.get_up(at, machine, then, view),
            Phase::Parked(..) | Phase::Up(..) => {}
            Phase::Guarded(at) => {
                view.speak_by_guard(at);
                self.die();
            }
        }
    }

    fn start(&mut self) {
        self.starts -= 1;
        self.phase = Phase::SittingDown(SitDown::Open);
    }

    fn sit_down(&mut self, machine: SitDown<ObjectId>, view: &mut View<'_>) {
        match machine.step(view) {
            Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                self.phase = Phase::SittingDown(machine);
            }
            Ok(Step::Done((object, Seat::First))) => {
                self.phase = Phase::Waiting(object, AwaitPeer::LookAtSecond);
            }
            Ok(Step::Done((object, Seat::Second)))
                if view.object(object).has_outside(Seat::Second) =>
            {
                self.phase = Phase::AwaitingTurn(object, AwaitTurn::LookAtBeginning);
            }
            Ok(Step::Done((object, Seat::Second))) if self.waits_for_turn(object, view) => {
                self.phase = Phase::AwaitingTurn(object, AwaitTurn::LookAtTurn);
            }
            Ok(Step::Done(second)) => self.talk(second, view),
            Err(_) => {
                self.phase = Phase::Off;
            }
        }
    }

    fn await_peer(&mut self, object: ObjectId, machine: AwaitPeer<Failed>, view: &mut View<'_>) {
        let then = match machine.step(view, &object) {
            Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                self.phase = Phase::Waiting(object, machine);
                return;
            }
            Ok(Step::Done(Arrival::Peer)) if self.wish.part == Part::Service => {
                self.phase = Phase::Releasing(object, RemoveName::begin(Reason::Over));
                return;
            }
            Ok(Step::Done(Arrival::Peer)) => {
                self.talk((object, Seat::First), view);
                return;
            }
            Ok(Step::Done(arrival)) => {
                view.record(Effect::GaveUp(object));
                match arrival {
                    Arrival::NameLost => Then::StartOver,
                    _ => Then::End,
                }
            }
            Err(Failed) => Then::End,
        };
        self.begin_to_get_up((object, Seat::First), then);
    }

    fn waits_for_turn(&self, object: ObjectId, view: &View<'_>) -> bool {
        self.wish.part == Part::Client && !view.object(object).has_outside(Seat::Second)
    }

    fn await_turn(&mut self, object: ObjectId, machine: AwaitTurn, view: &mut View<'_>) {
        let at = (object, Seat::Second);
        match machine.step(view, &object) {
            Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                self.phase = Phase::AwaitingTurn(object, machine);
            }
            Ok(Step::Done(Turn::Ours)) => {
                view.record(match view.object(object).has_outside(Seat::Second) {
                    true => Effect::BegunWithGuest(object),
                    false => Effect::Begun(object),
                });
                self.talk(at, view);
            }
            Ok(Step::Done(Turn::Lost)) => self.begin_to_get_up(at, Then::StartOver),
            Err(Failed) => self.begin_to_get_up(at, Then::End),
        }
    }

    /// A service that cannot remove the name goes on with this talk.
    fn release_name(&mut self, object: ObjectId, machine: RemoveName<Failed>, view: &mut View<'_>) {
        match machine.step(view, &object, Seat::First) {
            Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                self.phase = Phase::Releasing(object, machine);
            }
            Step::Done(_) => self.talk((object, Seat::First), view),
        }
    }

    fn talk(&mut self, at: At, view: &mut View<'_>) {
        let (object, seat) = at;
        if seat == Seat::First {
            view.begin(object);
        }
        self.phase = Phase::Talking(at);
        self.watch = Some(Watch::begin(view.object(object).has_outside(seat)));
    }

    fn begin_to_get_up(&mut self, at: At, then: Then) {
        if self.signalled.is_some() {
            self.phase = Phase::Parked(at);
            return;
        }
        self.phase = Phase::GettingUp(at, GetUp::Tell, then);
        // A watcher asleep does not learn that the talk is over. One that looks now and then
        // does, and ends.
        self.watch = self.watch.filter(|watch| *watch == Watch::Await);
    }

    fn get_up(&mut self, at: At, machine: GetUp<Failed>, then: Then, view: &mut View<'_>) {
        let (object, seat) = at;
        match machine.step(view, &object, seat) {
            Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                self.go_on_getting_up(at, machine, then, view);
            }
            Step::Done(_) => self.is_up(at, then, view),
        }
    }

    /// Goes on with `machine`, but for two mistakes after a call that failed.
    fn go_on_getting_up(
        &mut self,
        at: At,
        machine: GetUp<Failed>,
        then: Then,
        view: &mut View<'_>,
    ) {
        let machine = match machine {
            GetUp::Stand(Err(Failed)) if view.has(Bug::FailureEndsIt) => {
                self.is_up(at, then, view);
                return;
            }
            GetUp::Remove(RemoveName::LeaveDoor(Err(Failed)))
                if view.has(Bug::FailureKeepsDoor) =>
            {
                GetUp::Stand(Err(Failed))
            }
            machine => machine,
        };
        if let GetUp::Stand(Ok(Removed::Refused)) = machine {
            view.record(Effect::SaidToStay(at.0));
        }
        self.phase = Phase::GettingUp(at, machine, then);
    }

    /// The last call is made. The watcher keeps the object open until the peer is gone.
    fn is_up(&mut self, at: At, then: Then, view: &mut View<'_>) {
        let locked = view.object(at.0).is_locked_by(view.pid());
        view.record(Effect::GotUp { from: at, locked });
        self.phase = match then {
            Then::StartOver => Phase::SittingDown(SitDown::Open),
            Then::End if self.watch.is_some() => Phase::Up(at),
            Then::End => Phase::Off,
        };
    }

    fn finish(&mut self) {
        if let Some(at) = self.sits_at() {
            self.begin_to_get_up(at, Then::End);
        }
    }

    fn expire(&mut self, view: &mut View<'_>) {
        match self.phase.clone() {
            Phase::Waiting(object, machine @ AwaitPeer::Remove(..)) => match machine.skip() {
                Some(machine) => self.phase = Phase::Waiting(object, machine),
                None => self.begin_to_get_up((object, Seat::First), Then::End),
            },
            Phase::Waiting(object, _) => self.phase = Phase::Waiting(object, AwaitPeer::expire()),
            Phase::Releasing(object, _) => self.talk((object, Seat::First), view),
            Phase::GettingUp(at, machine, then) => match machine.skip(Failed) {
                Ok(machine) => self.phase = Phase::GettingUp(at, machine, then),
                Err(Failed) => self.is_up(at, then, view),
            },
            _ => {}
        }
    }

    /// Makes the next call of the thread that has taken a signal.
    fn follow_signal(&mut self, view: &mut View<'_>) {
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

    /// Makes the watcher's next call.
    fn watch(&mut self, view: &mut View<'_>) {
        let (Some(machine), Some(at)) = (self.watch, self.watches_from()) else {
            return;
        };
        let (object, seat) = at;
        let is_up = matches!(self.phase, Phase::Up(..));
        self.watch = match machine.step(view, &object, seat) {
            Step::Next(next) => Some(next),
            // The talk is over: nobody looks any more.
            Step::Blocked(_) | Step::Early(..) if is_up => None,
            Step::Blocked(next) | Step::Early(next, _) => Some(next),
            Step::Done(()) => {
                view.record(Effect::TakenForGone {
                    from: at,
                    step: machine,
                });
                None
            }
        };
        if is_up && self.watch.is_none() {
            self.phase = Phase::Off;
        }
    }
}
