//! The C11 memory model, as repaired in RC11, by plain enumeration.
//!
//! To check the checker: a litmus program (a few threads of loads, stores and
//! fences) has a set of outcomes that the model allows. This module computes the set from
//! the axioms alone. It has nothing in common with how loom works: it tries every store
//! that each load may read from, and every order of the stores to each location, and keeps
//! the consistent ones.
//!
//! The axioms are those of Lahav, Vafeiadis, Kang, Hur and Dreyer, "Repairing
//! Sequential Consistency in C/C++11" (PLDI 2017), without read-modify-writes, since a
//! ring has none. Relations have the paper's names.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// One operation of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a location.
    Load(usize, Ordering),
    /// Writes a value to a location.
    Store(usize, u32, Ordering),
    /// A fence.
    Fence(Ordering),
}

/// Threads of operations. Every location holds 0 at first.
pub type Program = Vec<Vec<Op>>;

/// What the loads read, thread by thread.
pub type Outcome = Vec<u32>;

/// The most events of a program. The initial stores count as well.
const MOST: usize = 32;

/// A binary relation on events: row `a` has bit `b` if `a` is related to `b`.
#[derive(Clone, Copy)]
struct Relation([u32; MOST]);

impl Relation {
    const EMPTY: Self = Self([0; MOST]);

    /// All pairs for which `holds` returns true.
    fn of(events: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        let mut relation = Self::EMPTY;
        for a in 0..events {
            for b in 0..events {
                relation.0[a] |= u32::from(holds(a, b)) << b;
            }
        }
        relation
    }

    fn has(&self, a: usize, b: usize) -> bool {
        self.0[a] >> b & 1 == 1
    }

    fn or(mut self, other: Self) -> Self {
        for (row, other) in self.0.iter_mut().zip(other.0) {
            *row |= other;
        }
        self
    }

    /// `self ; other`.
    fn then(self, other: Self) -> Self {
        let through = |row: u32| {
            let middles = (0..MOST).filter(|&b| row >> b & 1 == 1);
            middles.fold(0, |reached, b| reached | other.0[b])
        };
        Self(self.0.map(through))
    }

    /// `self?`: `self` and the identity.
    fn maybe(self) -> Self {
        self.or(Self::of(MOST, |a, b| a == b))
    }

    /// `self⁻¹`.
    fn inverse(self) -> Self {
        Self::of(MOST, |a, b| self.has(b, a))
    }

    /// `self⁺`.
    fn closure(mut self) -> Self {
        for middle in 0..MOST {
            for a in 0..MOST {
                if self.has(a, middle) {
                    self.0[a] |= self.0[middle];
                }
            }
        }
        self
    }

    fn is_irreflexive(&self) -> bool {
        (0..MOST).all(|a| !self.has(a, a))
    }

    fn is_acyclic(self) -> bool {
        self.closure().is_irreflexive()
    }
}

/// An operation and its thread.
#[derive(Clone, Copy)]
struct Event {
    /// `None` for the initial stores.
    thread: Option<usize>,
    op: Op,
}

impl Event {
    fn location(&self) -> Option<usize> {
        match self.op {
            Op::Load(location, _) | Op::Store(location, ..) => Some(location),
            Op::Fence(_) => None,
        }
    }

    fn is_store(&self) -> bool {
        matches!(self.op, Op::Store(..))
    }

    fn is_load(&self) -> bool {
        matches!(self.op, Op::Load(..))
    }

    fn is_fence(&self) -> bool {
        matches!(self.op, Op::Fence(_))
    }

    fn ordering(&self) -> Ordering {
        match self.op {
            Op::Load(_, ordering) | Op::Store(_, _, ordering) | Op::Fence(ordering) => ordering,
        }
    }

    fn releases(&self) -> bool {
        !self.is_load()
            && matches!(
                self.ordering(),
                Ordering::Release | Ordering::AcqRel | Ordering::SeqCst
            )
    }

    fn acquires(&self) -> bool {
        !self.is_store()
            && matches!(
                self.ordering(),
                Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst
            )
    }

    /// The value of a store.
    fn stored(&self) -> u32 {
        match self.op {
            Op::Store(_, value, _) => value,
            _ => unreachable!("only stores are read"),
        }
    }

    fn is_sc(&self) -> bool {
        self.ordering() == Ordering::SeqCst
    }
}

/// All outcomes of a program that RC11 allows.
///
/// # Panics
/// If the program has more than 32 events, the initial stores included.
#[must_use]
pub fn outcomes(program: &Program) -> BTreeSet<Outcome> {
    let events = events(program);
    assert!(events.len() <= MOST);
    let stores = stores_by_location(&events);
    let loads: Vec<usize> = (0..events.len()).filter(|&e| events[e].is_load()).collect();

    // The initial store comes first, the others in any order.
    let orders = product(stores.iter().map(|stores| permutations(&stores[1..])));
    let sources = loads
        .iter()
        .map(|&load| stores[events[load].location().unwrap()].clone());
    let mut outcomes = BTreeSet::new();
    for reads in product(sources) {
        let outcome: Outcome = reads.iter().map(|&store| events[store].stored()).collect();
        let rf = reads_from(events.len(), &loads, &reads);
        let consistent = |order: &Vec<Vec<usize>>| {
            is_consistent(&events, rf, modification_order(&events, order))
        };
        if !outcomes.contains(&outcome) && orders.iter().any(consistent) {
            outcomes.insert(outcome);
        }
    }
    outcomes
}

/// The events of a program: an initial store to each location, then the operations of each
/// thread.
fn events(program: &Program) -> Vec<Event> {
    let locations = program
        .iter()
        .flatten()
        .filter_map(|&op| Event { thread: None, op }.location())
        .max()
        .map_or(0, |last| last + 1);
    let initial = (0..locations).map(|location| Event {
        thread: None,
        op: Op::Store(location, 0, Ordering::Relaxed),
    });
    let threads = program.iter().enumerate().flat_map(|(thread, operations)| {
        operations.iter().map(move |&op| Event {
            thread: Some(thread),
            op,
        })
    });
    initial.chain(threads).collect()
}

/// The stores to each location, the initial one first.
fn stores_by_location(events: &[Event]) -> Vec<Vec<usize>> {
    let locations = events.iter().filter(|event| event.thread.is_none()).count();
    let stores_to = |location| {
        let store = |&e: &usize| events[e].is_store() && events[e].location() == Some(location);
        (0..events.len()).filter(store).collect()
    };
    (0..locations).map(stores_to).collect()
}

/// `rf`: each of `loads` reads from the store at its place in `reads`.
fn reads_from(events: usize, loads: &[usize], reads: &[usize]) -> Relation {
    Relation::of(events, |a, b| {
        loads
            .iter()
            .zip(reads)
            .any(|(&load, &store)| (store, load) == (a, b))
    })
}

/// `mo`: the stores to each location, in this order after the initial one.
fn modification_order(events: &[Event], order: &[Vec<usize>]) -> Relation {
    let place = |e: usize| order.iter().flatten().position(|&other| other == e);
    Relation::of(events.len(), |a, b| {
        let same = events[a].location() == events[b].location();
        let stores = events[a].is_store() && events[b].is_store();
        // An initial store has no place, and `None` sorts before any place.
        same && stores && a != b && place(a) < place(b)
    })
}

/// Whether reads-from `rf` and modification order `mo` satisfy RC11's axioms.
fn is_consistent(events: &[Event], rf: Relation, mo: Relation) -> bool {
    let of = |holds: &dyn Fn(usize, usize) -> bool| Relation::of(events.len(), holds);
    let only = |holds: &dyn Fn(&Event) -> bool| of(&|a, b| a == b && holds(&events[a]));
    let same_location = |a: usize, b: usize| {
        events[a].location().is_some() && events[a].location() == events[b].location()
    };

    let sb = of(&|a, b| match (events[a].thread, events[b].thread) {
        (None, Some(_)) => true,
        (Some(a_thread), Some(b_thread)) => a_thread == b_thread && a < b,
        _ => false,
    });
    let rb = rf.inverse().then(mo);
    let eco = rf.or(mo).or(rb).closure();

    // Synchronises-with, through accesses and through fences.
    let fence = only(&Event::is_fence);
    let store = only(&Event::is_store);
    let sb_loc = of(&|a, b| sb.has(a, b) && same_location(a, b));
    let rs = store.then(sb_loc.maybe()).then(store);
    let released = only(&Event::releases).then(fence.then(sb).or(only(&|_| true)));
    let acquired = sb
        .then(fence)
        .or(only(&|_| true))
        .then(only(&Event::acquires));
    let sw = released.then(rs).then(rf).then(acquired);
    let hb = sb.or(sw).closure();

    // Coherence, and nothing out of thin air.
    if !hb.then(eco.maybe()).is_irreflexive() || !hb.is_irreflexive() || !sb.or(rf).is_acyclic() {
        return false;
    }

    // The partial order of the sequentially consistent events.
    let sb_other = of(&|a, b| sb.has(a, b) && !same_location(a, b));
    let hb_loc = of(&|a, b| hb.has(a, b) && same_location(a, b));
    let scb = sb
        .or(sb_other.then(hb).then(sb_other))
        .or(hb_loc)
        .or(mo)
        .or(rb);
    let sc = only(&Event::is_sc);
    let sc_fence = only(&|event| event.is_sc() && event.is_fence());
    let from = sc.or(sc_fence.then(hb.maybe()));
    let to = sc.or(hb.maybe().then(sc_fence));
    let psc_base = from.then(scb).then(to);
    let psc_fence = sc_fence.then(hb.or(hb.then(eco).then(hb))).then(sc_fence);
    psc_base.or(psc_fence).is_acyclic()
}

/// Every way to choose one element of each vector.
fn product<T: Clone>(choices: impl Iterator<Item = Vec<T>>) -> Vec<Vec<T>> {
    choices.fold(vec![Vec::new()], |chosen, next| {
        let extend = |so_far: Vec<T>| {
            let one_more = |choice: &T| so_far.iter().chain([choice]).cloned().collect();
            next.iter().map(one_more).collect::<Vec<_>>()
        };
        chosen.into_iter().flat_map(extend).collect()
    })
}

/// Every order of some events.
fn permutations(events: &[usize]) -> Vec<Vec<usize>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let starting_with = |first: usize| {
        let rest: Vec<usize> = events.iter().copied().filter(|&e| e != first).collect();
        let put_first = move |rest: Vec<usize>| [first].into_iter().chain(rest).collect();
        permutations(&rest)
            .into_iter()
            .map(put_first)
            .collect::<Vec<_>>()
    };
    events.iter().copied().flat_map(starting_with).collect()
}

#[cfg(test)]
mod tests {
    use super::Op::{Fence, Load, Store};
    use super::{Op, outcomes};
    use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

    const X: usize = 0;
    const Y: usize = 1;

    #[track_caller]
    fn check(program: &[&[Op]], outcome: &[u32], allowed: bool) {
        let program = program.iter().map(|thread| thread.to_vec()).collect();
        assert_eq!(outcomes(&program).contains(outcome), allowed);
    }

    #[test]
    fn a_message_needs_release_and_acquire() {
        let run = |store, load, allowed| {
            let writer = &[Store(X, 1, Relaxed), Store(Y, 1, store)];
            let reader = &[Load(Y, load), Load(X, Relaxed)];
            check(&[writer, reader], &[1, 0], allowed);
            check(&[writer, reader], &[1, 1], true);
        };
        run(Release, Acquire, false);
        run(Relaxed, Acquire, true);
        run(Release, Relaxed, true);
    }

    #[test]
    fn fences_pass_a_message_as_well() {
        let writer = &[Store(X, 1, Relaxed), Fence(Release), Store(Y, 1, Relaxed)];
        let reader = &[Load(Y, Relaxed), Fence(Acquire), Load(X, Relaxed)];
        check(&[writer, reader], &[1, 0], false);
    }

    #[test]
    fn store_buffering_is_forbidden_only_by_two_seqcst_sides() {
        let run = |fence, allowed| {
            let one = &[Store(X, 1, Relaxed), Fence(fence), Load(Y, Relaxed)];
            let other = &[Store(Y, 1, Relaxed), Fence(fence), Load(X, Relaxed)];
            check(&[one, other], &[0, 0], allowed);
        };
        run(AcqRel, true);
        run(SeqCst, false);
        // One fence is not enough, nor are SeqCst accesses against relaxed ones.
        let one = &[Store(X, 1, Relaxed), Fence(SeqCst), Load(Y, Relaxed)];
        check(
            &[one, &[Store(Y, 1, Relaxed), Load(X, Relaxed)]],
            &[0, 0],
            true,
        );
        let sc = &[Store(X, 1, SeqCst), Load(Y, SeqCst)];
        check(
            &[sc, &[Store(Y, 1, SeqCst), Load(X, SeqCst)]],
            &[0, 0],
            false,
        );
        check(
            &[sc, &[Store(Y, 1, Relaxed), Load(X, Relaxed)]],
            &[0, 0],
            true,
        );
    }

    #[test]
    fn load_buffering_is_forbidden() {
        let one = &[Load(X, Relaxed), Store(Y, 1, Relaxed)];
        let other = &[Load(Y, Relaxed), Store(X, 1, Relaxed)];
        check(&[one, other], &[1, 1], false);
        check(&[one, other], &[0, 1], true);
    }

    #[test]
    fn independent_writes_are_seen_in_one_order_only_with_seqcst() {
        let run = |ordering, fence: Option<_>, allowed| {
            let read = |first, second| {
                let fence = fence.map(Fence);
                let ops = [
                    Some(Load(first, ordering)),
                    fence,
                    Some(Load(second, ordering)),
                ];
                ops.into_iter().flatten().collect::<Vec<_>>()
            };
            let (one, other) = (read(X, Y), read(Y, X));
            let program: [&[Op]; 4] = [
                &[Store(X, 1, Release)],
                &[Store(Y, 1, Release)],
                &one,
                &other,
            ];
            check(&program, &[1, 0, 1, 0], allowed);
        };
        run(Acquire, None, true);
        run(Relaxed, Some(SeqCst), false);
    }

    #[test]
    fn reads_of_one_location_never_go_back() {
        let writer = &[Store(X, 1, Relaxed), Store(X, 2, Relaxed)];
        check(
            &[writer, &[Load(X, Relaxed), Load(X, Relaxed)]],
            &[2, 1],
            false,
        );
        check(
            &[writer, &[Load(X, Relaxed), Load(X, Relaxed)]],
            &[1, 2],
            true,
        );
    }
}
