//! Straight between a descriptor and the ring, or through private memory.
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

use crate::sys::stdio;

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
                let answer = stdio::is_pipe_or_socket(fd);
                self.known = Some((fd.as_raw_fd(), answer));
                answer
            }
        }
    }
}
