//! Whether newcomers come to talk, from any situation.

use memtalk::seat::SitDown;
use memtalk_ring::Seat;
use rustc_hash::FxHashMap as HashMap;

use super::guest::{Guest, MACHINE};
use super::kernel::Page;
use super::world::{Action, Phase, Process, World};
use super::{Bug, Pid};

impl World {
    /// Whether two sit together.
    pub(super) fn somebody_talks(&self) -> bool {
        let seated = |which| {
            let guest = match self.machine.guest {
                Guest::Seated(object, seat) if seat == which => Some(object),
                _ => None,
            };
            let processes = self
                .processes
                .iter()
                .filter_map(move |process| match process.phase {
                    Phase::Seated(object, seat) if seat == which => Some(object),
                    _ => None,
                });
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

    /// This world with every process dead, if there is a machine that offers a page or
    /// is about to.
    pub(super) fn with_machine_alone(&self) -> Option<Self> {
        let mut world = self.clone();
        for (pid, process) in (0..).zip(&self.processes) {
            if !matches!(process.phase, Phase::Off) {
                world = world.after(Action::Crash(pid), None).ok()?;
            }
        }
        world.processes.clear();
        world.machine.starts = 0;
        let id = match self.machine.guest {
            Guest::Booted(id) | Guest::Initialising(id) | Guest::Seated(id, Seat::First) => id,
            _ => return None,
        };
        // A guest that has started again, and not yet looked at the page that it once
        // offered, will end any talk there.
        let restarts = matches!(self.machine.guest, Guest::Booted(_));
        let object = world.object(id);
        let offered = object.page == Page::Zeros || !restarts && object.has_outside(Seat::Second);
        (offered && world.kernel.name == Some(id)).then_some(world)
    }

    /// This world with everybody dead but those survivors who still sit after
    /// their peer has gone; they are stopped, and two new processes may start.
    pub(super) fn with_two_newcomers(&self) -> Self {
        let mut world = self.clone();
        for (pid, process) in (0..).zip(&self.processes) {
            let alone = match process.phase {
                Phase::Seated(object, seat) | Phase::Mourning(object, seat) => {
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
        world.machine.starts = 0;
        if world.machine.guest != Guest::Off {
            world = world.after(Action::Crash(MACHINE), None).unwrap();
        }
        // Those who do not run any more are all alike.
        world
            .processes
            .retain(|process| !matches!(process.phase, Phase::Off));
        world
    }

    /// Whether two can come to talk from wherever any path leads, if so many new
    /// processes start; an error is a path after which they cannot.
    pub(super) fn newcomers_always_talk(
        &self,
        count: usize,
        bug: Option<Bug>,
    ) -> Result<(), String> {
        let mut world = self.clone();
        // Locks know their owners by number, and the newcomers get new numbers.
        for object in world.kernel.objects.iter_mut().flatten() {
            for lock in &mut object.seats {
                *lock = lock.map(|_| Pid::MAX);
            }
        }
        let newcomer = Process {
            phase: Phase::SittingDown(SitDown::Open),
            starts: 0,
        };
        let newcomers = world.processes.len();
        world.processes.extend(vec![newcomer; count]);
        let fail = |path: &[Action], what: &str| {
            let mut text = format!("{what}: with {newcomers} survivors stopped,\n");
            world.clone().tell(path, bug, &mut text);
            Err(text)
        };
        // Every situation, how it was reached first, and from which it can be reached.
        let mut numbers = HashMap::from_iter([(world.clone(), 0_usize)]);
        let mut found = vec![(world.clone(), Vec::new())];
        let mut reached_from = vec![Vec::new()];
        let mut talks = Vec::new();
        let mut next_up = 0;
        while next_up < found.len() {
            let (from, path) = found[next_up].clone();
            if from.somebody_talks() {
                talks.push(next_up);
                next_up += 1;
                continue;
            }
            for action in from.actions(false) {
                if usize::from(action.pid()) < newcomers {
                    continue;
                }
                let path: Vec<_> = path.iter().copied().chain([action]).collect();
                match from.after(action, bug) {
                    Err(what) => return fail(&path, &what),
                    Ok(next) => {
                        let number = *numbers.entry(next.clone()).or_insert(found.len());
                        if number == found.len() {
                            found.push((next, path));
                            reached_from.push(Vec::new());
                        }
                        reached_from[number].push(next_up);
                    }
                }
            }
            next_up += 1;
        }
        // From where a talk can be reached. Whoever only ever waits is not there.
        let mut hopeful = vec![false; found.len()];
        while let Some(number) = talks.pop() {
            if !std::mem::replace(&mut hopeful[number], true) {
                talks.extend(&reached_from[number]);
            }
        }
        match hopeful.iter().position(|&hopeful| !hopeful) {
            Some(number) => fail(&found[number].1, "newcomers do not come to talk"),
            None => Ok(()),
        }
    }
}
