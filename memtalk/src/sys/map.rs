//! Mapping an object into memory, and taking the ends of a page there at most once.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memtalk_ring::layout::SEATED;
use memtalk_ring::{
    Atomics, Departure, DeviceMemory, InPlace, Page, PageError, PageRing, Presence, Receiver,
    Region, Seat, Sender, Wait,
};

use super::crash_points::Careful;
use super::{call, futex, shm};

/// A shared mapping, readable and writable, accessed by `A`; unmapped when its last clone is
/// dropped.
#[derive(Debug)]
pub(crate) struct Mapping<A = Careful>(Arc<Mapped>, PhantomData<fn() -> A>);

/// Another handle, whatever `A` is.
impl<A> Clone for Mapping<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

#[derive(Debug)]
struct Mapped {
    /// What the kernel mapped: whole pages of memory, from an offset of the file.
    start: NonNull<u8>,
    len: usize,
    offset: libc::off_t,
    /// The part of the mapping that was asked for.
    base: NonNull<u8>,
    size: usize,
    /// Whether it is the memory of a device.
    device: bool,
    /// Whether ends were taken in this mapping: those of one seat, once.
    ends_taken: Mutex<bool>,
}

// SAFETY: addresses and sizes; the code that accesses the memory synchronises.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapping {
    /// Maps `size` bytes of the object from offset `at` on, a multiple of 64. The object
    /// should have them: an access beyond its end raises SIGBUS. `device` says whether it is
    /// the memory of a device.
    pub(crate) fn new(file: &File, at: u64, size: usize, device: bool) -> io::Result<Self> {
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
        let mapped = Mapped {
            start,
            len,
            offset,
            base,
            size,
            device,
            ends_taken: Mutex::default(),
        };
        Ok(Self(Arc::new(mapped), PhantomData))
    }

    /// Copies bytes of the memory from `from` on. What is not there is 0.
    pub(crate) fn read(&self, from: usize, bytes: &mut [u8]) {
        bytes.fill(0);
        let there = self.0.size.saturating_sub(from).min(bytes.len());
        let start = self.0.base.as_ptr().wrapping_add(from);
        // SAFETY: so many bytes are there. Nobody in this program writes to them: no ends are
        // taken yet.
        unsafe { DeviceMemory::read(start.cast_const().cast(), &mut bytes[..there]) };
    }

    /// Replaces the shared memory by a private copy, for all clones, at the same address.
    /// `file` is the file that this is a mapping of. From now on nobody else sees what we
    /// write. We may or may not see what others write.
    ///
    /// An access during the call reaches the one memory or the other.
    ///
    /// # Errors
    /// There is no room for a copy. The shared memory stays where it is: the copy is
    /// mapped elsewhere first, and then moved here, which needs nothing more. (Mapping it
    /// here at once could fail after the kernel has unmapped the memory that it replaces.)
    pub(crate) fn detach(&self, file: &File) -> io::Result<()> {
        let (here, len) = (self.0.start.as_ptr().cast::<libc::c_void>(), self.0.len);
        // The pages of a device cannot be copied when they are first written to. So a copy of
        // the whole is made now.
        let (flags, offset) = match self.0.device {
            true => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, 0),
            false => (libc::MAP_PRIVATE, self.0.offset),
        };
        // SAFETY: as in `new`.
        let copy = unsafe { map(std::ptr::null_mut(), len, flags, file, offset) }?;
        if self.0.device {
            // SAFETY: as many bytes, which nobody else knows of.
            let copy = unsafe { std::slice::from_raw_parts_mut(copy.as_ptr(), len) };
            let from = self.0.start.as_ptr().cast_const().cast();
            // SAFETY: as many bytes. Our own ends may write to the device meanwhile: then the
            // copy holds the one or the other.
            unsafe { DeviceMemory::read(from, copy) };
        }
        let copy = copy.as_ptr().cast();
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: the copy is ours, and replaces our own mapping of the same size and
        // rights, whose users expect its bytes to change at any time.
        let moved = call(|| check(unsafe { libc::mremap(copy, len, len, flags, here) }));
        if moved.is_err() {
            // SAFETY: nobody else knows the copy's address.
            unsafe { libc::munmap(copy, len) };
        }
        moved.map(drop)
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
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: by contract.
    let start =
        call(|| check(unsafe { libc::mmap(at, len, rights, flags, file.as_raw_fd(), offset) }))?;
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// The result of a call that returns an address, or `MAP_FAILED`.
fn check(address: *mut libc::c_void) -> io::Result<*mut libc::c_void> {
    match address {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        address => Ok(address),
    }
}

/// The same page in the same mapping, accessed by `B`.
pub(crate) fn accessed_by<A: InPlace, B: InPlace>(
    page: &Page<Mapping<A>>,
) -> Result<Page<Mapping<B>>, PageError> {
    Page::over(Mapping(Arc::clone(&page.region().0), PhantomData))
}

/// Whether the page is in the memory of a device.
pub(crate) fn is_device<A: InPlace>(page: &Page<Mapping<A>>) -> bool {
    page.region().0.device
}

impl Mapped {
    fn ends_taken(&self) -> MutexGuard<'_, bool> {
        self.ends_taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
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
unsafe impl<A: InPlace> Region for Mapping<A> {
    type Atomics = A;

    fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    fn size(&self) -> usize {
        self.0.size
    }
}

/// Calls `make` with a mapping in which no ends were taken. None are taken meanwhile.
///
/// # Errors
/// [`PageError::Taken`] if ends were taken; those of `make`.
fn before_ends<T>(
    mapping: Mapping,
    make: impl FnOnce(Mapping) -> Result<T, PageError>,
) -> Result<T, PageError> {
    let mapped = Arc::clone(&mapping.0);
    let ends_taken = mapped.ends_taken();
    match *ends_taken {
        true => Err(PageError::Taken),
        false => make(mapping),
    }
}

/// Initialises a page in a mapping in which no ends were taken, with `first` at its first
/// seat.
///
/// # Errors
/// Those of [`Page::initialise`]; [`PageError::Taken`] if ends were taken.
pub(crate) fn initialise(mapping: Mapping, first: Presence) -> Result<Page<Mapping>, PageError> {
    // SAFETY: this program has no ends in this mapping, and takes none meanwhile.
    before_ends(mapping, |mapping| unsafe {
        Page::initialise(mapping, first)
    })
}

/// As [`initialise`], for a process where there was a page before: [`Page::renew`].
///
/// # Errors
/// Those of [`initialise`].
pub(crate) fn renew(mapping: Mapping) -> Result<Page<Mapping>, PageError> {
    // SAFETY: as in `initialise`.
    before_ends(mapping, |mapping| unsafe { Page::renew(mapping) })
}

/// Takes a seat in a mapping in which no ends were taken, as a party outside that is silent.
///
/// # Errors
/// Those of [`Page::sit_down`].
pub(crate) fn sit_down(mapping: Mapping) -> Result<(Page<Mapping>, Seat), PageError> {
    // SAFETY: as in `initialise`.
    before_ends(mapping, |mapping| unsafe { Page::sit_down(mapping, true) })
}

/// Takes the second seat and wakes the first party, in one system call. With two calls, we
/// could die between them, and the first party would notice us only later. Does nothing if
/// ends were taken in this mapping.
pub(crate) fn join(page: &Page<Mapping>) -> io::Result<()> {
    let ends_taken = page.region().0.ends_taken();
    match *ends_taken {
        true => Ok(()),
        // SAFETY: as in `initialise`.
        false => unsafe { page.join_by(futex::set_and_wake::<SEATED, _>) },
    }
}

/// Fails the ends that the party at `seat` left open, and says how it went. The party is
/// gone, or about to go.
pub(crate) fn mourn<W: Wait<Careful>>(page: &Page<Mapping>, seat: Seat, wait: &W) -> Departure {
    // SAFETY: in a mapping, this program uses the ends of one seat only (`ends`).
    unsafe { page.mourn(seat, wait) }
}

/// The two ends of a seat.
pub(crate) type Ends<A, W> = (
    Sender<PageRing<Mapping<A>>, W>,
    Receiver<PageRing<Mapping<A>>, W>,
);

/// The ends of `seat`, whose lock the caller has held since before the page was
/// initialised or joined. `None` if ends were taken in this mapping before.
pub(crate) fn ends<A, W>(page: &Page<Mapping<A>>, seat: Seat, wait: W) -> Option<Ends<A, W>>
where
    A: InPlace,
    W: Wait<A> + Clone,
{
    let mut ends_taken = page.region().0.ends_taken();
    match std::mem::replace(&mut *ends_taken, true) {
        true => None,
        // SAFETY: only these ends are ever taken in this mapping.
        false => Some(unsafe { page.ends(seat, wait) }),
    }
}

#[cfg(test)]
mod tests {
    use memtalk_ring::{Page, PageError, Presence, Seat, Spin};

    use super::{Mapping, ends, initialise, join, shm};

    #[test]
    fn memory_that_is_detached_keeps_its_bytes_and_nobody_sees_what_is_written_later() {
        for device in [false, true] {
            let (file, size) = (shm::create().unwrap(), shm::page_size());
            shm::allocate(&file, size).unwrap();
            let map = || <Mapping>::new(&file, 0, size, device).unwrap();
            let page = initialise(map(), Presence::PROCESS).unwrap();
            let (mut sender, _) = ends(&page, Seat::Second, Spin).unwrap();
            sender.send(b"seen").unwrap();
            let all = || {
                let mut bytes = vec![0; size];
                page.region().read(0, &mut bytes);
                bytes
            };
            let before = all();
            page.region().detach(&file).unwrap();
            assert!(all() == before, "device: {device}");
            sender.send(b"alone").unwrap();

            let theirs = Page::attach(map()).unwrap();
            let (_, mut receiver) = ends(&theirs, Seat::First, Spin).unwrap();
            assert_eq!(receiver.receive(&mut [0; 16]), Ok(4), "device: {device}");
        }
    }

    #[test]
    fn once_ends_are_taken_nothing_that_would_spoil_them_is_done_in_their_mapping() {
        let (file, size) = (shm::create().unwrap(), shm::page_size());
        shm::allocate(&file, size).unwrap();
        let map = || <Mapping>::new(&file, 0, size, false).unwrap();
        let page = initialise(map(), Presence::PROCESS).unwrap();
        let (mut sender, _) = ends(&page, Seat::Second, Spin).unwrap();
        sender.send(b"kept").unwrap();

        assert!(ends(&page, Seat::First, Spin).is_none());
        assert!(ends(&page.clone(), Seat::Second, Spin).is_none());
        let again = initialise(page.region().clone(), Presence::PROCESS);
        assert_eq!(again.err(), Some(PageError::Taken));
        assert!(join(&page).is_ok());

        // Another mapping is as good as another process.
        let theirs = Page::attach(map()).unwrap();
        let (_, mut receiver) = ends(&theirs, Seat::First, Spin).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(receiver.receive(&mut bytes), Ok(4));
        assert!(bytes.starts_with(b"kept"));
    }
}
