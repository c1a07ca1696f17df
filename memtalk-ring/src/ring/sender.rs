//! The sending end of a ring.

use super::memory::Memory;
use super::protocol::{Parts, Sending, Side, THE_END};
use super::word::State;
use crate::atomics::{Atomics, InPlace};
use crate::error::Error;
use crate::wait::{Spin, Wait};

/// The sending end of a ring: puts bytes in, and says when the stream ends.
///
/// - [`send`](Self::send) copies as much as fits and returns at once.
/// - [`space`](Self::space) gives the free part of the slab itself, to be filled
///   in place.
/// - [`wait`](Self::wait) waits for free bytes, [`end`](Self::end) marks the end
///   of the stream, [`wait_delivered`](Self::wait_delivered) waits until the
///   receiver confirms all of it.
///
/// A sender that is dropped before [`end`](Self::end) has given up: the receiver
/// gets what was committed, and then [`Error::PeerFailed`] instead of an end of
/// stream. So a panic or an early return is never taken for a complete stream.
///
/// Meanwhile the receiver may do anything: what is free stays free, and the
/// peer can add to it only.
pub struct Sender<M: Memory, W: Wait<M::Atomics> = Spin> {
    side: Side<Sending, M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Sender<M, W> {
    /// The sending end of the ring in `memory`, at index 0.
    ///
    /// # Safety
    /// - While this sender is used, this program uses no other of this ring: two would
    ///   write to the same bytes of the slab.
    /// - If it uses a receiver of the ring meanwhile, the ring's words were 0 before either
    ///   was made, and nobody else writes to the ring.
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

    /// Copies as many bytes of `bytes` as fit into the ring and commits them, the
    /// first of them while it copies the others. Returns their number; 0 if the
    /// ring is full (or `bytes` is empty).
    ///
    /// # Errors
    /// [`Error::PeerFailed`] if the receiver has stopped, [`Error::Corrupt`] if
    /// the page makes no sense, [`Error::Ended`] after [`end`](Self::end).
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let copy = |at, parts| {
            // SAFETY: a place in `bytes`, at most its length.
            let rest = unsafe { bytes.get_unchecked(at..) };
            // SAFETY: parts of the slab that are available to us alone, and no
            // longer than what is left.
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

    /// The free part of the slab, to be filled in place and committed. It is
    /// empty while the ring is full.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    #[inline]
    pub fn space(&mut self) -> Result<Space<'_, M, W>, Error> {
        self.check(usize::MAX)?;
        Ok(Space { sender: self })
    }

    /// Whether sending may go on; where `enough` is known to be free, without a
    /// look at the peer's cache line.
    #[inline]
    fn check(&mut self, enough: usize) -> Result<(), Error> {
        self.check_open()?;
        if (self.side.available() as usize) < enough {
            self.side.look()?;
        }
        self.check_peer()
    }

    /// Waits until at least `want` bytes are free, and returns how many are.
    /// `want` is taken as at least 1 and at most the capacity.
    ///
    /// While waiting on a full ring, wanting half the capacity instead of one
    /// byte saves wake-ups and loses no time: the receiver has the other half to
    /// go on with.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn wait(&mut self, want: usize) -> Result<usize, Error> {
        self.check_open()?;
        let capacity = self.side.capacity();
        // Not `clamp`, which would panic if the capacity were 0.
        let want = u32::try_from(want).map_or(capacity, |want| want.max(1).min(capacity));
        self.side.wait(want)?;
        self.check_peer()?;
        Ok(self.side.available() as usize)
    }

    /// Marks the end of the stream: no byte follows. Returns at once; does
    /// nothing if the stream has ended already.
    pub fn end(&mut self) {
        self.side.end(State::Closed);
    }

    /// Marks the stream as incomplete: no byte follows, and it was not the end.
    /// Returns at once; does nothing if the stream has ended already.
    pub fn fail(&mut self) {
        self.side.end(State::Failed);
    }

    /// Whether the receiver has confirmed the whole stream, up to and including
    /// its end.
    ///
    /// # Errors
    /// [`Error::PeerFailed`] if the receiver stopped before that,
    /// [`Error::Corrupt`] if the page makes no sense, [`Error::Ended`] after
    /// [`fail`](Self::fail).
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

    /// Ends the stream, if that has not been done, and waits until the receiver
    /// confirms all of it.
    ///
    /// # Errors
    /// As for [`delivered`](Self::delivered).
    pub fn wait_delivered(&mut self) -> Result<(), Error> {
        self.end();
        while !self.delivered()? {
            self.side.wait(THE_END)?;
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.side.state() {
            State::Open => Ok(()),
            State::Closed | State::Failed => Err(Error::Ended),
        }
    }

    /// A receiver that is over takes nothing more. It cannot have closed while
    /// we are open: that would have been corrupt.
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

/// The free part of a ring's slab, handed out by [`Sender::space`].
///
/// Nothing is sent before [`commit`](Self::commit); dropping it changes nothing.
pub struct Space<'s, M: Memory, W: Wait<M::Atomics>> {
    sender: &'s mut Sender<M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Space<'_, M, W> {
    /// How many bytes are free.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sender.side.available() as usize
    }

    /// Whether the ring is full.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies as much of `bytes` as fits to the start of the free part and
    /// returns how much that is.
    #[inline]
    pub fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let side = &self.sender.side;
        let len = side.at_most(bytes.len());
        // SAFETY: parts of the slab that are available to us alone.
        unsafe { write::<M>(side.parts(len), bytes) };
        len as usize
    }

    /// Sends the first `len` bytes of the free part, at most all of it.
    #[inline]
    pub fn commit(self, len: usize) {
        let side = &mut self.sender.side;
        side.advance(side.at_most(len));
    }
}

/// Fills `parts` with the first of `bytes`, which are enough.
///
/// # Safety
/// The parts lie within a slab, nobody else accesses them meanwhile, and `bytes`
/// is as long as both together or longer.
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
    /// The free part in memory, in this order: up to the end of the slab, and on
    /// from its start (often empty). Valid for writes as long as this value
    /// lives; a hostile peer may write there at the same time, so make no
    /// reference to it.
    #[must_use]
    pub fn parts(&mut self) -> [(*mut u8, usize); 2] {
        let side = &self.sender.side;
        side.parts(side.available())
            .map(|(at, len)| (core::cell::UnsafeCell::raw_get(at), len))
    }
}
