//! Standard output: whether it was open at the start, and closing it.

#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use memtalk::sys;

/// Whether the program was started with standard output closed.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

/// The standard library opens `/dev/null` in place of a closed descriptor before `main`,
/// so that no other file gets its number. Bytes that are written there are lost, and must
/// not count as delivered.
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the standard library's start-up code.
extern "C" fn look_at_stdout() {
    // SAFETY: no pointers are involved.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    STDOUT_WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

// SAFETY: the loader calls every pointer in this section as a C function before
// `main`; the function needs nothing that is set up later.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

/// Closes standard output. Its reader gets end of file now, and a file system that reports
/// a failed write only at close can report it.
///
/// If standard output is a socket that is standard input or standard error as well,
/// closing this descriptor does not close the socket. So the socket is shut down for
/// writing. Other sockets are not: another program that shares them may go on writing.
///
/// Call this once, after the last write; later writes fail.
pub(crate) fn close_stdout() -> io::Result<()> {
    let socket = |fd| {
        let status =
            sys::status(fd).filter(|status| status.st_mode & libc::S_IFMT == libc::S_IFSOCK);
        status.map(|status| (status.st_dev, status.st_ino))
    };
    let output = socket(libc::STDOUT_FILENO);
    let others = [libc::STDIN_FILENO, libc::STDERR_FILENO].map(socket);
    if output.is_some() && others.contains(&output) {
        // If this fails, nobody reads there any more.
        // SAFETY: no pointers are involved.
        unsafe { libc::shutdown(libc::STDOUT_FILENO, libc::SHUT_WR) };
    }
    // Not retried: on Linux the descriptor is gone even after EINTR.
    // SAFETY: the caller is the last user of the descriptor.
    sys::once(|| sys::check(unsafe { libc::close(libc::STDOUT_FILENO) })).map(drop)
}
