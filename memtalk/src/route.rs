//! Straight between a descriptor and the ring, or through private memory.
//!
//! The kernel can read into the slab and write out of it, which saves a copy. But
//! at the other end of a pipe or a socket sits a process that each transfer may
//! wake, and with a ring much smaller than a pipe there would be many of them. So
//! where the descriptor is one of these and the ring is small, bytes are gathered
//! in private memory, as many as a pipe holds. Four processes on two processors,
//! pipe to memtalk to memtalk to pipe with a page of 4,096 bytes, move three times
//! as much that way; a file to `/dev/null`, with more than a page, moves half.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::sys::stdio;

/// What a pipe holds on Linux (`pipe(7)`), in bytes.
pub(crate) const STAGE: usize = 64 * 1024;

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
        if capacity >= STAGE {
            return false;
        }
        match self.known {
            Some((known, answer)) if known == fd.as_raw_fd() => answer,
            _ => {
                let answer = stdio::is_pipe_or_socket(fd);
                self.known = Some((fd.as_raw_fd(), answer));
                answer
            }
        }
    }
}
