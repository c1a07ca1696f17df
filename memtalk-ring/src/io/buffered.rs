//! [`Buffered`]: a receiver with a private buffer, which implements `BufRead`.

use embedded_io::{BufRead, ErrorType, Read, ReadExactError, ReadReady};

use crate::error::Error;
use crate::ring::memory::Memory;
use crate::ring::receiver::Receiver;
use crate::wait::{Spin, Wait};

/// A [`Receiver`] with a private buffer, to read it as a `BufRead`.
///
/// A `BufRead` lends its bytes as a `&[u8]`. A receiver must not lend the bytes of the
/// ring: a hostile peer may write there at any time, and bytes behind a reference must not
/// change. So the bytes are first copied to where the peer cannot reach them.
///
/// The bytes in the buffer are received, but not read. [`close`](Self::close) confirms the
/// stream once all bytes were read. If this is dropped before, those in the buffer are lost,
/// and the receiver has given up.
///
/// ```
/// # use core::ptr::NonNull;
/// # use memtalk_ring::{Buffered, Page, Presence, RawRegion, Seat, Spin};
/// use embedded_io::{BufRead, Write};
/// # #[repr(align(64))]
/// # struct Memory([u8; 4096]);
/// # let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096])))).cast();
/// # let region = unsafe { RawRegion::new(memory, 4096) };
/// # let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
/// # let (mut sender, _) = unsafe { page.ends(Seat::First, Spin) };
/// # let (_, receiver) = unsafe { page.ends(Seat::Second, Spin) };
///
/// sender.write_all(b"GET /")?;
/// sender.end();
///
/// let mut buffer = [0; 64];
/// let mut buffered = Buffered::new(receiver, &mut buffer);
/// assert_eq!(buffered.fill_buf()?, b"GET /");
/// buffered.consume(5);
/// assert_eq!(buffered.fill_buf()?, b"", "the end of the stream");
/// buffered.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Buffered<'b, M: Memory, W: Wait<M::Atomics> = Spin> {
    pub(super) receiver: Receiver<M, W>,
    /// At least one byte long.
    pub(super) buffer: &'b mut [u8],
    /// The bytes from `start` up to `end` were received and not read. `start` is at most
    /// `end`, and `end` at most the length of `buffer`.
    start: usize,
    end: usize,
}

impl<'b, M: Memory, W: Wait<M::Atomics>> Buffered<'b, M, W> {
    /// Reads from `receiver` through `buffer`.
    ///
    /// A buffer of 0 bytes does not compile, because it could not tell the end of the stream
    /// from a byte that is there.
    #[must_use]
    pub fn new<const N: usize>(receiver: Receiver<M, W>, buffer: &'b mut [u8; N]) -> Self {
        const { assert!(N > 0, "the buffer must hold a byte") };
        Self {
            receiver,
            buffer,
            start: 0,
            end: 0,
        }
    }

    /// Confirms the stream, as [`Receiver::close`] does.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if bytes in the buffer were not read, otherwise as for
    /// [`Receiver::close`].
    pub fn close(&mut self) -> Result<(), Error> {
        if !self.unread().is_empty() {
            return Err(Error::NotAtEnd);
        }
        self.receiver.close()
    }

    /// Returns the receiver, and the bytes that were received and not read.
    pub fn into_parts(self) -> (Receiver<M, W>, &'b [u8]) {
        let unread = self.buffer.get(self.start..self.end);
        (self.receiver, unread.unwrap_or_default())
    }

    pub(super) fn unread(&self) -> &[u8] {
        let unread = self.buffer.get(self.start..self.end);
        unread.unwrap_or_default()
    }

    /// Whether a read into `buf` has no use for the buffer: nothing is in it, and `buf` is
    /// not smaller.
    pub(super) fn goes_past_buffer(&self, buf: &[u8]) -> bool {
        self.unread().is_empty() && buf.len() >= self.buffer.len()
    }

    /// The first `received` bytes of the buffer are all that is in it.
    pub(super) fn holds(&mut self, received: usize) {
        (self.start, self.end) = (0, received);
    }

    /// Reads what is in the buffer, as much as fits into `buf`.
    pub(super) fn copy_to(&mut self, buf: &mut [u8]) -> usize {
        let mut read = 0;
        for (to, from) in buf.iter_mut().zip(self.unread()) {
            *to = *from;
            read += 1;
        }
        self.take(read);
        read
    }

    /// `amt` bytes of the buffer, or all if those are fewer, were read.
    pub(super) fn take(&mut self, amt: usize) {
        self.start = self.start.saturating_add(amt).min(self.end);
    }
}

impl<M: Memory, W: Wait<M::Atomics>> ErrorType for Buffered<'_, M, W> {
    type Error = Error;
}

impl<M: Memory, W: Wait<M::Atomics>> Read for Buffered<'_, M, W> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.goes_past_buffer(buf) {
            return self.receiver.read(buf);
        }
        self.fill_buf()?;
        Ok(self.copy_to(buf))
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError<Error>> {
        super::fill(self, buf)
    }
}

impl<M: Memory, W: Wait<M::Atomics>> ReadReady for Buffered<'_, M, W> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        Ok(!self.unread().is_empty() || self.receiver.read_ready()?)
    }
}

impl<M: Memory, W: Wait<M::Atomics>> BufRead for Buffered<'_, M, W> {
    fn fill_buf(&mut self) -> Result<&[u8], Error> {
        if self.unread().is_empty() {
            let received = self.receiver.read(self.buffer)?;
            self.holds(received);
        }
        Ok(self.unread())
    }

    /// Consumes `amt` bytes, or all that were lent if those are fewer.
    fn consume(&mut self, amt: usize) {
        self.take(amt);
    }
}
