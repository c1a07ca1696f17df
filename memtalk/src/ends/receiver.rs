//! The receiving end of a channel.

use std::io::{self, BufRead, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use memtalk_ring::PageRing;

use super::staging::{Buffer, Route, STAGE};
use crate::error::Error;
use crate::sys::map::Mapping;
use crate::sys::transfer;
use crate::talk::Talk;
use crate::wait::linux::Sleep;

/// The receiving end of a channel.
///
/// [`Read`] blocks until a byte is there and returns what is; 0 at the end of
/// the stream. A stream that the peer did not complete ends with
/// [`io::ErrorKind::ConnectionReset`] instead, after all that came.
///
/// A receiver that is dropped without [`close`](Self::close) has given up, and
/// the peer is told that its stream was not delivered.
#[derive(Debug)]
pub struct Receiver {
    end: memtalk_ring::Receiver<PageRing<Mapping>, Sleep>,
    route: Route,
    /// What was received and not yet read or written. [`BufRead`] shows this, since a
    /// reference into the page could change under its reader.
    buffer: Buffer,
    talk: Arc<Talk>,
    /// Whether the peer may initialise the page again at any time, and begin another
    /// talk there: one that sits first and outside. So what was copied out, and the end
    /// of the stream, are believed only once our seat has been looked at.
    wary: bool,
}

/// How often to look for more before what was received is written. Less than a
/// microsecond, and enough for a sender that is copying.
const LOOKS: u32 = 20;

impl Receiver {
    pub(crate) fn new(
        end: memtalk_ring::Receiver<PageRing<Mapping>, Sleep>,
        talk: Arc<Talk>,
    ) -> Self {
        Self {
            end,
            route: Route::default(),
            buffer: Buffer::default(),
            wary: talk.seated.peer_may_restart(),
            talk,
        }
    }

    /// The most bytes that are under way at any time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Waits for bytes and writes them once to a descriptor. Returns the number of
    /// bytes written; 0 at the end of the stream.
    ///
    /// From a ring of 12 KiB or more it writes straight from the shared memory: one
    /// copy, made by the kernel. From a smaller one, and to a pipe or a socket from
    /// one of less than 64 KiB, it receives first what there is, up to 64 KiB; and so
    /// from a ring of any size where the peer is a machine that initialised it.
    ///
    /// A non-blocking descriptor is waited for.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`read`](Read::read), which
    /// [`Error::from_io`] tells apart.
    pub fn write_to(&mut self, output: impl AsFd) -> io::Result<usize> {
        if !self.buffer.rest().is_empty() {
            return self.write_buffered(output.as_fd());
        }
        if self.wait()? == 0 {
            return Ok(0);
        }
        if self.wary || self.route.is_staged(output.as_fd(), self.end.capacity()) {
            self.gather()?;
            return self.write_buffered(output.as_fd());
        }
        let filled = self.end.filled().map_err(|e| self.talk.error(e))?;
        let count = transfer::write_from(output.as_fd(), &filled).map_err(Error::transfer)?;
        filled.release(count);
        Ok(count)
    }

    /// Writes once from what was received before.
    fn write_buffered(&mut self, output: BorrowedFd<'_>) -> io::Result<usize> {
        let count = transfer::write(output, self.buffer.rest())?;
        self.buffer.consume(count);
        Ok(count)
    }

    /// Waits for bytes. Returns how many are there; 0 at the end of the stream.
    fn wait(&mut self) -> Result<usize, Error> {
        let there = self.end.wait().map_err(|e| self.talk.error(e))?;
        self.believe()?;
        Ok(there)
    }

    /// What was read last was of this talk, or an error.
    fn believe(&mut self) -> Result<(), Error> {
        if self.wary && self.talk.seated.was_restarted() {
            self.buffer.clear();
            return Err(Error::PeerRestarted);
        }
        Ok(())
    }

    /// Receives what there is, and what comes at once, into the empty buffer.
    fn gather(&mut self) -> io::Result<()> {
        let mut looks = 0;
        while looks < LOOKS && self.buffer.rest().len() < STAGE && !self.end.at_end() {
            match self.buffer.fill(STAGE, |bytes| self.end.receive(bytes)) {
                Ok(0) => {
                    looks += 1;
                    std::hint::spin_loop();
                }
                Ok(_) => looks = 0,
                // What came before it comes first.
                Err(_) if !self.buffer.rest().is_empty() => break,
                Err(error) => return Err(self.talk.error(error).into()),
            }
        }
        Ok(self.believe()?)
    }

    /// Confirms that the whole stream was received and is safe. The peer's
    /// [`Sender::close`](crate::Sender::close) waits for it.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] unless the end of the stream was reached: read until
    /// it returns 0.
    pub fn close(mut self) -> Result<(), Error> {
        if !self.buffer.rest().is_empty() {
            return Err(Error::NotAtEnd);
        }
        self.believe()?;
        self.end.close().map_err(|e| self.talk.error(e))
    }
}

impl Read for Receiver {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let buffered = self.buffer.rest();
        if !buffered.is_empty() {
            let count = buffered.len().min(bytes.len());
            bytes[..count].copy_from_slice(&buffered[..count]);
            self.buffer.consume(count);
            return Ok(count);
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
            self.buffer
                .fill(there, |bytes| self.end.receive(bytes))
                .map_err(|e| self.talk.error(e))?;
            self.believe()?;
        }
        Ok(self.buffer.rest())
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }
}
