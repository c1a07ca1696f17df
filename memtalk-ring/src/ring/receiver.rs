//! [`Receiver`]: the end of a ring that reads bytes out of it.

use core::task::{Poll, ready};

use super::lag::Lag;
use super::memory::Memory;
use super::protocol::{Parts, Receiving, Side};
use super::word::State;
use crate::atomics::{Atomics, InPlace};
use crate::error::Error;
use crate::wait::{Spin, Wait};

/// The receiving end of a ring, its consumer: reads bytes, and confirms the stream.
///
/// - [`receive`](Self::receive) copies the bytes that are there, without waiting.
/// - [`filled`](Self::filled) lends the filled part of the slab, to be used in place
///   (zero-copy) and released.
/// - [`wait`](Self::wait) waits for a byte or the end of the stream;
///   [`poll_wait`](Self::poll_wait) does so for an asynchronous task.
/// - [`close`](Self::close) confirms that the whole stream was delivered.
///
/// A receiver that is dropped before [`close`](Self::close) has given up: the
/// sender gets [`Error::PeerFailed`], and no certificate of delivery.
///
/// The sender may do anything meanwhile. It can only add bytes to what is filled, never
/// take them back.
pub struct Receiver<M: Memory, W: Wait<M::Atomics> = Spin> {
    side: Side<Receiving, M, W>,
    lag: Lag,
}

impl<M: Memory, W: Wait<M::Atomics>> Receiver<M, W> {
    /// Makes the receiving end of the ring in `memory`, at the start of the stream (index 0).
    /// `wait` is how it waits.
    ///
    /// # Safety
    /// - While this receiver is in use, this program uses no other receiver of this ring: one
    ///   would release bytes that the other still reads.
    /// - If this program uses a sender of the ring meanwhile, the ring's words were 0 before
    ///   either end was made, and nobody else writes to the ring.
    pub unsafe fn new(memory: M, wait: W) -> Self {
        Self {
            side: Side::new(memory, wait),
            lag: Lag::default(),
        }
    }

    /// The number of bytes that the ring holds when it is full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.side.capacity() as usize
    }

    /// The way in which this receiver waits, to change it: its time limit, for example.
    pub fn wait_mut(&mut self) -> &mut W {
        self.side.wait_mut()
    }

    /// Copies the bytes that are there, as many as fit, to the start of `bytes`, and releases
    /// them. Never waits. Returns how many bytes were received: 0 if `bytes` is empty or
    /// nothing is there. [`at_end`](Self::at_end) tells whether that is the end of the
    /// stream, or only nothing yet.
    ///
    /// A long copy is released piece by piece: the sender may fill the first bytes again
    /// while the others are still copied, and what it sends meanwhile is received as well.
    ///
    /// # Errors
    /// - [`Error::PeerFailed`] if the sender gave up, once all that it committed was
    ///   received.
    /// - [`Error::Corrupt`] if the sender's index word is impossible.
    /// - [`Error::Ended`] after [`close`](Self::close) or [`fail`](Self::fail).
    #[inline]
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let len = bytes.len();
        self.lag.asks_for(len);
        let mut copy = |at: usize, parts| {
            // SAFETY: `at` is at most the length of `bytes`.
            let rest = unsafe { bytes.get_unchecked_mut(at..) };
            // SAFETY: these parts of the slab are available to us alone, and together no
            // longer than `rest`.
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

    /// Lends the filled part of the slab, to be used in place and released. It is empty
    /// while the ring is. Never waits.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    #[inline]
    pub fn filled(&mut self) -> Result<Filled<'_, M, W>, Error> {
        self.check(usize::MAX)?;
        Ok(Filled { receiver: self })
    }

    /// Checks that receiving may go on. If `enough` bytes are known to be there, it does not
    /// touch the peer's cache line.
    #[inline]
    fn check(&mut self, enough: usize) -> Result<(), Error> {
        self.check_open()?;
        if (self.side.available() as usize) < enough {
            self.side.look()?;
        }
        self.check_peer()
    }

    /// Waits until at least one byte is there, and returns how many are there. 0 means
    /// that the stream has ended and all of it was received.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive); and [`Error::TimedOut`] if the way to wait gives up.
    pub fn wait(&mut self) -> Result<usize, Error> {
        self.check_open()?;
        if self.side.available() == 0 {
            self.lag.pause();
        }
        let looks = self.side.wait(1)?;
        let there = self.side.available() as usize;
        self.lag.learn(looks, there, self.capacity());
        self.check_peer()?;
        Ok(there)
    }

    /// [`wait`](Self::wait) for an asynchronous task: never blocks. If nothing is there,
    /// calls `register`, and returns [`Poll::Pending`].
    ///
    /// - `register` keeps the task's waker for whoever is told when the sender calls its
    ///   [`Wait::wake`]: for an interrupt handler, by a [`Bell`](crate::Bell), or for
    ///   another thread. That one wakes the waker, and the task calls this again.
    /// - `register` gets the sender's index word as this has seen it. A thread that waits for
    ///   the task, as [`Wait::sleep`] would, waits while
    ///   [the word](crate::Page::peers_words) holds that value. Others need it not.
    /// - Before `Pending` is returned, `register` has been called, and the sender asked for
    ///   a wake-up. The wake-up comes once a byte or the end of the stream is there, or the
    ///   sender has failed. It may come before this returns, and it may come for nothing.
    /// - If the ends do not sleep ([`Wait::SLEEPS`]), or the sender wakes nobody, `register`
    ///   has to arrange that the task calls this again after a while: by a timer, or by
    ///   waking the waker at once.
    /// - *Cancellation:* a task may stop waiting at any time, and use the end in any other
    ///   way. No byte was moved. The request for a wake-up stands until a later call of
    ///   this finds something. Until then the sender may wake for nothing.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use memtalk_ring::{Page, Presence, RawRegion, Seat, Spin};
    /// use core::future::poll_fn;
    /// # use core::task::{Context, Poll, Waker};
    /// # #[repr(align(64))]
    /// # struct Memory([u8; 4096]);
    /// # let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096])))).cast();
    /// # let region = unsafe { RawRegion::new(memory, 4096) };
    /// # let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
    /// # let (mut sender, _) = unsafe { page.ends(Seat::First, Spin) };
    /// # let (_, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
    /// // These ends wake nobody, so the task asks to be polled again at once.
    /// let wait = poll_fn(|task| receiver.poll_wait(|_| task.waker().wake_by_ref()));
    ///
    /// # let mut wait = core::pin::pin!(wait);
    /// # let mut task = Context::from_waker(Waker::noop());
    /// # assert_eq!(wait.as_mut().poll(&mut task), Poll::Pending);
    /// sender.send(b"hello")?;
    /// # use core::future::Future;
    /// # assert_eq!(wait.as_mut().poll(&mut task), Poll::Ready(Ok(5)));
    /// # async {
    /// assert_eq!(wait.await, Ok(5));
    /// # };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub fn poll_wait(&mut self, register: impl FnOnce(u32)) -> Poll<Result<usize, Error>> {
        self.check_open()?;
        ready!(self.side.poll_wait(1, register))?;
        self.check_peer()?;
        Poll::Ready(Ok(self.side.available() as usize))
    }

    /// Whether the stream has ended and all of it was received, as far as the last call has
    /// seen. Does not look at the shared memory itself.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.side.available() == 0 && self.side.peer() == State::Closed
    }

    /// Confirms the stream: all of it has arrived where it should. The sender's
    /// [`wait_delivered`](crate::Sender::wait_delivered) waits for this. So call it when the
    /// bytes are safe, not when they are merely read.
    ///
    /// # Errors
    /// - [`Error::NotAtEnd`] before [`at_end`](Self::at_end): nothing is confirmed then.
    /// - [`Error::Ended`] after an earlier `close` or [`fail`](Self::fail).
    pub fn close(&mut self) -> Result<(), Error> {
        self.check_open()?;
        if !self.at_end() {
            return Err(Error::NotAtEnd);
        }
        self.side.end(State::Closed);
        Ok(())
    }

    /// Gives up: stops receiving before the end of the stream. The sender gets
    /// [`Error::PeerFailed`]. Never waits. Does nothing after [`close`](Self::close) or an
    /// earlier `fail`.
    pub fn fail(&mut self) {
        self.side.end(State::Failed);
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

    /// A sender's failure is reported only after all that it committed was received.
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

/// The filled part of a ring's slab, lent by [`Receiver::filled`].
///
/// Nothing is given back to the sender before [`release`](Self::release). Dropping this
/// releases nothing: the bytes are there the next time.
pub struct Filled<'r, M: Memory, W: Wait<M::Atomics>> {
    receiver: &'r mut Receiver<M, W>,
}

impl<M: Memory, W: Wait<M::Atomics>> Filled<'_, M, W> {
    /// How many bytes are there. The sender may have sent more since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.side.available() as usize
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes that are there, as many as fit, to the start of `bytes`, and returns
    /// how many that are. Releases nothing yet.
    #[inline]
    pub fn copy_to(&self, bytes: &mut [u8]) -> usize {
        let side = &self.receiver.side;
        let len = side.at_most(bytes.len());
        // SAFETY: these parts of the slab are available to us alone.
        unsafe { read::<M>(side.parts(len), bytes) };
        len as usize
    }

    /// Gives the first `len` bytes back to the sender, which may fill them again at once;
    /// all of them if `len` is more.
    #[inline]
    pub fn release(self, len: usize) {
        let side = &mut self.receiver.side;
        side.advance(side.at_most(len));
    }
}

/// Copies all of `parts` to the start of `bytes`.
///
/// # Safety
/// The parts lie within a slab, nobody else accesses them meanwhile, and `bytes` is at
/// least as long as both together.
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
    /// The filled part as two pieces of memory, each a pointer and a length in bytes: the
    /// piece up to the end of the slab, and the piece that continues at its start (often
    /// empty).
    ///
    /// The pointers are valid for reads as long as this value lives. Do not make references
    /// of them: a hostile peer may write there at the same time.
    #[must_use]
    pub fn parts(&self) -> [(*const u8, usize); 2] {
        let side = &self.receiver.side;
        side.parts(side.available())
            .map(|(at, len)| (core::cell::UnsafeCell::raw_get(at).cast_const(), len))
    }
}
