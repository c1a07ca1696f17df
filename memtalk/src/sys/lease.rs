//! Who else has an object open.
//!
//! The kernel grants a write lease on a file only while nobody else has it open
//! (`F_SETLEASE` in `fcntl(2)`); a mapping keeps the file open that it was made from.
//! So asking for one, and giving it back at once, tells.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::retry;

/// Whether anybody has the file open but through this open file. True as well if the
/// kernel does not tell, since the file belongs to another user.
///
/// Whoever opens the file in the same moment is told to try again, or has to wait a few
/// microseconds. If this process is stopped in that moment, opening the file continues
/// it: the lease is given back, and nobody waits for as long as it would be stopped.
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

/// Whether the file belongs to this user, as the kernel sees it; or this user may do what
/// its owner may. Leases are for owners, even to give back what nobody has asked for.
pub(crate) fn is_owner(file: &File) -> bool {
    // SAFETY: no pointers are involved.
    let nothing =
        retry(|| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) });
    nothing.map_err(|e| e.raw_os_error()) != Err(Some(libc::EACCES))
}

/// `F_SETSIG` of `fcntl(2)`, which the libc crate leaves out.
const F_SETSIG: libc::c_int = 10;

/// The kernel tells the holder of a lease when somebody opens the file, by a signal
/// that would end this process. In place of it, the one that lets a stopped process
/// go on, and does nothing to one that runs.
fn continue_when_broken(file: &File) -> io::Result<()> {
    // SAFETY: no pointers are involved.
    retry(|| unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGCONT) }).map(drop)
}
