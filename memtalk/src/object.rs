//! The POSIX shared memory object: what [`seat`](crate::seat)'s machines do to it.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use memtalk_ring::identity::Snapshot;
use memtalk_ring::layout::{CLAIM, Header, LEFT, LINE, MAX_SIZE, SEATED};
use memtalk_ring::{Native, Page, PageError, Presence, Region, Seat};

use crate::futex::Futex;
use crate::scan;
use crate::seat::{Content, Os, Refusal, RemoveName, SitDown, Step};
use crate::sys::lock::{self, Kind};
use crate::sys::map::Mapping;
use crate::sys::{self, futex, lease, shm};
use crate::{Error, Name, steps};

/// The bytes that are locked, counted from the page's first. Locks do not need the
/// bytes to exist, and say nothing about what is in them.
const DOOR: u64 = 0;

const fn seat_byte(seat: Seat) -> u64 {
    match seat {
        Seat::First => 1,
        Seat::Second => 2,
    }
}

/// How long to wait for others at the door. They hold it for as long as a page
/// takes to initialise, unless somebody has stopped them.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time to the second try at the door, and the longest between two tries;
/// each is twice the one before. Others mostly hold it for some tens of
/// microseconds.
const RETRY: Duration = Duration::from_micros(50);
const LONGEST_RETRY: Duration = Duration::from_millis(5);

/// How often to look whether somebody outside has come, who wakes nobody.
pub(crate) const LOOK_OUTSIDE: Duration = Duration::from_millis(50);

/// Bytes at the start of an object that tell what it is: the identity and the
/// seats.
const HEAD: usize = size_of::<Header<Native>>();

/// Where in it the claim lies, and the seat words.
const CLAIM_AT: usize = offset_of!(Header<Native>, identity.claim);
const SEATS_AT: usize = offset_of!(Header<Native>, seats);

/// An open object, and the page in it once it is mapped.
#[derive(Debug)]
pub(crate) struct Object {
    file: File,
    /// Offset of the page in bytes: 0, but for a tenant.
    at: u64,
    page: Option<Page<Mapping>>,
}

/// Where a tenant's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// At this offset in bytes.
    At(u64),
    /// Wherever one is found.
    Anywhere,
}

/// The name, and what to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    name: Name,
    pages: Option<usize>,
    /// Permissions; given, objects of other users will do.
    mode: Option<u32>,
    /// The memory is somebody else's; ours, unless this is given.
    tenancy: Option<Tenancy>,
}

impl Place {
    /// # Errors
    /// [`Error::Pages`], [`Error::Mode`], [`Error::Offset`].
    pub(crate) fn new(
        name: Name,
        pages: Option<usize>,
        mode: Option<u32>,
        tenancy: Option<Tenancy>,
    ) -> Result<Self, Error> {
        if mode.is_some_and(|mode| ![0o600, 0o660, 0o606, 0o666].contains(&mode)) {
            return Err(Error::Mode);
        }
        if let Some(Tenancy::At(offset)) = tenancy
            && (!offset.is_multiple_of(LINE as u64) || offset > i64::MAX as u64)
        {
            return Err(Error::Offset);
        }
        let most = MAX_SIZE / shm::page_size();
        match pages {
            Some(pages) if !(1..=most).contains(&pages) => Err(Error::Pages { most }),
            _ => Ok(Self {
                name,
                pages,
                mode,
                tenancy,
            }),
        }
    }

    /// The size in bytes of an object that we create.
    fn size(&self) -> usize {
        self.pages.unwrap_or(1) * shm::page_size()
    }

    /// Whether an object of this owner will do: who owns an object can read it.
    fn accepts(&self, data: &Metadata) -> bool {
        self.mode.is_some() || data.uid() == shm::user()
    }

    /// Opens what the name leads to, if it leads to any object.
    fn open_file(&self) -> Result<Option<File>, Error> {
        let file = match shm::open(self.name.as_c_str()) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(
                    not_an_object(&e).unwrap_or_else(|| Error::system("open the object")(e))
                );
            }
        };
        let data = metadata(&file)?;
        if !data.is_file() {
            return Err(Error::NotAnObject);
        }
        if !self.accepts(&data) {
            return Err(Error::NotOurs);
        }
        Ok(Some(file))
    }

    /// The first bytes of the page, what they say, and how many bytes it can have: all
    /// of the object, or of a machine's memory as many as it says, if they are there.
    fn examine(&self, object: &Object) -> Result<([u8; HEAD], Snapshot, usize), Error> {
        let mut head = [0; HEAD];
        read_from(&object.file, &mut head, object.at)?;
        let said = Snapshot::from_bytes(&head);
        let there = size_of_object(object)?;
        let size = match self.tenancy {
            Some(_) => there.min(said.size as usize),
            None => there,
        };
        Ok((head, said, size))
    }

    /// Takes a seat at this place. Calls `idle` to let some time pass while nobody is
    /// there whom we could join; nothing is to be cleaned up then.
    pub(crate) fn sit_down(
        mut self,
        timeout: Option<Duration>,
        mut idle: impl FnMut(Duration),
    ) -> Result<Seated, Error> {
        let began = Instant::now();
        let mut patience = Patience::new(timeout);
        let mut machine = SitDown::Open;
        loop {
            steps::step();
            machine = match machine.step(&mut self) {
                Ok(Step::Next(next)) => next,
                Ok(Step::Blocked(next)) => {
                    patience.pause()?;
                    next
                }
                Ok(Step::Early(next)) => {
                    let pause = match timeout {
                        None => LOOK_OUTSIDE,
                        Some(timeout) => {
                            let left = timeout.saturating_sub(began.elapsed());
                            if left.is_zero() {
                                return Err(Error::Timeout(timeout));
                            }
                            left.min(LOOK_OUTSIDE)
                        }
                    };
                    idle(pause);
                    patience = Patience::new(timeout);
                    next
                }
                Ok(Step::Done((object, seat))) => return Seated::new(self, object, seat),
                Err(Refusal::Busy) => return Err(Error::Busy),
                Err(Refusal::Foreign(reason)) => return Err(Error::Foreign(reason)),
                Err(Refusal::Os(error)) => return Err(error),
            };
        }
    }
}

/// We sit at `seat`, until [`stand`](Self::stand) or the end of the process.
#[derive(Debug)]
pub(crate) struct Seated {
    place: Place,
    object: Object,
    pub(crate) page: Page<Mapping>,
    pub(crate) seat: Seat,
    /// Whether the name is ours to remove: not from a machine's memory.
    owned: bool,
    /// Our own threads at the door: its lock belongs to the open file, and so
    /// keeps out everybody but ourselves.
    door: Mutex<()>,
}

impl Seated {
    fn new(place: Place, object: Object, seat: Seat) -> Result<Self, Error> {
        // The machine has mapped every object that it is done with.
        let page = object.page.clone().ok_or(Error::NotAnObject)?;
        let first = page.presence(Seat::First);
        Ok(Self {
            owned: place.tenancy.is_none() && first.is_none_or(|first| !first.outside),
            place,
            object,
            page,
            seat,
            door: Mutex::new(()),
        })
    }

    /// Removes the name, if it still leads to our object. Others can then use it
    /// for a talk of their own, while we go on with ours.
    pub(crate) fn remove_name(&self) -> Result<(), Error> {
        if !self.owned {
            return Ok(());
        }
        let _only_one = self.door.lock();
        let mut place = self.place.clone();
        let mut patience = Patience::new(None);
        let mut machine = RemoveName::Door;
        loop {
            steps::step();
            machine = match machine.step(&mut place, &self.object)? {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next) => {
                    patience.pause()?;
                    next
                }
                Step::Done(()) => return Ok(()),
            };
        }
    }

    /// Tells a peer outside, who sees no locks, that we go: gives up what is not
    /// closed, and marks the seat.
    pub(crate) fn tell_outside(&self) {
        if self.peer_is_outside() {
            self.page.mourn(self.seat, &Futex::for_waking());
            leave(&self.page, self.seat);
        }
    }

    /// Gives up the seat. Nobody uses its ends any more.
    pub(crate) fn stand(&self) -> Result<(), Error> {
        self.place.clone().stand(&self.object, self.seat)
    }

    /// Whether the peer, who is there, holds no lock.
    pub(crate) fn peer_is_outside(&self) -> bool {
        let peer = self.page.presence(self.seat.peer());
        peer.is_some_and(|peer| peer.outside)
    }

    /// Whether the peer, outside, has initialised the page again since we sat down:
    /// then our seat is free, and not since we left it.
    pub(crate) fn was_restarted(&self) -> bool {
        self.seat == Seat::Second && self.page.seat_word(self.seat).load(Ordering::Acquire) == 0
    }

    /// What a thread needs to watch the peer.
    pub(crate) fn view_of_peer(&self) -> Result<ViewOfPeer, Error> {
        let copy = self.object.file.try_clone();
        Ok(ViewOfPeer {
            file: copy.map_err(Error::system("copy a descriptor"))?,
            at: self.object.at,
            seat: self.object.at + seat_byte(self.seat.peer()),
        })
    }

    /// Waits until a peer sits at the other seat.
    pub(crate) fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let began = Instant::now();
        while self.page.presence(Seat::Second).is_none() {
            let pause = match timeout {
                None => LOOK_OUTSIDE,
                Some(timeout) => match timeout.checked_sub(began.elapsed()) {
                    Some(left) if !left.is_zero() => left.min(LOOK_OUTSIDE),
                    _ => return Err(Error::Timeout(timeout)),
                },
            };
            // A process wakes us, somebody outside does not.
            futex::wait(self.page.seat_word(Seat::Second), 0, Some(pause));
        }
        Ok(())
    }
}

/// The peer's seat, and the object, open.
#[derive(Debug)]
pub(crate) struct ViewOfPeer {
    file: File,
    /// Offset of the page in bytes.
    at: u64,
    /// The byte that the peer locks, if it is a process.
    seat: u64,
}

impl ViewOfPeer {
    /// Sleeps until no process sits there any more.
    ///
    /// It asks for a read lock, which the sitter's write lock holds off and which
    /// does not make the seat look taken, and gives it back at once.
    pub(crate) fn wait_until_left(&self) -> io::Result<()> {
        lock::lock(&self.file, self.seat, Kind::Read)?;
        lock::unlock(&self.file, self.seat)
    }

    /// Puts a private copy in place of `mapping`, for all its clones. Returns another
    /// mapping of what is shared, if there is room for it.
    pub(crate) fn detach(&self, mapping: &Mapping) -> Option<Mapping> {
        let shared = Mapping::new(&self.file, self.at, mapping.size());
        mapping.detach(&self.file).ok()?;
        shared.ok()
    }

    /// Whether nobody else has the object open, so that no party outside is there.
    pub(crate) fn is_alone(&self) -> bool {
        !lease::is_open_elsewhere(&self.file)
    }
}

/// Patience at a door.
struct Patience {
    end: Instant,
    retry: Duration,
    timeout: Option<Duration>,
}

impl Patience {
    /// As long as others may take, or as long as the user allows if that is less.
    fn new(timeout: Option<Duration>) -> Self {
        let timeout = timeout.filter(|&timeout| timeout < PATIENCE);
        Self {
            end: Instant::now() + timeout.unwrap_or(PATIENCE),
            retry: RETRY,
            timeout,
        }
    }

    /// Waits a little before the next try.
    fn pause(&mut self) -> Result<(), Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.timeout.map_or(Error::Stuck, Error::Timeout));
        }
        sys::nap(left.min(self.retry));
        self.retry = LONGEST_RETRY.min(2 * self.retry);
        Ok(())
    }
}

impl Os for Place {
    type Object = Object;
    type Error = Error;

    fn is_tenant(&self) -> bool {
        self.tenancy.is_some()
    }

    fn open(&mut self) -> Result<Option<Object>, Error> {
        let Some(file) = self.open_file()? else {
            return Ok(None);
        };
        let at = match self.tenancy {
            None => 0,
            Some(Tenancy::At(offset)) => offset,
            Some(Tenancy::Anywhere) => match scan::find_page(&file)? {
                Some(offset) => offset,
                None => return Ok(None),
            },
        };
        let page = None;
        Ok(Some(Object { file, at, page }))
    }

    fn create(&mut self) -> Result<Option<Object>, Error> {
        match shm::create(self.name.as_c_str()) {
            Ok(file) => {
                let (at, page) = (0, None);
                Ok(Some(Object { file, at, page }))
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(e) => Err(Error::system("create the object")(e)),
        }
    }

    fn unlink(&mut self) -> Result<(), Error> {
        match shm::unlink(self.name.as_c_str()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::system("remove the object")(e))
            }
            _ => Ok(()),
        }
    }

    fn is_named(&mut self, object: &Object) -> Result<bool, Error> {
        let Some(found) = self.open_file()? else {
            return Ok(false);
        };
        let identity = |file| metadata(file).map(|data| (data.dev(), data.ino()));
        Ok(identity(&found)? == identity(&object.file)?)
    }

    fn try_door(&mut self, object: &Object) -> Result<bool, Error> {
        lock::try_lock(&object.file, object.at + DOOR, Kind::Write)
            .map_err(Error::system("lock the object"))
    }

    fn leave_door(&mut self, object: &Object) -> Result<(), Error> {
        lock::unlock(&object.file, object.at + DOOR).map_err(Error::system("unlock the object"))
    }

    fn is_seated(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        lock::is_write_locked(&object.file, object.at + seat_byte(seat))
            .map_err(Error::system("examine the object's locks"))
    }

    fn try_sit(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        lock::try_lock(&object.file, object.at + seat_byte(seat), Kind::Write)
            .map_err(Error::system("lock the object"))
    }

    fn stand(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        lock::unlock(&object.file, object.at + seat_byte(seat))
            .map_err(Error::system("unlock the object"))
    }

    fn inspect(&mut self, object: &Object) -> Result<Content, Error> {
        let (head, said, size) = self.examine(object)?;
        if size == 0 && self.tenancy.is_none() {
            return Ok(Content::Blank);
        }
        let [first, second] = [0, 4].map(|at| {
            let word = head[SEATS_AT + at..].first_chunk();
            word.map_or(0, |&word| u32::from_ne_bytes(word))
        });
        // Who left, or whatever else is there that is not 0, counts as a process.
        let sat = |word| Presence::from_word(word).unwrap_or(Presence::PROCESS);
        Ok(match said.check(size) {
            Ok(_) => Content::Page {
                first: sat(first),
                second: (second != 0).then(|| sat(second)),
            },
            Err(PageError::Unfinished) => Content::Blank,
            Err(PageError::NotAPage) if (said.magic, said.claim) == (0, 0) => Content::Unclaimed,
            Err(reason) => Content::Foreign(reason),
        })
    }

    fn is_open_elsewhere(&mut self, object: &Object) -> Result<bool, Error> {
        // Others who come to the door have it open for some microseconds at a time.
        let mut again = [500, 1000, 1500, 2000]
            .map(Duration::from_micros)
            .into_iter();
        while lease::is_open_elsewhere(&object.file) {
            match again.next() {
                Some(pause) => sys::nap(pause),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    fn speak_for(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        let (_, _, size) = self.examine(object)?;
        // If it is being initialised at this moment, there is nobody to tell.
        if let Ok(page) = Page::attach(map(object, size)?) {
            page.mourn(seat, &Futex::for_waking());
            leave(&page, seat);
        }
        Ok(())
    }

    fn claim(&mut self, object: &Object) -> Result<(), Error> {
        // One write, so that an object is never seen with something else in it:
        // no magic number, and the claim.
        let mut head = [0; HEAD];
        head[CLAIM_AT..][..4].copy_from_slice(&CLAIM.to_ne_bytes());
        object
            .file
            .write_all_at(&head, 0)
            .map_err(Error::system("initialise the object"))
    }

    fn resize(&mut self, object: &Object) -> Result<(), Error> {
        // What a dead creator left may have other permissions than we want.
        let data = metadata(&object.file)?;
        if data.uid() == shm::user() {
            let mode = Permissions::from_mode(self.mode.unwrap_or(0o600));
            let set = object.file.set_permissions(mode);
            set.map_err(Error::system("set the object's mode"))?;
        }
        let size = self.size();
        object
            .file
            .set_len(size as u64)
            .and_then(|()| shm::allocate(&object.file, size))
            .map_err(Error::system(
                "get memory for the object (fewer --pages need less)",
            ))
    }

    fn initialise(&mut self, object: &mut Object) -> Result<(), Error> {
        let mapping = map(object, self.size())?;
        let page = Page::initialise(mapping, Presence::PROCESS).map_err(Error::Foreign)?;
        object.page = Some(page);
        Ok(())
    }

    fn attach(&mut self, object: &mut Object) -> Result<(), Error> {
        let (_, _, size) = self.examine(object)?;
        let found = size / shm::page_size();
        match self.pages {
            Some(asked) if asked != found => return Err(Error::PagesDiffer { asked, found }),
            _ => {}
        }
        let mapping = map(object, size)?;
        object.page = Some(Page::attach(mapping).map_err(Error::Foreign)?);
        Ok(())
    }

    fn join(&mut self, object: &Object) -> Result<(), Error> {
        let Some(page) = &object.page else {
            return Ok(());
        };
        page.clear_second();
        // One system call: marked without waking, and dead then, we would leave
        // the first asleep for ever.
        futex::set_and_wake::<SEATED>(page.seat_word(Seat::Second))
            .map_err(Error::system("join the talk"))
    }
}

/// Marks the second seat, where a process sat, as left: unless whoever is first has
/// initialised the page again meanwhile, where somebody else may be about to sit down.
fn leave(page: &Page<Mapping>, seat: Seat) {
    if seat == Seat::Second {
        let (process, release) = (Presence::PROCESS.word(), Ordering::Release);
        steps::step();
        // That it fails is fine.
        let _ = page
            .seat_word(seat)
            .compare_exchange(process, LEFT, release, Ordering::Relaxed);
    }
}

fn map(object: &Object, size: usize) -> Result<Mapping, Error> {
    Mapping::new(&object.file, object.at, size).map_err(Error::system("map the object"))
}

pub(crate) fn metadata(file: &File) -> Result<Metadata, Error> {
    let data = file.metadata();
    data.map_err(Error::system("examine the object"))
}

/// From the page's first byte to the end of the object.
fn size_of_object(object: &Object) -> Result<usize, Error> {
    let there = metadata(&object.file)?.len().saturating_sub(object.at);
    // More than an address space can hold is no page either.
    Ok(usize::try_from(there).unwrap_or(usize::MAX))
}

/// Reads from `at` on into `bytes`, until they are full or the file ends.
pub(crate) fn read_from(file: &File, bytes: &mut [u8], at: u64) -> Result<usize, Error> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::system("read the object")(e)),
        }
    }
    Ok(done)
}

/// What `shm_open` says of a directory (glibc says `EINVAL`, since the name is
/// portable it can mean nothing else), a symbolic link, a socket or a device.
fn not_an_object(error: &io::Error) -> Option<Error> {
    matches!(
        error.raw_os_error(),
        Some(libc::EISDIR | libc::EINVAL | libc::ELOOP | libc::ENXIO | libc::ENODEV)
    )
    .then_some(Error::NotAnObject)
}
