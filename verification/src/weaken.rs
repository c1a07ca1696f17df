//! Makes one memory ordering weaker, to see that a model then fails.
//!
//! A proof that also holds with a weaker ordering would prove little. The checkers'
//! backends ask here which ordering a site uses.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use memtalk_ring::order::{Access, Row, Site};

/// A site, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakening {
    /// The name of the site.
    pub site: &'static str,
    /// The ordering to use, or `None` to leave the fence out.
    pub ordering: Option<Ordering>,
}

/// Every way to make a site weaker: a load or store is made relaxed, a fence is made weaker
/// or left out. Empty if the site is as weak as it can be.
#[must_use]
pub fn weaker(row: &Row) -> Vec<Weakening> {
    let orderings: &[Option<Ordering>] = match (row.access, row.ordering) {
        (Access::Load | Access::Store | Access::CompareExchange, Ordering::Relaxed) => &[],
        (Access::Load | Access::Store | Access::CompareExchange, _) => &[Some(Ordering::Relaxed)],
        (Access::Fence, Ordering::Acquire | Ordering::Release) => &[None],
        (Access::Fence, _) => &[
            Some(Ordering::AcqRel),
            Some(Ordering::Acquire),
            Some(Ordering::Release),
            None,
        ],
    };
    let weakening = |&ordering| Weakening {
        site: row.name,
        ordering,
    };
    orderings.iter().map(weakening).collect()
}

/// What is in force, and how often each site was passed.
struct State {
    weakening: Option<Weakening>,
    hits: BTreeMap<&'static str, u64>,
}

static STATE: Mutex<State> = Mutex::new(State {
    weakening: None,
    hits: BTreeMap::new(),
});

/// Runs `model` with `weakening` in force for the whole process. No other model may run in
/// the process meanwhile.
pub fn with<T>(weakening: Option<Weakening>, model: impl FnOnce() -> T) -> T {
    let set = |weakening| {
        STATE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .weakening = weakening;
    };
    set(weakening);
    let result = model();
    set(None);
    result
}

/// How often each site was passed in this process.
#[must_use]
pub fn hits() -> BTreeMap<&'static str, u64> {
    let state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.hits.clone()
}

/// The ordering that `S` has to use now. `None`: the fence is left out.
#[must_use]
pub fn ordering<S: Site>() -> Option<Ordering> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    *state.hits.entry(S::ROW.name).or_default() += 1;
    match state.weakening {
        Some(weakening) if weakening.site == S::ROW.name => weakening.ordering,
        _ => Some(S::ROW.ordering),
    }
}
