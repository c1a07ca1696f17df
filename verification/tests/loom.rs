//! The ring under loom: every execution that the memory model allows.
//!
//! `cargo test --features loom`. There is no limit on time or on the number of
//! executions: a model that finishes was searched completely, within its stated
//! bound on preemptions if it has one.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{PoisonError, RwLock};

use verification::backend::Loom;
use verification::{models, weaken};

/// A weakening is in force for the whole process, so the models that run
/// without one keep out of its way.
static WEAKENING: RwLock<()> = RwLock::new(());

/// Searches `model`, with at most `preemptions` preemptions in one execution.
fn search(preemptions: Option<usize>, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

macro_rules! models {
    ($($name:ident: $preemptions:expr, $model:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let _none_weakened = WEAKENING.read().unwrap_or_else(PoisonError::into_inner);
                search($preemptions, $model);
            }
        )*

        /// Each model: its name, its bound, itself.
        const MODELS: &[(&str, Option<usize>, fn())] =
            &[$((stringify!($name), $preemptions, $model)),*];
    };
}

models! {
    a_page_is_handed_over_whole: None, models::hand_over::<Loom>;
    capacity_1_wraps_without_waiting: None, || models::try_without_waiting::<Loom>(1, 3);
    capacity_2_wraps_without_waiting: None, || models::try_without_waiting::<Loom>(2, 3);
    capacity_3_wraps_without_waiting: None, || models::try_without_waiting::<Loom>(3, 4);
    an_empty_stream_ends: None, || models::stream::<Loom>(1, 0, 1);
    one_byte_arrives_and_the_stream_ends: Some(3), || models::stream::<Loom>(1, 1, 1);
    two_bytes_go_through_a_ring_of_one: Some(3), || models::stream::<Loom>(1, 2, 1);
    pieces_go_over_the_wrap: Some(2), || models::stream::<Loom>(2, 3, 2);
    a_sender_gives_up: Some(3), || models::sender_gives_up::<Loom>(1, 1);
    a_receiver_gives_up_on_a_waiting_sender: Some(3), || models::receiver_gives_up::<Loom>(1, 1);
    a_peer_dies: Some(2), models::peer_dies::<Loom>;
    both_directions_at_once: Some(3), || models::both_ways::<Loom>(1);
}

#[test]
fn every_weaker_ordering_is_refuted() {
    let _alone = WEAKENING.write().unwrap_or_else(PoisonError::into_inner);
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let survivors: Vec<_> = weaken::weakenings()
        .into_iter()
        .filter(|&weakening| !MODELS.iter().any(|model| refutes(model, weakening)))
        .collect();
    set_hook(hook);
    assert!(survivors.is_empty(), "no model refutes {survivors:?}");
}

fn refutes(
    &(name, preemptions, model): &(&str, Option<usize>, fn()),
    weakening: weaken::Weakening,
) -> bool {
    let search = || catch_unwind(AssertUnwindSafe(|| search(preemptions, model)));
    let refuted = weaken::with(Some(weakening), search).is_err();
    if refuted {
        println!("{weakening:?} is refuted by {name}");
    }
    refuted
}
