//! Whether newcomers come to talk, from any situation: properties 5, 6 and 7.

use memtalk::lifecycle::await_peer::{Arrival, AwaitPeer};
use memtalk::lifecycle::get_up::RemoveName;
use memtalk_ring::Seat;

use super::calls::{Failed, Part, Wish};
use super::guest::Guest;
use super::kernel::{Page, Pid};
use super::mistakes::Bug;
use super::process::{Phase, Process, Then};
use super::properties::{judged_after, somebody_talks};
use super::reached::{Number, Reached};
use super::world::{Action, Budget, World};

/// A situation, and who comes then. Two are to come to talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hope {
    world: World,
    newcomers: Vec<Wish>,
    /// How many of the processes do not run: the first ones.
    stopped: usize,
}

impl Hope {
    /// Two newcomers, with everybody else dead, but for survivors that are stopped:
    /// property 5.
    pub(super) fn of_two(left: &World, newcomers: [Wish; 2]) -> Self {
        Self {
            world: left.clone(),
            newcomers: newcomers.to_vec(),
            stopped: left.processes.len(),
        }
    }

    /// A newcomer, and a party that is there already: properties 6 and 7.
    pub(super) fn of_one(world: World, newcomer: Wish) -> Self {
        Self {
            world,
            newcomers: vec![newcomer],
            stopped: 0,
        }
    }

    /// Looks whether two can come to talk from wherever any path leads.
    ///
    /// # Errors
    /// A path after which they cannot.
    pub(super) fn comes_true(&self, bug: Option<Bug>) -> Result<(), String> {
        let mut reached = Reached::from(self.begin());
        let mut ways = Ways::default();
        while let Some((number, world)) = reached.next() {
            if somebody_talks(&world) {
                ways.goals.push(number);
                continue;
            }
            for action in self.actions(&world, bug) {
                let next = judged_after(&world, action, bug)
                    .map_err(|what| self.trace(&reached.path(number, Some(action)), bug, what))?;
                let to = reached.reach(next, number, action);
                ways.edges.push((number, to));
            }
        }
        match ways.dead_end(reached.len()) {
            Some(number) => {
                let what = "newcomers do not come to talk";
                Err(self.trace(&reached.path(number, None), bug, what))
            }
            None => Ok(()),
        }
    }

    /// The situation with the newcomers just started.
    fn begin(&self) -> World {
        let newcomers = self.newcomers.iter().copied().map(Process::newcomer);
        let processes = self.world.processes.iter().cloned();
        World {
            processes: processes.chain(newcomers).collect(),
            ..self.world.clone()
        }
    }

    /// What the parties do that are not stopped.
    fn actions(&self, world: &World, bug: Option<Bug>) -> Vec<Action> {
        let mut actions = world.progress(bug);
        actions.retain(|action| match action {
            Action::Process(pid, _) => pid.index() >= self.stopped,
            _ => true,
        });
        actions
    }

    fn trace(&self, path: &[Action], bug: Option<Bug>, what: &str) -> String {
        let path = self.begin().tell(path, bug, false);
        format!("{what}: with {} survivors stopped,\n{path}", self.stopped)
    }
}

/// Which states lead to which, and which are to be reached.
#[derive(Default)]
struct Ways {
    edges: Vec<(Number, Number)>,
    goals: Vec<Number>,
}

impl Ways {
    /// The first of all states from which no goal can be reached. A process that only ever
    /// waits is in one of these.
    fn dead_end(self, states: usize) -> Option<Number> {
        let mut origins = vec![Vec::new(); states];
        for (from, to) in self.edges {
            origins[to as usize].push(from);
        }
        let mut hopeful = vec![false; states];
        let mut to_mark = self.goals;
        while let Some(number) = to_mark.pop() {
            if !std::mem::replace(&mut hopeful[number as usize], true) {
                to_mark.extend(&origins[number as usize]);
            }
        }
        (0..)
            .zip(hopeful)
            .find_map(|(number, hopeful)| (!hopeful).then_some(number))
    }
}

// Situations in which newcomers may find themselves.
impl World {
    /// This world with everybody dead but the survivors that still sit after their peer has
    /// gone. Those are stopped.
    pub(super) fn with_survivors_stopped(&self) -> Self {
        let mut world = self.with_alone(|_, process| self.is_survivor(process));
        world.switch_machine_off();
        // Processes that do not run any more are all alike, and newcomers get new numbers.
        let processes = world.processes.into_iter();
        world.processes = processes.filter(|process| !process.is_off()).collect();
        world.kernel.renumber(|_| Pid::STOPPED);
        world
    }

    /// This world with everybody dead.
    pub(super) fn with_survivors_dead(&self) -> Self {
        let mut world = self.with_alone(|_, _| false);
        world.switch_machine_off();
        world.processes = Box::new([]);
        world
    }

    fn is_survivor(&self, process: &Process) -> bool {
        match process.phase {
            _ if process.signalled.is_some() => false,
            Phase::Up(..) => true,
            Phase::AwaitingTurn(id, _) => {
                let object = self.object(id);
                object.is_free(Seat::First) && !object.has_outside(Seat::Second)
            }
            Phase::Talking((id, seat)) => {
                let object = self.object(id);
                let has_begun = seat == Seat::Second || !object.awaits_peer();
                has_begun && object.is_free(seat.peer()) && !object.has_outside(seat)
            }
            _ => false,
        }
    }

    /// This world with every process dead, if there is a machine that offers a page or is
    /// about to. A process at the second seat lives on if its word there is cleared: the
    /// machine has started again, or the process has said that it leaves. It has yet to give
    /// up the seat.
    pub(super) fn with_machine_alone(&self) -> Option<Self> {
        let id = match self.machine.guest {
            Guest::Booted(id) | Guest::Initialising(id) | Guest::Seated((id, Seat::First)) => id,
            _ => return None,
        };
        let word_is_clear = self.object(id).second.is_none();
        let second = Some((id, Seat::Second));
        let world = self.with_alone(|_, process| word_is_clear && process.sits_at() == second);
        // A guest that has started again, and has yet to look at the page that it once
        // offered, will end any talk there.
        let restarts = matches!(self.machine.guest, Guest::Booted(_));
        let object = world.object(id);
        let offered = object.page == Page::Zeros || !restarts && object.has_outside(Seat::Second);
        (offered && world.kernel.name() == Some(id)).then_some(world)
    }

    /// This world with everybody dead but one that waits for a peer, and goes on to; and
    /// with what it was started. The first of them, if there are several. `None` if there is
    /// none, or if the name leads to what it must leave alone.
    pub(super) fn with_first_alone(&self) -> Option<(Self, Wish)> {
        let mut processes = self.numbered();
        let (first, process) = processes.find(|(_, process)| self.goes_on_waiting(process))?;
        let wish = process.wish;
        let mut world = self.with_alone(|pid, _| pid == first);
        world.switch_machine_off();
        let must_leave_alone = world
            .kernel
            .named()
            .is_some_and(|object| object.page != Page::Initialised || object.owner != wish.user);
        let own = world
            .kernel
            .name()
            .is_some_and(|id| world.kernel.has_open(first, id));
        if must_leave_alone && !own {
            return None;
        }
        let process = world.processes[first.index()].clone();
        let wish = Wish {
            part: process.wish.part.peer(),
            place: process.wish.place.peer(),
            ..wish
        };
        world.processes = Box::new([process]);
        world.kernel.renumber(|_| Pid::new(0));
        Some((world, wish))
    }

    fn goes_on_waiting(&self, process: &Process) -> bool {
        match process.phase {
            _ if process.signalled.is_some() => false,
            Phase::Waiting(
                _,
                AwaitPeer::Remove(_, Arrival::Nobody)
                | AwaitPeer::Remove(RemoveName::LeaveDoor(Err(Failed)), _),
            ) => false,
            Phase::Waiting(id, _) => self.object(id).awaits_peer(),
            Phase::GettingUp((_, Seat::First), _, Then::StartOver) => {
                process.wish.part != Part::Client
            }
            _ => false,
        }
    }

    /// This world with all processes dead but those that `lives` says. Nothing happens any
    /// more but what they and the machine do by themselves.
    fn with_alone(&self, lives: impl Fn(Pid, &Process) -> bool) -> Self {
        let mut world = self.clone();
        for (pid, process) in self.numbered() {
            world.processes[pid.index()].starts = 0;
            if !lives(pid, process) {
                world.kill(pid);
            }
        }
        world.machine.starts = 0;
        world.budget = Budget::default();
        world
    }
}
