//! The kernel as one process sees it: the calls of [`Os`], with the mistakes that can be
//! made in them, and with what they do.

use memtalk::lifecycle::look::Onlook;
use memtalk::lifecycle::os::{Content, Found, Os};
use memtalk_ring::{Beginning, PageError, Presence, Seat};

use super::effect::Effect;
use super::kernel::{At, Kernel, Object, ObjectId, Page, Pid, User};
use super::mistakes::Bug;

/// A call of the fake kernel has failed: it opens or joins what the caller must not, or is
/// to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Failed;

/// What a process is started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) user: User,
    /// It talks with other users.
    pub(super) shared: bool,
    /// It takes the second seat only, in what is somebody else's.
    pub(super) tenant: bool,
    /// Its part where one talks to many.
    pub(super) part: Part,
    /// Where its page is.
    pub(super) place: Place,
}

/// Where the page of a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the object that the name leads to.
    #[default]
    Named,
    /// In an object without a name, which it makes and gives away.
    New,
    /// In the one that it was given.
    Given,
    /// In memory of the user's own.
    Fixed,
}

impl Place {
    /// The place of somebody who is to talk to it.
    pub(super) fn peer(self) -> Self {
        match self {
            Self::New => Self::Given,
            Self::Named | Self::Given | Self::Fixed => self,
        }
    }
}

/// The part of a process where one talks to many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// It knows nothing of it.
    #[default]
    None,
    /// It only joins, and waits for its turn.
    Client,
    /// It has made an object while it was busy. Other processes with this part are the same
    /// service, or the next.
    Service,
}

impl Part {
    /// The part of somebody who is to talk to it.
    pub(super) fn peer(self) -> Self {
        match self {
            Self::Service => Self::Client,
            Self::None | Self::Client => self,
        }
    }
}

/// What a caller does not ask, if that is its mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assumption {
    /// The name leads to its object.
    Named,
    /// Nobody has joined.
    NotJoined,
    /// The first party sits.
    Seated,
}

/// The kernel as one process sees it, for one step.
pub(super) struct View<'k> {
    kernel: &'k mut Kernel,
    pid: Pid,
    wish: Wish,
    bug: Option<Bug>,
    assumption: Option<Assumption>,
    /// The next call that can fail does.
    fails: bool,
    effects: Vec<Effect>,
}

impl<'k> View<'k> {
    /// Without failing calls or assumptions.
    pub(super) fn new(kernel: &'k mut Kernel, pid: Pid, wish: Wish, bug: Option<Bug>) -> Self {
        Self {
            kernel,
            pid,
            wish,
            bug,
            assumption: None,
            fails: false,
            effects: Vec::new(),
        }
    }

    /// The next call that can fail does.
    pub(super) fn fail_next(&mut self) {
        self.fails = true;
    }

    /// The caller does not ask this, but takes it for granted.
    pub(super) fn assume(&mut self, assumption: Option<Assumption>) {
        self.assumption = assumption;
    }

    pub(super) fn bug(&self) -> Option<Bug> {
        self.bug
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// The first party begins the talk.
    pub(super) fn begin(&mut self, id: ObjectId) {
        self.object_mut(id).waiting = false;
    }

    /// The guard of a process at `seat` speaks for it.
    pub(super) fn speak_by_guard(&mut self, (id, seat): At) {
        self.object_mut(id).speak_for(seat);
    }

    /// Gives up the turn of an object.
    pub(super) fn attend(&mut self, id: ObjectId) {
        self.object_mut(id).turn = None;
    }

    pub(super) fn kernel(&self) -> &Kernel {
        self.kernel
    }

    pub(super) fn object(&self, id: ObjectId) -> &Object {
        self.kernel.object(id)
    }

    /// Closes all that the caller has open but, perhaps, `kept`.
    pub(super) fn close_all_but(&mut self, kept: Option<ObjectId>) {
        self.kernel.close_all_but(self.pid, kept);
    }

    pub(super) fn record(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// What the step has done; `None` if a call was to fail and none that can was made.
    pub(super) fn into_effects(self) -> Option<Vec<Effect>> {
        (!self.fails).then_some(self.effects)
    }

    /// Whether the caller goes by the name. To the others, the fake kernel's name is the
    /// object that one has given the other.
    fn goes_by_name(&self) -> bool {
        self.wish.place == Place::Named
    }

    /// A call that can fail.
    fn call(&mut self) -> Result<(), Failed> {
        match std::mem::take(&mut self.fails) {
            true => Err(Failed),
            false => Ok(()),
        }
    }

    /// A call that can fail; `true` if it does and nobody notices, which is this mistake.
    fn call_unless(&mut self, unnoticed: Bug) -> Result<bool, Failed> {
        match self.call() {
            Err(Failed) if self.has(unnoticed) => Ok(true),
            result => result.map(|()| false),
        }
    }

    fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        self.kernel.object_mut(id)
    }

    /// What an object holds, to those who read it.
    fn content(&self, object: ObjectId) -> Content {
        let object = self.object(object);
        match (object.page, object.magic) {
            (Page::Foreign, _) => Content::Foreign(PageError::NotAPage),
            (Page::Zeros, _) => Content::Unclaimed(PageError::NotAPage),
            (page, false) => Content::Unfinished {
                outside: page == Page::Begun,
            },
            (_, true) => {
                let process = object.left.then_some(Presence::PROCESS);
                // One that left before the talk began was never there.
                let guest_left = object.guest_left && !object.waiting;
                let guest = guest_left.then_some(Presence::DEVICE);
                Content::Page {
                    first: object.first.unwrap_or(Presence::PROCESS),
                    over: object.over && !self.has(Bug::HostHurries),
                    second: object.second.or(process).or(guest),
                    left: object.left || guest_left,
                    kept: object.kept && !self.has(Bug::KeptUnchecked),
                }
            }
        }
    }

    /// An object that was shared once and at which nobody sits any more.
    fn left_behind(&self) -> Option<ObjectId> {
        let mut objects = self.kernel.objects();
        let left = objects.find(|(_, object)| object.shared && object.seats == [None; 2]);
        left.map(|(id, _)| id)
    }
}

impl Os for View<'_> {
    type Object = ObjectId;
    type Error = Failed;

    fn is_tenant(&self) -> bool {
        self.wish.tenant && !self.has(Bug::TenantRetires)
    }

    fn has_name(&self) -> bool {
        self.goes_by_name() || self.has(Bug::GivenStartsOver)
    }

    fn is_fixed(&self) -> bool {
        self.wish.place == Place::Fixed
    }

    fn is_client(&self) -> bool {
        self.wish.part == Part::Client && !self.has(Bug::ClientCreates)
    }

    fn owns_page(&self, object: &ObjectId) -> bool {
        let guests = self.object(*object).has_outside(Seat::Second);
        let stays = self.goes_by_name() || self.is_fixed();
        stays && !self.is_tenant() && (!guests || self.has(Bug::GuestsNameRemoved))
    }

    fn open(&mut self) -> Result<Found<ObjectId>, Failed> {
        self.call()?;
        let found = self.kernel.name();
        let Some(id) = found.filter(|_| self.wish.place != Place::New) else {
            return Ok(Found::Nothing);
        };
        let object = self.object(id);
        if object.owner != self.wish.user && !(self.wish.shared && object.shared) {
            return Err(Failed);
        }
        self.kernel.come_to_door(self.pid, id);
        Ok(Found::Object(id))
    }

    fn create(&mut self) -> Result<ObjectId, Failed> {
        self.call()?;
        self.record(Effect::ActedAsOwner(self.pid));
        self.record(Effect::Created(self.pid));
        let serves = self.wish.part == Part::Service;
        let fresh = Object {
            turn: serves.then_some(self.pid),
            page: Page::Initialised,
            magic: true,
            first: Some(Presence::PROCESS),
            seats: [Some(self.pid), None],
            waiting: true,
            owner: self.wish.user,
            shared: self.wish.shared,
            ..Object::default()
        };
        Ok(match self.left_behind() {
            Some(id) if self.has(Bug::UsedAgain) => {
                self.kernel.open(self.pid, id);
                let shared = true;
                *self.object_mut(id) = Object { shared, ..fresh };
                id
            }
            _ => self.kernel.create(self.pid, fresh),
        })
    }

    fn publish(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let by = self.pid;
        if !self.goes_by_name() {
            self.kernel.set_name(Some(*object));
            return Ok(true);
        }
        self.record(Effect::ActedAsOwner(by));
        if let Some(from) = self.kernel.name() {
            if !self.has(Bug::PublishUnchecked) {
                return Ok(false);
            }
            self.record(Effect::NameTaken { by, from });
        }
        self.kernel.set_name(Some(*object));
        Ok(true)
    }

    fn unlink(&mut self) -> Result<bool, Failed> {
        self.call()?;
        let by = self.pid;
        if !self.goes_by_name() {
            return Ok(true);
        }
        self.record(Effect::ActedAsOwner(by));
        if let Some(from) = self.kernel.name() {
            if self.object(from).owner != self.wish.user {
                return Ok(false);
            }
            self.record(Effect::NameTaken { by, from });
            self.kernel.set_name(None);
        }
        Ok(true)
    }

    fn is_named(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let assumed = self.assumption == Some(Assumption::Named) || !self.goes_by_name();
        Ok(assumed || self.kernel.name() == Some(*object))
    }

    fn try_door(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let (pid, open) = (self.pid, self.has(Bug::NoDoor));
        let own = self.has(Bug::DoorOpenToOwn).then_some(pid);
        let door = &mut self.object_mut(*object).door;
        if !open && door.is_some() && *door != own {
            return Ok(false);
        }
        *door = Some(pid);
        self.kernel.pass_door(pid, *object);
        Ok(true)
    }

    fn leave_door(&mut self, object: &ObjectId) -> Result<(), Failed> {
        if !self.call_unless(Bug::UnlocksOnce)? {
            self.object_mut(*object).door = None;
        }
        Ok(())
    }

    fn is_seated(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        if self.call_unless(Bug::FailedLookIsFree)? {
            return Ok(false);
        }
        let assumed = self.assumption == Some(Assumption::Seated);
        let object = self.object(*object);
        let sits = object.seats[seat.index()].is_some_and(|owner| owner != self.pid);
        let watched = object.watched[seat.index()].is_some();
        Ok(assumed || sits || watched && self.has(Bug::WatcherSits))
    }

    fn is_attended(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let held = self.object(*object).turn.is_some_and(|by| by != self.pid);
        Ok(!held || self.has(Bug::TurnUnchecked))
    }

    fn renew(&mut self, object: &mut ObjectId) -> Result<(), Failed> {
        self.call()?;
        self.record(Effect::Renewed(*object));
        let open = self.kernel.is_open_behind_door(self.pid, *object);
        let object = self.object_mut(*object);
        object.initialise(Presence::PROCESS);
        object.kept &= open;
        object.renewed = true;
        Ok(())
    }

    fn is_for_next(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let lets_others_in = self.object(*object).shared && !self.wish.shared;
        let by_process = self.object(*object).second == Some(Presence::PROCESS);
        let open = self.kernel.is_open_behind_door(self.pid, *object);
        let stays = open && !by_process && !lets_others_in && self.goes_by_name();
        Ok(self.is_fixed() || stays)
    }

    fn end_page(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        self.call()?;
        if seat == Seat::First && !self.has(Bug::EndUnsaid) {
            self.object_mut(*object).over = true;
        }
        Ok(())
    }

    fn beginning(&mut self, object: &ObjectId) -> Beginning {
        let object = self.object(*object);
        let cleared = object.second.is_none() && !object.left;
        match (cleared || object.over, object.waiting) {
            (true, _) => Beginning::Lost,
            (false, true) if !self.has(Bug::BeginningUnasked) => Beginning::Awaited,
            (false, _) => Beginning::Begun,
        }
    }

    fn try_sit(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        self.call()?;
        if self.has(Bug::NoSeatLock) {
            return Ok(true);
        }
        let pid = self.pid;
        let object = self.object_mut(*object);
        let owner = &mut object.seats[seat.index()];
        if owner.is_some_and(|owner| owner != pid) || object.watched[seat.index()].is_some() {
            return Ok(false);
        }
        *owner = Some(pid);
        Ok(true)
    }

    fn stand(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        if !self.call_unless(Bug::UnlocksOnce)? {
            self.object_mut(*object).seats[seat.index()] = None;
        }
        Ok(())
    }

    fn inspect(&mut self, object: &ObjectId) -> Result<Content, Failed> {
        self.call()?;
        Ok(match self.content(*object) {
            Content::Foreign(_) if self.has(Bug::ForeignIsBlank) => {
                Content::Unfinished { outside: false }
            }
            content => content,
        })
    }

    fn is_open_elsewhere(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        // That it fails tells nothing.
        let failed = self.call().is_err();
        let open = self.kernel.is_open_behind_door(self.pid, *object);
        Ok(!self.has(Bug::OpenUnchecked) && (failed || open))
    }

    fn is_alone(&mut self, object: &ObjectId) -> bool {
        match self.call() {
            Ok(()) => !self.kernel.is_open_elsewhere(self.pid, *object),
            Err(Failed) => self.has(Bug::FailedLeaseIsAlone),
        }
    }

    fn is_kept(&self, object: &ObjectId) -> bool {
        let object = self.object(*object);
        object.kept && object.second.is_none()
    }

    fn speak_for(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        self.call()?;
        self.record(Effect::SpokenFor((*object, seat)));
        if !self.has(Bug::DeathUnsaid) {
            self.object_mut(*object).mark_left(seat);
        }
        Ok(())
    }

    fn attach(&mut self, object: &mut ObjectId) -> Result<bool, Failed> {
        self.call()?;
        self.record(Effect::Attached(*object));
        let lets_others_in = self.object(*object).shared && !self.wish.shared;
        match lets_others_in && !self.has(Bug::ModeUnchecked) {
            true => Err(Failed),
            false => Ok(true),
        }
    }

    fn join(&mut self, object: &ObjectId) -> Result<(), Failed> {
        self.call()?;
        let waits = self.wish.part == Part::Client;
        self.record(Effect::Joined { id: *object, waits });
        let marked = !self.has(Bug::JoinUnmarked);
        self.object_mut(*object).second = marked.then_some(Presence::PROCESS);
        Ok(())
    }

    fn is_joined(&mut self, object: &ObjectId) -> Result<bool, Failed> {
        self.call()?;
        let assumed = self.assumption == Some(Assumption::NotJoined);
        Ok(!assumed && self.object(*object).second.is_some())
    }

    fn is_restarted(&mut self, object: &ObjectId, seat: Seat) -> bool {
        let object = self.object(*object);
        seat == Seat::Second
            && !self.has(Bug::RestartUnseen)
            && object.second.is_none()
            && !object.left
    }

    fn watch(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        if self.call_unless(Bug::FailedWatchIsDeath)? {
            return Ok(true);
        }
        let pid = self.pid;
        let object = self.object_mut(*object);
        if !object.is_free(seat) {
            return Ok(false);
        }
        object.watched[seat.index()] = Some(pid);
        Ok(true)
    }

    fn unwatch(&mut self, object: &ObjectId, seat: Seat) -> Result<(), Failed> {
        if let Err(Failed) = self.call() {
            self.record(Effect::WatchLeaked);
            return Err(Failed);
        }
        if !self.has(Bug::WatcherKeepsLock) {
            self.object_mut(*object).watched[seat.index()] = None;
        }
        Ok(())
    }

    fn tell_outside(&mut self, id: &ObjectId, seat: Seat) {
        let [unsaid, overwrites, stands] =
            [Bug::LeftUnsaid, Bug::LeftOverwrites, Bug::StandsFirst].map(|bug| self.has(bug));
        let object = self.object_mut(*id);
        let peer = [object.second, object.first][seat.index()];
        let was_left = object.left;
        if !unsaid && peer.is_none_or(|peer| peer.outside) {
            object.mark_left(seat);
            if overwrites && seat == Seat::Second {
                (object.second, object.left) = (None, true);
            }
        }
        if stands {
            object.seats[seat.index()] = None;
        }
        if object.left && !was_left {
            self.record(Effect::MarkedLeft(*id));
        }
    }
}

/// An onlooker's calls. It may open every object, and closes it soon, as newcomers do that
/// find the door locked.
impl Onlook for View<'_> {
    type Object = ObjectId;
    type Words = Content;
    type Error = Failed;

    fn open(&mut self) -> Result<Found<ObjectId>, Failed> {
        let Some(id) = self.kernel.name() else {
            return Ok(Found::Nothing);
        };
        match self.has(Bug::OnlookerStays) {
            true => self.kernel.open(self.pid, id),
            false => self.kernel.come_to_door(self.pid, id),
        }
        Ok(Found::Object(id))
    }

    fn read(&mut self, object: &ObjectId) -> Result<Content, Failed> {
        Ok(self.content(*object))
    }

    fn is_seated(&mut self, object: &ObjectId, seat: Seat) -> Result<bool, Failed> {
        let (pid, locks) = (self.pid, self.has(Bug::OnlookerLocks));
        let lock = &mut self.object_mut(*object).seats[seat.index()];
        if locks && lock.is_none() {
            *lock = Some(pid);
        }
        Ok(lock.is_some_and(|owner| owner != pid))
    }
}
