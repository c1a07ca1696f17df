//! Staging: whether bytes to and from the ring are gathered in private memory on the way.
//!
//! The kernel can read into the slab and write out of it, which saves a copy. But each
//! transfer is a system call for a part of the ring at most, and meanwhile the peer has
//! little to do. So with a ring of a few pages, bytes are gathered in private memory,
//! 16 KiB at a time, while the peer goes on looking. They are copied into the ring and out
//! of it in pieces that both ends work on at once. With one or two pages, this moves a file to
//! `/dev/null` twice as fast.
//!
//! At the other end of a pipe or a socket there is a process that each transfer may wake.
//! There, gathering as much as a pipe holds, 64 KiB, is better for any ring that holds less
//! than that: three times as fast with one page, twice with four.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::sys::transfer;

/// What a pipe holds on Linux (`pipe(7)`), in bytes.
pub(crate) const STAGE: usize = 64 * 1024;

/// Through a ring of fewer bytes than this, everything is gathered, whatever the
/// descriptor. With four pages, gathering is faster on some machines and slower on others;
/// with sixteen it is slower.
const SMALL: usize = 3 * 4096;

/// What is gathered from or for anything but a pipe or a socket: takes less time than the
/// peer looks before it yields.
pub(crate) const FILE_STAGE: usize = STAGE / 4;

/// The way that the transfers of one end take: straight, or through private memory.
#[derive(Debug, Default)]
pub(crate) struct Route {
    /// The descriptor that was examined last, and whether it is a pipe or a socket.
    known: Option<(RawFd, bool)>,
}

impl Route {
    /// Whether transfers between `fd` and a ring of `capacity` bytes go through
    /// private memory.
    pub(crate) fn is_staged(&mut self, fd: BorrowedFd<'_>, capacity: usize) -> bool {
        match capacity {
            ..SMALL => return true,
            STAGE.. => return false,
            _ => {}
        }
        self.is_pipe_or_socket(fd)
    }

    /// How many bytes are gathered on their way from or to `fd`.
    pub(crate) fn stage(&mut self, fd: BorrowedFd<'_>) -> usize {
        match self.is_pipe_or_socket(fd) {
            true => STAGE,
            false => FILE_STAGE,
        }
    }

    /// As [`transfer::is_pipe_or_socket`], asked once for each descriptor.
    fn is_pipe_or_socket(&mut self, fd: BorrowedFd<'_>) -> bool {
        match self.known {
            Some((known, answer)) if known == fd.as_raw_fd() => answer,
            _ => {
                let answer = transfer::is_pipe_or_socket(fd);
                self.known = Some((fd.as_raw_fd(), answer));
                answer
            }
        }
    }
}

/// Private memory in which bytes are gathered, on their way into the ring or out of it.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// How many bytes have been put in, and how many of these have been taken out:
    /// `used <= filled <= bytes.len()`.
    filled: usize,
    used: usize,
}

impl Buffer {
    /// Lets `read` add bytes after those that are in. `read` gets the free room, at least
    /// `len` bytes if nothing is in, and returns how many bytes it has put there.
    pub(crate) fn fill<E>(
        &mut self,
        len: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        if self.rest().is_empty() {
            self.clear();
        }
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        let count = read(&mut self.bytes[self.filled..])?;
        self.filled += count;
        Ok(count)
    }

    /// The bytes that are in and not yet taken out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// Takes out the next `count` bytes, or all if there are fewer.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.filled);
    }

    /// Forgets all bytes.
    pub(crate) fn clear(&mut self) {
        (self.filled, self.used) = (0, 0);
    }
}
