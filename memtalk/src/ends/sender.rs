//! The sending end of a channel: [`Sender`].

use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use memtalk_ring::Seat;

use super::checked_timeout;
use super::ring;
use super::staging::{Buffer, FILE_STAGE, Route};
use crate::error::Error;
use crate::sys::transfer;
use crate::talk::Talk;

/// A sender that waits for space sleeps until half of the ring is free. So it is woken once
/// for many bytes, and the peer still has the other half to go on with.
const HALF: usize = 2;

/// A sender of gathered bytes sleeps until an eighth of the ring is free: the size of the
/// pieces in which the ring publishes. (Half made no difference beyond noise.)
const PIECES: usize = 8;

/// The sending end of a channel.
///
/// [`Write`] blocks while the ring is full. What is written is visible to the peer at
/// once, so flushing does nothing. When the peer has stopped or died, writing fails with
/// [`io::ErrorKind::ConnectionReset`]: at once if the receiver has reported it, and
/// otherwise at the latest when it would have to wait for the peer.
///
/// Dropping a sender without [`end`](Self::end) or [`close`](Self::close) gives up: the
/// peer is told that the stream is incomplete.
///
/// Which call waits, and for what:
///
/// | call | waits while | no longer than |
/// | --- | --- | --- |
/// | [`write`](Write::write), [`read_from`](Self::read_from) | the ring is full | [`set_write_timeout`](Self::set_write_timeout) |
/// | [`close`](Self::close) | the peer has not confirmed | the same |
/// | [`close_within`](Self::close_within) | the peer has not confirmed | its argument |
/// | [`try_write`](Self::try_write), [`end`](Self::end), [`is_delivered`](Self::is_delivered) | never | |
pub struct Sender {
    // Declared, and so dropped, before the talk: the end marks its stream while we still
    // have the seat.
    end: ring::Sender,
    route: Route,
    /// What `read_from` has read and not yet sent. Empty unless it runs.
    stage: Buffer,
    write_timeout: Option<Duration>,
    talk: Arc<Talk>,
}

impl Sender {
    pub(crate) fn new(end: ring::Sender, talk: Arc<Talk>) -> Self {
        Self {
            end,
            route: Route::default(),
            stage: Buffer::default(),
            write_timeout: None,
            talk,
        }
    }

    pub(crate) fn spread_threads(&mut self, seat: Seat) {
        self.end.spread_threads(seat);
    }

    pub(crate) fn talk(&self) -> &Arc<Talk> {
        &self.talk
    }

    /// The most bytes that can be in the ring, sent and not yet received. At least 64; for
    /// one page of 4,096 bytes, 1,856.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Sets how long a call waits for the peer: for room in the ring, or in
    /// [`close`](Self::close) for the confirmation. When that time is over, the call fails
    /// with [`io::ErrorKind::TimedOut`] ([`Error::Stalled`]). It has sent nothing then, and
    /// may be made again. `None`, as at first, is no timeout.
    ///
    /// The time begins when a call finds that it has to wait. A call that need not wait does
    /// not look at the clock.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the time is zero, as in the standard library.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.write_timeout = checked_timeout(timeout)?;
        self.end.set_limit(timeout);
        Ok(())
    }

    /// The time that [`set_write_timeout`](Self::set_write_timeout) has set.
    #[must_use]
    pub fn write_timeout(&self) -> Option<Duration> {
        self.write_timeout
    }

    /// Sends as many bytes as fit, and never waits. Returns how many those are.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if the ring is full. Otherwise those of
    /// [`write`](Write::write).
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.talk.check_peer()?;
        match self.end.send(bytes).map_err(|e| self.talk.error(e))? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            sent => Ok(sent),
        }
    }

    /// Waits, for a task, until `len` bytes are free, or half of the ring. `register` is what
    /// [`poll_wait`](memtalk_ring::Sender::poll_wait) calls.
    pub(crate) fn poll_room(
        &mut self,
        len: usize,
        register: impl FnOnce(u32),
    ) -> Poll<Result<(), Error>> {
        self.talk.check_peer()?;
        let wanted = len.min(self.end.capacity() / HALF);
        ready!(self.end.poll_wait(wanted, register)).map_err(|e| self.talk.error(e))?;
        Poll::Ready(Ok(()))
    }

    /// Reads once from a file descriptor and sends what it has read. Returns the number of
    /// bytes; 0 at the descriptor's end of file.
    ///
    /// If the ring has 12 KiB or more, this waits for space and then reads straight into
    /// the shared memory: one copy, made by the kernel. If the ring is smaller, this reads up
    /// to 16 KiB into private memory, and then sends them; 64 KiB if the descriptor is a pipe
    /// or a socket, and the ring has less than that. With a
    /// [timeout](Self::set_write_timeout) it always reads straight into the shared memory,
    /// so that it holds nothing that it could not send. To a device's memory it copies
    /// itself, from private memory: no more than fits, if there is a timeout.
    ///
    /// If the descriptor is non-blocking and has nothing yet, this waits with `poll(2)`. The
    /// timeout is for the peer, and does not bound that wait.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`write`](Write::write);
    /// [`Error::from_io`] tells which.
    pub fn read_from(&mut self, input: impl AsFd) -> io::Result<usize> {
        let capacity = self.end.capacity();
        let patient = self.write_timeout.is_none();
        let staged = self.end.is_device() || self.route.is_staged(input.as_fd(), capacity);
        if patient && staged {
            // Look at the peer each time, even if we know of free space: if something is
            // wrong, we report it before we read more.
            self.end.wait(1).map_err(|e| self.talk.error(e))?;
            let stage = self.route.stage(input.as_fd());
            return self.send_from(input.as_fd(), stage);
        }
        let free = self.end.wait(capacity / HALF);
        let free = free.map_err(|e| self.talk.error(e))?;
        let Some(space) = self.end.space() else {
            return self.send_from(input.as_fd(), free.min(FILE_STAGE));
        };
        let mut space = space.map_err(|e| self.talk.error(e))?;
        let count = transfer::read_into(input.as_fd(), &mut space).map_err(Error::transfer)?;
        space.commit(count);
        Ok(count)
    }

    /// Reads at most `most` bytes into private memory, and sends them.
    fn send_from(&mut self, input: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        self.stage.clear();
        let read = |bytes: &mut [u8]| transfer::read(input, &mut bytes[..most]);
        let count = self.stage.fill(most, read)?;
        self.send_staged().map_err(|e| self.talk.error(e))?;
        Ok(count)
    }

    /// Sends all gathered bytes.
    fn send_staged(&mut self) -> Result<(), memtalk_ring::Error> {
        while let rest @ [_, ..] = self.stage.rest() {
            let sent = self.end.send(rest)?;
            if sent == 0 {
                let wanted = rest.len().min(self.end.capacity() / PIECES);
                self.end.wait(wanted)?;
            }
            self.stage.consume(sent);
        }
        Ok(())
    }

    /// Marks the end of our stream (half-close). The peer reads to here and then gets end
    /// of file. Later writes fail with [`Error::Ended`]. Returns at once.
    pub fn end(&mut self) {
        self.end.end();
    }

    /// Whether the peer has confirmed our whole stream. Never waits. `false` before
    /// [`end`](Self::end).
    ///
    /// # Errors
    /// Those of [`close`](Self::close), but [`Error::Stalled`].
    pub fn is_delivered(&mut self) -> Result<bool, Error> {
        self.end.delivered().map_err(|e| self.talk.error(e))
    }

    /// Marks the end of the stream, unless [`end`](Self::end) has, and waits until the
    /// peer has confirmed all of it. `Ok` is a certificate: every byte was delivered.
    ///
    /// The peer confirms with [`Receiver::close`](crate::Receiver::close), after it has
    /// read to the end. If both sides call this before that, both wait for ever. So call
    /// [`end`](Self::end), read to the end, close the receiver, and only then call this;
    /// or let [`Channel::finish`](crate::Channel::finish) or
    /// [`Channel::close`](crate::Channel::close) do all of it.
    ///
    /// # Errors
    /// [`Error::PeerDied`], [`Error::PeerRestarted`], [`Error::PeerStopped`] or
    /// [`Error::Corrupt`]; and [`Error::Stalled`] if the
    /// [timeout](Self::set_write_timeout) is over. There is no certificate then, although
    /// bytes may have arrived.
    pub fn close(mut self) -> Result<(), Error> {
        self.wait_delivered()
    }

    /// As [`close`](Self::close), but waits no longer than `time`; with zero, not at all.
    /// After [`Error::Stalled`] the stream has ended, and the confirmation may still come:
    /// this can be called again. Dropping the sender takes nothing back.
    ///
    /// # Errors
    /// Those of [`close`](Self::close).
    pub fn close_within(&mut self, time: Duration) -> Result<(), Error> {
        self.end.set_limit(Some(time));
        let delivered = self.wait_delivered();
        self.end.set_limit(self.write_timeout);
        delivered
    }

    /// As [`close`](Self::close), for a task. `register` is what
    /// [`poll_delivered`](memtalk_ring::Sender::poll_delivered) calls.
    pub(crate) fn poll_delivered(&mut self, register: impl FnOnce(u32)) -> Poll<Result<(), Error>> {
        (self.end.poll_delivered(register)).map_err(|e| self.talk.error(e))
    }

    fn wait_delivered(&mut self) -> Result<(), Error> {
        self.end.wait_delivered().map_err(|e| self.talk.error(e))
    }
}

/// The name, and the state of the ring as this end has last seen it.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("place", self.talk.seated.place())
            .field("ring", &self.end)
            .field("write_timeout", &self.write_timeout)
            .finish_non_exhaustive()
    }
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.talk.check_peer()?;
        loop {
            let sent = self.end.send(bytes).map_err(|e| self.talk.error(e))?;
            if sent > 0 || bytes.is_empty() {
                return Ok(sent);
            }
            let wanted = bytes.len().min(self.end.capacity() / HALF);
            self.end.wait(wanted).map_err(|e| self.talk.error(e))?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
