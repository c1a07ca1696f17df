//! The fake kernel: names, objects, locks, and what a process can ask of it.

use memtalk::seat::{Content, Os};
use memtalk_ring::{PageError, Presence, Seat};

use super::guest::{Guest, Machine};
use super::world::{Phase, Process, World};
use super::{Bug, Failed, ObjectId, Pid};

/// What an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Page {
    #[default]
    Empty,
    /// A machine's memory that is not, or not fully, initialised: no claim.
    Zeros,
    Claimed,
    Initialised,
    Foreign,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) page: Page,
    /// What a reader of the page is told, which a bug can make differ.
    pub(super) magic: bool,
    /// The seat words.
    pub(super) first: Option<Presence>,
    pub(super) second: Option<Presence>,
    /// A process has left the second.
    pub(super) left: bool,
    pub(super) door: Option<Pid>,
    pub(super) seats: [Option<Pid>; 2],
    /// Watchers' read locks.
    pub(super) watched: [bool; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) name: Option<ObjectId>,
    pub(super) objects: [Option<Object>; 5],
}

impl Kernel {
    /// A process has no object open any more but, perhaps, `kept`: its other
    /// locks are dropped, and objects that nobody can reach are freed.
    pub(super) fn close(
        &mut self,
        pid: Pid,
        kept: Option<ObjectId>,
        processes: &[Process],
        machine: Machine,
    ) {
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

    /// A new object under the name, unless that is in use.
    pub(super) fn create(&mut self, page: Page) -> Option<ObjectId> {
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
    pub(super) fn has_outside(&self, seat: Seat) -> bool {
        let peer = match seat {
            Seat::First => self.second,
            Seat::Second => self.first,
        };
        peer.is_some_and(|peer| peer.outside)
    }

    /// The process at `seat` leaves who is outside, in good order or with somebody
    /// else speaking for it.
    pub(super) fn leave(&mut self, seat: Seat) {
        if seat == Seat::Second && self.second == Some(Presence::PROCESS) {
            (self.second, self.left) = (None, true);
        }
    }

    pub(super) fn unlock_all(&mut self, pid: Pid) {
        for lock in [&mut self.door].into_iter().chain(&mut self.seats) {
            if *lock == Some(pid) {
                *lock = None;
            }
        }
    }
}

/// The kernel as one process sees it.
pub(super) struct View<'k> {
    pub(super) kernel: &'k mut Kernel,
    /// Before this step.
    pub(super) world: &'k World,
    pub(super) pid: Pid,
    pub(super) bug: Option<Bug>,
    pub(super) violation: Option<String>,
}

impl View<'_> {
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn object(&mut self, id: ObjectId) -> &mut Object {
        self.kernel.objects[usize::from(id)].as_mut().unwrap()
    }

    pub(super) fn violated(&mut self, what: &str) {
        self.violation.get_or_insert_with(|| what.to_owned());
    }

    /// The processes, other than the one at work, that sit at an object.
    pub(super) fn others_at(&self, id: ObjectId) -> usize {
        let others = self.world.processes.iter().enumerate();
        others
            .filter(|&(pid, process)| pid != usize::from(self.pid) && process.sits_at() == Some(id))
            .count()
    }

    /// Somebody waits here for a peer, or two talk, and we are not of them.
    pub(super) fn is_others_talk(&mut self, id: ObjectId) -> bool {
        let others = self.others_at(id);
        let offered = self.world.machine.guest == Guest::Seated(id, Seat::First);
        offered || others == 2 || others == 1 && self.object(id).second.is_none()
    }

    /// A process is to write to a page beyond its own words.
    pub(super) fn overwrites(&mut self, id: ObjectId, what: &str) {
        let guest = match self.world.machine.guest {
            Guest::Initialising(object) | Guest::Seated(object, Seat::First) => object == id,
            _ => false,
        };
        if guest || self.others_at(id) > 0 {
            self.violated(what);
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

    fn attach(&mut self, object: &mut ObjectId) -> Result<bool, Failed> {
        if self.object(*object).page != Page::Initialised {
            self.violated("a page is attached that is not initialised");
        }
        Ok(true)
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
