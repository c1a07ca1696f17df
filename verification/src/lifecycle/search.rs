//! The search: every state, breadth first.

use rustc_hash::FxHashSet as HashSet;

use super::calls::{Part, Place, Wish};
use super::guest::{Guest, Machine};
use super::kernel::{Kernel, Page};
use super::mistakes::Bug;
use super::newcomers::Hope;
use super::onlooker::Onlooker;
use super::process::Process;
use super::properties::judged_after;
use super::reached::Reached;
use super::world::{Action, Budget, World};

/// The result of a search that found nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    /// States visited.
    pub states: usize,
    /// Different situations from which newcomers were shown to come to talk.
    pub situations: usize,
}

/// What to search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// How many processes there are, 3 at most.
    pub processes: usize,
    /// How often each may start.
    pub starts: u8,
    /// How often a machine may be switched on, or its guest start again.
    pub machine_starts: u8,
    /// Whether the name leads to an object that is not memtalk's at first; to
    /// none otherwise.
    pub foreign: bool,
    /// Whether the processes differ: one is private, one shares with other users, and one
    /// is another user's. All are private and of one user otherwise.
    pub users: bool,
    /// How often a stranger may remove the name.
    pub removals: u8,
    /// Whether one of the processes is a tenant.
    pub tenant: bool,
    /// The part of each process.
    pub parts: [Part; 3],
    /// Whether one process makes objects without a name, and gives each to the others.
    pub unnamed: bool,
    /// Whether the processes use memory of the user's own: the name stands for it.
    pub fixed: bool,
    /// Whether a process that has got up lives on with its watcher; it ends at once
    /// otherwise.
    pub lives_on: bool,
    /// Whether somebody looks, again and again.
    pub onlooker: bool,
    /// How many signals may come, to any process.
    pub signals: u8,
    /// How many calls may fail, of any process.
    pub failures: u8,
    /// A mistake to be made.
    pub bug: Option<Bug>,
}

impl Search {
    /// Visits all states.
    ///
    /// # Errors
    /// What does not hold, and the shortest trace to it.
    pub fn run(self) -> Result<Searched, String> {
        let mut reached = Reached::from(self.first());
        let mut situations = HashSet::default();
        while let Some((number, world)) = reached.next() {
            for hope in self.hopes(&world) {
                if !situations.contains(&hope) {
                    hope.comes_true(self.bug)
                        .map_err(|what| self.trace(&reached.path(number, None), &what))?;
                    situations.insert(hope);
                }
            }
            for action in world.actions(self.bug) {
                let next = judged_after(&world, action, self.bug)
                    .map_err(|what| self.trace(&reached.path(number, Some(action)), what))?;
                reached.reach(next.sorted(), number, action);
            }
        }
        Ok(Searched {
            states: reached.len(),
            situations: situations.len(),
        })
    }

    /// Situations that may follow `world`, in which newcomers must come to talk.
    fn hopes(self, world: &World) -> Vec<Hope> {
        let private = Wish {
            place: self.places()[0],
            ..Wish::default()
        };
        let newcomer = Wish {
            tenant: self.tenant,
            ..private
        };
        let mut hopes = Vec::new();
        // Over somebody else's object, nobody is to talk. Without a name, one talk is all.
        if !self.foreign && !self.unnamed {
            let left = match self.fixed {
                // There they are waited for.
                true => world.with_survivors_dead(),
                false => world.with_survivors_stopped(),
            };
            let pairs = self.pairs_that_may_talk(&left);
            hopes.extend(pairs.map(|pair| Hope::of_two(&left, pair)));
        }
        let machine = world.with_machine_alone();
        hopes.extend(machine.map(|world| Hope::of_one(world, newcomer)));
        let first = world.with_first_alone();
        hopes.extend(first.map(|(world, wish)| Hope::of_one(world, wish)));
        hopes
    }

    /// The pairs of newcomers that have a right to talk on what others have left: two private
    /// ones, and two who share, of different users.
    fn pairs_that_may_talk(self, left: &World) -> impl Iterator<Item = [Wish; 2]> {
        let private = Wish {
            place: self.places()[1],
            ..Wish::default()
        };
        let sharing = [false, true].map(|user| Wish {
            user,
            shared: true,
            ..private
        });
        let named = left.kernel.named();
        // Nothing says of a machine's zeros that they are memtalk's.
        let clear = self.fixed || named.is_none_or(|object| object.page != Page::Zeros);
        let own = named.is_none_or(|object| object.owner == private.user);
        let open = named.is_none_or(|object| object.shared);
        let private = (clear && own).then_some([private; 2]);
        let sharing = (clear && self.users && open).then_some(sharing);
        private.into_iter().chain(sharing)
    }

    /// The first state.
    fn first(self) -> World {
        let processes = self.wishes().map(|wish| Process::new(self.starts, wish));
        let world = World {
            kernel: match (self.foreign, self.fixed) {
                (true, _) => Kernel::with_object(Page::Foreign),
                (_, true) => Kernel::with_object(Page::Zeros),
                _ => Kernel::default(),
            },
            processes: processes.collect(),
            machine: Machine {
                guest: Guest::Off,
                starts: self.machine_starts,
            },
            onlooker: self.onlooker.then(Onlooker::new),
            budget: Budget {
                removals: self.removals,
                failures: self.failures,
                signals: self.signals,
            },
            removed: false,
            leaked: false,
            lives_on: self.lives_on,
        };
        world.sorted()
    }

    /// With what each process is started.
    fn wishes(self) -> impl Iterator<Item = Wish> {
        let wish = |user, shared, tenant| Wish {
            user,
            shared,
            tenant,
            ..Wish::default()
        };
        let places = self.places();
        let wishes = match self.users {
            // One who wants to be private, one who does not, and one of another user.
            true => [
                wish(false, false, self.tenant),
                wish(false, true, false),
                wish(true, true, false),
            ],
            false => [
                wish(false, false, self.tenant),
                Wish::default(),
                Wish::default(),
            ],
        };
        let parts = wishes.into_iter().zip(self.parts).zip(places);
        let wishes = parts.map(|((wish, part), place)| Wish {
            part,
            place,
            ..wish
        });
        wishes.take(self.processes)
    }

    /// Where the page of each process is.
    fn places(self) -> [Place; 3] {
        match (self.unnamed, self.fixed) {
            (true, _) => [Place::New, Place::Given, Place::Given],
            (_, true) => [Place::Fixed; 3],
            _ => [Place::Named; 3],
        }
    }

    fn trace(self, path: &[Action], what: &str) -> String {
        format!(
            "{what}\nafter:\n{}",
            self.first().tell(path, self.bug, true)
        )
    }
}
