//! Whether anybody else has an object open, found out with a file lease.
//!
//! The kernel grants a write lease on a file only while nobody else has the file open
//! (`F_SETLEASE` in `fcntl(2)`); a mapping keeps its file open. So we ask for a lease, and
//! give it back at once.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::retry;

/// Whether the file is open elsewhere, other than through this open file. True as well if
/// the kernel does not tell, since the file belongs to another user.
///
/// A process that opens the file in the same moment is told to try again, or has to wait a
/// few microseconds. If this process is stopped in that moment, opening the file continues
/// it, and it gives the lease back. So nobody waits for as long as it would be stopped.
pub(crate) fn is_open_elsewhere(file: &File) -> bool {
    let lease = |kind: libc::c_int| {
        // SAFETY: no pointers are involved.
        retry(|| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) })
    };
    continue_when_broken(file)
        .and_then(|()| lease(libc::F_WRLCK))
        .is_err()
        || lease(libc::F_UNLCK).is_err()
}

/// Whether the file belongs to this user, as the kernel sees it, or this user may do what
/// the owner may. Leases are for owners only: the kernel refuses anybody else even to give
/// back a lease that was never taken.
pub(crate) fn is_owner(file: &File) -> bool {
    // SAFETY: no pointers are involved.
    let nothing =
        retry(|| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) });
    nothing.map_err(|e| e.raw_os_error()) != Err(Some(libc::EACCES))
}

/// `F_SETSIG` of `fcntl(2)`, which the libc crate leaves out.
const F_SETSIG: libc::c_int = 10;

/// When somebody opens the file, the kernel sends the holder of a lease a signal, by
/// default one that would end this process. This makes it `SIGCONT`, which continues a
/// stopped process and does nothing to a running one.
fn continue_when_broken(file: &File) -> io::Result<()> {
    // SAFETY: no pointers are involved.
    retry(|| unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGCONT) }).map(drop)
}
