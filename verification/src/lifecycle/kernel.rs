//! The fake kernel: names, objects, locks, and what a process can ask of it.

use memtalk::lifecycle::await_peer::AwaitPeer;
use memtalk::lifecycle::os::{Content, Found, Os};
use memtalk_ring::{PageError, Presence, Seat};

use super::guest::{Guest, Machine};
use super::process::{Phase, Process, User, Wish};
use super::world::World;
use super::{Bug, Failed, ObjectId, Pid};

/// What an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Page {
    /// A machine's memory that is not, or not fully, initialised: no claim.
    #[default]
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
    pub(super) watched: [Option<Pid>; 2],
    /// Whose it is.
    pub(super) owner: User,
    /// Other users may open it. So one of them has, from the moment on in which it has
    /// a name, and keeps it open.
    pub(super) shared: bool,
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

    /// A new object, without a name.
    pub(super) fn create(&mut self, object: Object) -> ObjectId {
        let mut slots = (0..).zip(&mut self.objects);
        let free = slots.find(|(_, slot)| slot.is_none());
        let (id, slot) = free.expect("more objects than processes cannot be in use");
        *slot = Some(object);
        id
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

    /// All locks: door, seats and watchers'.
    pub(super) fn locks(&mut self) -> impl Iterator<Item = &mut Option<Pid>> {
        let door = std::iter::once(&mut self.door);
        door.chain(&mut self.seats).chain(&mut self.watched)
    }

    pub(super) fn unlock_all(&mut self, pid: Pid) {
        for lock in self.locks().filter(|lock| **lock == Some(pid)) {
            *lock = None;
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
    /// The next call that can fail does.
    pub(super) fails: bool,
    pub(super) violation: Option<String>,
}

impl View<'_> {
    /// A call that can fail.
    fn call(&mut self) -> Result<(), Failed> {
        match std::mem::take(&mut self.fails) {
            true => Err(Failed),
            false => Ok(()),
        }
    }

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
            .filter(|&(pid, process)| {
                pid != usize::from(self.pid) && process.talks_at().is_some_and(|(at, _)| at == id)
            })
            .count()
    }

    /// The name is taken away from this object.
    fn loses_its_name(&mut self, id: ObjectId) {
        // After a stranger, somebody else's name may go for one's own: see `memtalk::lifecycle`.
        if self.is_others_talk(id) && !self.world.removed {
            self.violated("the name is taken away from somebody else's talk");
        }
        if self.object(id).page == Page::Foreign {
            self.violated("somebody else's object is removed");
        }
    }

    /// Somebody waits here for a peer, or two talk, and we are not of them.
    pub(super) fn is_others_talk(&mut self, id: ObjectId) -> bool {
        let others = self.others_at(id);
        let offered = self.world.machine.guest == Guest::Seated(id, Seat::First);
        offered || others == 2 || others == 1 && self.object(id).second.is_none()
    }

    fn wish(&self) -> Wish {
        self.world.processes[usize::from(self.pid)].wish
    }

    fn phase(&self) -> &Phase {
        &self.world.processes[usize::from(self.pid)].phase
    }

    /// Only others make, name and remove objects.
    fn is_no_tenants(&mut self) {
        if self.wish().tenant {
            self.violated("a tenant makes, names or removes an object");
        }
    }
}

impl Os for View<'_> {
    type Object = ObjectId;
    type Error = Failed;

    fn is_tenant(&self) -> bool {
        self.wish().tenant && !self.has(Bug::TenantRetires)
    }

    fn owns_name(&self, object: &ObjectId) -> bool {
        let guests = self.world.object(*object).has_outside(Seat::Second);
        !self.is_tenant() && (!guests || self.has(Bug::GuestsNameRemoved))
    }

    fn open(&mut self) -> Result<Found<ObjectId>, Failed> {
        self.call()?;
        let Some(id) = self.kernel.name else {
            return Ok(Found::Nothing);
        };
        let (wish, object) = (self.wish(), self.object(id));
        match object.owner == wish.user || wish.shared && object.shared {
            true => Ok(Found::Object(id)),
            false => Err(Failed),
        }
    }

    fn create(&mut self) -> Result<ObjectId, Failed> {
        self.call()?;
        self.is_no_tenants();
        let (wish, pid) = (self.wish(), self.pid);
        let fresh = Object {
            page: Page::Initialised,
            magic: true,
            first: Some(Presence::PROCESS),
            seats: [Some(pid), None],
            owner: wish.user,
            shared: wish.shared,
            ..Object::default()
        };
        // Shared once, and kept open by a stranger.
        let left = |object: &Object| object.shared && object.seats == [None; 2];
        let left = (0..)
            .zip(&self.kernel.objects)
            .find(|(_, slot)| slot.as_ref().is_some_and(left));
        Ok(match left.map(|(id, _)| id) {
            Some(id) if self.has(Bug::UsedAgain) => {
                let shared = true;
                self.kernel.objects[usize::from(id)] = Some(Object { shared, ..fresh });
                id
            }
            _ => self.kernel.create(fresh),
        })
    }

    fn publish(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        self.is_no_tenants();
        if let Some(id) = self.kernel.name {
            if !self.has(Bug::PublishUnchecked) {
                return Ok(false);
            }
            self.loses_its_name(id);
        }
        self.kernel.name = Some(*object);
        Ok(true)
    }

    fn unlink(&mut self) -> Result<bool, Failed> {
        self.call()?;
        self.is_no_tenants();
        if let Some(id) = self.kernel.name {
            if self.object(id).owner != self.wish().user {
                return Ok(false);
            }
            self.kernel.name = None;
            self.loses_its_name(id);
        }
        Ok(true)
    }

    fn is_named(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let unchecked = match self.phase() {
            Phase::Waiting(_, AwaitPeer::CheckName) => Bug::NameLossUnnoticed,
            Phase::Waiting(..) | Phase::GettingUp(..) => Bug::RemoveUnchecked,
            _ => Bug::JoinUnchecked,
        };
        Ok(self.has(unchecked) || self.kernel.name == Some(*object))
    }

    fn try_door(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let (pid, open) = (self.pid, self.has(Bug::NoDoor));
        let own = self.has(Bug::DoorOpenToOwn).then_some(pid);
        let door = &mut self.object(*object).door;
        if !open && door.is_some() && *door != own {
            return Ok(false);
        }
        *door = Some(pid);
        Ok(true)
    }

    fn leave_door(&mut self, object: &ObjectId) -> Result<(), Failed> {
        match self.call() {
            Err(Failed) if self.has(Bug::UnlocksOnce) => return Ok(()),
            result => result?,
        }
        self.object(*object).door = None;
        Ok(())
    }

    fn is_seated(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        match self.call() {
            Err(Failed) if self.has(Bug::FailedLookIsFree) => return Ok(false),
            result => result?,
        }
        let (pid, watchers_count) = (self.pid, self.has(Bug::WatcherSits));
        let object = self.object(*object);
        let sits = object.seats[seat.index()].is_some_and(|owner| owner != pid);
        Ok(sits || watchers_count && object.watched[seat.index()].is_some())
    }

    fn try_sit(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let (pid, open) = (self.pid, self.has(Bug::NoSeatLock));
        let object = self.object(*object);
        let [_, second] = &mut object.seats;
        if !open && (second.is_some_and(|owner| owner != pid) || object.watched[1].is_some()) {
            return Ok(false);
        }
        if !open {
            *second = Some(pid);
        }
        Ok(true)
    }

    fn stand(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        match self.call() {
            Err(Failed) if self.has(Bug::UnlocksOnce) => return Ok(()),
            result => result?,
        }
        self.object(*object).seats[seat.index()] = None;
        Ok(())
    }

    fn inspect(&mut self, object: &ObjectId) -> Result<Content, Failed> {
        self.call()?;
        let foreign_is_blank = self.has(Bug::ForeignIsBlank);
        let object = self.object(*object);
        Ok(match (object.page, object.magic) {
            (Page::Foreign, _) if foreign_is_blank => Content::Unfinished,
            (Page::Foreign, _) => Content::Foreign(PageError::NotAPage),
            (Page::Zeros, _) => Content::Unclaimed(PageError::NotAPage),
            (_, false) => Content::Unfinished,
            (_, true) => Content::Page {
                first: object.first.unwrap_or(Presence::PROCESS),
                second: object.second.or(object.left.then_some(Presence::PROCESS)),
                left: object.left,
            },
        })
    }

    fn is_open_elsewhere(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        // That it fails tells nothing.
        let failed = self.call().is_err();
        let open = self.world.others_have_open(*object, self.pid, false);
        Ok(!self.has(Bug::OpenUnchecked) && (failed || open))
    }

    fn is_alone(&mut self, object: &ObjectId) -> bool {
        match self.call() {
            Ok(()) => !self.world.others_have_open(*object, self.pid, true),
            Err(Failed) => self.has(Bug::FailedLeaseIsAlone),
        }
    }

    fn speak_for(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        self.call()?;
        let unsaid = self.has(Bug::DeathUnsaid);
        let object = self.object(*object);
        if !unsaid {
            object.leave(seat);
        }
        if object.seats[seat.index()].is_some() {
            self.violated("a process speaks for one that lives");
        }
        Ok(())
    }

    fn attach(&mut self, object: &mut ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let unchecked = self.has(Bug::ModeUnchecked);
        let (wish, found) = (self.wish(), *self.object(*object));
        if found.page != Page::Initialised {
            self.violated("a page is attached that is not initialised");
        }
        match found.shared && !wish.shared && !unchecked {
            true => Err(Failed),
            false => Ok(true),
        }
    }

    fn join(&mut self, object: &ObjectId) -> Result<(), Failed> {
        self.call()?;
        let unmarked = self.has(Bug::JoinUnmarked);
        let object = self.object(*object);
        let again = object.second.is_some() || object.left;
        object.second = (!unmarked).then_some(Presence::PROCESS);
        if again {
            self.violated("a talk is joined twice");
        }
        Ok(())
    }

    fn is_joined(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let gives_up = matches!(self.phase(), Phase::Waiting(_, AwaitPeer::Remove(..)));
        let unchecked = gives_up && self.has(Bug::GiveUpUnchecked);
        Ok(!unchecked && self.object(*object).second.is_some())
    }

    fn is_restarted(&mut self, object: &ObjectId) -> bool {
        let unseen = self.has(Bug::RestartUnseen);
        let object = self.object(*object);
        !unseen && object.second.is_none() && !object.left
    }

    fn watch(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        match self.call() {
            Err(Failed) if self.has(Bug::FailedWatchIsDeath) => return Ok(true),
            result => result?,
        }
        let pid = self.pid;
        let object = self.object(*object);
        if object.seats[seat.index()].is_some() {
            return Ok(false);
        }
        object.watched[seat.index()] = Some(pid);
        Ok(true)
    }

    fn unwatch(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        self.call()?;
        if !self.has(Bug::WatcherKeepsLock) {
            self.object(*object).watched[seat.index()] = None;
        }
        Ok(())
    }

    fn tell_outside(&mut self, object: &ObjectId, seat: Seat) {
        let [unsaid, overwrites, stands] =
            [Bug::LeftUnsaid, Bug::LeftOverwrites, Bug::StandsFirst].map(|bug| self.has(bug));
        let object = self.object(*object);
        let (peer, before) = ([object.second, object.first][seat.index()], *object);
        if !unsaid && peer.is_none_or(|peer| peer.outside) {
            object.leave(seat);
            if overwrites && seat == Seat::Second {
                (object.second, object.left) = (None, true);
            }
        }
        if stands {
            object.seats[seat.index()] = None;
        }
        if object.left && !before.left && before.second.is_none() {
            self.violated("a guest is told that one has left who never came");
        }
    }
}
