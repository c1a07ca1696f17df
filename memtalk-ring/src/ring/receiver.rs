//! The receiving end of a ring.

use super::memory::Memory;
use super::protocol::{Parts, Receiving, Side};
use super::word::State;
use crate::atomics::{Atomics, InPlace};
use crate::error::Error;
use crate::wait::{Spin, Wait};

/// The receiving end of a ring: takes bytes out, and confirms the stream.
///
/// - [`receive`](Self::receive) copies what is there and returns at once.
/// - [`filled`](Self::filled) gives the filled part of the slab itself, to be
///   used in place and released.
/// - [`wait`](Self::wait) waits for a byte or the end of the stream,
///   [`close`](Self::close) confirms that all of it was delivered.
///
/// A receiver that is dropped before [`close`](Self::close) has given up: the
/// sender gets [`Error::PeerFailed`], and no certificate of delivery.
///
/// Meanwhile the sender may do anything: what is filled stays filled, and the
/// peer can add to it only.
pub struct Receiver<M: Memory, W: Wait<M::Atomics> = Spin> {
    side: Side<Receiving, M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Receiver<M, W> {
    /// The receiving end of the ring in `memory`, at index 0.
    ///
    /// # Safety
    /// - While this receiver is used, this program uses no other of this ring: one would
    ///   release bytes that the other still reads.
    /// - If it uses a sender of the ring meanwhile, the ring's words were 0 before either
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

    /// Copies as many bytes as are there and fit to the start of `bytes`, and
    /// releases them, the first of them while it copies the others. Returns their
    /// number; 0 if nothing is there (for now, or
    /// for good: [`at_end`](Self::at_end) tells).
    ///
    /// # Errors
    /// [`Error::PeerFailed`] if the sender gave up and all that it committed was
    /// received, [`Error::Corrupt`] if the page makes no sense,
    /// [`Error::Ended`] after [`close`](Self::close) or [`fail`](Self::fail).
    #[inline]
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let len = bytes.len();
        let mut copy = |at: usize, parts| {
            // SAFETY: a place in `bytes`, at most its length.
            let rest = unsafe { bytes.get_unchecked_mut(at..) };
            // SAFETY: parts of the slab that are available to us alone, and no
            // longer than what is left.
            unsafe { read::<M>(parts, rest) };
        };
        if self.side.move_at_once(len, &mut copy) {
            return Ok(len);
        }
        self.receive_in_pieces(len, copy)
    }

    #[inline(never)]
    fn receive_in_pieces(
        &mut self,
        len: usize,
        copy: impl FnMut(usize, Parts<M>),
    ) -> Result<usize, Error> {
        self.check(self.side.piece(len))?;
        Ok(self.side.stream(len, copy))
    }

    /// The filled part of the slab, to be used in place and released. It is
    /// empty while nothing is there.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    #[inline]
    pub fn filled(&mut self) -> Result<Filled<'_, M, W>, Error> {
        self.check(usize::MAX)?;
        Ok(Filled { receiver: self })
    }

    /// Whether receiving may go on; where `enough` is known to be there, without a
    /// look at the peer's cache line.
    #[inline]
    fn check(&mut self, enough: usize) -> Result<(), Error> {
        self.check_open()?;
        if (self.side.available() as usize) < enough {
            self.side.look()?;
        }
        self.check_peer()
    }

    /// Waits until at least one byte is there and returns how many are; 0 means
    /// that the stream has ended and all of it was received.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub fn wait(&mut self) -> Result<usize, Error> {
        self.check_open()?;
        self.side.wait(1)?;
        self.check_peer()?;
        Ok(self.side.available() as usize)
    }

    /// Whether the stream has ended and all of it was received, as far as the
    /// last call has seen.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.side.available() == 0 && self.side.peer() == State::Closed
    }

    /// Confirms the stream: all of it has arrived where it should. This is what
    /// the sender's [`wait_delivered`](crate::Sender::wait_delivered) waits for,
    /// so call it when the bytes are safe, not when they are merely read.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if not [`at_end`](Self::at_end): nothing is confirmed.
    /// [`Error::Ended`] after an earlier `close` or [`fail`](Self::fail).
    pub fn close(&mut self) -> Result<(), Error> {
        self.check_open()?;
        if !self.at_end() {
            return Err(Error::NotAtEnd);
        }
        self.side.end(State::Closed);
        Ok(())
    }

    /// Stops receiving before the end: the sender is told. Returns at once; does
    /// nothing after [`close`](Self::close).
    pub fn fail(&mut self) {
        self.side.end(State::Failed);
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.side.state() {
            State::Open => Ok(()),
            State::Closed | State::Failed => Err(Error::Ended),
        }
    }

    /// What a failed sender committed is received before its failure is.
    fn check_peer(&self) -> Result<(), Error> {
        if self.side.available() == 0 && self.side.peer() == State::Failed {
            return Err(Error::PeerFailed);
        }
        Ok(())
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Drop for Receiver<M, W> {
    fn drop(&mut self) {
        self.fail();
    }
}

impl<M: Memory, W: Wait<M::Atomics>> core::fmt::Debug for Receiver<M, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.side.describe(f.debug_struct("Receiver"))
    }
}

/// The filled part of a ring's slab, handed out by [`Receiver::filled`].
///
/// Nothing is given back before [`release`](Self::release); dropping it changes
/// nothing.
pub struct Filled<'r, M: Memory, W: Wait<M::Atomics>> {
    receiver: &'r mut Receiver<M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Filled<'_, M, W> {
    /// How many bytes are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.side.available() as usize
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies as many bytes as are there and fit to the start of `bytes`, and
    /// returns how many that are.
    #[inline]
    pub fn copy_to(&self, bytes: &mut [u8]) -> usize {
        let side = &self.receiver.side;
        let len = side.at_most(bytes.len());
        // SAFETY: parts of the slab that are available to us alone.
        unsafe { read::<M>(side.parts(len), bytes) };
        len as usize
    }

    /// Gives the first `len` bytes back to the sender, at most all of them.
    #[inline]
    pub fn release(self, len: usize) {
        let side = &mut self.receiver.side;
        side.advance(side.at_most(len));
    }
}

/// Copies all of `parts` to the start of `bytes`, which has room for it.
///
/// # Safety
/// The parts lie within a slab, nobody else accesses them meanwhile, and `bytes`
/// is as long as both together or longer.
#[inline]
unsafe fn read<M: Memory>(parts: Parts<M>, bytes: &mut [u8]) {
    let [(from, first), (start, second)] = parts;
    // SAFETY: by contract.
    let (head, tail) = unsafe { bytes.split_at_mut_unchecked(first) };
    // SAFETY: by contract.
    unsafe { M::Atomics::read(from, head) };
    if second > 0 {
        // SAFETY: by contract.
        let tail = unsafe { tail.get_unchecked_mut(..second) };
        // SAFETY: by contract.
        unsafe { M::Atomics::read(start, tail) };
    }
}

impl<M: Memory<Atomics: InPlace>, W: Wait<M::Atomics>> Filled<'_, M, W> {
    /// The filled part in memory, in this order: up to the end of the slab, and
    /// on from its start (often empty). Valid for reads as long as this value
    /// lives; a hostile peer may write there at the same time, so make no
    /// reference to it.
    #[must_use]
    pub fn parts(&self) -> [(*const u8, usize); 2] {
        let side = &self.receiver.side;
        side.parts(side.available())
            .map(|(at, len)| (core::cell::UnsafeCell::raw_get(at).cast_const(), len))
    }
}
