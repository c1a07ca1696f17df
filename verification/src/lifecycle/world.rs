//! The kernel, the processes and the machine: what can happen next, and what comes of it.

use std::fmt::Write as _;
use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

use super::calls::{View, Wish};
use super::effect::Effect;
use super::guest::{Guest, Machine, MachineEvent};
use super::kernel::{Kernel, Object, ObjectId, Pid};
use super::mistakes::Bug;
use super::onlooker::{Onlooker, OnlookerEvent};
use super::process::{Event, Limited, Phase, Process};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) processes: Box<[Process]>,
    pub(super) machine: Machine,
    /// Somebody who looks, if there is one.
    pub(super) onlooker: Option<Onlooker>,
    pub(super) budget: Budget,
    /// A stranger has removed the name.
    pub(super) removed: bool,
    /// A watcher could not give its lock back.
    pub(super) leaked: bool,
    /// A process that has got up lives on with its watcher; it ends at once otherwise.
    pub(super) lives_on: bool,
}

/// How often something may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// A stranger removes the name.
    pub(super) removals: u8,
    /// A call fails.
    pub(super) failures: u8,
    /// A signal comes.
    pub(super) signals: u8,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Process(Pid, Event),
    Machine(MachineEvent),
    Onlooker(OnlookerEvent),
    /// A stranger removes the name.
    Remove,
}

// What can happen next.
impl World {
    /// Everything.
    pub(super) fn actions(&self, bug: Option<Bug>) -> Vec<Action> {
        let mut actions = self.progress(bug);
        for (pid, process) in self.numbered() {
            let mishaps = process.mishaps(&self.kernel, self.budget.limited());
            actions.extend(mishaps.map(|event| Action::Process(pid, event)));
        }
        actions.extend(self.machine.mishaps().map(Action::Machine));
        if self.onlooker.as_ref().is_some_and(Onlooker::is_looking) {
            actions.push(Action::Onlooker(OnlookerEvent::Crash));
        }
        if self.budget.removals > 0 && self.kernel.name().is_some() {
            actions.push(Action::Remove);
        }
        actions
    }

    /// What leads on: what the processes and the machine do by themselves.
    pub(super) fn progress(&self, bug: Option<Bug>) -> Vec<Action> {
        let mut actions = Vec::new();
        for (pid, process) in self.numbered() {
            let progress = process.progress(&self.kernel, bug);
            actions.extend(progress.map(|event| Action::Process(pid, event)));
        }
        if self.machine.runs(&self.kernel) && !self.guest_must_wait() {
            actions.push(Action::Machine(MachineEvent::Step));
        }
        let named = self.kernel.name().is_some();
        if self.onlooker.as_ref().is_some_and(|it| it.runs(named)) {
            actions.push(Action::Onlooker(OnlookerEvent::Step));
        }
        actions
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (Pid, &Process)> {
        Pid::of_processes().zip(&self.processes)
    }

    pub(super) fn object(&self, id: ObjectId) -> &Object {
        self.kernel.object(id)
    }

    /// Whether a process is on its way to the second seat that the guest may come to.
    fn guest_must_wait(&self) -> bool {
        let on_its_way = |id| move |process: &Process| process.is_on_its_way_to(id);
        match self.machine.guest {
            Guest::Booted(id) => self.processes.iter().any(on_its_way(id)),
            _ => false,
        }
    }
}

impl Budget {
    fn limited(self) -> Limited {
        Limited {
            failures: self.failures > 0,
            signals: self.signals > 0,
        }
    }

    /// It happens once more.
    fn spend_on(&mut self, event: Event) {
        self.failures -= u8::from(event.is_failure());
        self.signals -= u8::from(event == Event::Signal);
    }
}

// What comes of it.
impl World {
    /// The world after an action, and what that did. A call that is to fail, where none that
    /// can is made, leaves everything as it is.
    pub(super) fn after(&self, action: Action, bug: Option<Bug>) -> (Self, Vec<Effect>) {
        let mut next = self.clone();
        let effects = match action {
            Action::Process(pid, event) => next.process_meets(pid, event, bug),
            Action::Machine(event) => Some(next.machine_meets(event, bug)),
            Action::Onlooker(event) => Some(next.onlooker_meets(event, bug)),
            Action::Remove => Some(next.lose_name()),
        };
        match effects {
            Some(effects) => (next, effects),
            None => (self.clone(), Vec::new()),
        }
    }

    /// `None` if a call is to fail and none that can is made.
    fn process_meets(&mut self, pid: Pid, event: Event, bug: Option<Bug>) -> Option<Vec<Effect>> {
        let process = &mut self.processes[pid.index()];
        let mut view = View::new(&mut self.kernel, pid, process.wish, bug);
        process.meet(event, &mut view);
        let effects = view.into_effects()?;
        if let Phase::Up(..) = process.phase
            && !self.lives_on
        {
            self.kill(pid);
        }
        self.budget.spend_on(event);
        self.leaked |= effects.contains(&Effect::WatchLeaked);
        Some(effects)
    }

    fn machine_meets(&mut self, event: MachineEvent, bug: Option<Bug>) -> Vec<Effect> {
        let effect = self.machine.meet(event, &mut self.kernel, bug);
        effect.into_iter().collect()
    }

    fn onlooker_meets(&mut self, event: OnlookerEvent, bug: Option<Bug>) -> Vec<Effect> {
        let mut view = View::new(&mut self.kernel, Pid::ONLOOKER, Wish::default(), bug);
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.meet(event, &mut view);
        }
        view.into_effects().unwrap_or_default()
    }

    fn lose_name(&mut self) -> Vec<Effect> {
        self.budget.removals -= 1;
        self.removed = true;
        self.kernel.set_name(None);
        Vec::new()
    }

    /// Ends a process, whatever it is doing.
    pub(super) fn kill(&mut self, pid: Pid) {
        self.processes[pid.index()].die();
        self.kernel.close_all_but(pid, None);
    }

    /// Kills the machine.
    pub(super) fn switch_machine_off(&mut self) {
        self.machine.switch_off(&mut self.kernel);
    }
}

// How it is told from others, and told about.
impl World {
    /// The same with the processes in an order of their own, so that those that are alike
    /// stand for each other.
    pub(super) fn sorted(mut self) -> Self {
        let state = |process: &Process| FxBuildHasher.hash_one(process);
        let mut order: Vec<_> = Pid::of_processes().take(self.processes.len()).collect();
        order.sort_by_cached_key(|pid| state(&self.processes[pid.index()]));
        if order.is_sorted_by_key(|pid| pid.index()) {
            return self;
        }
        let process = |pid: &Pid| self.processes[pid.index()].clone();
        self.processes = order.iter().map(process).collect();
        self.kernel.renumber(|before| {
            let mut numbers = Pid::of_processes().zip(&order);
            let now = numbers.find(|&(_, &pid)| pid == before);
            now.map_or(before, |(pid, _)| pid)
        });
        self
    }

    /// Goes along a path, and tells of each action. If they are `sorted`, a process may have
    /// another number after each.
    pub(super) fn tell(mut self, path: &[Action], bug: Option<Bug>, sorted: bool) -> String {
        let mut text = String::new();
        for &action in path {
            let _ = match action {
                Action::Process(pid, event) => {
                    let phase = &self.processes[pid.index()].phase;
                    writeln!(text, "  {event:?} of process {pid:?}, {phase:?}")
                }
                Action::Machine(event) => {
                    writeln!(text, "  {event:?} of the machine, {:?}", self.machine.guest)
                }
                Action::Onlooker(event) => {
                    writeln!(text, "  {event:?} of the onlooker, {:?}", self.onlooker)
                }
                Action::Remove => writeln!(text, "  a stranger removes the name"),
            };
            let (next, _) = self.after(action, bug);
            self = if sorted { next.sorted() } else { next };
        }
        text
    }
}
