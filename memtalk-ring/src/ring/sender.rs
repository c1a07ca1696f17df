//! [`Sender`]: the end of a ring that writes bytes into it.

use core::task::{Poll, ready};

use super::memory::Memory;
use super::protocol::{Parts, Sending, Side, THE_END};
use super::word::State;
use crate::atomics::{Atomics, InPlace};
use crate::error::Error;
use crate::wait::{Spin, Wait};

/// The sending end of a ring, its producer: writes bytes, and marks the end of the stream.
///
/// - [`send`](Self::send) copies as many bytes as fit, without waiting.
/// - [`space`](Self::space) lends the free part of the slab, to be filled in place
///   (zero-copy).
/// - [`wait`](Self::wait) waits until bytes are free.
/// - [`end`](Self::end) marks the end of the stream.
/// - [`wait_delivered`](Self::wait_delivered) waits until the receiver has confirmed the
///   whole stream.
/// - [`poll_wait`](Self::poll_wait) and [`poll_delivered`](Self::poll_delivered) do so for
///   an asynchronous task.
///
/// A sender that is dropped before [`end`](Self::end) has given up: the receiver
/// gets what was committed, and then [`Error::PeerFailed`] instead of an end of
/// stream. So a panic or an early return is never taken for a complete stream.
///
/// The receiver may do anything meanwhile. It can only make more bytes free, never fewer.
pub struct Sender<M: Memory, W: Wait<M::Atomics> = Spin> {
    side: Side<Sending, M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Sender<M, W> {
    /// Makes the sending end of the ring in `memory`, at the start of the stream (index 0).
    /// `wait` is how it waits.
    ///
    /// # Safety
    /// - While this sender is in use, this program uses no other sender of this ring: two
    ///   would write to the same bytes of the slab.
    /// - If this program uses a receiver of the ring meanwhile, the ring's words were 0
    ///   before either end was made, and nobody else writes to the ring.
    pub unsafe fn new(memory: M, wait: W) -> Self {
        Self {
            side: Side::new(memory, wait),
        }
    }

    /// The number of bytes that the ring holds when it is full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.side.capacity() as usize
    }

    /// The way in which this sender waits, to change it: its time limit, for example.
    pub fn wait_mut(&mut self) -> &mut W {
        self.side.wait_mut()
    }

    /// Copies as many of `bytes` as fit into the ring, and commits them. Never waits.
    /// Returns how many bytes were sent: 0 if the ring is full or `bytes` is empty.
    ///
    /// A long copy is committed piece by piece: the receiver may take the first bytes while
    /// the others are still copied, and what it frees meanwhile is used as well.
    ///
    /// # Errors
    /// - [`Error::PeerFailed`] if the receiver gave up. A call that knows of enough free
    ///   bytes does not look at the receiver, and may succeed even so.
    /// - [`Error::Corrupt`] if the receiver's index word is impossible.
    /// - [`Error::Ended`] after [`end`](Self::end) or [`fail`](Self::fail).
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let copy = |at, parts| {
            // SAFETY: `at` is at most the length of `bytes`.
            let rest = unsafe { bytes.get_unchecked(at..) };
            // SAFETY: these parts of the slab are available to us alone, and together no
            // longer than `rest`.
            unsafe { write::<M>(parts, rest) };
        };
        if self.side.move_at_once(bytes.len(), copy) {
            return Ok(bytes.len());
        }
        self.send_in_pieces(bytes.len(), copy)
    }

    #[inline(never)]
    fn send_in_pieces(
        &mut self,
        len: usize,
        copy: impl FnMut(usize, Parts<M>),
    ) -> Result<usize, Error> {
        self.check(self.side.piece(len))?;
        Ok(self.side.stream(len, copy))
    }

    /// Lends the free part of the slab, to be filled in place and committed. It is empty
    /// while the ring is full. Never waits.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    #[inline]
    pub fn space(&mut self) -> Result<Space<'_, M, W>, Error> {
        self.check(usize::MAX)?;
        Ok(Space { sender: self })
    }

    /// Checks that sending may go on. If `enough` bytes are known to be free, it does not
    /// touch the peer's cache line.
    #[inline]
    fn check(&mut self, enough: usize) -> Result<(), Error> {
        self.check_open()?;
        if (self.side.available() as usize) < enough {
            self.side.look()?;
        }
        self.check_peer()
    }

    /// Waits until at least `want` bytes are free, and returns how many are free.
    /// A `want` of 0 counts as 1, and one above the capacity as the capacity.
    ///
    /// On a full ring, wait for half the capacity instead of one byte. This saves wake-ups
    /// and loses no time, because the receiver can go on with the other half.
    ///
    /// # Errors
    /// As for [`send`](Self::send); and [`Error::TimedOut`] if the way to wait gives up and
    /// nothing is free. If less than `want` is, that is returned.
    pub fn wait(&mut self, want: usize) -> Result<usize, Error> {
        self.check_open()?;
        self.side.wait(self.possible(want))?;
        self.check_peer()?;
        Ok(self.side.available() as usize)
    }

    /// [`wait`](Self::wait) for an asynchronous task: never blocks. If fewer than `want`
    /// bytes are free, calls `register`, and returns [`Poll::Pending`]. All that
    /// [`Receiver::poll_wait`](crate::Receiver::poll_wait) says holds here as well.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn poll_wait(
        &mut self,
        want: usize,
        register: impl FnOnce(u32),
    ) -> Poll<Result<usize, Error>> {
        self.check_open()?;
        ready!(self.side.poll_wait(self.possible(want), register))?;
        self.check_peer()?;
        Poll::Ready(Ok(self.side.available() as usize))
    }

    /// `want` bytes, or as many as can be free.
    fn possible(&self, want: usize) -> u32 {
        let capacity = self.side.capacity();
        // Not `clamp`, which would panic if the capacity were 0.
        u32::try_from(want).map_or(capacity, |want| want.max(1).min(capacity))
    }

    /// Marks the end of the stream (a half-close): no byte follows. Never waits. Does
    /// nothing after an earlier `end` or [`fail`](Self::fail).
    pub fn end(&mut self) {
        self.side.end(State::Closed);
    }

    /// Gives up: no byte follows, and the stream is incomplete. The receiver gets what was
    /// committed, and then [`Error::PeerFailed`]. Never waits. Does nothing after
    /// [`end`](Self::end) or an earlier `fail`.
    pub fn fail(&mut self) {
        self.side.end(State::Failed);
    }

    /// Whether the receiver has confirmed the whole stream, up to and including its end:
    /// the certificate of delivery. Always `false` before [`end`](Self::end). Never waits.
    ///
    /// # Errors
    /// - [`Error::PeerFailed`] if the receiver gave up before that.
    /// - [`Error::Corrupt`] if the receiver's index word is impossible.
    /// - [`Error::Ended`] after [`fail`](Self::fail).
    pub fn delivered(&mut self) -> Result<bool, Error> {
        if self.side.state() == State::Failed {
            return Err(Error::Ended);
        }
        self.side.look()?;
        match self.side.peer() {
            State::Open => Ok(false),
            State::Closed => Ok(true),
            State::Failed => Err(Error::PeerFailed),
        }
    }

    /// [Ends](Self::end) the stream if it is still open, and waits until the receiver has
    /// confirmed all of it.
    ///
    /// # Errors
    /// As for [`delivered`](Self::delivered); and [`Error::TimedOut`] if the way to wait
    /// gives up. The confirmation may still come.
    pub fn wait_delivered(&mut self) -> Result<(), Error> {
        self.end();
        while !self.delivered()? {
            self.side.wait(THE_END)?;
        }
        Ok(())
    }

    /// [`wait_delivered`](Self::wait_delivered) for an asynchronous task: never blocks. If
    /// the stream is not confirmed yet, calls `register`, and returns [`Poll::Pending`],
    /// as [`poll_wait`](Self::poll_wait) does.
    ///
    /// # Errors
    /// As for [`delivered`](Self::delivered).
    pub fn poll_delivered(&mut self, register: impl FnOnce(u32)) -> Poll<Result<(), Error>> {
        self.end();
        if self.side.state() == State::Closed {
            ready!(self.side.poll_wait(THE_END, register))?;
        }
        self.delivered()?;
        Poll::Ready(Ok(()))
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn way_to_wait(&self) -> &W {
        self.side.way_to_wait()
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.side.state() {
            State::Open => Ok(()),
            State::Closed | State::Failed => Err(Error::Ended),
        }
    }

    /// A receiver that is over takes nothing more. It cannot be closed while we are open:
    /// a look would have found that corrupt.
    fn check_peer(&self) -> Result<(), Error> {
        match self.side.peer() {
            State::Open => Ok(()),
            State::Closed | State::Failed => Err(Error::PeerFailed),
        }
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Drop for Sender<M, W> {
    fn drop(&mut self) {
        self.fail();
    }
}

impl<M: Memory, W: Wait<M::Atomics>> core::fmt::Debug for Sender<M, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.side.describe(f.debug_struct("Sender"))
    }
}

/// The free part of a ring's slab, lent by [`Sender::space`].
///
/// Nothing is sent before [`commit`](Self::commit). Dropping this sends nothing.
pub struct Space<'s, M: Memory, W: Wait<M::Atomics>> {
    sender: &'s mut Sender<M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Space<'_, M, W> {
    /// How many bytes are free. The receiver may have freed more since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sender.side.available() as usize
    }

    /// Whether the ring is full.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies as many of `bytes` as fit to the start of the free part, and returns how many
    /// that are. Sends nothing yet.
    #[inline]
    pub fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let side = &self.sender.side;
        let len = side.at_most(bytes.len());
        // SAFETY: these parts of the slab are available to us alone.
        unsafe { write::<M>(side.parts(len), bytes) };
        len as usize
    }

    /// Sends the first `len` bytes of the free part; all of it if `len` is more.
    ///
    /// These bytes are sent as they are, whether they were filled or not.
    #[inline]
    pub fn commit(self, len: usize) {
        let side = &mut self.sender.side;
        side.advance(side.at_most(len));
    }
}

/// Fills `parts` with bytes from the start of `bytes`.
///
/// # Safety
/// The parts lie within a slab, nobody else accesses them meanwhile, and `bytes` is at
/// least as long as both together.
#[inline]
unsafe fn write<M: Memory>(parts: Parts<M>, bytes: &[u8]) {
    let [(to, first), (start, second)] = parts;
    // SAFETY: by contract.
    let (head, tail) = unsafe { bytes.split_at_unchecked(first) };
    // SAFETY: by contract.
    unsafe { M::Atomics::write(to, head) };
    if second > 0 {
        // SAFETY: by contract.
        let tail = unsafe { tail.get_unchecked(..second) };
        // SAFETY: by contract.
        unsafe { M::Atomics::write(start, tail) };
    }
}

impl<M: Memory<Atomics: InPlace>, W: Wait<M::Atomics>> Space<'_, M, W> {
    /// The free part as two pieces of memory, each a pointer and a length in bytes: the
    /// piece up to the end of the slab, and the piece that continues at its start (often
    /// empty).
    ///
    /// The pointers are valid for writes as long as this value lives. Do not make
    /// references of them: a hostile peer may write there at the same time.
    #[must_use]
    pub fn parts(&mut self) -> [(*mut u8, usize); 2] {
        let side = &self.sender.side;
        side.parts(side.available())
            .map(|(at, len)| (core::cell::UnsafeCell::raw_get(at), len))
    }
}
