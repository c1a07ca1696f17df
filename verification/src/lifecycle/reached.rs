//! The states that can be reached from one, breadth first, and how each was.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap as HashMap;

use super::world::{Action, World};

/// A state's number, in the order in which they were reached.
pub(super) type Number = u32;

/// The states that have been reached so far.
pub(super) struct Reached {
    numbers: HashMap<World, Number>,
    /// From which state each was reached first, and by which action. The first state comes
    /// from nowhere.
    origins: Vec<(Number, Action)>,
    /// Those that have not been visited: the last ones.
    to_visit: VecDeque<World>,
}

impl Reached {
    /// The first state, to be visited.
    pub(super) fn from(first: World) -> Self {
        Self {
            numbers: HashMap::from_iter([(first.clone(), 0)]),
            origins: vec![(0, Action::Remove)],
            to_visit: VecDeque::from([first]),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    /// The next state to visit. Those that were reached first come first.
    pub(super) fn next(&mut self) -> Option<(Number, World)> {
        let number = number(self.origins.len() - self.to_visit.len());
        self.to_visit.pop_front().map(|state| (number, state))
    }

    /// An action leads from state `from` to this one, which is to be visited if it is new.
    pub(super) fn reach(&mut self, state: World, from: Number, action: Action) -> Number {
        match self.numbers.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let number = number(self.origins.len());
                self.origins.push((from, action));
                self.to_visit.push_back(new.key().clone());
                *new.insert(number)
            }
        }
    }

    /// The shortest path to state `number`, and after it `last`.
    pub(super) fn path(&self, mut number: Number, last: Option<Action>) -> Vec<Action> {
        let mut path = Vec::from_iter(last);
        while number != 0 {
            let (before, action) = self.origins[number as usize];
            path.push(action);
            number = before;
        }
        path.reverse();
        path
    }
}

fn number(place: usize) -> Number {
    Number::try_from(place).expect("no search reaches that many states")
}
