//! The POSIX shared memory object: what [`seat`](crate::seat)'s machines do to it.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use memtalk_ring::identity::Snapshot;
use memtalk_ring::layout::{CLAIM, Header, MAX_SIZE, SEATED};
use memtalk_ring::{Native, Page, PageError, Presence, Seat};

use crate::seat::{Content, Os, Refusal, RemoveName, SitDown, Step};
use crate::sys::lock::{self, Kind};
use crate::sys::map::Mapping;
use crate::sys::{self, futex, shm};
use crate::{Error, Name, steps};

/// The bytes that are locked. Locks do not need the bytes to exist, and say
/// nothing about what is in them.
const DOOR: u8 = 0;

const fn seat_byte(seat: Seat) -> u8 {
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

/// Bytes at the start of an object that tell what it is: the identity and the
/// seats.
const HEAD: usize = size_of::<Header<Native>>();

/// Where in it the claim lies, and the seat word of the second instance.
const CLAIM_AT: usize = offset_of!(Header<Native>, identity.claim);
const SECOND_SEAT_AT: usize = offset_of!(Header<Native>, seats) + size_of::<u32>();

/// An open object, and the page in it once it is mapped.
#[derive(Debug)]
pub(crate) struct Object {
    file: File,
    page: Option<Page<Mapping>>,
}

/// The name, and what to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    name: Name,
    pages: Option<usize>,
    /// Permissions; given, objects of other users will do.
    mode: Option<u32>,
}

impl Place {
    /// # Errors
    /// [`Error::Pages`], [`Error::Mode`].
    pub(crate) fn new(name: Name, pages: Option<usize>, mode: Option<u32>) -> Result<Self, Error> {
        if mode.is_some_and(|mode| ![0o600, 0o660, 0o606, 0o666].contains(&mode)) {
            return Err(Error::Mode);
        }
        let most = MAX_SIZE / shm::page_size();
        match pages {
            Some(pages) if !(1..=most).contains(&pages) => Err(Error::Pages { most }),
            _ => Ok(Self { name, pages, mode }),
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

    /// Takes a seat at this place.
    pub(crate) fn sit_down(mut self, timeout: Option<Duration>) -> Result<Seated, Error> {
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
    /// Our own threads at the door: its lock belongs to the open file, and so
    /// keeps out everybody but ourselves.
    door: Mutex<()>,
}

impl Seated {
    fn new(place: Place, object: Object, seat: Seat) -> Result<Self, Error> {
        // The machine has mapped every object that it is done with.
        let page = object.page.clone().ok_or(Error::NotAnObject)?;
        Ok(Self {
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
        let _only_one = self.door.lock();
        let mut place = self.place.clone();
        let mut patience = Patience::new(None);
        let mut machine = RemoveName::Door;
        loop {
            steps::step();
            machine = match machine.step(&mut place, &self.object)? {
                Step::Next(next) => next,
                Step::Blocked(next) => {
                    patience.pause()?;
                    next
                }
                Step::Done(()) => return Ok(()),
            };
        }
    }

    /// Gives up the seat. Nobody uses its ends any more.
    pub(crate) fn stand(&self) -> Result<(), Error> {
        self.place.clone().stand(&self.object, self.seat)
    }

    /// The open object, for [`wait_until_left`].
    pub(crate) fn file(&self) -> Result<File, Error> {
        let copy = self.object.file.try_clone();
        copy.map_err(Error::system("copy a descriptor"))
    }

    /// Waits until a peer sits at the other seat.
    pub(crate) fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let began = Instant::now();
        while self.page.presence(Seat::Second).is_none() {
            let left = match timeout {
                None => None,
                Some(timeout) => match timeout.checked_sub(began.elapsed()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => return Err(Error::Timeout(timeout)),
                },
            };
            futex::wait(self.page.seat_word(Seat::Second), 0, left);
        }
        Ok(())
    }
}

/// Sleeps until nobody sits at `seat` any more.
///
/// It asks for a read lock, which the sitter's write lock holds off and which
/// does not make the seat look taken, and gives it back at once.
pub(crate) fn wait_until_left(file: &File, seat: Seat) -> io::Result<()> {
    lock::lock(file, seat_byte(seat), Kind::Read)?;
    lock::unlock(file, seat_byte(seat))
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

    fn open(&mut self) -> Result<Option<Object>, Error> {
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
        Ok(Some(Object { file, page: None }))
    }

    fn create(&mut self) -> Result<Option<Object>, Error> {
        match shm::create(self.name.as_c_str()) {
            Ok(file) => Ok(Some(Object { file, page: None })),
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
        let Some(found) = self.open()? else {
            return Ok(false);
        };
        let identity =
            |object: &Object| metadata(&object.file).map(|data| (data.dev(), data.ino()));
        Ok(identity(&found)? == identity(object)?)
    }

    fn try_door(&mut self, object: &Object) -> Result<bool, Error> {
        lock::try_lock(&object.file, DOOR, Kind::Write).map_err(Error::system("lock the object"))
    }

    fn leave_door(&mut self, object: &Object) -> Result<(), Error> {
        lock::unlock(&object.file, DOOR).map_err(Error::system("unlock the object"))
    }

    fn is_seated(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        lock::is_write_locked(&object.file, seat_byte(seat))
            .map_err(Error::system("examine the object's locks"))
    }

    fn try_sit(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        lock::try_lock(&object.file, seat_byte(seat), Kind::Write)
            .map_err(Error::system("lock the object"))
    }

    fn stand(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        lock::unlock(&object.file, seat_byte(seat)).map_err(Error::system("unlock the object"))
    }

    fn inspect(&mut self, object: &Object) -> Result<Content, Error> {
        let size = size_of_object(object)?;
        if size == 0 {
            return Ok(Content::Blank);
        }
        let mut head = [0; HEAD];
        read_head(&object.file, &mut head).map_err(Error::system("read the object"))?;
        Ok(match Snapshot::from_bytes(&head).check(size) {
            Ok(_) if head[SECOND_SEAT_AT..][..4] == [0; 4] => Content::Young,
            Ok(_) => Content::Joined,
            Err(PageError::Unfinished) => Content::Blank,
            Err(reason) => Content::Foreign(reason),
        })
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
        let size = size_of_object(object)?;
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
        // One system call: marked without waking, and dead then, we would leave
        // the first asleep for ever.
        futex::set_and_wake::<SEATED>(page.seat_word(Seat::Second))
            .map_err(Error::system("join the talk"))
    }
}

fn map(object: &Object, size: usize) -> Result<Mapping, Error> {
    Mapping::new(&object.file, size).map_err(Error::system("map the object"))
}

fn metadata(file: &File) -> Result<Metadata, Error> {
    let data = file.metadata();
    data.map_err(Error::system("examine the object"))
}

fn size_of_object(object: &Object) -> Result<usize, Error> {
    let data = metadata(&object.file)?;
    // More than an address space can hold is no page either.
    Ok(usize::try_from(data.len()).unwrap_or(usize::MAX))
}

/// Reads as much of the object's start as there is.
fn read_head(file: &File, head: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < head.len() {
        match file.read_at(&mut head[done..], done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
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
