//! The receiving end of a channel: [`Receiver`].

use std::fmt;
use std::io::{self, BufRead, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use memtalk_ring::Seat;

use super::checked_timeout;
use super::ring;
use super::staging::{Buffer, FILE_STAGE, Route, STAGE};
use crate::error::Error;
use crate::sys::transfer;
use crate::talk::Talk;

/// The receiving end of a channel.
///
/// [`Read`] blocks until there is a byte, and returns all that is there; 0 at the end of
/// the stream. If the peer did not complete its stream, [`Read`] first returns everything
/// that has come, and then fails with [`io::ErrorKind::ConnectionReset`].
///
/// Dropping a receiver without [`close`](Self::close) gives up: the peer is told that its
/// stream was not delivered.
///
/// Which call waits, and for what:
///
/// | call | waits while | no longer than |
/// | --- | --- | --- |
/// | [`read`](Read::read), [`fill_buf`](BufRead::fill_buf), [`write_to`](Self::write_to) | nothing is there | [`set_read_timeout`](Self::set_read_timeout) |
/// | [`try_read`](Self::try_read), [`try_fill_buf`](Self::try_fill_buf), [`close`](Self::close) | never | |
pub struct Receiver {
    end: ring::Receiver,
    route: Route,
    /// Bytes that are received and not yet read or written. [`BufRead`] returns references
    /// into this and not into the page, where the peer could change the bytes.
    buffer: Buffer,
    read_timeout: Option<Duration>,
    talk: Arc<Talk>,
    /// Whether the peer may initialise the page again at any time, and begin another talk
    /// there: a first party outside may. Or the memory, which is a device's, may go away. Then we
    /// believe the bytes that we have copied out, and the end of the stream, only after we have
    /// looked at our seat word.
    wary: bool,
}

/// How many looks may find nothing before the gathered bytes are written out. They take
/// less than a microsecond, enough for a sender that is copying.
const LOOKS: u32 = 20;

impl Receiver {
    pub(crate) fn new(end: ring::Receiver, talk: Arc<Talk>) -> Self {
        Self {
            end,
            route: Route::default(),
            buffer: Buffer::default(),
            read_timeout: None,
            wary: talk.seated.may_lose_page(),
            talk,
        }
    }

    pub(crate) fn spread_threads(&mut self, seat: Seat) {
        self.end.spread_threads(seat);
    }

    pub(crate) fn talk(&self) -> &Talk {
        &self.talk
    }

    /// The most bytes that can be in the ring, sent by the peer and not yet received. At
    /// least 64; for one page of 4,096 bytes, 1,856.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Sets how long a call waits for the peer to send something. When that time is over, the
    /// call fails with [`io::ErrorKind::TimedOut`] ([`Error::Stalled`]). Nothing is lost, and
    /// it may be made again. `None`, as at first, is no timeout.
    ///
    /// The time begins when a call finds that it has to wait. A call that need not wait does
    /// not look at the clock.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the time is zero, as in the standard library.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout = checked_timeout(timeout)?;
        self.end.set_limit(timeout);
        Ok(())
    }

    /// The time that [`set_read_timeout`](Self::set_read_timeout) has set.
    #[must_use]
    pub fn read_timeout(&self) -> Option<Duration> {
        self.read_timeout
    }

    /// Reads what is there, and never waits. Returns the number of bytes; 0 at the end of the
    /// stream, or if `bytes` is empty.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there yet. Otherwise those of
    /// [`read`](Read::read).
    pub fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() || !self.buffer.rest().is_empty() {
            return Ok(self.read_buffered(bytes));
        }
        let count = self.end.receive(bytes).map_err(|e| self.talk.error(e))?;
        self.believe()?;
        self.something(count)
    }

    /// As [`fill_buf`](BufRead::fill_buf), but never waits.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there yet. Otherwise those of
    /// [`read`](Read::read).
    pub fn try_fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.rest().is_empty() {
            let count = self.receive_more(STAGE.min(self.end.capacity()))?;
            self.believe()?;
            self.something(count)?;
        }
        Ok(self.buffer.rest())
    }

    /// What a call that never waits returns if it has got `count` bytes.
    fn something(&self, count: usize) -> io::Result<usize> {
        match count > 0 || self.end.at_end() {
            true => Ok(count),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads from the buffer.
    fn read_buffered(&mut self, bytes: &mut [u8]) -> usize {
        let buffered = self.buffer.rest();
        let count = buffered.len().min(bytes.len());
        bytes[..count].copy_from_slice(&buffered[..count]);
        self.buffer.consume(count);
        count
    }

    /// Waits for bytes and writes them to a file descriptor, with one `write(2)` or
    /// `writev(2)`. Returns the number of bytes written; 0 at the end of the stream. Bytes
    /// that the descriptor did not take are kept for the next call.
    ///
    /// If the ring has 12 KiB or more, this writes straight from the shared memory: one
    /// copy, made by the kernel. It first copies into private memory, up to 16 KiB, if the
    /// ring is smaller, or, for a ring of any size, if the peer is a machine that initialised
    /// it, or if the memory is a device's. For a pipe or a socket it copies up to 64 KiB, if the
    /// ring has less than that.
    ///
    /// If the descriptor is non-blocking and takes nothing, this waits with `poll(2)`. The
    /// timeout is for the peer, and does not bound that wait.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`read`](Read::read);
    /// [`Error::from_io`] tells which.
    pub fn write_to(&mut self, output: impl AsFd) -> io::Result<usize> {
        if !self.buffer.rest().is_empty() {
            return self.write_buffered(output.as_fd());
        }
        if self.wait()? == 0 {
            return Ok(0);
        }
        if self.wary || self.route.is_staged(output.as_fd(), self.end.capacity()) {
            let stage = self.route.stage(output.as_fd());
            self.gather(stage)?;
            return self.write_buffered(output.as_fd());
        }
        let Some(filled) = self.end.filled() else {
            self.gather(FILE_STAGE)?;
            return self.write_buffered(output.as_fd());
        };
        let filled = filled.map_err(|e| self.talk.error(e))?;
        let count = transfer::write_from(output.as_fd(), &filled).map_err(Error::transfer)?;
        filled.release(count);
        Ok(count)
    }

    /// Writes once from the buffer.
    fn write_buffered(&mut self, output: BorrowedFd<'_>) -> io::Result<usize> {
        let count = transfer::write(output, self.buffer.rest())?;
        self.buffer.consume(count);
        Ok(count)
    }

    /// Waits for bytes. Returns how many there are; 0 at the end of the stream.
    fn wait(&mut self) -> Result<usize, Error> {
        let there = self.end.wait().map_err(|e| self.talk.error(e))?;
        self.believe()?;
        Ok(there)
    }

    /// Whether nothing has come: no bytes, no end, no failure.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.buffer.rest().is_empty() && self.end.is_empty() && !self.end.at_end()
    }

    /// [`wait`](Self::wait) for a task, which has time for what is buffered, too. `register`
    /// is what [`poll_wait`](memtalk_ring::Receiver::poll_wait) calls.
    pub(crate) fn poll_wait(&mut self, register: impl FnOnce(u32)) -> Poll<Result<usize, Error>> {
        let buffered = self.buffer.rest().len();
        if buffered > 0 {
            return Poll::Ready(Ok(buffered));
        }
        let there = ready!(self.end.poll_wait(register)).map_err(|e| self.talk.error(e))?;
        self.believe()?;
        Poll::Ready(Ok(there))
    }

    /// Waits for the end of the stream.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if there are bytes that were not read.
    pub(crate) fn wait_for_end(&mut self) -> Result<(), Error> {
        match self.buffer.rest().len() {
            0 if self.wait()? == 0 => Ok(()),
            _ => Err(Error::NotAtEnd),
        }
    }

    /// As [`wait_for_end`](Self::wait_for_end), but no longer than `time`.
    pub(crate) fn wait_for_end_within(&mut self, time: Duration) -> Result<(), Error> {
        self.end.set_limit(Some(time));
        let ended = self.wait_for_end();
        self.end.set_limit(self.read_timeout);
        ended
    }

    /// Makes sure that what was read last belongs to this talk.
    ///
    /// # Errors
    /// [`Error::PeerRestarted`] if it may not. The buffer is dropped then.
    fn believe(&mut self) -> Result<(), Error> {
        if self.wary && self.talk.seated.was_restarted() {
            self.buffer.clear();
            return Err(Error::PeerRestarted);
        }
        Ok(())
    }

    /// Receives what the wait has found, and what comes soon after, into the empty buffer: up
    /// to `stage` bytes.
    fn gather(&mut self, stage: usize) -> Result<(), Error> {
        self.receive_more(stage)?;
        let mut looks = 0;
        while looks < LOOKS && self.buffer.rest().len() < stage && !self.end.at_end() {
            match self.receive_more(stage) {
                Ok(0) => {
                    looks += 1;
                    std::hint::spin_loop();
                }
                Ok(_) => looks = 0,
                // The bytes that came before the error are delivered first. The next call
                // returns it.
                Err(_) => break,
            }
        }
        self.believe()
    }

    /// Receives what fits into the buffer, which has room for at least `len` bytes if it is
    /// empty.
    fn receive_more(&mut self, len: usize) -> Result<usize, Error> {
        self.buffer
            .fill(len, |bytes| self.end.receive(bytes))
            .map_err(|e| self.talk.error(e))
    }

    /// Confirms to the peer that we have received its whole stream, and that it is safe
    /// with us. The peer's [`Sender::close`](crate::Sender::close) waits for this.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if the end of the stream was not reached: read until a read
    /// returns 0. The peer is told then that its stream was not delivered.
    /// [`Error::PeerRestarted`] if the peer has begun another talk.
    pub fn close(mut self) -> Result<(), Error> {
        if !self.buffer.rest().is_empty() {
            return Err(Error::NotAtEnd);
        }
        self.believe()?;
        self.end.close().map_err(|e| self.talk.error(e))
    }
}

/// The name, and the state of the ring as this end has last seen it.
impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("place", self.talk.seated.place())
            .field("ring", &self.end)
            .field("buffered", &self.buffer.rest().len())
            .field("read_timeout", &self.read_timeout)
            .finish_non_exhaustive()
    }
}

impl Read for Receiver {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if !self.buffer.rest().is_empty() {
            return Ok(self.read_buffered(bytes));
        }
        if bytes.is_empty() || self.wait()? == 0 {
            return Ok(0);
        }
        let count = self.end.receive(bytes).map_err(|e| self.talk.error(e))?;
        self.believe()?;
        Ok(count)
    }
}

impl BufRead for Receiver {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.rest().is_empty() {
            let there = self.wait()?;
            self.receive_more(there)?;
            self.believe()?;
        }
        Ok(self.buffer.rest())
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }
}
