//! Whether bytes go straight between a descriptor and the ring, or are gathered in private
//! memory on the way.
//!
//! The kernel can read into the slab and write out of it, which saves a copy. But
//! each transfer is a system call for a part of the ring at most, and meanwhile the
//! peer has little to do. So what goes through a ring of a few pages is gathered in
//! private memory, 64 KiB at a time, and copied into the ring and out of it in
//! pieces that both ends work on at once: with one or two pages, a file to
//! `/dev/null` moves twice as fast.
//!
//! At the other end of a pipe or a socket sits a process that each transfer may
//! wake. There, gathering as much as a pipe holds is better up to a ring that
//! holds as much: three times as fast with one page, twice with four.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::sys::transfer;

/// What a pipe holds on Linux (`pipe(7)`), in bytes.
pub(crate) const STAGE: usize = 64 * 1024;

/// In bytes: what goes through a smaller ring is gathered wherever it comes from.
/// With four pages that is faster or slower than straight, from machine to
/// machine; with sixteen it is slower.
const SMALL: usize = 12 * 1024;

/// Which way the transfers of one end go.
#[derive(Debug, Default)]
pub(crate) struct Route {
    /// The descriptor that was asked about last, and the answer.
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

/// Private memory that bytes are gathered in, on their way into the ring or out of it.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// How many of them have come, and how many of these have gone on.
    filled: usize,
    used: usize,
}

impl Buffer {
    /// Has `read` add to what has not gone on yet. It gets the room, in which `len` bytes fit
    /// where nothing is left, and returns how many bytes it has put there.
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

    /// What has not gone on yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// The next `count` bytes have gone on, or all if there are fewer.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.filled);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        (self.filled, self.used) = (0, 0);
    }
}
