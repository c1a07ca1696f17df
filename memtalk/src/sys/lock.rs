//! Open file description locks: byte-range locks that belong to an open file.
//!
//! They do not belong to a process (`fcntl_locking(2)`). The kernel drops them when the last
//! user of that open file is gone, however it went.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::retry;

/// The kind of a lock: which other locks it excludes.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Excludes [`Write`](Self::Write) locks.
    Read,
    /// Excludes all other locks.
    Write,
}

impl Kind {
    fn raw(self) -> libc::c_int {
        match self {
            Self::Read => libc::F_RDLCK,
            Self::Write => libc::F_WRLCK,
        }
    }
}

/// Tries to lock `byte`; `false` if somebody else's lock is in the way.
pub(crate) fn try_lock(file: &File, byte: u64, kind: Kind) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, byte, kind.raw()) {
        Ok(_) => Ok(true),
        // POSIX allows EACCES as well. On Linux, EACCES means that locking is forbidden.
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(e),
    }
}

/// Locks `byte`; sleeps until it can.
pub(crate) fn lock(file: &File, byte: u64, kind: Kind) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLKW, byte, kind.raw()).map(drop)
}

/// Gives up the lock on `byte`, if there is one.
pub(crate) fn unlock(file: &File, byte: u64) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, byte, libc::F_UNLCK).map(drop)
}

/// Whether somebody else holds a write lock on `byte`. Read locks do not count.
pub(crate) fn is_write_locked(file: &File, byte: u64) -> io::Result<bool> {
    let found = fcntl(file, libc::F_OFD_GETLK, byte, libc::F_RDLCK)?;
    Ok(libc::c_int::from(found.l_type) != libc::F_UNLCK)
}

fn fcntl(
    file: &File,
    command: libc::c_int,
    byte: u64,
    kind: libc::c_int,
) -> io::Result<libc::flock> {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    // Both constants are small; the field is a short.
    lock.l_type = libc::c_short::try_from(kind).map_err(io::Error::other)?;
    lock.l_whence = libc::c_short::try_from(libc::SEEK_SET).map_err(io::Error::other)?;
    lock.l_start = libc::off_t::try_from(byte).map_err(io::Error::other)?;
    lock.l_len = 1;
    // SAFETY: these commands take a pointer to a `flock`, which lives here.
    retry(|| unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) })?;
    Ok(lock)
}
