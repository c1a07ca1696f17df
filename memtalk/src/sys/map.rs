//! Mapping an object into memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::Arc;

use memtalk_ring::{Page, PageRing, Receiver, Region, Seat, Sender, Wait};

use crate::steps::{self, Accesses};

/// A shared mapping, readable and writable; unmapped when its last clone goes.
#[derive(Clone, Debug)]
pub(crate) struct Mapping(Arc<Mapped>);

#[derive(Debug)]
struct Mapped {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: an address and a size; whoever accesses the memory synchronises.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapping {
    /// Maps the first `size` bytes of the object. The object should have that
    /// size: access beyond its end raises SIGBUS.
    pub(crate) fn new(file: &File, size: usize) -> io::Result<Self> {
        steps::step();
        // SAFETY: a new mapping at an address of the kernel's choice touches no
        // memory that is in use.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self(Arc::new(Mapped { base, size })))
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the last user of the mapping is gone. Unmapping a whole
        // mapping does not fail.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
    }
}

// SAFETY: a mapping starts at a page boundary, stays where it is as long as any
// clone lives, and this module gives its address to pages only.
unsafe impl Region for Mapping {
    type Atomics = Accesses;

    fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    fn size(&self) -> usize {
        self.0.size
    }
}

/// The ends of `seat`, to be called once, by whoever holds the lock of that
/// seat since before the page was initialised or joined.
pub(crate) fn ends<W: Wait<Accesses> + Clone>(
    page: &Page<Mapping>,
    seat: Seat,
    wait: W,
) -> (Sender<PageRing<Mapping>, W>, Receiver<PageRing<Mapping>, W>) {
    // SAFETY: the seat's lock excludes everybody else, and the page has been
    // initialised for this talk; `channel` calls this once for a seat taken.
    unsafe { page.ends(seat, wait) }
}
