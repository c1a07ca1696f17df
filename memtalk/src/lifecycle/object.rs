//! An open object: its page, its locks, its size.

use std::fs::{File, Metadata};
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use memtalk_ring::{Page, PageError, Presence, Region, Seat};

use crate::error::Error;
use crate::error::system::doing;
use crate::sys::guard::{self, Guard};
use crate::sys::lock::{self, Kind};
use crate::sys::map::{self, Mapping};
use crate::sys::shm;
use crate::wait::futex::Futex;

/// The byte whose lock is the door. Like the seats' bytes, it is counted from the page's
/// first byte. The bytes need not exist, and a lock says nothing about what is in them.
const DOOR: u64 = 0;

/// The byte whose lock is the turn: a service holds it while it talks through another
/// object.
const TURN: u64 = 3;

/// The byte whose lock is that seat.
pub(crate) const fn seat_byte(seat: Seat) -> u64 {
    match seat {
        Seat::First => 1,
        Seat::Second => 2,
    }
}

/// The byte whose lock is that of a whole device, for processes that are outside.
const DEVICE: u64 = 4;

/// An open object, and the page in it once it is mapped.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) file: Arc<File>,
    /// Offset of the page in bytes: 0 in an object that memtalk makes.
    pub(crate) at: u64,
    /// Whether it is the memory of a device.
    device: bool,
    /// The other file of that memory. Whoever takes the device locks it in both.
    twin: Option<File>,
    /// Speaks for us if we die, where the peer sees no locks.
    guard: OnceLock<Guard>,
    pub(crate) page: Option<Page<Mapping>>,
    /// Whether a thread of ours holds the door. The lock belongs to the open file, so it
    /// excludes other processes, but not our own threads.
    at_door: AtomicBool,
}

impl Object {
    pub(super) fn new(file: File, at: u64) -> Self {
        Self::shared(Arc::new(file), at, false, None)
    }

    /// A device, perhaps with another file of its memory, and its page at this offset.
    pub(crate) fn device(file: File, twin: Option<File>, at: u64) -> Self {
        let mut object = Self::shared(Arc::new(file), at, true, None);
        object.twin = twin;
        object
    }

    /// The same open file for another thread, with `page` as its page.
    pub(crate) fn with_page(&self, page: Option<Page<Mapping>>) -> Self {
        Self::shared(Arc::clone(&self.file), self.at, self.device, page)
    }

    fn shared(file: Arc<File>, at: u64, device: bool, page: Option<Page<Mapping>>) -> Self {
        Self {
            file,
            at,
            device,
            twin: None,
            guard: OnceLock::new(),
            page,
            at_door: AtomicBool::new(false),
        }
    }

    /// Locks the door; `false` while another process or another thread of ours holds it.
    pub(super) fn try_door(&self) -> Result<bool, Error> {
        if self.at_door.swap(true, Ordering::Acquire) {
            return Ok(false);
        }
        let locked = self.try_lock(DOOR);
        if !matches!(locked, Ok(true)) {
            self.at_door.store(false, Ordering::Release);
        }
        locked
    }

    pub(super) fn leave_door(&self) -> Result<(), Error> {
        self.unlock(DOOR)?;
        self.at_door.store(false, Ordering::Release);
        Ok(())
    }

    /// Locks a seat; `false` while somebody else holds any lock on it.
    pub(super) fn try_sit(&self, seat: Seat) -> Result<bool, Error> {
        self.try_lock(seat_byte(seat))
    }

    /// Gives up the lock on a seat: our own seat, or the one that we watch.
    pub(super) fn stand(&self, seat: Seat) -> Result<(), Error> {
        // Before others can sit here, for whom it must not speak.
        if let Some(guard) = self.guard.get() {
            guard.dismiss();
        }
        if !self.device {
            return self.unlock(seat_byte(seat));
        }
        for file in self.device_files() {
            self.unlock_in(file, DEVICE)?;
        }
        Ok(())
    }

    /// Starts a guard for us, unless there is one.
    pub(crate) fn start_guard(&self, party: guard::Party) -> Result<(), Error> {
        match &self.page {
            Some(page) => self.start_guard_of(page.region(), party),
            None => Ok(()),
        }
    }

    /// The same, before there is a page in the mapping.
    pub(crate) fn start_guard_of(
        &self,
        mapping: &Mapping,
        party: guard::Party,
    ) -> Result<(), Error> {
        if self.guard.get().is_none() {
            let guard = Guard::start(mapping, party).map_err(Error::system(doing::START_GUARD))?;
            let _ = self.guard.set(guard);
        }
        Ok(())
    }

    /// Takes the device for this process, whichever seat it will have; `false` if another
    /// process of this kernel has it.
    pub(crate) fn try_device(&self) -> Result<bool, Error> {
        for file in self.device_files() {
            if !self.try_lock_in(file, DEVICE)? {
                // Others must not find half of it taken.
                self.unlock(DEVICE)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn device_files(&self) -> impl Iterator<Item = &File> {
        iter::once(&*self.file).chain(&self.twin)
    }

    /// As what we sit here.
    pub(super) fn presence(&self) -> Presence {
        match self.device {
            true => Presence::DEVICE,
            false => Presence::PROCESS,
        }
    }

    /// Whether this is a device's memory.
    pub(crate) fn is_device(&self) -> bool {
        self.device
    }

    /// Whether the page has been initialised again since we sat down at `seat`, or its memory has
    /// gone. If not, everything that was read before this call belongs to our talk.
    pub(crate) fn is_restarted(&self, seat: Seat) -> bool {
        self.page.as_ref().is_some_and(|page| match self.device {
            true => !page.is_ours(seat, Presence::DEVICE),
            false => seat == Seat::Second && page.was_restarted(),
        })
    }

    pub(crate) fn is_seated(&self, seat: Seat) -> Result<bool, Error> {
        lock::is_write_locked(&self.file, self.at + seat_byte(seat))
            .map_err(Error::system("examine the object's locks"))
    }

    /// Takes the turn; `false` if somebody else has it.
    pub(super) fn try_take_turn(&self) -> Result<bool, Error> {
        self.try_lock(TURN)
    }

    /// Gives up the turn: whoever has joined may begin, or whoever joins next.
    pub(crate) fn give_turn(&self) -> Result<(), Error> {
        self.unlock(TURN)
    }

    pub(super) fn is_turn_taken(&self) -> Result<bool, Error> {
        lock::is_write_locked(&self.file, self.at + TURN)
            .map_err(Error::system("examine the object's locks"))
    }

    /// Waits, asleep, until a read lock on the seat can be had: until nobody sits there.
    pub(super) fn watch(&self, seat: Seat) -> Result<(), Error> {
        lock::lock(&self.file, self.at + seat_byte(seat), Kind::Read)
            .map_err(Error::system("lock the object"))
    }

    fn try_lock(&self, byte: u64) -> Result<bool, Error> {
        self.try_lock_in(&self.file, byte)
    }

    fn try_lock_in(&self, file: &File, byte: u64) -> Result<bool, Error> {
        lock::try_lock(file, self.at + byte, Kind::Write).map_err(Error::system("lock the object"))
    }

    fn unlock(&self, byte: u64) -> Result<(), Error> {
        self.unlock_in(&self.file, byte)
    }

    fn unlock_in(&self, file: &File, byte: u64) -> Result<(), Error> {
        lock::unlock(file, self.at + byte).map_err(Error::system("unlock the object"))
    }

    pub(crate) fn metadata(&self) -> Result<Metadata, Error> {
        metadata(&self.file)
    }

    /// Takes a seat in `mapping`, as a party outside.
    pub(crate) fn sit_down(&mut self, mapping: Mapping) -> Result<Seat, PageError> {
        let (page, seat) = map::sit_down(mapping)?;
        self.page = Some(page);
        Ok(seat)
    }

    /// The number of bytes from the page's first byte to the end of the object.
    pub(super) fn size(&self) -> Result<usize, Error> {
        let there = self.metadata()?.len().saturating_sub(self.at);
        // What no address space can hold is not a page either.
        Ok(usize::try_from(there).unwrap_or(usize::MAX))
    }

    /// Maps `size` bytes, from the page's first byte on.
    pub(crate) fn map(&self, size: usize) -> Result<Mapping, Error> {
        Mapping::new(&self.file, self.at, size, self.device).map_err(|error| {
            match (self.device, error.raw_os_error()) {
                (true, Some(libc::ENODEV | libc::EINVAL | libc::EACCES)) => Error::NotMappable,
                (true, _) => Error::system(doing::MAP_MEMORY)(error),
                (false, _) => Error::system("map the object")(error),
            }
        })
    }

    /// Another shared mapping of `page`; `None` if there is no room for it.
    pub(crate) fn map_again(&self, page: &Page<Mapping>) -> Option<Page<Mapping>> {
        let shared = Mapping::new(&self.file, self.at, page.region().size(), self.device);
        Page::over(shared.ok()?).ok()
    }

    /// Replaces `page` by a private copy, for all its clones. `false` if there is no room
    /// for the copy.
    pub(crate) fn detach(&self, page: &Page<Mapping>) -> bool {
        page.region().detach(&self.file).is_ok()
    }

    /// Fails our ends that are not closed, even while our own threads use them. The
    /// threads go on with a private copy of the page, so they cannot overwrite what this
    /// writes. If there is no room for a copy and for another shared mapping, they can.
    pub(crate) fn fail_ends(&self, page: &Page<Mapping>, seat: Seat) -> FailedEnds {
        let shared = self.map_again(page);
        let detached = shared.is_some() && self.detach(page);
        let page = shared.unwrap_or_else(|| page.clone());
        map::mourn(&page, seat, &Futex::for_waking());
        FailedEnds { page, detached }
    }
}

/// Our ends, which were failed while our own threads may use them.
pub(crate) struct FailedEnds {
    /// The page in which the peer sees it.
    pub(super) page: Page<Mapping>,
    /// Whether our threads go on with a private copy.
    pub(crate) detached: bool,
}

pub(crate) fn metadata(file: &File) -> Result<Metadata, Error> {
    shm::metadata(file).map_err(Error::system(doing::EXAMINE))
}
