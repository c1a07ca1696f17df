//! A descriptor to poll, and the waker that makes it readable: [`Event`].
//!
//! # Contract
//! The descriptor is readable, or becomes readable, unless the last attempt found nothing and
//! nothing has happened since. It may be readable for nothing: then an attempt finds nothing,
//! and clears it. This is what a program expects of a non-blocking socket, and both `poll(2)`
//! and edge-triggered `epoll(7)` work with it. The attempts are in [`polled`](crate::polled),
//! with the proof.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::error::Failure;

/// An `eventfd(2)`. It is closed with its last waker, so no waker writes to a descriptor of
/// somebody else's.
#[derive(Debug)]
pub(crate) struct Event(OwnedFd);

impl Event {
    /// One that is raised.
    pub(crate) fn new() -> Result<Arc<Self>, Failure> {
        // SAFETY: no pointers are involved.
        match unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
            -1 => Err(io::Error::last_os_error().into()),
            // SAFETY: a new descriptor, which is nobody else's.
            fd => Ok(Arc::new(Self(unsafe { OwnedFd::from_raw_fd(fd) }))),
        }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    /// Makes the descriptor readable.
    pub(crate) fn raise(&self) {
        let one = 1_u64.to_ne_bytes();
        // It fails only if 2^64 - 2 were added and nobody has read: it is readable then.
        // SAFETY: eight bytes that are valid for reads.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable. Returns whether it was readable.
    pub(crate) fn clear(&self) -> bool {
        let mut count = [0_u8; 8];
        // SAFETY: eight bytes that are valid for writes.
        let read = unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
        read > 0
    }

    /// Waits until it is readable, or for this time; `None` for any time. May return early.
    pub(crate) fn wait(&self, time: Option<Duration>) -> Result<(), Failure> {
        let mut event = libc::pollfd {
            fd: self.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let time = time.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: one entry, and a time or none, valid for as long as the call lasts.
        let ready = unsafe { libc::ppoll(&raw mut event, 1, time, std::ptr::null()) };
        let error = io::Error::last_os_error();
        match ready == -1 && error.kind() != io::ErrorKind::Interrupted {
            true => Err(error.into()),
            false => Ok(()),
        }
    }
}

impl Wake for Event {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}
