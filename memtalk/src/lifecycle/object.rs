//! An open object: its page, its locks, its size.

use std::fs::{File, Metadata};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memtalk_ring::{Page, Region, Seat};

use crate::error::Error;
use crate::error::system::doing;
use crate::sys::lock::{self, Kind};
use crate::sys::map::{self, Mapping};
use crate::sys::shm;
use crate::wait::linux::Sleep;

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

/// An open object, and the page in it once it is mapped.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) file: Arc<File>,
    /// Offset of the page in bytes; 0 unless we are a tenant.
    pub(crate) at: u64,
    pub(crate) page: Option<Page<Mapping>>,
    /// Whether a thread of ours holds the door. The lock belongs to the open file, so it
    /// excludes other processes, but not our own threads.
    at_door: AtomicBool,
}

impl Object {
    pub(super) fn new(file: File, at: u64) -> Self {
        Self::shared(Arc::new(file), at, None)
    }

    /// The same open file for another thread, with `page` as its page.
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
        self.unlock(seat_byte(seat))
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
        lock::try_lock(&self.file, self.at + byte, Kind::Write)
            .map_err(Error::system("lock the object"))
    }

    fn unlock(&self, byte: u64) -> Result<(), Error> {
        lock::unlock(&self.file, self.at + byte).map_err(Error::system("unlock the object"))
    }

    pub(crate) fn metadata(&self) -> Result<Metadata, Error> {
        metadata(&self.file)
    }

    /// The number of bytes from the page's first byte to the end of the object.
    pub(super) fn size(&self) -> Result<usize, Error> {
        let there = self.metadata()?.len().saturating_sub(self.at);
        // What no address space can hold is not a page either.
        Ok(usize::try_from(there).unwrap_or(usize::MAX))
    }

    /// Maps `size` bytes, from the page's first byte on.
    pub(super) fn map(&self, size: usize) -> Result<Mapping, Error> {
        Mapping::new(&self.file, self.at, size).map_err(Error::system("map the object"))
    }

    /// Another shared mapping of `page`; `None` if there is no room for it.
    pub(crate) fn map_again(&self, page: &Page<Mapping>) -> Option<Page<Mapping>> {
        let shared = Mapping::new(&self.file, self.at, page.region().size());
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
        map::mourn(&page, seat, &Sleep::for_waking());
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
