//! An open object: its page, its locks, its size.

use std::fs::{File, Metadata};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memtalk_ring::{Page, Region, Seat};

use crate::error::Error;
use crate::sys::lock::{self, Kind};
use crate::sys::map::{self, Mapping};
use crate::sys::shm;
use crate::wait::linux::Sleep;

/// The byte of the door, counted from the page's first, as are those of the seats.
/// Locks do not need the bytes to exist, and say nothing about what is in them.
const DOOR: u64 = 0;

const fn seat_byte(seat: Seat) -> u64 {
    match seat {
        Seat::First => 1,
        Seat::Second => 2,
    }
}

/// An open object, and the page in it once it is mapped.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) file: Arc<File>,
    /// Offset of the page in bytes: 0, but for a tenant.
    pub(super) at: u64,
    pub(crate) page: Option<Page<Mapping>>,
    /// Whether a thread of ours is at the door. The lock belongs to the open file, and so
    /// excludes everybody but ourselves.
    at_door: AtomicBool,
}

impl Object {
    pub(super) fn new(file: File, at: u64) -> Self {
        Self::shared(Arc::new(file), at, None)
    }

    /// The same object for another thread, with this much of it mapped.
    pub(crate) fn with_page(&self, page: Option<Page<Mapping>>) -> Self {
        Self::shared(Arc::clone(&self.file), self.at, page)
    }

    fn shared(file: Arc<File>, at: u64, page: Option<Page<Mapping>>) -> Self {
        Self {
            file,
            at,
            page,
            at_door: AtomicBool::new(false),
        }
    }

    /// Locks the door; `false` while somebody else holds it, or another thread of ours.
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

    /// Gives up a seat, or the watch of it.
    pub(super) fn stand(&self, seat: Seat) -> Result<(), Error> {
        self.unlock(seat_byte(seat))
    }

    pub(super) fn is_seated(&self, seat: Seat) -> Result<bool, Error> {
        lock::is_write_locked(&self.file, self.at + seat_byte(seat))
            .map_err(Error::system("examine the object's locks"))
    }

    /// Waits, asleep, until nobody sits at a seat, for a lock for reading.
    pub(super) fn watch(&self, seat: Seat) -> Result<(), Error> {
        lock::lock(&self.file, self.at + seat_byte(seat), Kind::Read)
            .map_err(Error::system("lock the object"))
    }

    fn try_lock(&self, byte: u64) -> Result<bool, Error> {
        lock::try_lock(&self.file, self.at + byte, Kind::Write)
            .map_err(Error::system("lock the object"))
    }

    fn unlock(&self, byte: u64) -> Result<(), Error> {
        lock::unlock(&self.file, self.at + byte).map_err(Error::system("unlock the object"))
    }

    pub(super) fn metadata(&self) -> Result<Metadata, Error> {
        metadata(&self.file)
    }

    /// How many bytes there are from the page's first to the end of the object.
    pub(super) fn size(&self) -> Result<usize, Error> {
        let there = self.metadata()?.len().saturating_sub(self.at);
        // More than an address space can hold is no page either.
        Ok(usize::try_from(there).unwrap_or(usize::MAX))
    }

    /// Maps that many bytes from the page's first on.
    pub(super) fn map(&self, size: usize) -> Result<Mapping, Error> {
        Mapping::new(&self.file, self.at, size).map_err(Error::system("map the object"))
    }

    /// Another mapping of `page`, if there is room for it.
    pub(crate) fn map_again(&self, page: &Page<Mapping>) -> Option<Page<Mapping>> {
        let shared = Mapping::new(&self.file, self.at, page.region().size());
        Page::over(shared.ok()?).ok()
    }

    /// Puts a private copy in place of `page`, for all its clones; `false` if there is no
    /// room for it.
    pub(crate) fn detach(&self, page: &Page<Mapping>) -> bool {
        page.region().detach(&self.file).is_ok()
    }

    /// Gives up what is not closed, in the name of our own threads, which may still use
    /// the ends. They go on with a private copy, and so write nothing over what is said
    /// here. Without room for a copy, and for another mapping to say it in, they may.
    /// Returns the page where it was said, and whether they cannot.
    pub(crate) fn fail_ends(&self, page: &Page<Mapping>, seat: Seat) -> (Page<Mapping>, bool) {
        let shared = self.map_again(page);
        let detached = shared.is_some() && self.detach(page);
        let page = shared.unwrap_or_else(|| page.clone());
        map::mourn(&page, seat, &Sleep::for_waking());
        (page, detached)
    }
}

pub(super) fn metadata(file: &File) -> Result<Metadata, Error> {
    shm::metadata(file).map_err(Error::system("examine the object"))
}
