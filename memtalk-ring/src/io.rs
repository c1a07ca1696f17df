//! The blocking traits of `embedded-io` (`Read`, `Write`) for the two ends of a ring.
//!
//! # Contract
//! - `read` and `write` wait, by the end's [`Wait`], until at least one byte can be moved.
//!   Then they move as many as they can without waiting again.
//! - `read` returns 0 at the end of the stream and for an empty buffer, `write` only for an
//!   empty buffer.
//! - `read_ready` and `write_ready` return `true` if the next call returns at once: with
//!   bytes, the end of the stream, or an error. They return no error of the stream
//!   themselves.
//! - `flush` returns at once: the peer can already see all bytes for which `write` has
//!   returned. [`Sender::wait_delivered`] tells whether they have arrived.
//! - A dropped end has given up, here as well. A stream is complete only after
//!   [`Sender::end`], and confirmed only by [`Receiver::close`].

#[cfg(feature = "embedded-io-async")]
mod asynchronous;
mod buffered;

#[cfg(feature = "embedded-io-async")]
pub use asynchronous::WithBell;
pub use buffered::Buffered;

use embedded_io::{ErrorKind, ErrorType, Read, ReadExactError, ReadReady, Write, WriteReady};

use crate::error::Error;
use crate::ring::memory::Memory;
use crate::ring::receiver::Receiver;
use crate::ring::sender::Sender;
use crate::wait::Wait;

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::PeerFailed => ErrorKind::ConnectionReset,
            Self::Corrupt => ErrorKind::InvalidData,
            Self::Ended => ErrorKind::BrokenPipe,
            // No function of these traits returns it.
            Self::NotAtEnd => ErrorKind::Other,
            Self::TimedOut => ErrorKind::TimedOut,
        }
    }
}

impl<M: Memory, W: Wait<M::Atomics>> ErrorType for Receiver<M, W> {
    type Error = Error;
}

impl<M: Memory, W: Wait<M::Atomics>> Read for Receiver<M, W> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let there = self.receive(buf)?;
        if there > 0 || self.wait()? == 0 {
            return Ok(there);
        }
        self.receive(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError<Error>> {
        fill(self, buf)
    }
}

/// Reads until `buf` is full: the default of the trait's `read_exact`, without a path to a
/// panic.
fn fill<R: Read>(from: &mut R, mut buf: &mut [u8]) -> Result<(), ReadExactError<R::Error>> {
    while !buf.is_empty() {
        let count = from.read(buf)?;
        if count == 0 {
            return Err(ReadExactError::UnexpectedEof);
        }
        buf = buf.get_mut(count..).unwrap_or_default();
    }
    Ok(())
}

impl<M: Memory, W: Wait<M::Atomics>> ReadReady for Receiver<M, W> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        let waits = self.filled().is_ok_and(|filled| filled.is_empty());
        Ok(!waits || self.at_end())
    }
}

impl<M: Memory, W: Wait<M::Atomics>> ErrorType for Sender<M, W> {
    type Error = Error;
}

impl<M: Memory, W: Wait<M::Atomics>> Write for Sender<M, W> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let sent = self.send(buf)?;
        if sent > 0 {
            return Ok(sent);
        }
        self.wait(1)?;
        self.send(buf)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The trait's default, without a path to a panic.
    fn write_all(&mut self, mut buf: &[u8]) -> Result<(), Error> {
        while !buf.is_empty() {
            let count = self.write(buf)?;
            buf = buf.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<M: Memory, W: Wait<M::Atomics>> WriteReady for Sender<M, W> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        let waits = self.space().is_ok_and(|space| space.is_empty());
        Ok(!waits)
    }
}
