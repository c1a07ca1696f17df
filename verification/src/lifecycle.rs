//! The lifecycle, searched exhaustively.
//!
//! The machines of `memtalk::seat`, the very code of the command, run against a
//! fake kernel with names, objects and locks. The search interleaves processes
//! at every call to the kernel, crashes any of them between any two calls,
//! starts it again, and visits every state that can be reached, breadth first,
//! so that a violation comes with its shortest trace.
//!
//! # What must hold, in every state
//! 1. Never two at one seat, and never two talks on one page: a page is
//!    initialised only while nobody sits at it, and joined once.
//! 2. Nobody joins a page that is not fully initialised.
//! 3. Nobody takes the name away from a talk that it is not part of and that is
//!    not over, and nobody touches an object that is not memtalk's.
//! 4. A survivor learns of a death: nobody else sits at its dead peer's seat.
//! 5. Two willing processes can always come to talk: from here, with everybody
//!    else dead, or a survivor stopped where it is, two new ones can still come to talk
//!    on whatever path they are. (Not over memory of zeros that a machine left behind: nothing says that
//!    it is memtalk's.)
//! 6. A willing process and a machine that offers a page, or is about to, come to
//!    talk: likewise, from here, with every other process dead.
//!
//! # The machine
//! Beside the processes there may be one virtual machine, that is, a process that
//! opens the object (and creates it, full of zeros, if there is none) and a guest in
//! it that sits down by the rules of `memtalk_ring::outside`. It holds no locks, it
//! may be killed at any moment, which closes the object, and its guest may start
//! again at any moment, which does not.
//!
//! # What is modelled coarsely
//! - Giving up an object closes its descriptor, and so drops its locks, in the
//!   same step as the call before. Until then others would only have to wait.
//! - Whoever holds the door and looks who has the object open does not count those who
//!   have just opened it and find the door locked. They close it at once, and it looks
//!   several times.
//! - A guest looks at a page and joins it in one step, and not while a process is on
//!   its way to the second seat: see `memtalk_ring::outside` for that assumption.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::Hash;

use memtalk::seat::{Content, Os, Refusal, RemoveName, SitDown, Step};
use memtalk_ring::{PageError, Presence, Seat};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// A mistake that the search must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The door does not keep anybody out.
    NoDoor,
    /// A seat's lock does not keep anybody out.
    NoSeatLock,
    /// The page counts as initialised from the claim on.
    MagicFirst,
    /// Whoever leaves removes the name without a look at where it leads.
    RemoveUnchecked,
    /// The name is not checked after waiting at the door.
    JoinUnchecked,
    /// A watcher's lock is taken for a seat.
    WatcherSits,
    /// Joining leaves no mark in the page.
    JoinUnmarked,
    /// An object that is not memtalk's is taken for an empty one.
    ForeignIsBlank,
    /// Nobody looks whether a machine has the object open.
    OpenUnchecked,
    /// A machine's seat word does not say that it is outside.
    OutsideUnsaid,
    /// Who leaves a guest does not say so.
    LeftUnsaid,
    /// A guest claims the page while it initialises it.
    GuestClaims,
    /// Whoever talks with a guest that sits first removes the name at the end.
    GuestsNameRemoved,
}

/// All of them.
pub const BUGS: &[Bug] = &[
    Bug::NoDoor,
    Bug::NoSeatLock,
    Bug::MagicFirst,
    Bug::RemoveUnchecked,
    Bug::JoinUnchecked,
    Bug::WatcherSits,
    Bug::JoinUnmarked,
    Bug::ForeignIsBlank,
    Bug::OpenUnchecked,
    Bug::OutsideUnsaid,
    Bug::LeftUnsaid,
    Bug::GuestClaims,
    Bug::GuestsNameRemoved,
];

type Pid = u8;
type ObjectId = u8;

/// What an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Page {
    #[default]
    Empty,
    /// A machine's memory that is not, or not fully, initialised: no claim.
    Zeros,
    Claimed,
    Initialised,
    Foreign,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Object {
    page: Page,
    /// What a reader of the page is told, which a bug can make differ.
    magic: bool,
    /// The seat words.
    first: Option<Presence>,
    second: Option<Presence>,
    /// A process has left the second.
    left: bool,
    door: Option<Pid>,
    seats: [Option<Pid>; 2],
    /// Watchers' read locks.
    watched: [bool; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    name: Option<ObjectId>,
    objects: [Option<Object>; 5],
}

/// What a process is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Not running.
    Off,
    SittingDown(SitDown<ObjectId, Failed>),
    Seated(ObjectId, Seat),
    /// Its watcher has got the dead peer's lock.
    Mourning(ObjectId, Seat),
    Leaving(ObjectId, Seat, RemoveName),
    Standing(ObjectId, Seat),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    phase: Phase,
    /// How often it may still start.
    starts: u8,
}

/// A call of the fake kernel that fails; none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Failed;

/// What the machine is doing, and with which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Guest {
    /// Not running.
    Off,
    /// Running; the guest has yet to look at the page.
    Booted(ObjectId),
    Initialising(ObjectId),
    Seated(ObjectId, Seat),
    /// There is no place for it.
    Idle(ObjectId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Machine {
    guest: Guest,
    /// How often it may still be switched on, or its guest start again.
    starts: u8,
}

/// As what the machine appears in actions; it never owns a lock.
const MACHINE: Pid = Pid::MAX - 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    kernel: Kernel,
    processes: Vec<Process>,
    machine: Machine,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The process makes its next call, or starts.
    Step(Pid),
    /// It is killed.
    Crash(Pid),
    /// It has said all that it wanted to, or gives up waiting. The machine's guest
    /// starts again.
    Finish(Pid),
}

/// The kernel as one process sees it.
struct View<'k> {
    kernel: &'k mut Kernel,
    /// Before this step.
    world: &'k World,
    pid: Pid,
    bug: Option<Bug>,
    violation: Option<String>,
}

impl View<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn object(&mut self, id: ObjectId) -> &mut Object {
        self.kernel.objects[usize::from(id)].as_mut().unwrap()
    }

    fn violated(&mut self, what: &str) {
        self.violation.get_or_insert_with(|| what.to_owned());
    }

    /// The processes, other than the one at work, that sit at an object.
    fn others_at(&self, id: ObjectId) -> usize {
        let others = self.world.processes.iter().enumerate();
        others
            .filter(|&(pid, process)| pid != usize::from(self.pid) && process.sits_at() == Some(id))
            .count()
    }

    /// Somebody waits here for a peer, or two talk, and we are not of them.
    fn is_others_talk(&mut self, id: ObjectId) -> bool {
        let others = self.others_at(id);
        let offered = self.world.machine.guest == Guest::Seated(id, Seat::First);
        offered || others == 2 || others == 1 && self.object(id).second.is_none()
    }

    /// A process is to write to a page beyond its own words.
    fn overwrites(&mut self, id: ObjectId, what: &str) {
        let guest = match self.world.machine.guest {
            Guest::Initialising(object) | Guest::Seated(object, Seat::First) => object == id,
            _ => false,
        };
        if guest || self.others_at(id) > 0 {
            self.violated(what);
        }
    }
}

impl Machine {
    fn has_open(&self) -> Option<ObjectId> {
        match self.guest {
            Guest::Off => None,
            Guest::Booted(object)
            | Guest::Initialising(object)
            | Guest::Seated(object, _)
            | Guest::Idle(object) => Some(object),
        }
    }
}

impl Process {
    fn sits_at(&self) -> Option<ObjectId> {
        match self.phase {
            Phase::Seated(object, _) | Phase::Mourning(object, _) => Some(object),
            _ => None,
        }
    }

    /// The object that it has open.
    fn has_open(&self) -> Option<ObjectId> {
        match &self.phase {
            Phase::Off => None,
            Phase::SittingDown(machine) => machine.object().copied(),
            Phase::Seated(object, _)
            | Phase::Mourning(object, _)
            | Phase::Leaving(object, ..)
            | Phase::Standing(object, _) => Some(*object),
        }
    }
}

impl Kernel {
    /// A process has no object open any more but, perhaps, `kept`: its other
    /// locks are dropped, and objects that nobody can reach are freed.
    fn close(&mut self, pid: Pid, kept: Option<ObjectId>, processes: &[Process], machine: Machine) {
        for (id, slot) in (0..).zip(&mut self.objects) {
            let Some(object) = slot else { continue };
            if kept != Some(id) {
                object.unlock_all(pid);
            }
            let open = |(other, process): (usize, &Process)| {
                other != usize::from(pid) && process.has_open() == Some(id)
            };
            let reachable = [self.name, kept, machine.has_open()].contains(&Some(id))
                || processes.iter().enumerate().any(open);
            if !reachable {
                *slot = None;
            }
        }
    }
}

impl Kernel {
    /// A new object under the name, unless that is in use.
    fn create(&mut self, page: Page) -> Option<ObjectId> {
        if self.name.is_some() {
            return None;
        }
        let mut slots = (0..).zip(&mut self.objects);
        let free = slots.find(|(_, slot)| slot.is_none());
        let (id, slot) = free.expect("more objects than processes cannot be in use");
        *slot = Some(Object {
            page,
            ..Object::default()
        });
        self.name = Some(id);
        Some(id)
    }
}

impl Object {
    /// Whether who sits at `seat` has a peer outside.
    fn has_outside(&self, seat: Seat) -> bool {
        let peer = match seat {
            Seat::First => self.second,
            Seat::Second => self.first,
        };
        peer.is_some_and(|peer| peer.outside)
    }

    /// The process at `seat` leaves who is outside, in good order or with somebody
    /// else speaking for it.
    fn leave(&mut self, seat: Seat) {
        if seat == Seat::Second && self.second == Some(Presence::PROCESS) {
            (self.second, self.left) = (None, true);
        }
    }

    fn unlock_all(&mut self, pid: Pid) {
        for lock in [&mut self.door].into_iter().chain(&mut self.seats) {
            if *lock == Some(pid) {
                *lock = None;
            }
        }
    }
}

impl Os for View<'_> {
    type Object = ObjectId;
    type Error = Failed;

    fn is_tenant(&self) -> bool {
        false
    }

    fn open(&mut self) -> Result<Option<ObjectId>, Failed> {
        Ok(self.kernel.name)
    }

    fn create(&mut self) -> Result<Option<ObjectId>, Failed> {
        Ok(self.kernel.create(Page::Empty))
    }

    fn unlink(&mut self) -> Result<(), Failed> {
        if let Some(id) = self.kernel.name.take() {
            if self.is_others_talk(id) {
                self.violated("the name is taken away from somebody else's talk");
            }
            if self.object(id).page == Page::Foreign {
                self.violated("somebody else's object is removed");
            }
        }
        Ok(())
    }

    fn is_named(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        let leaving = matches!(
            self.world.processes[usize::from(self.pid)].phase,
            Phase::Leaving(..)
        );
        let unchecked = match leaving {
            true => self.has(Bug::RemoveUnchecked),
            false => self.has(Bug::JoinUnchecked),
        };
        Ok(unchecked || self.kernel.name == Some(*object))
    }

    fn try_door(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        let (pid, open) = (self.pid, self.has(Bug::NoDoor));
        let door = &mut self.object(*object).door;
        if !open && door.is_some_and(|owner| owner != pid) {
            return Ok(false);
        }
        *door = Some(pid);
        Ok(true)
    }

    fn leave_door(&mut self, object: &ObjectId) -> Result<(), Failed> {
        self.object(*object).door = None;
        Ok(())
    }

    fn is_seated(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        let (pid, watchers_count) = (self.pid, self.has(Bug::WatcherSits));
        let object = self.object(*object);
        let sits = object.seats[seat.index()].is_some_and(|owner| owner != pid);
        Ok(sits || watchers_count && object.watched[seat.index()])
    }

    fn try_sit(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        let (pid, open) = (self.pid, self.has(Bug::NoSeatLock));
        let object = self.object(*object);
        let taken = object.seats[seat.index()].is_some_and(|owner| owner != pid);
        if !open && (taken || object.watched[seat.index()]) {
            return Ok(false);
        }
        if !open {
            object.seats[seat.index()] = Some(pid);
        }
        Ok(true)
    }

    fn stand(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        self.object(*object).seats[seat.index()] = None;
        Ok(())
    }

    fn inspect(&mut self, object: &ObjectId) -> Result<Content, Failed> {
        let foreign_is_blank = self.has(Bug::ForeignIsBlank);
        let object = self.object(*object);
        Ok(match (object.page, object.magic) {
            (Page::Foreign, _) if foreign_is_blank => Content::Blank,
            (Page::Foreign, _) => Content::Foreign(PageError::NotAPage),
            (Page::Zeros, _) => Content::Unclaimed,
            (_, false) => Content::Blank,
            (_, true) => Content::Page {
                first: object.first.unwrap_or(Presence::PROCESS),
                second: object.second.or(object.left.then_some(Presence::PROCESS)),
            },
        })
    }

    fn is_open_elsewhere(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        Ok(!self.has(Bug::OpenUnchecked) && self.world.others_have_open(*object, self.pid))
    }

    fn speak_for(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        let unsaid = self.has(Bug::LeftUnsaid);
        let object = self.object(*object);
        if !unsaid {
            object.leave(seat);
        }
        if object.seats[seat.index()].is_some() {
            self.violated("a process speaks for one that lives");
        }
        Ok(())
    }

    fn claim(&mut self, object: &ObjectId) -> Result<(), Failed> {
        let magic = self.has(Bug::MagicFirst);
        self.overwrites(*object, "a page is initialised while somebody sits at it");
        let object = self.object(*object);
        let foreign = object.page == Page::Foreign;
        object.page = Page::Claimed;
        object.magic = magic;
        (object.first, object.second, object.left) = (None, None, false);
        if foreign {
            self.violated("somebody else's object is overwritten");
        }
        Ok(())
    }

    fn resize(&mut self, object: &ObjectId) -> Result<(), Failed> {
        self.overwrites(*object, "a page is resized while somebody sits at it");
        Ok(())
    }

    fn initialise(&mut self, object: &mut ObjectId) -> Result<(), Failed> {
        self.overwrites(*object, "a page is initialised while somebody sits at it");
        let object = self.object(*object);
        object.page = Page::Initialised;
        object.magic = true;
        (object.first, object.second, object.left) = (Some(Presence::PROCESS), None, false);
        Ok(())
    }

    fn attach(&mut self, object: &mut ObjectId) -> Result<(), Failed> {
        if self.object(*object).page != Page::Initialised {
            self.violated("a page is attached that is not initialised");
        }
        Ok(())
    }

    fn join(&mut self, object: &ObjectId) -> Result<(), Failed> {
        let unmarked = self.has(Bug::JoinUnmarked);
        let object = self.object(*object);
        let again = object.second.is_some() || object.left;
        object.second = (!unmarked).then_some(Presence::PROCESS);
        if again {
            self.violated("a talk is joined twice");
        }
        Ok(())
    }
}

impl World {
    fn new(processes: usize, starts: u8, machine_starts: u8, page: Option<Page>) -> Self {
        let foreign = page.map(|page| Object {
            page,
            ..Object::default()
        });
        let process = Process {
            phase: Phase::Off,
            starts,
        };
        Self {
            kernel: Kernel {
                name: foreign.map(|_| 0),
                objects: [foreign, None, None, None, None],
            },
            processes: vec![process; processes],
            machine: Machine {
                guest: Guest::Off,
                starts: machine_starts,
            },
        }
    }

    fn object(&self, id: ObjectId) -> Object {
        self.kernel.objects[usize::from(id)].unwrap()
    }

    /// Whether anybody has the object open but this process, and those who are about
    /// to find its door locked.
    fn others_have_open(&self, id: ObjectId, pid: Pid) -> bool {
        let has_open = |process: &Process| match process.phase {
            Phase::SittingDown(SitDown::Door(_)) => false,
            _ => process.has_open() == Some(id),
        };
        let mut others = (0..).zip(&self.processes);
        others.any(|(other, process): (Pid, _)| other != pid && has_open(process))
            || self.machine.has_open() == Some(id)
    }

    /// Whether the process that sits at `seat` learns now that its peer is gone.
    fn is_widowed(&self, pid: Pid, id: ObjectId, seat: Seat) -> bool {
        let object = self.object(id);
        if object.has_outside(seat) {
            let restarted = seat == Seat::Second && object.second.is_none() && !object.left;
            return restarted || !self.others_have_open(id, pid);
        }
        let knows_a_peer = seat == Seat::Second || object.second.is_some();
        knows_a_peer && object.seats[seat.peer().index()].is_none()
    }

    /// Whether a guest may come to the second seat: no process is on its way there.
    fn second_is_quiet(&self, id: ObjectId) -> bool {
        self.processes.iter().all(|process| match &process.phase {
            Phase::SittingDown(machine) => {
                machine.object() != Some(&id)
                    || matches!(machine, SitDown::Door(_) | SitDown::CheckName(_))
            }
            _ => true,
        })
    }

    /// What can happen next.
    fn actions(&self, crashes: bool) -> Vec<Action> {
        let mut actions = Vec::new();
        for (pid, process) in (0..).zip(&self.processes) {
            match process.phase {
                Phase::Off if process.starts == 0 => continue,
                Phase::Off => {
                    actions.push(Action::Step(pid));
                    continue;
                }
                // A watcher wakes once the peer's seat is free.
                Phase::Seated(object, seat) => {
                    if self.is_widowed(pid, object, seat) {
                        actions.push(Action::Step(pid));
                    }
                    if crashes {
                        actions.push(Action::Finish(pid));
                    }
                }
                _ => actions.push(Action::Step(pid)),
            }
            if crashes {
                actions.push(Action::Crash(pid));
            }
        }
        match self.machine.guest {
            Guest::Off if self.machine.starts == 0 => return actions,
            Guest::Off => {
                actions.push(Action::Step(MACHINE));
                return actions;
            }
            Guest::Booted(object) if !self.second_is_quiet(object) => {}
            Guest::Booted(_) | Guest::Initialising(_) => actions.push(Action::Step(MACHINE)),
            // The talk is over, and the process gone: the next.
            Guest::Seated(object, Seat::First) if self.object(object).left => {
                actions.push(Action::Step(MACHINE));
            }
            // It looks at its own seat while it waits.
            Guest::Seated(object, Seat::Second) if self.object(object).second.is_none() => {
                actions.push(Action::Step(MACHINE));
            }
            Guest::Seated(..) | Guest::Idle(_) => {}
        }
        if crashes {
            actions.push(Action::Crash(MACHINE));
            if self.machine.starts > 0 {
                actions.push(Action::Finish(MACHINE));
            }
        }
        actions
    }

    /// One step of the machine.
    fn machine_after(mut self, action: Action, bug: Option<Bug>) -> Result<Self, String> {
        let outside = Presence {
            outside: bug != Some(Bug::OutsideUnsaid),
            silent: true,
        };
        let guest = match (action, self.machine.guest) {
            (Action::Crash(_), _) => Guest::Off,
            (_, Guest::Off) => {
                self.machine.starts -= 1;
                let name = self.kernel.name;
                match name.or_else(|| self.kernel.create(Page::Zeros)) {
                    Some(object) => Guest::Booted(object),
                    None => Guest::Off,
                }
            }
            (
                Action::Finish(_),
                Guest::Booted(id)
                | Guest::Initialising(id)
                | Guest::Seated(id, _)
                | Guest::Idle(id),
            ) => {
                self.machine.starts -= 1;
                Guest::Booted(id)
            }
            (_, Guest::Booted(id)) => {
                let seats = self
                    .processes
                    .iter()
                    .filter_map(|process| match process.phase {
                        Phase::Seated(object, seat) | Phase::Mourning(object, seat) => {
                            (object == id).then_some(seat)
                        }
                        _ => None,
                    });
                let first_sits = seats.into_iter().any(|seat| seat == Seat::First);
                let object = self.kernel.objects[usize::from(id)].as_mut().unwrap();
                let first_outside = object.first.is_some_and(|first| first.outside);
                match (object.page, object.magic) {
                    (Page::Zeros, _) => Guest::Initialising(id),
                    (Page::Initialised, true) if first_outside => {
                        object.page = match bug {
                            Some(Bug::GuestClaims) => Page::Claimed,
                            _ => Page::Zeros,
                        };
                        object.magic = false;
                        if first_sits {
                            return Err("a guest initialises a process's page".into());
                        }
                        Guest::Initialising(id)
                    }
                    (_, true) if object.second.is_none() => {
                        object.second = Some(outside);
                        Guest::Seated(id, Seat::Second)
                    }
                    // Whose creator has not finished: it looks again.
                    (Page::Empty | Page::Claimed, false) => Guest::Booted(id),
                    _ => Guest::Idle(id),
                }
            }
            (_, Guest::Initialising(id)) => {
                let object = self.kernel.objects[usize::from(id)].as_mut().unwrap();
                if object.page == Page::Initialised {
                    return Err("a guest and a process both initialise a page".into());
                }
                object.page = Page::Initialised;
                object.magic = true;
                (object.first, object.second, object.left) = (Some(outside), None, false);
                Guest::Seated(id, Seat::First)
            }
            (_, Guest::Seated(id, _)) => Guest::Booted(id),
            (_, guest @ Guest::Idle(_)) => guest,
        };
        self.machine.guest = guest;
        // Nobody's locks are dropped; but an object may be out of reach now.
        self.kernel.close(
            MACHINE,
            self.machine.has_open(),
            &self.processes,
            self.machine,
        );
        self.check().map(|()| self)
    }

    /// Does it; an error says which property does not hold.
    fn after(&self, action: Action, bug: Option<Bug>) -> Result<Self, String> {
        let mut next = self.clone();
        let pid = action.pid();
        if pid == MACHINE {
            return next.machine_after(action, bug);
        }
        let at = usize::from(pid);
        let before = self.processes[at].phase.clone();
        let mut view = View {
            kernel: &mut next.kernel,
            world: self,
            pid,
            bug,
            violation: None,
        };
        let phase = match (action, before) {
            (Action::Crash(_), before) => {
                if let Phase::Mourning(object, seat) = before {
                    view.object(object).watched[seat.peer().index()] = false;
                }
                Phase::Off
            }
            (Action::Finish(_), Phase::Seated(object, seat)) => self.leaving(object, seat, bug),
            (_, Phase::Off) => {
                next.processes[at].starts -= 1;
                Phase::SittingDown(SitDown::Open)
            }
            (_, Phase::SittingDown(machine)) => match machine.step(&mut view) {
                Ok(Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine)) => {
                    Phase::SittingDown(machine)
                }
                Ok(Step::Done((object, seat))) => Phase::Seated(object, seat),
                Err(Refusal::Busy | Refusal::Foreign(_) | Refusal::Os(Failed)) => Phase::Off,
            },
            (_, Phase::Seated(object, seat)) if self.object(object).has_outside(seat) => {
                self.leaving(object, seat, bug)
            }
            (_, Phase::Seated(object, seat)) => {
                view.object(object).watched[seat.peer().index()] = true;
                Phase::Mourning(object, seat)
            }
            (_, Phase::Mourning(object, seat)) => {
                view.object(object).watched[seat.peer().index()] = false;
                Phase::Leaving(object, seat, RemoveName::Door)
            }
            (_, Phase::Leaving(object, seat, machine)) => {
                match machine.step(&mut view, &object).expect("no call fails") {
                    Step::Next(machine) | Step::Blocked(machine) | Step::Early(machine) => {
                        Phase::Leaving(object, seat, machine)
                    }
                    Step::Done(()) => Phase::Standing(object, seat),
                }
            }
            (_, Phase::Standing(object, seat)) => {
                view.stand(&object, seat).expect("no call fails");
                Phase::Off
            }
        };
        let violation = view.violation;
        next.processes[at].phase = phase;
        let kept = next.processes[at].has_open();
        next.kernel.close(pid, kept, &next.processes, next.machine);
        violation.map_or_else(|| next.check().map(|()| next), Err)
    }

    /// How a process that sits begins to leave.
    fn leaving(&self, object: ObjectId, seat: Seat, bug: Option<Bug>) -> Phase {
        let guests = seat == Seat::Second && self.object(object).has_outside(seat);
        match guests && bug != Some(Bug::GuestsNameRemoved) {
            true => Phase::Standing(object, seat),
            false => Phase::Leaving(object, seat, RemoveName::Door),
        }
    }

    /// What can be seen in the state itself.
    fn check(&self) -> Result<(), String> {
        for object in self.kernel.objects.iter().flatten() {
            // Guests without locks go by the magic number alone.
            if object.magic && object.page != Page::Initialised {
                return Err("the magic number stands on a page that is not initialised".into());
            }
        }
        let mut seats = HashSet::default();
        for process in &self.processes {
            if let Phase::Seated(object, seat) | Phase::Mourning(object, seat) = process.phase
                && !seats.insert((object, seat))
            {
                return Err("two sit at one seat".into());
            }
        }
        if let Guest::Seated(object, seat) = self.machine.guest
            && (seat == Seat::First || self.object(object).second.is_some())
            && seats.contains(&(object, seat))
        {
            return Err("a process and a guest sit at one seat".into());
        }
        for process in &self.processes {
            if let Phase::Mourning(object, seat) = process.phase
                && seats.contains(&(object, seat.peer()))
            {
                return Err("a stranger sits at a dead peer's seat".into());
            }
        }
        Ok(())
    }

    /// Whether two sit together.
    fn somebody_talks(&self) -> bool {
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
    fn names_zeros(&self) -> bool {
        self.kernel
            .name
            .is_some_and(|id| self.object(id).page == Page::Zeros)
    }

    /// This world with every process dead, if there is a machine that offers a page or
    /// is about to.
    fn with_machine_alone(&self) -> Option<Self> {
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
    fn with_two_newcomers(&self) -> Self {
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
    fn newcomers_always_talk(&self, count: usize, bug: Option<Bug>) -> Result<(), String> {
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

    /// Goes along a path, and tells each action.
    fn tell(mut self, path: &[Action], bug: Option<Bug>, text: &mut String) {
        for &action in path {
            let _ = match self.processes.get(usize::from(action.pid())) {
                Some(process) => writeln!(text, "  {action:?} of {:?}", process.phase),
                None => writeln!(text, "  {action:?} of {:?}", self.machine.guest),
            };
            match self.after(action, bug) {
                Ok(next) => self = next,
                Err(_) => break,
            }
        }
    }
}

impl Action {
    fn pid(self) -> Pid {
        let (Self::Step(pid) | Self::Crash(pid) | Self::Finish(pid)) = self;
        pid
    }
}

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
