//! The search: every state, breadth first.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::Bug;
use super::process::Wish;
use super::world::{Action, World};

/// The result of a search that found nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    /// States visited.
    pub states: usize,
    /// Different situations from which two newcomers were shown to talk.
    pub situations: usize,
}

/// What to search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// How many processes there are.
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
    /// Whether who has got up lives on with its watcher; it ends at once otherwise.
    pub lives_on: bool,
    /// How many signals may come, to whomever.
    pub signals: u8,
    /// How many calls may fail, of whomever.
    pub failures: u8,
    /// A mistake to be made.
    pub bug: Option<Bug>,
}

/// A situation, who comes then, and how many of the processes do not run.
type Hope = (World, Vec<Wish>, usize);

/// How each state was reached first: from which one, by which action.
type Origins = Vec<(u32, Action)>;

impl Search {
    /// Visits all states.
    ///
    /// # Errors
    /// What does not hold, and the shortest trace to it.
    pub fn run(self) -> Result<Searched, String> {
        let first = self.first();
        let mut seen = HashSet::from_iter([first.clone()]);
        let mut origins: Origins = vec![(0, Action::Step(0))];
        let mut to_do = VecDeque::from([(first, 0_u32)]);
        let mut situations = HashMap::default();
        while let Some((world, number)) = to_do.pop_front() {
            for hope in self.hopes(&world) {
                let fails = |(from, newcomers, stopped): &Hope| {
                    from.newcomers_always_talk(newcomers, *stopped, self.bug)
                };
                let situation = situations.entry(hope).or_insert_with_key(fails);
                if let Err(what) = situation {
                    return Err(self.trace(&origins, number, None, what));
                }
            }
            for action in world.actions(true, self.bug) {
                match world.after(action, self.bug).map(World::sorted) {
                    Err(what) => return Err(self.trace(&origins, number, Some(action), &what)),
                    Ok(next) if seen.contains(&next) => {}
                    Ok(next) => {
                        let new = u32::try_from(origins.len()).unwrap();
                        origins.push((number, action));
                        seen.insert(next.clone());
                        to_do.push_back((next, new));
                    }
                }
            }
        }
        Ok(Searched {
            states: origins.len(),
            situations: situations.len(),
        })
    }

    /// Situations that may follow `world`, in which newcomers must come to talk.
    fn hopes(self, world: &World) -> Vec<Hope> {
        let mut hopes = Vec::new();
        let alone = Wish::default();
        let left = world.with_survivors_stopped();
        let stopped = left.processes.len();
        // Over somebody else's object, nobody is to talk.
        if !self.foreign && !left.names_zeros() {
            if !left.names_anothers(alone.user) {
                hopes.push((left.clone(), vec![alone; 2], stopped));
            }
            if self.users && left.names_nothing_private() {
                let pair = [false, true].map(|user| Wish {
                    user,
                    shared: true,
                    tenant: false,
                });
                hopes.push((left, pair.to_vec(), stopped));
            }
        }
        if let Some(machine) = world.with_machine_alone() {
            let tenant = Wish {
                tenant: self.tenant,
                ..alone
            };
            hopes.push((machine, vec![tenant], 0));
        }
        if let Some((first, wish)) = world.with_first_alone() {
            hopes.push((first, vec![wish], 0));
        }
        hopes
    }

    fn first(self) -> World {
        World::new(self).sorted()
    }

    /// Tells how state `number` was reached, and what happened last.
    fn trace(self, origins: &Origins, mut number: u32, last: Option<Action>, what: &str) -> String {
        let mut actions: Vec<Action> = last.into_iter().collect();
        while number != 0 {
            let (before, action) = origins[number as usize];
            actions.push(action);
            number = before;
        }
        actions.reverse();
        let mut text = format!("{what}\nafter:\n");
        self.first().tell(&actions, self.bug, true, &mut text);
        text
    }
}
