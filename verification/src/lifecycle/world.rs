//! The processes, the machine and the kernel: what can happen next, and what comes of it.

use std::fmt::Write as _;
use std::hash::BuildHasher as _;

use memtalk::lifecycle::get_up::GetUp;
use memtalk::lifecycle::sit_down::SitDown;
use memtalk::lifecycle::watch::Watch;
use memtalk_ring::Seat;
use rustc_hash::{FxBuildHasher, FxHashSet as HashSet};

use super::guest::{Guest, MACHINE, Machine};
use super::kernel::{Kernel, Object, Page, View};
use super::process::{Phase, Process, Wish};
use super::search::Search;
use super::{Bug, ObjectId, Pid};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) processes: Vec<Process>,
    pub(super) machine: Machine,
    /// How often somebody who has nothing to do with it may remove the name.
    pub(super) removals: u8,
    /// Somebody has.
    pub(super) removed: bool,
    /// How many calls may still fail.
    pub(super) failures: u8,
    /// How many signals may still come.
    pub(super) signals: u8,
    /// A watcher could not give its lock back.
    pub(super) leaked: bool,
    /// Who has got up lives on with its watcher; it ends at once otherwise.
    pub(super) lives_on: bool,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The process makes its next call, or starts.
    Step(Pid),
    /// The same call, which fails.
    Fail(Pid),
    /// Its watcher makes its next call.
    Watch(Pid),
    /// The same call, which fails.
    FailWatch(Pid),
    /// It is killed.
    Crash(Pid),
    /// A thread of it takes a signal.
    Signal(Pid),
    /// That makes its next call.
    FollowSignal(Pid),
    /// It has said all that it wanted to, or gives up. The machine's guest starts again.
    Finish(Pid),
    /// Its time is over, for a peer to come or at the door.
    Expire(Pid),
    /// Somebody who has nothing to do with it removes the name.
    Remove,
}

impl Action {
    pub(super) fn pid(self) -> Pid {
        match self {
            Self::Step(pid)
            | Self::Fail(pid)
            | Self::Watch(pid)
            | Self::FailWatch(pid)
            | Self::Crash(pid)
            | Self::Signal(pid)
            | Self::FollowSignal(pid)
            | Self::Finish(pid)
            | Self::Expire(pid) => pid,
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
        // One who wants to be private, one who does not, and one of another user.
        let wishes = [(false, false), (false, true), (true, true)];
        let mut wishes = wishes.map(|(user, shared)| match search.users {
            true => Wish {
                user,
                shared,
                tenant: false,
            },
            false => Wish::default(),
        });
        wishes[0].tenant = search.tenant;
        Self {
            kernel: Kernel {
                name: foreign.map(|_| 0),
                objects: [foreign, None, None, None, None],
            },
            processes: wishes.map(|wish| Process::new(search.starts, wish))[..search.processes]
                .to_vec(),
            machine: Machine {
                guest: Guest::Off,
                starts: search.machine_starts,
            },
            removals: search.removals,
            removed: false,
            failures: search.failures,
            signals: search.signals,
            leaked: false,
            lives_on: search.lives_on,
        }
    }

    pub(super) fn object(&self, id: ObjectId) -> Object {
        self.kernel.objects[usize::from(id)].unwrap()
    }

    /// Whether anybody has the object open but this process, and perhaps those who are
    /// about to find its door locked.
    pub(super) fn others_have_open(&self, id: ObjectId, pid: Pid, at_door: bool) -> bool {
        let has_open = |process: &Process| match process.phase {
            Phase::SittingDown(SitDown::Door(_)) if !at_door => false,
            _ => process.has_open() == Some(id),
        };
        let mut others = (0..).zip(&self.processes);
        others.any(|(other, process): (Pid, _)| other != pid && has_open(process))
            || self.machine.has_open() == Some(id)
    }

    /// Whether who sits first here waits for a peer.
    pub(super) fn waits(&self, id: ObjectId) -> bool {
        self.object(id).second.is_none()
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

    /// What can happen next, to the very end or only what leads on.
    pub(super) fn actions(&self, crashes: bool, bug: Option<Bug>) -> Vec<Action> {
        let mut actions = Vec::new();
        let failures = crashes && self.failures > 0;
        for (pid, process) in (0..).zip(&self.processes) {
            if matches!(process.phase, Phase::Off) {
                if process.starts > 0 {
                    actions.push(Action::Step(pid));
                }
                continue;
            }
            if process.runs(self, bug) {
                actions.push(Action::Step(pid));
            }
            if process.wakes(self) {
                actions.push(Action::Watch(pid));
            }
            if failures {
                actions.extend([Action::Fail(pid), Action::FailWatch(pid)]);
            }
            if process.signalled.is_some() {
                actions.push(Action::FollowSignal(pid));
            } else if crashes && self.signals > 0 && process.talks_at().is_some() {
                actions.push(Action::Signal(pid));
            }
            if crashes {
                actions.push(Action::Crash(pid));
                if process.may_finish() {
                    actions.push(Action::Finish(pid));
                }
                if process.may_expire(self) {
                    actions.push(Action::Expire(pid));
                }
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
        let mut process = self.processes[at].clone();
        let fails = matches!(action, Action::Fail(_) | Action::FailWatch(_));
        let mut view = View {
            kernel: &mut next.kernel,
            world: self,
            pid,
            bug,
            fails,
            violation: None,
        };
        match action {
            Action::Watch(_) | Action::FailWatch(_) => process.watch(&mut view),
            Action::Crash(_) => process.die(),
            Action::Signal(_) => {
                next.signals -= 1;
                process.signalled = Some(GetUp::Tell);
            }
            Action::FollowSignal(_) => process.follow_signal(&mut view),
            Action::Finish(_) => process.finish(),
            Action::Expire(_) => process.expire(&mut view),
            _ => process.advance(&mut view),
        }
        let (consumed, violation) = (!view.fails, view.violation);
        if fails {
            if !consumed {
                // No call that can fail.
                return Ok(self.clone());
            }
            next.failures -= 1;
            next.leaked |= self.processes[at].watch == Some(Watch::GiveBack)
                && matches!(action, Action::FailWatch(_));
        }
        let kept = process.has_open();
        next.processes[at] = process;
        next.kernel.close(pid, kept, &next.processes, next.machine);
        violation.map_or_else(|| next.check().map(|()| next), Err)
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
            if let Some((object, _)) = process.talks_at()
                && self.object(object).shared
                && !process.wish.shared
            {
                return Err("a stranger has the object of a private talk open".into());
            }
        }
        let mut seats = HashSet::default();
        for process in &self.processes {
            if let Some(seat) = process.sits_at()
                && !seats.insert(seat)
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
            if process.watch == Some(Watch::GiveBack)
                && let Phase::Talking(object, seat) = process.phase
                && let dead = Some((object, seat.peer()))
                && self.processes.iter().any(|other| other.talks_at() == dead)
            {
                return Err("a stranger sits at a dead peer's seat".into());
            }
        }
        for object in self.kernel.objects.iter().flatten() {
            for pid in object.watched.into_iter().flatten() {
                let watches = |process: &Process| process.watch == Some(Watch::GiveBack);
                if !self.leaked && !self.processes.get(usize::from(pid)).is_none_or(watches) {
                    return Err("who watches no more keeps a lock".into());
                }
            }
        }
        Ok(())
    }

    /// The same with the processes in some order of their own: those that are alike stand
    /// for each other.
    pub(super) fn sorted(mut self) -> Self {
        let state = |process: &Process| FxBuildHasher.hash_one(process);
        let mut order: Vec<_> = (0..self.processes.len()).collect();
        order.sort_by_cached_key(|&at| state(&self.processes[at]));
        if order.is_sorted() {
            return self;
        }
        self.processes = order.iter().map(|&at| self.processes[at].clone()).collect();
        let now = |pid: Pid| (0..).zip(&order).find(|&(_, &at)| at == usize::from(pid));
        let objects = self.kernel.objects.iter_mut().flatten();
        for lock in objects.flat_map(Object::locks) {
            *lock = lock.and_then(now).map(|(pid, _)| pid);
        }
        self
    }

    /// Goes along a path, and tells each action. A process may have another number after
    /// each, if they are `sorted`.
    pub(super) fn tell(
        mut self,
        path: &[Action],
        bug: Option<Bug>,
        sorted: bool,
        text: &mut String,
    ) {
        for &action in path {
            let _ = match self.processes.get(usize::from(action.pid())) {
                Some(process) => writeln!(text, "  {action:?} of {:?}", process.phase),
                None => writeln!(text, "  {action:?} of {:?}", self.machine.guest),
            };
            match self.after(action, bug) {
                Ok(next) if sorted => self = next.sorted(),
                Ok(next) => self = next,
                Err(_) => break,
            }
        }
    }
}
