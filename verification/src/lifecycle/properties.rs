//! What must hold: judges what each step did, and each state.
//!
//! The numbers are those of the list in `lifecycle.rs`. Properties 5, 6 and 7 are about what
//! can still come: [`somebody_talks`] says what that is, and `newcomers.rs` searches for it
//! from every situation.

use memtalk::lifecycle::watch::Watch;
use memtalk::look::State;
use memtalk_ring::{Presence, Seat};
use rustc_hash::FxHashSet as HashSet;

use super::calls::{Part, Place};
use super::effect::Effect;
use super::guest::{Guest, MachineEvent};
use super::kernel::{At, Object, ObjectId, Page, Pid};
use super::mistakes::Bug;
use super::process::{Phase, Process};
use super::world::{Action, World};

/// What does not hold.
pub(super) type Violation = &'static str;

/// Whether a property holds.
type Verdict = Result<(), Violation>;

/// Violated if it happens.
fn never(happens: bool, what: Violation) -> Verdict {
    match happens {
        true => Err(what),
        false => Ok(()),
    }
}

/// The world after an action, if all holds in the step and in the state that follows.
pub(super) fn judged_after(
    before: &World,
    action: Action,
    bug: Option<Bug>,
) -> Result<World, Violation> {
    let (after, effects) = before.after(action, bug);
    if let Action::Onlooker(_) = action {
        nothing_has_changed(before, &after)?;
    }
    for effect in effects {
        judge(effect, before)?;
    }
    if action == Action::Machine(MachineEvent::Step) {
        guest_is_missed(before, &after)?;
        guest_is_awaited(before, &after)?;
    }
    one_at_each_seat(&after)?;
    no_magic_too_early(&after)?;
    nobody_at_a_dead_peers_seat(&after)?;
    no_private_talk_where_others_see_it(&after)?;
    no_watcher_keeps_a_lock(&after)?;
    Ok(after)
}

/// Judges what a step did by the state before it.
fn judge(effect: Effect, before: &World) -> Verdict {
    match effect {
        Effect::Joined { id, waits } => {
            joined_once(before.object(id))?;
            no_guest_believes(before, id)?;
            nobody_is_leaving(before, id)?;
            in_time(before.object(id), waits)
        }
        Effect::Created(by) => may_create(before, by),
        Effect::BegunWithGuest(id) => known_to_the_first(before.object(id)),
        Effect::Begun(id) => begins_with_somebody(before.object(id)),
        Effect::Attached(id) => attached_whole(before.object(id)),
        Effect::Renewed(id) => renewed_alone(before, id),
        Effect::PageBegun(id) => not_begun_over_a_first(before, id),
        Effect::PageInitialised(id) => initialised_once(before.object(id)),
        Effect::NameTaken { by, from } => name_is_free_to_take(before, by, from),
        Effect::SpokenFor((id, seat)) => speaks_for_the_dead(before.object(id), seat),
        Effect::MarkedLeft(id) => marks_who_had_joined(before.object(id)),
        Effect::TakenForGone { from, step } => peer_is_gone(before, from, step),
        Effect::GaveUp(id) => leaves_nobody_behind(before.object(id)),
        Effect::GotUp { from, locked } => {
            guest_is_told(before, from)?;
            never(locked, "who has got up keeps a lock")
        }
        Effect::SaidToStay(id) => nobody_will_remove(before, id),
        Effect::ActedAsOwner(by) => is_no_tenant(before, by),
        Effect::Looked { object, state } => sees_what_is(before, object, state),
        // `no_watcher_keeps_a_lock` takes it into account.
        Effect::WatchLeaked => Ok(()),
    }
}

// 1. Never two at one seat, and never two talks on one page.

fn one_at_each_seat(world: &World) -> Verdict {
    let mut seats = HashSet::default();
    for seat in world.processes.iter().filter_map(Process::sits_at) {
        never(!seats.insert(seat), "two sit at one seat")?;
    }
    let guest = match world.machine.guest {
        // Its word was cleared: it has yet to see that it sits there no more.
        Guest::Seated((id, Seat::Second)) if world.object(id).second.is_none() => None,
        Guest::Seated(at) => Some(at),
        _ => None,
    };
    let taken = guest.is_some_and(|seat| seats.contains(&seat));
    never(taken, "a process and a guest sit at one seat")
}

/// A guest at the second seat may write there until it has seen that its talk is over.
fn no_guest_believes(before: &World, id: ObjectId) -> Verdict {
    let believes = before.machine.guest == Guest::Seated((id, Seat::Second));
    never(
        believes,
        "a process joins where a guest believes that it sits",
    )
}

fn nobody_is_leaving(before: &World, id: ObjectId) -> Verdict {
    // Elsewhere the name is gone by then, or a stranger is at work, or there is no name.
    let stays = |process: &Process| {
        process.wish.place == Place::Fixed || before.kernel.has_open(Pid::MACHINE, id)
    };
    let leaving = |process: &Process| process.is_leaving(id) && stays(process);
    let leaving = before.processes.iter().any(leaving);
    never(leaving, "a process joins one that has given up")
}

fn joined_once(object: &Object) -> Verdict {
    let again = object.second.is_some() || object.left;
    never(again, "a talk is joined twice")
}

// 2. Nobody joins a page that is not fully initialised, and no guest initialises a process's
// page.

/// Guests see no locks and go by the magic number alone.
fn no_magic_too_early(world: &World) -> Verdict {
    let early = |object: &Object| object.magic && object.page != Page::Initialised;
    let early = world.kernel.objects().any(|(_, object)| early(object));
    never(
        early,
        "the magic number stands on a page that is not initialised",
    )
}

fn attached_whole(object: &Object) -> Verdict {
    let part = object.page != Page::Initialised;
    never(part, "a page is attached that is not initialised")
}

fn not_begun_over_a_first(before: &World, id: ObjectId) -> Verdict {
    let first = Some((id, Seat::First));
    let sits = before
        .processes
        .iter()
        .any(|other| other.sits_at() == first);
    let over = sits && before.object(id).page == Page::Initialised;
    never(over, "a guest initialises a process's page")?;
    let object = before.object(id);
    let hurries = object.over && object.second.is_some() && object.page == Page::Initialised;
    never(
        hurries,
        "a guest ends a talk that the process has yet to see the end of",
    )
}

fn initialised_once(object: &Object) -> Verdict {
    let again = object.page == Page::Initialised;
    never(again, "a guest and a process both initialise a page")
}

/// A process initialises a page again only where no process sits, and where no guest has or
/// begins one of its own.
fn renewed_alone(before: &World, id: ObjectId) -> Verdict {
    let sits = |process: &Process| process.sits_at().is_some_and(|(at, _)| at == id);
    let sits = before.processes.iter().any(sits);
    never(sits, "a page is renewed at which a process sits")?;
    let object = before.object(id);
    let believes = object.second.is_some_and(|second| second.outside);
    let sits = before.machine.guest == Guest::Seated((id, Seat::Second));
    let hurries = object.over && believes && sits;
    never(
        hurries,
        "a process ends a talk that the guest has yet to see the end of",
    )?;
    let guest = before.machine.guest;
    let guests = [Guest::Initialising(id), Guest::Seated((id, Seat::First))].contains(&guest);
    never(guests, "a process initialises a guest's page")
}

// 3. Nobody takes the name away from somebody else's talk that is not over, and nobody
// touches an object that is not memtalk's.

fn name_is_free_to_take(before: &World, by: Pid, from: ObjectId) -> Verdict {
    let foreign = before.object(from).page == Page::Foreign;
    // Once a stranger has removed a name, this may happen: see `memtalk::lifecycle`.
    let talk = !before.removed && is_somebody_elses_talk(before, by, from);
    never(talk, "the name is taken away from somebody else's talk")?;
    never(foreign, "somebody else's object is removed")
}

/// Whether a party waits here for a peer, or two talk, and this process is not one of them.
fn is_somebody_elses_talk(world: &World, pid: Pid, id: ObjectId) -> bool {
    let sits = |process: &Process| process.talks_at().is_some_and(|(at, _)| at == id);
    let others = world.numbered().filter(|&(other, _)| other != pid);
    let seated = others.filter(|(_, process)| sits(process)).count();
    let offered = world.machine.guest == Guest::Seated((id, Seat::First));
    offered || seated == 2 || seated == 1 && world.object(id).awaits_peer()
}

// 4. A survivor learns of a death, and of nothing else, and nobody takes its dead peer's seat.

fn nobody_at_a_dead_peers_seat(world: &World) -> Verdict {
    let dead_peers_seat = |process: &Process| match (process.watch, &process.phase) {
        (Some(Watch::GiveBack), Phase::Talking((id, seat))) => Some((*id, seat.peer())),
        _ => None,
    };
    for seat in world.processes.iter().filter_map(dead_peers_seat) {
        let mut taken = world.processes.iter().filter_map(Process::talks_at);
        let taken = taken.any(|taken| taken == seat);
        never(taken, "a stranger sits at a dead peer's seat")?;
    }
    Ok(())
}

fn peer_is_gone(before: &World, (id, seat): At, step: Watch) -> Verdict {
    let object = before.object(id);
    let gone = match step {
        Watch::LookForRestart => object.second.is_none(),
        Watch::LookForOthers => !before.kernel.has_open(Pid::MACHINE, id),
        Watch::Await | Watch::GiveBack | Watch::LookAtSeat => object.is_free(seat.peer()),
    };
    never(!gone, "a living peer is taken for dead")
}

fn speaks_for_the_dead(object: &Object, seat: Seat) -> Verdict {
    let lives = !object.is_free(seat);
    never(lives, "a process speaks for one that lives")
}

fn marks_who_had_joined(object: &Object) -> Verdict {
    let came = object.second.is_some();
    never(!came, "a guest is told that one has left who never came")
}

// 5., 6. and 7. Newcomers come to talk.

/// Whether two sit together.
pub(super) fn somebody_talks(world: &World) -> bool {
    let guest = match world.machine.guest {
        Guest::Seated(at) => Some(at),
        _ => None,
    };
    let seated = || {
        let begun = world
            .processes
            .iter()
            .filter(|process| !process.awaits_turn());
        begun.filter_map(Process::talks_at).chain(guest)
    };
    let mut firsts = seated().filter(|(_, seat)| *seat == Seat::First);
    firsts.any(|(id, _)| {
        !world.object(id).awaits_peer() && seated().any(|second| second == (id, Seat::Second))
    })
}

// 8. No private process sits at an object that other users may have open.

fn no_private_talk_where_others_see_it(world: &World) -> Verdict {
    let seen = |process: &Process| {
        let at = process.talks_at();
        !process.wish.shared && at.is_some_and(|(id, _)| world.object(id).shared)
    };
    let seen = world.processes.iter().any(seen);
    never(seen, "a stranger has the object of a private talk open")
}

// 9. A first that gives up waiting leaves no process behind that has joined.

/// A guest may be left behind: it joins without the door.
fn leaves_nobody_behind(object: &Object) -> Verdict {
    let joined = object.second == Some(Presence::PROCESS);
    never(joined, "a first gives up waiting for one who is there")
}

// 10. A process that has got up keeps no lock, nor does a watcher that has seen its peer go. A
// guest that was first has been told. A process that says that an object stays is right.

fn guest_is_told(before: &World, (id, seat): At) -> Verdict {
    let object = before.object(id);
    let marked_as_there = object.second == Some(Presence::PROCESS);
    let untold = seat == Seat::Second && object.has_outside(seat) && marked_as_there;
    never(untold, "a guest is not told that a process has left")
}

/// Whoever talked to a guest's process is told that it has ended, once its guard has spoken, or
/// once the guest has looked after it has started again.
fn guest_is_missed(before: &World, after: &World) -> Verdict {
    let sits = |id, world: &World| {
        let second = world.object(id).second;
        second.is_some_and(|second| second.outside)
    };
    let untold = match before.machine.guest {
        Guest::Guarded((id, Seat::First)) => !after.object(id).over,
        // A process that sits there by now is another talk's.
        Guest::Guarded((id, Seat::Second)) => sits(id, after),
        guest @ Guest::Booted(id) if before.object(id).magic => {
            after.machine.guest == guest && sits(id, after)
        }
        _ => false,
    };
    never(untold, "nobody is told that a guest's process has ended")
}

/// A guest joins only a first party that waits for it.
fn guest_is_awaited(before: &World, after: &World) -> Verdict {
    let Guest::Seated((id, Seat::Second)) = after.machine.guest else {
        return Ok(());
    };
    let joins = before.machine.guest == Guest::Booted(id);
    let object = before.object(id);
    let awaited = object.waiting && !object.over;
    never(joins && !awaited, "a guest joins where nobody waits for it")
}

fn no_watcher_keeps_a_lock(world: &World) -> Verdict {
    if world.leaked {
        return Ok(());
    }
    let watchers = |(_, object): (_, &Object)| object.watched.into_iter().flatten();
    let gives_back = |process: &Process| process.watch == Some(Watch::GiveBack);
    for pid in world.kernel.objects().flat_map(watchers) {
        // Those who are stopped keep what they have.
        let watches = world.processes.get(pid.index()).is_none_or(gives_back);
        never(!watches, "who watches no more keeps a lock")?;
    }
    Ok(())
}

fn nobody_will_remove(before: &World, id: ObjectId) -> Verdict {
    let owner = before.object(id).owner;
    let will = |process: &Process| process.will_remove_name(id, owner);
    let will = before.processes.iter().any(will);
    never(
        will,
        "an object is said to stay whose owner is about to remove it",
    )
}

// 11. A tenant makes, names and removes nothing.

fn is_no_tenant(before: &World, by: Pid) -> Verdict {
    let tenant = before.processes[by.index()].wish.tenant;
    never(tenant, "a tenant makes, names or removes an object")
}

// 12. Neither a client nor who was given an object makes one, and no talk begins for which a service has no time.

fn may_create(before: &World, by: Pid) -> Verdict {
    let wish = before.processes[by.index()].wish;
    never(wish.part == Part::Client, "a client makes an object")?;
    let given = wish.place == Place::Given;
    never(given, "who was given an object makes another")
}

fn in_time(object: &Object, waits: bool) -> Verdict {
    let busy = object.turn.is_some();
    never(
        busy && !waits,
        "a newcomer joins a service that has no time",
    )
}

/// It may have died before anybody came.
fn known_to_the_first(object: &Object) -> Verdict {
    never(
        object.waiting,
        "a talk begins of which the first knows nothing",
    )
}

fn begins_with_somebody(object: &Object) -> Verdict {
    never(object.turn.is_some(), "a client begins before its turn")?;
    let alone = object.is_free(Seat::First);
    never(alone, "a client begins with a service that is gone")
}

// 13. An onlooker changes nothing, and calls no talk over that is not.

/// No name, no word and no lock. (What nobody but the onlooker could reach is gone once it
/// closes it.)
fn nothing_has_changed(before: &World, after: &World) -> Verdict {
    let differs = |(id, object)| {
        let mut others = before.kernel.objects();
        !others.any(|other| other == (id, object))
    };
    let renamed = before.kernel.name() != after.kernel.name();
    let changed = renamed || after.kernel.objects().any(differs);
    never(changed, "an onlooker changes something")
}

fn sees_what_is(before: &World, id: ObjectId, state: State) -> Verdict {
    let sits = |process: &&Process| process.talks_at().is_some_and(|(at, _)| at == id);
    let seated = before.processes.iter().filter(sits).count();
    let object = before.object(id);
    let talk = seated == 2 || seated == 1 && object.awaits_peer() && !object.over;
    // A page that stays may have been renewed since its words were read.
    let talk = talk && !object.renewed;
    let called_over = matches!(state, State::Over | State::LeftBehind);
    never(talk && called_over, "an onlooker calls a talk over")
}
