//! Mapping an object into memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::Arc;

use memtalk_ring::{
    Departure, Page, PageError, PageRing, Presence, Receiver, Region, Seat, Sender, Wait,
};

use super::shm;
use crate::steps::{self, Accesses};

/// A shared mapping, readable and writable; unmapped when its last clone goes.
#[derive(Clone, Debug)]
pub(crate) struct Mapping(Arc<Mapped>);

#[derive(Debug)]
struct Mapped {
    /// What the kernel mapped: whole pages of memory, from an offset of the file.
    start: NonNull<u8>,
    len: usize,
    offset: libc::off_t,
    /// The part of it that was asked for.
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: addresses and sizes; whoever accesses the memory synchronises.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapping {
    /// Maps `size` bytes of the object from `at` on, a multiple of 64. The object
    /// should have them: access beyond its end raises SIGBUS.
    pub(crate) fn new(file: &File, at: u64, size: usize) -> io::Result<Self> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let before = usize::try_from(at).map_err(too_large)? % shm::page_size();
        let len = before
            .checked_add(size)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let offset = libc::off_t::try_from(at - before as u64).map_err(too_large)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no
        // memory that is in use.
        let start = unsafe { map(std::ptr::null_mut(), len, libc::MAP_SHARED, file, offset) }?;
        // SAFETY: less than a page of memory into the mapping.
        let base = unsafe { start.add(before) };
        Ok(Self(Arc::new(Mapped {
            start,
            len,
            offset,
            base,
            size,
        })))
    }

    /// Puts a private copy of `file`, which this is a mapping of, in place of the
    /// shared memory, for all clones, at the same address. What is written from now
    /// on, nobody else sees; what others write, perhaps.
    ///
    /// Accesses that go on meanwhile reach the one memory or the other.
    pub(crate) fn detach(&self, file: &File) -> io::Result<()> {
        let (start, flags) = (self.0.start.as_ptr(), libc::MAP_PRIVATE | libc::MAP_FIXED);
        // SAFETY: it replaces our own mapping by one of the same size and rights, and
        // whoever uses it expects its bytes to change at any time.
        unsafe { map(start.cast(), self.0.len, flags, file, self.0.offset) }.map(drop)
    }
}

/// Maps `len` bytes of `file` from `offset` on, readable and writable.
///
/// # Safety
/// As for `mmap(2)` with these arguments.
unsafe fn map(
    at: *mut libc::c_void,
    len: usize,
    flags: libc::c_int,
    file: &File,
    offset: libc::off_t,
) -> io::Result<NonNull<u8>> {
    steps::step();
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: by contract.
    let start = unsafe { libc::mmap(at, len, rights, flags, file.as_raw_fd(), offset) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the last user of the mapping is gone. Unmapping a whole
        // mapping does not fail.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: a mapping starts at a page boundary and a page in it at a multiple of 64
// from there; it stays where it is as long as any clone lives, and this module gives
// its address to pages only.
unsafe impl Region for Mapping {
    type Atomics = Accesses;

    fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    fn size(&self) -> usize {
        self.0.size
    }
}

/// Makes a page of a new mapping, with `first` at its first seat.
pub(crate) fn initialise(mapping: Mapping, first: Presence) -> Result<Page<Mapping>, PageError> {
    // SAFETY: nobody has taken ends in a new mapping.
    unsafe { Page::initialise(mapping, first) }
}

/// Clears the second seat's words, before any ends in this mapping are taken.
pub(crate) fn clear_second(page: &Page<Mapping>) {
    // SAFETY: nobody has taken ends in this mapping.
    unsafe { page.clear_second() };
}

/// Speaks for whoever sat at `seat` and is gone, or is about to go.
pub(crate) fn mourn<W: Wait<Accesses>>(page: &Page<Mapping>, seat: Seat, wait: &W) -> Departure {
    // SAFETY: of a mapping, this program uses the ends of one seat only (`ends`).
    unsafe { page.mourn(seat, wait) }
}

/// The ends of `seat`, to be called once, by whoever holds the lock of that
/// seat since before the page was initialised or joined.
pub(crate) fn ends<W: Wait<Accesses> + Clone>(
    page: &Page<Mapping>,
    seat: Seat,
    wait: W,
) -> (Sender<PageRing<Mapping>, W>, Receiver<PageRing<Mapping>, W>) {
    // SAFETY: `channel` calls this once for a seat taken, and so once for a mapping, which
    // has a seat to itself.
    unsafe { page.ends(seat, wait) }
}
