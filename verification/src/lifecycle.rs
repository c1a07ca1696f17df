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
//!    else dead, or a survivor stopped where it is, two new ones talk on every
//!    path.
//!
//! # What is modelled coarsely
//! Giving up an object closes its descriptor, and so drops its locks, in the
//! same step as the call before. Until then others would only have to wait.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::Hash;

use memtalk::seat::{Content, Os, Refusal, RemoveName, SitDown, Step};
use memtalk_ring::{PageError, Seat};
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
];

type Pid = u8;
type ObjectId = u8;

/// What an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Page {
    #[default]
    Empty,
    Claimed,
    Initialised,
    Foreign,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Object {
    page: Page,
    /// What a reader of the page is told, which a bug can make differ.
    magic: bool,
    joined: bool,
    door: Option<Pid>,
    seats: [Option<Pid>; 2],
    /// Watchers' read locks.
    watched: [bool; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    name: Option<ObjectId>,
    objects: [Option<Object>; 4],
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    kernel: Kernel,
    processes: Vec<Process>,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The process makes its next call, or starts.
    Step(Pid),
    /// It is killed.
    Crash(Pid),
    /// It has said all that it wanted to, or gives up waiting.
    Finish(Pid),
}

/// The kernel as one process sees it.
struct View<'k> {
    kernel: &'k mut Kernel,
    processes: &'k [Process],
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
        let others = self.processes.iter().enumerate();
        others
            .filter(|&(pid, process)| pid != usize::from(self.pid) && process.sits_at() == Some(id))
            .count()
    }

    /// Somebody waits here for a peer, or two talk, and we are not of them.
    fn is_others_talk(&mut self, id: ObjectId) -> bool {
        let others = self.others_at(id);
        others == 2 || others == 1 && !self.object(id).joined
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
    fn close(&mut self, pid: Pid, kept: Option<ObjectId>, processes: &[Process]) {
        for (id, slot) in (0..).zip(&mut self.objects) {
            let Some(object) = slot else { continue };
            if kept != Some(id) {
                object.unlock_all(pid);
            }
            let open = |(other, process): (usize, &Process)| {
                other != usize::from(pid) && process.has_open() == Some(id)
            };
            let reachable =
                self.name == Some(id) || kept == Some(id) || processes.iter().enumerate().any(open);
            if !reachable {
                *slot = None;
            }
        }
    }
}

impl Object {
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

    fn open(&mut self) -> Result<Option<ObjectId>, Failed> {
        Ok(self.kernel.name)
    }

    fn create(&mut self) -> Result<Option<ObjectId>, Failed> {
        if self.kernel.name.is_some() {
            return Ok(None);
        }
        let free = (0..)
            .zip(&mut self.kernel.objects)
            .find(|(_, slot)| slot.is_none());
        let (id, slot) = free.expect("more objects than processes cannot be in use");
        *slot = Some(Object::default());
        self.kernel.name = Some(id);
        Ok(Some(id))
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
            self.processes[usize::from(self.pid)].phase,
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
            (_, false) => Content::Blank,
            (_, true) if object.joined => Content::Joined,
            (_, true) => Content::Young,
        })
    }

    fn claim(&mut self, object: &ObjectId) -> Result<(), Failed> {
        let magic = self.has(Bug::MagicFirst);
        if self.others_at(*object) > 0 {
            self.violated("a page is initialised while somebody sits at it");
        }
        let object = self.object(*object);
        let foreign = object.page == Page::Foreign;
        object.page = Page::Claimed;
        object.magic = magic;
        object.joined = false;
        if foreign {
            self.violated("somebody else's object is overwritten");
        }
        Ok(())
    }

    fn resize(&mut self, object: &ObjectId) -> Result<(), Failed> {
        if self.others_at(*object) > 0 {
            self.violated("a page is resized while somebody sits at it");
        }
        Ok(())
    }

    fn initialise(&mut self, object: &mut ObjectId) -> Result<(), Failed> {
        if self.others_at(*object) > 0 {
            self.violated("a page is initialised while somebody sits at it");
        }
        let object = self.object(*object);
        object.page = Page::Initialised;
        object.magic = true;
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
        let again = object.joined;
        object.joined = !unmarked;
        if again {
            self.violated("a talk is joined twice");
        }
        Ok(())
    }
}

impl World {
    fn new(processes: usize, starts: u8, page: Option<Page>) -> Self {
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
                objects: [foreign, None, None, None],
            },
            processes: vec![process; processes],
        }
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
                    let object = self.kernel.objects[usize::from(object)].unwrap();
                    let knows_a_peer = seat == Seat::Second || object.joined;
                    if knows_a_peer && object.seats[seat.peer().index()].is_none() {
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
        actions
    }

    /// Does it; an error says which property does not hold.
    fn after(&self, action: Action, bug: Option<Bug>) -> Result<Self, String> {
        let mut next = self.clone();
        let pid = action.pid();
        let at = usize::from(pid);
        let before = self.processes[at].phase.clone();
        let mut view = View {
            kernel: &mut next.kernel,
            processes: &self.processes,
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
            (Action::Finish(_), Phase::Seated(object, seat)) => {
                Phase::Leaving(object, seat, RemoveName::Door)
            }
            (_, Phase::Off) => {
                next.processes[at].starts -= 1;
                Phase::SittingDown(SitDown::Open)
            }
            (_, Phase::SittingDown(machine)) => match machine.step(&mut view) {
                Ok(Step::Next(machine) | Step::Blocked(machine)) => Phase::SittingDown(machine),
                Ok(Step::Done((object, seat))) => Phase::Seated(object, seat),
                Err(Refusal::Busy | Refusal::Foreign(_) | Refusal::Os(Failed)) => Phase::Off,
            },
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
                    Step::Next(machine) | Step::Blocked(machine) => {
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
        next.kernel.close(pid, kept, &next.processes);
        violation.map_or_else(|| next.check().map(|()| next), Err)
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
            self.processes
                .iter()
                .filter_map(move |process| match process.phase {
                    Phase::Seated(object, seat) if seat == which => Some(object),
                    _ => None,
                })
        };
        seated(Seat::First).any(|object| {
            self.kernel.objects[usize::from(object)].is_some_and(|object| object.joined)
                && seated(Seat::Second).any(|other| other == object)
        })
    }

    /// This world with everybody dead but those survivors who still sit after
    /// their peer has gone; they are stopped, and two new processes may start.
    fn with_two_newcomers(&self) -> Self {
        let mut world = self.clone();
        for (pid, process) in (0..).zip(&self.processes) {
            let alone = match process.phase {
                Phase::Seated(object, seat) | Phase::Mourning(object, seat) => {
                    let object = self.kernel.objects[usize::from(object)].unwrap();
                    (seat == Seat::Second || object.joined)
                        && object.seats[seat.peer().index()].is_none()
                }
                _ => false,
            };
            world.processes[usize::from(pid)].starts = 0;
            if !alone {
                world = world.after(Action::Crash(pid), None).unwrap();
            }
        }
        // Those who do not run any more are all alike.
        world
            .processes
            .retain(|process| !matches!(process.phase, Phase::Off));
        world
    }

    /// Whether two new processes come to talk, on every path; an error is the
    /// path on which they do not.
    fn newcomers_always_talk(&self, bug: Option<Bug>) -> Result<(), String> {
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
        world.processes.extend([newcomer.clone(), newcomer]);
        let mut seen = HashSet::from_iter([world.clone()]);
        let mut to_do = vec![(world, Vec::new())];
        while let Some((world, path)) = to_do.pop() {
            if world.somebody_talks() {
                continue;
            }
            let fail = |what: &str, last: Option<Action>| {
                let path = path.iter().copied().chain(last).collect::<Vec<_>>();
                Err(self.newcomers_trace(newcomers, bug, &path, what))
            };
            let mut stuck = true;
            for action in world.actions(false) {
                if usize::from(action.pid()) < newcomers {
                    continue;
                }
                let next = match world.after(action, bug) {
                    Ok(next) => next,
                    Err(what) => return fail(&what, Some(action)),
                };
                stuck &= next == world;
                if seen.insert(next.clone()) {
                    let path = path.iter().copied().chain([action]).collect();
                    to_do.push((next, path));
                }
            }
            if stuck {
                return fail("two newcomers do not come to talk", None);
            }
        }
        Ok(())
    }

    fn newcomers_trace(
        &self,
        stopped: usize,
        bug: Option<Bug>,
        path: &[Action],
        what: &str,
    ) -> String {
        let mut text = format!("{what}: with {stopped} survivors stopped,\n");
        let newcomer = Phase::SittingDown(SitDown::Open);
        let mut world = self.clone();
        let processes = [0; 2].map(|starts| Process {
            phase: newcomer.clone(),
            starts,
        });
        world.processes.extend(processes);
        world.tell(path, bug, &mut text);
        text
    }

    /// Goes along a path, and tells each action.
    fn tell(mut self, path: &[Action], bug: Option<Bug>, text: &mut String) {
        for &action in path {
            let phase = &self.processes[usize::from(action.pid())].phase;
            let _ = writeln!(text, "  {action:?} of {phase:?}");
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
                    .entry(world.with_two_newcomers())
                    .or_insert_with_key(|world| world.newcomers_always_talk(self.bug));
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
        World::new(self.processes, self.starts, page)
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
