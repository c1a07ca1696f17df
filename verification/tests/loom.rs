//! The ring under loom: every execution that the memory model allows.
//!
//! `cargo test --features loom` runs it. There is no limit on time or on the number of
//! executions: a model that finishes was searched completely, within its stated
//! bound on preemptions if it has one.
//!
//! The number of executions is the same each time, and each model states it. So a change
//! that makes the checker see less does not go unnoticed. If you change the ring and mean
//! to change a number, state the new one. [`uncounted`] is for runs in which only
//! properties may decide.
//!
//! `cargo test --features loom --test loom -- --nocapture` prints the table of
//! all accesses, and for each weakening the models that refute it, with the number of
//! executions that they took.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memtalk_ring::layout::{LEFT, SEATED};
use memtalk_ring::order::TABLE;
use verification::backend::{Loom, LoomRacing};
use verification::models::{self, Way, bridge, page, task};
use verification::uncounted;
use verification::weaken::{self, Weakening};

/// Allows one search at a time, because a weakening is in force for the whole process. Two
/// at once would not be faster either: each execution maps and unmaps stacks, and threads
/// wait for each other to do that.
static SEARCHING: Mutex<()> = Mutex::new(());

/// One model.
#[derive(Clone, Copy)]
struct Model {
    name: &'static str,
    /// The most preemptions in one execution. `None`: any number.
    preemptions: Option<usize>,
    /// The number of executions of a complete search.
    executions: u64,
    run: fn(),
}

impl Model {
    /// Searches all executions, and counts them.
    fn search(self, executions: &Arc<AtomicU64>) {
        let executions = Arc::clone(executions);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.check(move || {
            executions.fetch_add(1, Ordering::Relaxed);
            (self.run)();
        });
    }

    /// Checks that the model holds, in as many executions as it states.
    fn holds(self) {
        let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
        let executions = Arc::default();
        self.search(&executions);
        let executions = executions.load(Ordering::Relaxed);
        println!("{}: {executions} executions", self.name);
        assert!(
            executions == self.executions || uncounted(),
            "{} searches something else now: it states {} executions, and took {executions}",
            self.name,
            self.executions
        );
    }

    /// Searches with `weakening` in force. If the model fails: after how many executions,
    /// and how.
    fn refutes(self, weakening: Weakening) -> Option<(u64, String)> {
        let passed = || weaken::hits().get(weakening.site).copied();
        let (executions, before) = (Arc::default(), passed());
        let search = AssertUnwindSafe(|| self.search(&executions));
        let panic = weaken::with(Some(weakening), || catch_unwind(search)).err()?;
        assert_ne!(
            passed(),
            before,
            "{} failed without an access at that site",
            self.name
        );
        let how = match panic.downcast::<String>() {
            Ok(message) => message.lines().next().unwrap_or_default().into(),
            Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"?").to_string(),
        };
        Some((executions.load(Ordering::Relaxed), how))
    }
}

macro_rules! models {
    ($($name:ident: $preemptions:expr, $executions:literal, $run:expr;)*) => {
        const MODELS: &[Model] = &[$(Model {
            name: stringify!($name),
            preemptions: $preemptions,
            executions: $executions,
            run: $run,
        }),*];

        $(
            #[test]
            fn $name() {
                let named = |model: &&Model| model.name == stringify!($name);
                MODELS.iter().find(named).unwrap().holds();
            }
        )*
    };
}

const COPIED: Way = Way::Copied;
const IN_PLACE: Way = Way::InPlace(1);

models! {
    a_page_is_handed_over_whole: None, 3_274, page::hand_over::<Loom>;
    a_seat_is_taken_after_its_words_are_cleared: None, 53, page::seat_is_taken::<Loom>;
    a_newcomer_wakes_the_first_party: None, 376, page::newcomer_wakes_the_first::<Loom>;
    a_restart_is_noticed: None, 54, || page::restart_is_noticed::<Loom>(false);
    a_restart_is_noticed_beside_a_byte_of_the_old_talk: None, 54, || page::restart_is_noticed::<Loom>(true);
    a_restart_is_noticed_by_a_process_that_copies: None, 234, page::restart_is_noticed_by_bytes::<LoomRacing>;
    a_process_that_leaves_has_read: None, 16, || page::leaver_has_read::<Loom>(false);
    a_party_outside_that_leaves_has_read: None, 38, || page::leaver_has_read::<Loom>(true);
    a_talk_begins_once_the_first_has_noticed_the_second: None, 9_024, page::talk_begins::<Loom>;
    a_byte_arrives_at_a_process: None, 352, page::byte_arrives::<Loom>;
    a_byte_arrives_from_a_peer_that_begins_to_wake: None, 114, page::peer_begins_to_wake::<Loom>;
    a_byte_arrives_from_a_peer_that_has_left: None, 12, || page::peer_says_nothing::<Loom>(LEFT);
    a_byte_arrives_from_a_peer_whose_seat_word_makes_no_sense: None, 12, || page::peer_says_nothing::<Loom>(!SEATED);
    a_process_that_sleeps_learns_of_a_death: None, 37, page::peer_dies::<Loom>;
    a_byte_arrives_after_a_wait_that_was_given_up: None, 3_777, page::byte_arrives_late::<Loom>;
    a_byte_is_taken_after_a_wait_that_was_given_up: None, 4_146, page::byte_is_taken_late::<Loom>;
    a_confirmation_comes_after_a_wait_that_was_given_up: None, 6_085, page::confirmation_comes_late::<Loom>;
    a_guest_joins: None, 41, page::guest_joins::<Loom>;
    a_guest_offers_a_page: Some(4), 9_106, page::guest_offers_a_page::<Loom>;
    a_guest_starts_again: None, 66, page::guest_starts_again::<Loom>;
    a_guest_that_joined_starts_again: None, 233, page::guest_that_joined_starts_again::<Loom>;
    capacity_1_wraps_without_waiting: None, 915, || models::try_without_waiting::<Loom>(COPIED, 1, 3);
    capacity_2_wraps_without_waiting: None, 1_634, || models::try_without_waiting::<Loom>(COPIED, 2, 3);
    capacity_3_wraps_without_waiting: None, 31_177, || models::try_without_waiting::<Loom>(COPIED, 3, 4);
    a_sender_gives_up_without_waiting: None, 92, || models::give_up_without_waiting::<Loom>(1, true);
    a_receiver_gives_up_without_waiting: None, 87, || models::give_up_without_waiting::<Loom>(1, false);
    a_byte_arrives: None, 503, || models::byte_arrives::<Loom>(COPIED);
    a_byte_is_taken: None, 542, || models::byte_is_taken::<Loom>(COPIED);
    a_receiver_gives_up_at_once: None, 335, || models::receiver_gives_up::<Loom>(COPIED, 1, 0);
    an_empty_stream_is_confirmed: None, 145_246, || models::stream::<Loom>([COPIED; 2], 1, 0, 1);
    a_stream_of_one_byte_is_confirmed: Some(4), 87_106, || models::stream::<Loom>([COPIED; 2], 1, 1, 1);
    two_bytes_go_through_a_ring_of_one: Some(3), 57_639, || models::stream::<Loom>([COPIED; 2], 1, 2, 1);
    pieces_are_published_before_one_look: Some(3), 102_206, || models::stream::<Loom>([COPIED; 2], 1, 2, 2);
    pieces_go_over_the_wrap: Some(3), 95_457, || models::stream::<Loom>([COPIED; 2], 2, 3, 2);
    a_sender_gives_up: Some(5), 22_840, || models::sender_gives_up::<Loom>(COPIED, 1, 1);
    a_receiver_gives_up_on_a_waiting_sender: Some(3), 5_768, || models::receiver_gives_up::<Loom>(COPIED, 1, 1);
    a_peer_dies: None, 1_978, models::peer_dies::<Loom>;
    capacity_2_wraps_in_place_without_waiting: None, 3_427, || models::try_without_waiting::<Loom>(IN_PLACE, 2, 3);
    a_byte_arrives_in_place: None, 503, || models::byte_arrives::<Loom>(IN_PLACE);
    a_byte_is_taken_in_place: None, 542, || models::byte_is_taken::<Loom>(IN_PLACE);
    moving_nothing_changes_nothing: None, 352, models::nothing_is_moved::<Loom>;
    two_bytes_go_through_a_ring_of_one_in_place: Some(3), 75_690, || models::stream::<Loom>([IN_PLACE; 2], 1, 2, 1);
    parts_arrive_over_the_wrap: Some(5), 42_847, || models::parts_arrive_over_the_wrap::<Loom>(IN_PLACE, 2);
    parts_are_taken_over_the_wrap: None, 216_609, || models::parts_are_taken_over_the_wrap::<Loom>(IN_PLACE, 2);
    parts_go_over_the_wrap: Some(2), 46_554, || models::stream::<Loom>([IN_PLACE; 2], 2, 3, 2);
    a_sender_gives_up_in_place: Some(5), 27_343, || models::sender_gives_up::<Loom>(IN_PLACE, 1, 1);
    a_receiver_gives_up_in_place_on_a_waiting_sender: Some(3), 6_849, || models::receiver_gives_up::<Loom>(IN_PLACE, 1, 1);
    a_doorbell_is_heard: None, 639, || models::byte_arrives_with::<Loom, _>(models::doorbells(), COPIED);
    a_death_is_heard_by_doorbell: None, 687, models::death_is_heard::<Loom>;
    a_stream_goes_by_doorbell: Some(3), 23_796, || models::stream_with::<Loom, _>(models::doorbells(), [COPIED; 2], 1, 1, 1);
    a_byte_arrives_while_its_receiver_idles: None, 12, || models::byte_arrives_with::<Loom, _>(models::idle::<Loom>(), COPIED);
    a_byte_arrives_over_a_bridge: Some(3), 16_051, || bridge::bytes_arrive::<Loom>(1, true);
    two_bytes_arrive_over_a_bridge: Some(2), 6_939, || bridge::bytes_arrive::<Loom>(2, true);
    a_wait_at_a_bridge_is_given_up: Some(3), 38_067, bridge::waiting_is_given_up::<Loom>;
    an_index_comes_round_at_a_bridge: Some(2), 25_163, bridge::an_index_comes_round::<Loom>;
    a_task_gets_a_byte: None, 1_144, task::byte_arrives::<Loom>;
    a_task_gets_a_byte_by_interrupt: Some(3), 13_862, task::byte_arrives_by_interrupt::<Loom>;
    a_task_gets_room: None, 1_297, task::byte_is_taken::<Loom>;
    a_task_hears_that_its_sender_gave_up: Some(4), 21_188, task::sender_gives_up::<Loom>;
    a_task_hears_that_its_receiver_gave_up: None, 1_488, task::receiver_gives_up::<Loom>;
    a_task_hears_of_a_death: None, 824, task::death_is_heard::<Loom>;
    a_task_that_stopped_waiting_loses_nothing: None, 9_380, || task::waiting_is_given_up::<Loom>(false);
    a_task_that_stopped_waiting_leaves_all_to_another: Some(3), 45_086, || task::waiting_is_given_up::<Loom>(true);
    two_tasks_confirm_an_empty_stream: Some(5), 30_307, || task::stream::<Loom>(1, 0, 1);
    two_tasks_confirm_a_stream_of_one_byte: Some(3), 20_675, || task::stream::<Loom>(1, 1, 1);
    two_tasks_send_two_bytes_through_a_ring_of_one: Some(2), 7_554, || task::stream::<Loom>(1, 2, 1);
    both_directions_go_at_once: Some(3), 30_761, || models::both_ways::<Loom>(1, 1);
    long_a_byte_and_the_end_arrive: None, 1_375_248, models::byte_and_end_arrive::<Loom>;
    long_the_last_byte_is_confirmed: None, 2_296_865, models::byte_is_confirmed::<Loom>;
}

/// Models with at most this many executions are all tried with each weaker ordering. Longer
/// ones are tried only if none of these refutes it, until one does. With the environment
/// variable `ALL`, all models are tried that take less than a minute.
const FEW: u64 = 10_000;

/// Those of `models` that refute a weakening, and how.
fn refuting<'m>(
    models: impl Iterator<Item = &'m Model> + 'm,
    weakening: Weakening,
) -> impl Iterator<Item = String> + 'm {
    models.filter_map(move |model| {
        let (after, how) = model.refutes(weakening)?;
        Some(format!("{} after {after} executions: {how}", model.name))
    })
}

#[test]
fn every_weaker_ordering_is_refuted() {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let few = match std::env::var_os("ALL") {
        Some(_) => 1_000_000,
        None => FEW,
    };
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut survivors = Vec::new();
    for row in TABLE {
        println!(
            "{:14} {:?} {:?}: {}",
            row.name, row.access, row.ordering, row.reason
        );
        for weakening in weaken::weaker(row) {
            let (short, long): (Vec<_>, Vec<_>) =
                MODELS.iter().partition(|model| model.executions <= few);
            let mut found: Vec<_> = refuting(short.into_iter(), weakening).collect();
            if found.is_empty() {
                found.extend(refuting(long.into_iter(), weakening).next());
            }
            let to = weakening
                .ordering
                .map_or("left out".into(), |to| format!("{to:?}"));
            println!("    {to}: refuted by {} models", found.len());
            for model in &found {
                println!("        {model}");
            }
            if found.is_empty() {
                survivors.push(weakening);
            }
        }
    }
    set_hook(hook);
    assert!(survivors.is_empty(), "no model refutes {survivors:?}");
}

/// The fences that a sleeper's comparison needs are those that a task's second look needs.
/// Here the models of tasks alone have to show it.
#[test]
fn a_task_needs_both_fences_as_strong_as_they_are() {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let tasks = || MODELS.iter().filter(|model| model.name.contains("task"));
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let fences = ["AnnounceFence", "PublishFence"];
    let survivors: Vec<_> = (TABLE.iter().filter(|row| fences.contains(&row.name)))
        .flat_map(weaken::weaker)
        .filter(|&weakening| refuting(tasks(), weakening).next().is_none())
        .collect();
    set_hook(hook);
    assert!(survivors.is_empty(), "no task refutes {survivors:?}");
}

/// Models with a mistake: a task sleeps for ever, which loom calls a deadlock.
fn assert_deadlock(preemptions: Option<usize>, model: fn()) {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    let panic = catch_unwind(AssertUnwindSafe(|| builder.check(model))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("deadlock"), "{message}");
}

#[test]
fn a_waker_that_is_registered_too_late_is_found() {
    assert_deadlock(None, task::registered_too_late::<Loom>);
}

#[test]
fn a_bridge_that_does_not_hear_of_a_registration_is_found() {
    assert_deadlock(Some(2), || bridge::bytes_arrive::<Loom>(1, false));
}

/// A model's own accesses are no sites. So only the code that is checked can be what
/// refutes a weaker ordering.
#[test]
fn models_make_no_access_of_the_rings_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![src.join("models.rs"), src.join("models")];
    let mut files = 0;
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let own = !source.contains("site::") && !source.contains("order::");
        assert!(own, "{}", path.display());
        files += 1;
    }
    assert!(files > 10);
}

#[test]
fn every_site_is_passed() {
    let _one = SEARCHING.lock().unwrap_or_else(PoisonError::into_inner);
    for name in [
        "a_page_is_handed_over_whole",
        "a_seat_is_taken_after_its_words_are_cleared",
        "a_restart_is_noticed",
        "a_process_that_leaves_has_read",
        "a_party_outside_that_leaves_has_read",
        "a_talk_begins_once_the_first_has_noticed_the_second",
        "capacity_1_wraps_without_waiting",
        "an_empty_stream_is_confirmed",
        "a_peer_dies",
        "a_doorbell_is_heard",
    ] {
        let model = MODELS.iter().find(|model| model.name == name).unwrap();
        model.search(&Arc::default());
    }
    let hits = weaken::hits();
    for row in TABLE {
        assert!(hits.contains_key(row.name), "{}", row.name);
    }
}
