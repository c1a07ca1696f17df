//! Whether newcomers come to talk, from any situation.

use memtalk::lifecycle::await_peer::{Arrival, AwaitPeer};
use memtalk::lifecycle::get_up::RemoveName;
use memtalk::lifecycle::sit_down::SitDown;
use memtalk_ring::Seat;
use rustc_hash::FxHashMap as HashMap;

use super::guest::{Guest, MACHINE};
use super::kernel::Page;
use super::process::{Phase, Process, Then, User, Wish};
use super::world::{Action, World};
use super::{Bug, Failed, Pid};

impl World {
    /// Whether two sit together.
    pub(super) fn somebody_talks(&self) -> bool {
        let seated = |which| {
            let guest = match self.machine.guest {
                Guest::Seated(object, seat) if seat == which => Some(object),
                _ => None,
            };
            let processes = self.processes.iter().filter_map(Process::talks_at);
            let processes =
                processes.filter_map(move |(object, seat)| (seat == which).then_some(object));
            processes.chain(guest)
        };
        seated(Seat::First).any(|object| {
            self.object(object).second.is_some()
                && seated(Seat::Second).any(|other| other == object)
        })
    }

    /// Whether the name leads to what a machine left that never initialised it.
    pub(super) fn names_zeros(&self) -> bool {
        self.kernel
            .name
            .is_some_and(|id| self.object(id).page == Page::Zeros)
    }

    /// Whether the name leads to what another user than this has left.
    pub(super) fn names_anothers(&self, user: User) -> bool {
        self.kernel
            .name
            .is_some_and(|id| self.object(id).owner != user)
    }

    /// Whether all users may open what the name leads to, if it leads to anything.
    pub(super) fn names_nothing_private(&self) -> bool {
        self.kernel.name.is_none_or(|id| self.object(id).shared)
    }

    /// This world with everybody dead but one who waits for a peer, and goes on to; and
    /// with what it was started.
    pub(super) fn with_first_alone(&self) -> Option<(Self, Wish)> {
        let waits = |process: &Process| match process.phase {
            _ if process.signalled.is_some() => false,
            Phase::Waiting(
                _,
                AwaitPeer::Remove(_, Arrival::Nobody)
                | AwaitPeer::Remove(RemoveName::LeaveDoor(Err(Failed)), _),
            ) => false,
            Phase::Waiting(object, _) => self.waits(object),
            Phase::GettingUp(.., Then::StartOver) => true,
            _ => false,
        };
        let first = self.processes.iter().position(waits)?;
        let mut world = self.clone();
        for pid in (0..).take(self.processes.len()) {
            let dead = matches!(self.processes[usize::from(pid)].phase, Phase::Off);
            if usize::from(pid) != first && !dead {
                world = world.after(Action::Crash(pid), None).ok()?;
            }
        }
        world.end_budgets();
        if world.machine.guest != Guest::Off {
            world = world.after(Action::Crash(MACHINE), None).ok()?;
        }
        world.processes[first].starts = 0;
        let wish = world.processes[first].wish;
        // Somebody else's object may be in the way.
        let stands = |id| world.processes[first].has_open() == Some(id);
        let free = world.kernel.name.is_none_or(|id| {
            stands(id)
                || world.object(id).page == Page::Initialised && !world.names_anothers(wish.user)
        });
        world.processes = vec![world.processes.swap_remove(first)];
        world.give_locks_to(0);
        free.then_some((world, wish))
    }

    /// This world with every process dead, if there is a machine that offers a page or
    /// is about to; but with one that is still to give up the second seat, since the
    /// machine has started again, or as it has said.
    pub(super) fn with_machine_alone(&self) -> Option<Self> {
        let mut world = self.clone();
        let id = match self.machine.guest {
            Guest::Booted(id) | Guest::Initialising(id) | Guest::Seated(id, Seat::First) => id,
            _ => return None,
        };
        for (pid, process) in (0..).zip(&self.processes) {
            let parted =
                process.sits_at() == Some((id, Seat::Second)) && self.object(id).second.is_none();
            world.processes[usize::from(pid)].starts = 0;
            if !parted {
                world = world.after(Action::Crash(pid), None).ok()?;
            }
        }
        world.end_budgets();
        // A guest that has started again, and not yet looked at the page that it once
        // offered, will end any talk there.
        let restarts = matches!(self.machine.guest, Guest::Booted(_));
        let object = world.object(id);
        let offered = object.page == Page::Zeros || !restarts && object.has_outside(Seat::Second);
        (offered && world.kernel.name == Some(id)).then_some(world)
    }

    /// This world with everybody dead but those survivors who still sit after
    /// their peer has gone; they are stopped.
    pub(super) fn with_survivors_stopped(&self) -> Self {
        let mut world = self.clone();
        for (pid, process) in (0..).zip(&self.processes) {
            let alone = match process.phase {
                _ if process.signalled.is_some() => false,
                Phase::Up(..) => true,
                Phase::Talking(object, seat) => {
                    let object = self.object(object);
                    (seat == Seat::Second || object.second.is_some())
                        && object.seats[seat.peer().index()].is_none()
                        && !object.has_outside(seat)
                }
                _ => false,
            };
            world.processes[usize::from(pid)].starts = 0;
            if !alone {
                world = world.after(Action::Crash(pid), None).unwrap();
            }
        }
        world.end_budgets();
        if world.machine.guest != Guest::Off {
            world = world.after(Action::Crash(MACHINE), None).unwrap();
        }
        // Those who do not run any more are all alike.
        world
            .processes
            .retain(|process| !matches!(process.phase, Phase::Off));
        // Locks know their owners by number, and the newcomers get new numbers.
        world.give_locks_to(Pid::MAX);
        world
    }

    /// Nothing happens any more but what those who run do by themselves.
    fn end_budgets(&mut self) {
        (self.machine.starts, self.removals) = (0, 0);
        (self.failures, self.signals) = (0, 0);
    }

    /// Whoever holds a lock is `pid` now.
    fn give_locks_to(&mut self, pid: Pid) {
        for object in self.kernel.objects.iter_mut().flatten() {
            for lock in object.locks() {
                *lock = lock.map(|_| pid);
            }
        }
    }

    /// Whether two can come to talk from wherever any path leads, if `newcomers` start
    /// and the first `stopped` processes do not run; an error is a path after which they
    /// cannot.
    pub(super) fn newcomers_always_talk(
        &self,
        newcomers: &[Wish],
        stopped: usize,
        bug: Option<Bug>,
    ) -> Result<(), String> {
        let mut world = self.clone();
        world
            .processes
            .extend(newcomers.iter().map(|&wish| Process {
                phase: Phase::SittingDown(SitDown::Open),
                ..Process::new(0, wish)
            }));
        // Every situation, from which it was reached first, and from which it can be.
        let mut numbers = HashMap::from_iter([(world.clone(), 0_usize)]);
        let mut found = vec![world.clone()];
        let mut origins = vec![(0_usize, Action::Step(0))];
        let mut reached_from = vec![Vec::new()];
        let fail = |origins: &[(usize, Action)], mut number: usize, last, what: &str| {
            let mut path: Vec<_> = Option::into_iter(last).collect();
            while number != 0 {
                let (before, action) = origins[number];
                path.push(action);
                number = before;
            }
            path.reverse();
            let mut text = format!("{what}: with {stopped} survivors stopped,\n");
            world.clone().tell(&path, bug, false, &mut text);
            Err(text)
        };
        let mut talks = Vec::new();
        for number in 0.. {
            let Some(from) = found.get(number).cloned() else {
                break;
            };
            if from.somebody_talks() {
                talks.push(number);
                continue;
            }
            for action in from.actions(false, bug) {
                if usize::from(action.pid()) < stopped {
                    continue;
                }
                let next = match from.after(action, bug) {
                    Ok(next) => next,
                    Err(what) => return fail(&origins, number, Some(action), &what),
                };
                let next_number = *numbers.entry(next).or_insert_with_key(|next| {
                    found.push(next.clone());
                    origins.push((number, action));
                    reached_from.push(Vec::new());
                    found.len() - 1
                });
                reached_from[next_number].push(number);
            }
        }
        // From where a talk can be reached. Whoever only ever waits is not there.
        let mut hopeful = vec![false; found.len()];
        while let Some(number) = talks.pop() {
            if !std::mem::replace(&mut hopeful[number], true) {
                talks.extend(&reached_from[number]);
            }
        }
        match hopeful.iter().position(|&hopeful| !hopeful) {
            Some(number) => fail(&origins, number, None, "newcomers do not come to talk"),
            None => Ok(()),
        }
    }
}
