//! The fake kernel: names, objects, locks, and who has which object open.

use std::fmt;
use std::num::NonZeroU8;

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{
    CLAIM, CLAIM_OUTSIDE, LEFT, MAGIC, OUTSIDE, VERSION, WAITING, capacity_of,
};
use memtalk_ring::{Presence, Seat};

/// The size in bytes of every page.
pub(super) const SIZE: u32 = 4096;

/// An object's number.
pub(super) type ObjectId = u8;

/// A seat at an object.
pub(super) type At = (ObjectId, Seat);

/// Whose a process or an object is.
pub(super) type User = bool;

/// Who calls the kernel: a process by its number, or one of the three below.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pid(
    /// One more than the number, so that `Option<Pid>` takes no more room.
    NonZeroU8,
);

impl Pid {
    /// The onlooker. It never owns a lock.
    pub(super) const ONLOOKER: Self = Self::new(5);
    /// The machine. It never owns a lock.
    pub(super) const MACHINE: Self = Self::new(6);
    /// Every process that is stopped: the kernel need not tell them apart.
    pub(super) const STOPPED: Self = Self::new(7);

    /// Process `number`.
    pub(super) const fn new(number: u8) -> Self {
        Self(NonZeroU8::MIN.saturating_add(number))
    }

    /// The processes by their numbers.
    pub(super) fn of_processes() -> impl Iterator<Item = Self> {
        (0..Self::ONLOOKER.number()).map(Self::new)
    }

    const fn number(self) -> u8 {
        self.0.get() - 1
    }

    /// The process's place among all.
    pub(super) fn index(self) -> usize {
        usize::from(self.number())
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// A set of callers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Pids(u8);

impl Pids {
    fn insert(&mut self, pid: Pid) {
        self.0 |= 1 << pid.number();
    }

    fn remove(&mut self, pid: Pid) {
        self.0 &= !(1 << pid.number());
    }

    fn contains(self, pid: Pid) -> bool {
        self.0 & 1 << pid.number() != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn without(mut self, pid: Pid) -> Self {
        self.remove(pid);
        self
    }

    fn minus(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The same callers under other numbers.
    fn renumbered(self, now: impl Fn(Pid) -> Pid) -> Self {
        let mut renumbered = Self::default();
        let everybody = (0..=Pid::STOPPED.number()).map(Pid::new);
        for pid in everybody.filter(|&pid| self.contains(pid)) {
            renumbered.insert(now(pid));
        }
        renumbered
    }
}

impl fmt::Debug for Pids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010b}", self.0)
    }
}

/// What an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Page {
    /// A machine's memory that nobody has begun to initialise.
    #[default]
    Zeros,
    /// A machine has begun to initialise it.
    Begun,
    /// A process has.
    Claimed,
    Initialised,
    Foreign,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) page: Page,
    /// What a reader of the page is told. Only a mistake makes it differ from `page`.
    pub(super) magic: bool,
    /// The seat words.
    pub(super) first: Option<Presence>,
    pub(super) second: Option<Presence>,
    /// A process has left the second seat.
    pub(super) left: bool,
    /// A guest has left the second seat.
    pub(super) guest_left: bool,
    /// Only a guest may come to the second seat.
    pub(super) kept: bool,
    /// The first waits, and has not begun the talk.
    pub(super) waiting: bool,
    /// The first has left.
    pub(super) over: bool,
    /// It is not the first page of a process here.
    pub(super) renewed: bool,
    pub(super) door: Option<Pid>,
    pub(super) seats: [Option<Pid>; 2],
    /// The lock of a service that has no time yet for whoever joins.
    pub(super) turn: Option<Pid>,
    /// Watchers' read locks.
    pub(super) watched: [Option<Pid>; 2],
    /// Whose it is.
    pub(super) owner: User,
    /// Other users may open it. So one of them does as soon as it has a name, and keeps
    /// it open.
    pub(super) shared: bool,
}

impl Object {
    /// Whether the peer of the party at `seat` is outside.
    pub(super) fn has_outside(&self, seat: Seat) -> bool {
        let peer = match seat {
            Seat::First => self.second,
            Seat::Second => self.first,
        };
        peer.is_some_and(|peer| peer.outside)
    }

    /// What the header says, for a page of [`SIZE`] bytes, and the words of the seats.
    pub(super) fn words(&self) -> (Snapshot, [u32; 2]) {
        let claim = match (self.page, self.first) {
            (Page::Zeros, _) => 0,
            (Page::Begun, _) => CLAIM_OUTSIDE,
            (Page::Claimed, _) => CLAIM,
            (_, Some(first)) if first.outside => CLAIM_OUTSIDE,
            _ => CLAIM,
        };
        let said = match (self.page, self.magic) {
            (Page::Foreign, _) => Snapshot {
                magic: !MAGIC,
                ..Snapshot::default()
            },
            (_, magic) => Snapshot {
                magic: if magic { MAGIC } else { 0 },
                claim,
                version: VERSION,
                size: SIZE,
                capacity: capacity_of(SIZE as usize).unwrap_or(0),
            },
        };
        let left = |left: bool, outside: bool| match left {
            true => LEFT | if outside { OUTSIDE } else { 0 },
            false => 0,
        };
        let first = match self.first {
            Some(first) if self.over => left(true, first.outside),
            Some(first) => first.word() | if self.waiting { WAITING } else { 0 },
            None => 0,
        };
        let second = match self.second {
            Some(second) => second.word(),
            None if self.kept => OUTSIDE,
            None => left(self.left || self.guest_left, self.guest_left),
        };
        match self.page {
            Page::Zeros => Default::default(),
            _ => (said, [first, second]),
        }
    }

    /// Whether a first here waits for a peer.
    pub(super) fn awaits_peer(&self) -> bool {
        self.second.is_none()
    }

    /// Whether the lock of `seat` is free.
    pub(super) fn is_free(&self, seat: Seat) -> bool {
        self.seats[seat.index()].is_none()
    }

    /// Whether `pid` holds the door or a seat.
    pub(super) fn is_locked_by(&self, pid: Pid) -> bool {
        let [first, second] = self.seats;
        [self.door, first, second].contains(&Some(pid))
    }

    /// Marks the process at `seat` as gone for a peer outside, whether it says so itself or
    /// somebody speaks for it.
    pub(super) fn mark_left(&mut self, seat: Seat) {
        if seat == Seat::Second && self.second == Some(Presence::PROCESS) {
            (self.second, self.left) = (None, true);
        }
    }

    /// What the guard of a process at `seat` says.
    pub(super) fn speak_for(&mut self, seat: Seat) {
        match seat {
            Seat::First => self.over = true,
            Seat::Second => self.mark_left(seat),
        }
    }

    /// Makes a fresh page of it, by that party.
    pub(super) fn initialise(&mut self, first: Presence) {
        // A guest may still believe in its talk.
        let believes = self.kept || self.second.is_some_and(|second| second.outside);
        (self.page, self.magic) = (Page::Initialised, true);
        (self.first, self.second) = (Some(first), None);
        (self.left, self.guest_left) = (false, false);
        (self.waiting, self.over) = (true, false);
        self.kept = believes && !first.outside;
    }

    /// All locks: door, turn, seats and watchers'.
    fn locks(&mut self) -> impl Iterator<Item = &mut Option<Pid>> {
        let others = [&mut self.door, &mut self.turn].into_iter();
        others.chain(&mut self.seats).chain(&mut self.watched)
    }

    fn unlock_all(&mut self, pid: Pid) {
        for lock in self.locks().filter(|lock| **lock == Some(pid)) {
            *lock = None;
        }
    }
}

/// How many objects there may be at once.
const OBJECTS: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    /// Where the name leads.
    name: Option<ObjectId>,
    objects: [Option<Object>; OBJECTS],
    /// Who has each object open.
    open: [Pids; OBJECTS],
    /// Which of them have just opened it, and have yet to try the door.
    at_door: [Pids; OBJECTS],
}

impl Kernel {
    /// A kernel whose name leads to an object that holds this.
    pub(super) fn with_object(page: Page) -> Self {
        let object = Object {
            page,
            ..Object::default()
        };
        let mut kernel = Self {
            name: Some(0),
            ..Self::default()
        };
        kernel.objects[0] = Some(object);
        kernel
    }

    /// Where the name leads, if it leads to anything.
    pub(super) fn name(&self) -> Option<ObjectId> {
        self.name
    }

    /// What the name leads to, if it leads to anything.
    pub(super) fn named(&self) -> Option<&Object> {
        self.name.map(|id| self.object(id))
    }

    /// An object that somebody has open, or that the name leads to.
    pub(super) fn object(&self, id: ObjectId) -> &Object {
        self.objects[usize::from(id)].as_ref().unwrap()
    }

    /// The same, to be changed.
    pub(super) fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        self.objects[usize::from(id)].as_mut().unwrap()
    }

    /// All objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        let slots = (0..).zip(&self.objects);
        slots.filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// Makes an object without a name, which `pid` has open.
    pub(super) fn create(&mut self, pid: Pid, object: Object) -> ObjectId {
        let mut slots = (0..).zip(&mut self.objects);
        let free = slots.find(|(_, slot)| slot.is_none());
        let (id, slot) = free.expect("more objects than callers cannot be in use");
        *slot = Some(object);
        self.open(pid, id);
        id
    }

    /// `pid` opens an object.
    pub(super) fn open(&mut self, pid: Pid, id: ObjectId) {
        self.open[usize::from(id)].insert(pid);
    }

    /// `pid` opens an object, and has yet to try its door.
    pub(super) fn come_to_door(&mut self, pid: Pid, id: ObjectId) {
        self.open(pid, id);
        self.at_door[usize::from(id)].insert(pid);
    }

    /// `pid` has got in at the door.
    pub(super) fn pass_door(&mut self, pid: Pid, id: ObjectId) {
        self.at_door[usize::from(id)].remove(pid);
    }

    /// Closes all that `pid` has open but, perhaps, `kept`. That drops its locks there, and
    /// frees what nobody can reach any more.
    pub(super) fn close_all_but(&mut self, pid: Pid, kept: Option<ObjectId>) {
        for (id, slot) in (0..).zip(&mut self.objects) {
            let at = usize::from(id);
            if kept != Some(id) && self.open[at].contains(pid) {
                self.open[at].remove(pid);
                self.at_door[at].remove(pid);
                slot.iter_mut().for_each(|object| object.unlock_all(pid));
            }
        }
        self.free_unreachable();
    }

    /// Makes the name lead there, or nowhere. Frees what nobody can reach any more.
    pub(super) fn set_name(&mut self, name: Option<ObjectId>) {
        self.name = name;
        self.free_unreachable();
    }

    fn free_unreachable(&mut self) {
        for (id, slot) in (0..).zip(&mut self.objects) {
            if self.name != Some(id) && self.open[usize::from(id)].is_empty() {
                *slot = None;
            }
        }
    }

    /// Whether `pid` has the object open.
    pub(super) fn has_open(&self, pid: Pid, id: ObjectId) -> bool {
        self.open[usize::from(id)].contains(pid)
    }

    /// Whether anybody but `pid` has the object open.
    pub(super) fn is_open_elsewhere(&self, pid: Pid, id: ObjectId) -> bool {
        !self.open[usize::from(id)].without(pid).is_empty()
    }

    /// The same, without those who may be about to find its door locked.
    pub(super) fn is_open_behind_door(&self, pid: Pid, id: ObjectId) -> bool {
        let open = self.open[usize::from(id)].minus(self.at_door[usize::from(id)]);
        !open.without(pid).is_empty()
    }

    /// The same, with other numbers for the processes.
    pub(super) fn renumber(&mut self, now: impl Fn(Pid) -> Pid) {
        let now = |pid| match pid {
            Pid::ONLOOKER | Pid::MACHINE => pid,
            _ => now(pid),
        };
        for lock in self.objects.iter_mut().flatten().flat_map(Object::locks) {
            *lock = lock.map(now);
        }
        for pids in self.open.iter_mut().chain(&mut self.at_door) {
            *pids = pids.renumbered(now);
        }
    }
}
