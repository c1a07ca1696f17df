//! POSIX shared memory objects.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;

use super::retry;
use crate::steps;

/// The size of a page of memory in bytes, by `sysconf(3)`.
pub(crate) fn page_size() -> usize {
    // SAFETY: no pointers are involved.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // POSIX requires the value to exist; 4,096 is the common one.
    usize::try_from(size).unwrap_or(4096)
}

/// Opens the object `name` for reading and writing.
pub(crate) fn open(name: &CStr) -> io::Result<File> {
    shm_open(name, libc::O_RDWR)
}

/// Creates the object `name`, empty, with mode 0600 or less if the umask says so;
/// fails if the name exists.
pub(crate) fn create(name: &CStr) -> io::Result<File> {
    shm_open(name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)
}

/// Whom the objects belong to that this process creates.
pub(crate) fn user() -> libc::uid_t {
    // SAFETY: no pointers are involved.
    unsafe { libc::geteuid() }
}

fn shm_open(name: &CStr, flags: libc::c_int) -> io::Result<File> {
    // SAFETY: `name` is a C string.
    let fd = retry(|| unsafe { libc::shm_open(name.as_ptr(), flags, 0o600) })?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Removes the name; whoever has the object open keeps it.
pub(crate) fn unlink(name: &CStr) -> io::Result<()> {
    // SAFETY: `name` is a C string.
    retry(|| unsafe { libc::shm_unlink(name.as_ptr()) }).map(drop)
}

/// Allocates the first `size` bytes of the object, so that no later access to
/// them fails for want of memory.
pub(crate) fn allocate(file: &File, size: usize) -> io::Result<()> {
    let size = libc::off_t::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    loop {
        steps::step();
        // SAFETY: no pointers are involved.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, size) } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// The offset in bytes of the first data at or after `from`; `None` if none follows.
/// Memory that was never written to is no data.
pub(crate) fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    let from = libc::off_t::try_from(from).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: no pointers are involved.
    match retry(|| unsafe { libc::lseek(file.as_raw_fd(), from, libc::SEEK_DATA) }) {
        // Never negative: -1 is an error.
        Ok(at) => Ok(Some(at.unsigned_abs())),
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Reads from `at` on into `bytes`, until they are full or the file ends. Returns how
/// many bytes that made.
pub(crate) fn read(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}
