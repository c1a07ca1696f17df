//! The processes, the machine and the kernel: what can happen next, and what comes of it.

use std::fmt::Write as _;

use memtalk::seat::{Os, Reason, Refusal, RemoveName, Removed, SitDown, Step};
use memtalk_ring::{Presence, Seat};
use rustc_hash::FxHashSet as HashSet;

use super::guest::{Guest, MACHINE, Machine};
use super::kernel::{Kernel, Object, Page, View};
use super::search::Search;
use super::{Bug, Failed, ObjectId, Pid};

/// What a process is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Not running.
    Off,
    SittingDown(SitDown<ObjectId>),
    Seated(ObjectId, Seat),
    /// It sits first, nobody has come, and it gives up waiting; or the name is lost, and
    /// it starts over.
    Alone(ObjectId, RemoveName, Then),
    /// Its watcher has got the dead peer's lock.
    Mourning(ObjectId, Seat),
    Leaving(ObjectId, Seat, RemoveName),
    Standing(ObjectId, Seat, Then),
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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) phase: Phase,
    /// How often it may still start.
    pub(super) starts: u8,
    pub(super) wish: Wish,
}

impl Process {
    pub(super) fn sits_at(&self) -> Option<ObjectId> {
        match self.phase {
            Phase::Seated(object, _) | Phase::Mourning(object, _) | Phase::Alone(object, ..) => {
                Some(object)
            }
            _ => None,
        }
    }

    /// The object that it has open.
    pub(super) fn has_open(&self) -> Option<ObjectId> {
        match &self.phase {
            Phase::Off => None,
            Phase::SittingDown(machine) => machine.object().copied(),
            Phase::Seated(object, _)
            | Phase::Mourning(object, _)
            | Phase::Alone(object, ..)
            | Phase::Leaving(object, ..)
            | Phase::Standing(object, ..) => Some(*object),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) processes: Vec<Process>,
    pub(super) machine: Machine,
    /// How often somebody who has nothing to do with it may remove the name.
    pub(super) removals: u8,
    /// Somebody has.
    pub(super) removed: bool,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The process makes its next call, or starts.
    Step(Pid),
    /// It is killed.
    Crash(Pid),
    /// It has said all that it wanted to, or gives up waiting. The machine's guest
    /// starts again.
    Finish(Pid),
    /// Its timeout is over.
    Expire(Pid),
    /// Somebody who has nothing to do with it removes the name.
    Remove,
}

impl Action {
    pub(super) fn pid(self) -> Pid {
        match self {
            Self::Step(pid) | Self::Crash(pid) | Self::Finish(pid) | Self::Expire(pid) => pid,
            Self::Remove => Pid::MAX,
        }
    }
}

impl World {
    pub(super) fn new(search: Search) -> Self {
        let foreign = search.foreign.then(|| Object {
            page: Page::Foreign,
            ..Object::default()
        });
        let process = |wish| Process {
            phase: Phase::Off,
            starts: search.starts,
            wish,
        };
        // One who wants to be private, one who does not, and one of another user.
        let wishes = [(false, false), (false, true), (true, true)];
        let wishes = wishes.map(|(user, shared)| match search.users {
            true => Wish { user, shared },
            false => Wish::default(),
        });
        Self {
            kernel: Kernel {
                name: foreign.map(|_| 0),
                objects: [foreign, None, None, None, None],
            },
            processes: wishes.map(process)[..search.processes].to_vec(),
            machine: Machine {
                guest: Guest::Off,
                starts: search.machine_starts,
            },
            removals: search.removals,
            removed: false,
        }
    }

    pub(super) fn object(&self, id: ObjectId) -> Object {
        self.kernel.objects[usize::from(id)].unwrap()
    }

    /// Whether anybody has the object open but this process, and those who are about
    /// to find its door locked.
    pub(super) fn others_have_open(&self, id: ObjectId, pid: Pid) -> bool {
        let has_open = |process: &Process| match process.phase {
            Phase::SittingDown(SitDown::Door(_)) => false,
            _ => process.has_open() == Some(id),
        };
        let mut others = (0..).zip(&self.processes);
        others.any(|(other, process): (Pid, _)| other != pid && has_open(process))
            || self.machine.has_open() == Some(id)
    }

    /// Whether the process that sits at `seat` learns now that its peer is gone.
    pub(super) fn is_widowed(&self, pid: Pid, id: ObjectId, seat: Seat) -> bool {
        let object = self.object(id);
        if object.has_outside(seat) {
            let restarted = seat == Seat::Second && object.second.is_none() && !object.left;
            return restarted || !self.others_have_open(id, pid);
        }
        let knows_a_peer = seat == Seat::Second || object.second.is_some();
        knows_a_peer && object.seats[seat.peer().index()].is_none()
    }

    /// Whether a process that sits here waits for a peer.
    pub(super) fn waits(&self, id: ObjectId, seat: Seat) -> bool {
        seat == Seat::First && self.object(id).second.is_none()
    }

    /// Whether it does so in vain, since the name does not lead here any more; and
    /// notices that.
    fn is_lost(&self, id: ObjectId, seat: Seat, bug: Option<Bug>) -> bool {
        let unnoticed = bug == Some(Bug::NameLossUnnoticed);
        !unnoticed && self.waits(id, seat) && self.kernel.name != Some(id)
    }

    /// Whether a guest may come to the second seat: no process is on its way there.
    pub(super) fn second_is_quiet(&self, id: ObjectId) -> bool {
        self.processes.iter().all(|process| match &process.phase {
            Phase::SittingDown(machine) => {
                machine.object() != Some(&id)
                    || matches!(machine, SitDown::Door(_) | SitDown::CheckName(_))
            }
            _ => true,
        })
    }

    /// What can happen next.
    pub(super) fn actions(&self, crashes: bool, bug: Option<Bug>) -> Vec<Action> {
        let mut actions = Vec::new();
        for (pid, process) in (0..).zip(&self.processes) {
            match process.phase {
                Phase::Off if process.starts == 0 => continue,
                Phase::Off => {
                    actions.push(Action::Step(pid));
                    continue;
                }
                // A watcher wakes once the peer's seat is free.
                Phase::Seated(object, seat) => {
                    if self.is_widowed(pid, object, seat) || self.is_lost(object, seat, bug) {
                        actions.push(Action::Step(pid));
                    }
                    if crashes {
                        actions.push(Action::Finish(pid));
                        if self.waits(object, seat) {
                            actions.push(Action::Expire(pid));
                        }
                    }
                }
                _ => actions.push(Action::Step(pid)),
            }
            if crashes {
                actions.push(Action::Crash(pid));
            }
        }
        if crashes && self.removals > 0 && self.kernel.name.is_some() {
            actions.push(Action::Remove);
        }
        match self.machine.guest {
            Guest::Off if self.machine.starts == 0 => return actions,
            Guest::Off => {
                actions.push(Action::Step(MACHINE));
                return actions;
            }
            Guest::Booted(object) if !self.second_is_quiet(object) => {}
            Guest::Booted(_) | Guest::Initialising(_) => actions.push(Action::Step(MACHINE)),
            // The talk is over, and the process gone: the next.
            Guest::Seated(object, Seat::First) if self.object(object).left => {
                actions.push(Action::Step(MACHINE));
            }
            // It looks at its own seat while it waits.
            Guest::Seated(object, Seat::Second) if self.object(object).second.is_none() => {
                actions.push(Action::Step(MACHINE));
            }
            Guest::Seated(..) | Guest::Idle(_) => {}
        }
        if crashes {
            actions.push(Action::Crash(MACHINE));
            if self.machine.starts > 0 {
                actions.push(Action::Finish(MACHINE));
            }
        }
        actions
    }

    /// Does it; an error says which property does not hold.
    pub(super) fn after(&self, action: Action, bug: Option<Bug>) -> Result<Self, String> {
        let mut next = self.clone();
        let pid = action.pid();
        if pid == MACHINE {
            return next.machine_after(action, bug);
        }
        if action == Action::Remove {
            (next.removals, next.removed) = (self.removals - 1, true);
            next.kernel.name = None;
            // A process that does not exist has closed nothing.
            next.kernel.close(pid, None, &next.processes, next.machine);
            return Ok(next);
        }
        let at = usize::from(pid);
        let before = self.processes[at].phase.clone();
        let mut view = View {
            kernel: &mut next.kernel,
            world: self,
            pid,
            bug,
            violation: None,
        };
        let phase = match (action, before) {
            (Action::Crash(_), before) => {
                if let Phase::Mourning(object, seat) = before {
                    view.object(object).watched[seat.peer().index()] = false;
                }
                Phase::Off
            }
            (Action::Finish(_), Phase::Seated(object, seat)) => self.leaving(object, seat, bug),
            (Action::Expire(_), Phase::Seated(object, _)) => {
                Phase::Alone(object, RemoveName::begin(Reason::Alone), Then::End)
            }
            (_, Phase::Off) => {
                next.processes[at].starts -= 1;
                Phase::SittingDown(SitDown::Open)
            }
            (_, Phase::SittingDown(machine)) => match machine.step(&mut view) {
                Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _)) => {
                    Phase::SittingDown(machine)
                }
                Ok(Step::Done((object, seat))) => Phase::Seated(object, seat),
                Err(Refusal::Busy | Refusal::Foreign(_) | Refusal::Os(Failed)) => Phase::Off,
            },
            (_, Phase::Seated(object, seat)) if self.is_lost(object, seat, bug) => {
                Phase::Alone(object, RemoveName::begin(Reason::Alone), Then::StartOver)
            }
            (_, Phase::Seated(object, seat)) if self.object(object).has_outside(seat) => {
                self.leaving(object, seat, bug)
            }
            (_, Phase::Seated(object, seat)) => {
                view.object(object).watched[seat.peer().index()] = true;
                Phase::Mourning(object, seat)
            }
            (_, Phase::Mourning(object, seat)) => {
                view.object(object).watched[seat.peer().index()] = false;
                Phase::Leaving(object, seat, RemoveName::begin(Reason::Over))
            }
            (_, Phase::Leaving(object, seat, machine)) => {
                match machine
                    .step(&mut view, &object, seat)
                    .expect("no call fails")
                {
                    Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                        Phase::Leaving(object, seat, machine)
                    }
                    Step::Done(_) => Phase::Standing(object, seat, Then::End),
                }
            }
            (_, Phase::Alone(object, machine, then)) => {
                let seat = Seat::First;
                match machine
                    .step(&mut view, &object, seat)
                    .expect("no call fails")
                {
                    Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine, _) => {
                        Phase::Alone(object, machine, then)
                    }
                    Step::Done(Removed::Joined) => Phase::Seated(object, seat),
                    Step::Done(_) => {
                        // A guest does not ask for the door.
                        if view.object(object).second == Some(Presence::PROCESS) {
                            view.violated("a first gives up waiting for one who is there");
                        }
                        Phase::Standing(object, seat, then)
                    }
                }
            }
            (_, Phase::Standing(object, seat, then)) => {
                view.stand(&object, seat).expect("no call fails");
                match then {
                    Then::End => Phase::Off,
                    Then::StartOver => Phase::SittingDown(SitDown::Open),
                }
            }
        };
        let violation = view.violation;
        next.processes[at].phase = phase;
        let kept = next.processes[at].has_open();
        next.kernel.close(pid, kept, &next.processes, next.machine);
        violation.map_or_else(|| next.check().map(|()| next), Err)
    }

    /// How a process that sits begins to leave.
    pub(super) fn leaving(&self, object: ObjectId, seat: Seat, bug: Option<Bug>) -> Phase {
        let guests = seat == Seat::Second && self.object(object).has_outside(seat);
        match guests && bug != Some(Bug::GuestsNameRemoved) {
            true => Phase::Standing(object, seat, Then::End),
            false => Phase::Leaving(object, seat, RemoveName::begin(Reason::Over)),
        }
    }

    /// What can be seen in the state itself.
    pub(super) fn check(&self) -> Result<(), String> {
        for object in self.kernel.objects.iter().flatten() {
            // Guests without locks go by the magic number alone.
            if object.magic && object.page != Page::Initialised {
                return Err("the magic number stands on a page that is not initialised".into());
            }
        }
        for process in &self.processes {
            if let Phase::Seated(object, _) = process.phase
                && self.object(object).shared
                && !process.wish.shared
            {
                return Err("a stranger has the object of a private talk open".into());
            }
        }
        let mut seats = HashSet::default();
        for process in &self.processes {
            if let Phase::Seated(object, seat) | Phase::Mourning(object, seat) = process.phase
                && !seats.insert((object, seat))
            {
                return Err("two sit at one seat".into());
            }
        }
        if let Guest::Seated(object, seat) = self.machine.guest
            && (seat == Seat::First || self.object(object).second.is_some())
            && seats.contains(&(object, seat))
        {
            return Err("a process and a guest sit at one seat".into());
        }
        for process in &self.processes {
            if let Phase::Mourning(object, seat) = process.phase
                && seats.contains(&(object, seat.peer()))
            {
                return Err("a stranger sits at a dead peer's seat".into());
            }
        }
        Ok(())
    }

    /// Goes along a path, and tells each action.
    pub(super) fn tell(mut self, path: &[Action], bug: Option<Bug>, text: &mut String) {
        for &action in path {
            let _ = match self.processes.get(usize::from(action.pid())) {
                Some(process) => writeln!(text, "  {action:?} of {:?}", process.phase),
                None => writeln!(text, "  {action:?} of {:?}", self.machine.guest),
            };
            match self.after(action, bug) {
                Ok(next) => self = next,
                Err(_) => break,
            }
        }
    }
}
