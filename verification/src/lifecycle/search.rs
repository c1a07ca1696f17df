//! The search: every state, breadth first.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::Bug;
use super::kernel::Page;
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
    /// A mistake to be made.
    pub bug: Option<Bug>,
}

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
            // Over somebody else's object, nobody is to talk.
            if !self.foreign {
                let situation = situations
                    .entry((world.with_two_newcomers(), 2))
                    .or_insert_with_key(|(world, count)| match world.names_zeros() {
                        true => Ok(()),
                        false => world.newcomers_always_talk(*count, self.bug),
                    });
                if let Err(what) = situation {
                    return Err(self.trace(&origins, number, None, what));
                }
            }
            if let Some(alone) = world.with_machine_alone() {
                let situation =
                    situations
                        .entry((alone, 1))
                        .or_insert_with_key(|(world, count)| {
                            world.newcomers_always_talk(*count, self.bug)
                        });
                if let Err(what) = situation {
                    return Err(self.trace(&origins, number, None, what));
                }
            }
            for action in world.actions(true) {
                match world.after(action, self.bug) {
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

    fn first(self) -> World {
        let page = self.foreign.then_some(Page::Foreign);
        World::new(self.processes, self.starts, self.machine_starts, page)
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
        self.first().tell(&actions, self.bug, &mut text);
        text
    }
}
