//! Moving bytes between file descriptors and a ring, or private memory.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use memtalk_ring::{Filled, InPlace, Memory, Space, Wait};

/// The most bytes that one system call moves. While one process works on a piece, the other
/// cannot. So pieces much smaller than the ring keep both busy, and much larger pieces are
/// not cheaper per byte.
const PIECE: usize = 64 * 1024;

/// Reads once from `fd` into the free part of a ring; returns the number of bytes, 0 at end
/// of file. Waits if the descriptor is non-blocking and has nothing.
pub(crate) fn read_into<M, W>(fd: BorrowedFd<'_>, space: &mut Space<'_, M, W>) -> io::Result<usize>
where
    M: Memory<Atomics: InPlace>,
    W: Wait<M::Atomics>,
{
    let parts = vectors(space.parts());
    transfer(Ready::ToRead(fd), |fd| {
        // SAFETY: the parts are valid for writes as long as `space` lives; the
        // kernel does the writing.
        unsafe { libc::readv(fd, parts.as_ptr(), 2) }
    })
}

/// Writes once from the filled part of a ring to `fd`; returns the number of bytes. Waits
/// if the descriptor is non-blocking and takes nothing.
pub(crate) fn write_from<M, W>(fd: BorrowedFd<'_>, filled: &Filled<'_, M, W>) -> io::Result<usize>
where
    M: Memory<Atomics: InPlace>,
    W: Wait<M::Atomics>,
{
    let parts = vectors(filled.parts().map(|(at, len)| (at.cast_mut(), len)));
    transfer(Ready::ToWrite(fd), |fd| {
        // SAFETY: the parts are valid for reads as long as `filled` lives; the
        // kernel does the reading.
        unsafe { libc::writev(fd, parts.as_ptr(), 2) }
    })
}

/// Reads once from `fd` to the start of `bytes`; returns the number of bytes, 0 at end of
/// file. Waits if the descriptor is non-blocking and has nothing.
pub(crate) fn read(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    transfer(Ready::ToRead(fd), |fd| {
        // SAFETY: a valid buffer of that length.
        unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) }
    })
}

/// Writes once from `bytes` to `fd`; returns the number of bytes. Waits if the descriptor
/// is non-blocking and takes nothing.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    transfer(Ready::ToWrite(fd), |fd| {
        // SAFETY: a valid buffer of that length.
        unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) }
    })
}

/// The first [`PIECE`] bytes of two parts, for `readv(2)` and `writev(2)`.
fn vectors(parts: [(*mut u8, usize); 2]) -> [libc::iovec; 2] {
    let [(first, first_len), (second, second_len)] = parts;
    let first_len = first_len.min(PIECE);
    [
        (first, first_len),
        (second, second_len.min(PIECE - first_len)),
    ]
    .map(|(at, len)| libc::iovec {
        iov_base: at.cast(),
        iov_len: len,
    })
}

/// Makes a transfer; waits until the descriptor is ready for it, or is in a state in which
/// it would fail with the reason, and tries again.
fn transfer(what: Ready<'_>, mut call: impl FnMut(RawFd) -> isize) -> io::Result<usize> {
    let (fd, _) = what.descriptor_and_events();
    loop {
        match super::retry(|| call(fd)) {
            // Never negative: -1 is an error.
            Ok(count) => return Ok(count.unsigned_abs()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                wait_ready([what])?;
            }
            Err(e) => return Err(e),
        }
    }
}

/// What to wait for at a descriptor.
#[derive(Clone, Copy, Debug)]
pub enum Ready<'fd> {
    /// It can be read.
    ToRead(BorrowedFd<'fd>),
    /// It can be written.
    ToWrite(BorrowedFd<'fd>),
}

impl Ready<'_> {
    fn descriptor_and_events(self) -> (RawFd, libc::c_short) {
        match self {
            Self::ToRead(fd) => (fd.as_raw_fd(), libc::POLLIN),
            Self::ToWrite(fd) => (fd.as_raw_fd(), libc::POLLOUT),
        }
    }
}

/// Waits until one of the descriptors is ready, or is in a state in which a transfer would
/// not wait. Returns which of them.
pub fn wait_ready<const N: usize>(what: [Ready<'_>; N]) -> io::Result<[bool; N]> {
    let mut polls = what.map(|what| {
        let (fd, events) = what.descriptor_and_events();
        libc::pollfd {
            fd,
            events,
            revents: 0,
        }
    });
    let (first, count) = (polls.as_mut_ptr(), N as libc::nfds_t);
    // SAFETY: so many valid entries.
    super::retry(|| unsafe { libc::poll(first, count, -1) })?;
    Ok(polls.map(|poll| poll.revents != 0))
}

/// Makes a descriptor non-blocking.
pub fn set_non_blocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: no pointers are involved.
    let flags = super::retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    // SAFETY: as above.
    super::retry(|| unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// The number of bytes that can be read from a pipe without waiting.
pub fn readable_bytes(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: `count` is valid for writes.
    super::retry(|| unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    // Never negative.
    Ok(count.unsigned_abs() as usize)
}

/// Whether `fd` is a pipe or a socket, so that there may be a process at its other end.
pub(crate) fn is_pipe_or_socket(fd: BorrowedFd<'_>) -> bool {
    let kind = super::status(fd.as_raw_fd()).map(|status| status.st_mode & libc::S_IFMT);
    matches!(kind, Some(libc::S_IFIFO | libc::S_IFSOCK))
}
