//! A descriptor that says whether an end can go on, for `select` and its relatives.
//!
//! # Contract
//! - It is an eventfd of our own, which is *ready* or is not. A receiver's is ready when it is
//!   readable (its count is not 0), a sender's when it is writable (its count is not the
//!   largest). At first it is ready.
//! - It is level-triggered: it stays ready until [`clear`](Event::clear).
//! - As a waker it makes itself ready, from any thread.
//! - Once its end is closed or given up it is ready for ever ([`OfEnd`]): whoever selects on it
//!   calls, and is told. So the descriptor outlives the end, and lives as long as the file object.
//!
//! # No wake-up is lost
//! Whoever finds too little clears the event first, registers it as the waker, and looks again.
//! A wake-up for this look comes after the clearing. One that comes for an earlier look may be
//! cleared away, but then this look sees what it was about.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// When an event counts as ready.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Readable,
    Writable,
}

pub(crate) struct Event {
    fd: OwnedFd,
    when: When,
}

impl Event {
    /// One that is ready.
    pub(crate) fn new(when: When) -> io::Result<Arc<Self>> {
        // SAFETY: takes numbers only.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let event = Self { fd, when };
        event.set();
        Ok(Arc::new(event))
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Makes it ready.
    pub(crate) fn set(&self) {
        match self.when {
            When::Readable => self.add(1),
            When::Writable => self.empty(),
        }
    }

    /// Makes it not ready.
    pub(crate) fn clear(&self) {
        match self.when {
            When::Readable => self.empty(),
            When::Writable => self.add(u64::MAX - 1),
        }
    }

    /// Adds to the count. If that would be too large, it is not 0: leaves it as it is.
    fn add(&self, count: u64) {
        let count = count.to_ne_bytes();
        // SAFETY: reads eight bytes that are there. The descriptor does not block.
        unsafe { libc::write(self.fd.as_raw_fd(), count.as_ptr().cast(), count.len()) };
    }

    /// Makes the count 0.
    fn empty(&self) {
        let mut count = [0; 8];
        // SAFETY: writes eight bytes that are there. The descriptor does not block.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// Sleeps until it is ready, for at most `time`, or until a signal.
    pub(crate) fn wait(&self, time: Duration) {
        let mut asked = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: match self.when {
                When::Readable => libc::POLLIN,
                When::Writable => libc::POLLOUT,
            },
            revents: 0,
        };
        // Rounded up: a wait of no time would be a busy loop.
        let time = i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: one descriptor, which is open.
        unsafe { libc::poll(&raw mut asked, 1, time) };
    }

    /// Polls, with this event as the waker, and makes it ready or not as the answer is.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing yet; those of `poll`.
    pub(crate) fn poll<T, E: Into<io::Error>>(
        self: &Arc<Self>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, E>>,
    ) -> io::Result<T> {
        let waker = Waker::from(Arc::clone(self));
        let mut task = Context::from_waker(&waker);
        if let Poll::Ready(result) = poll(&mut task) {
            self.set();
            return result.map_err(Into::into);
        }
        self.clear();
        match poll(&mut task) {
            Poll::Ready(result) => {
                self.set();
                result.map_err(Into::into)
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// The event of an end: ready for ever once the end is dropped.
pub(crate) struct OfEnd(pub(crate) Arc<Event>);

impl Deref for OfEnd {
    type Target = Arc<Event>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for OfEnd {
    fn drop(&mut self) {
        self.set();
    }
}

impl Wake for Event {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}
