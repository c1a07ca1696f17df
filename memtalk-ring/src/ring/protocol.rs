//! The protocol of the ring, with its proof.
//!
//! # One machine, used twice
//! The two ends of a ring do the same thing. Each owns an index that only it
//! writes. Between the two indices lie the *used* bytes, from head up to tail;
//! the rest of the capacity is *free*. The sender turns free bytes into used
//! ones by moving the tail on, the receiver used ones into free ones by moving
//! the head on. What one end may move over is what is *available* to it: free
//! bytes to the sender, used bytes to the receiver. [`Side`] is that machine;
//! [`Role`] says which end it is. [`Sender`](crate::Sender) and
//! [`Receiver`](crate::Receiver) add the copying.
//!
//! # No byte is read before it is written, nor overwritten before it is read
//! 1. *An end knows its own index* and never reads it back from shared memory.
//! 2. *`available` is conservative.* It is computed from the peer's index as
//!    last seen. The peer only ever moves its index on, which makes more bytes
//!    available to us, never fewer; and our own moves are subtracted. So at any
//!    time at least `available` bytes really are available, and nobody but us
//!    can change that. This is why a stale view is safe.
//! 3. *Ownership passes with the index.* An end touches only slab bytes that
//!    are available to it. The peer touched them last before it published the
//!    index that made them available (release), and we saw that index (acquire)
//!    before we touch them. Both directions: written before read, and read
//!    before overwritten.
//!
//! # No wake-up is lost
//! An end that finds too little available may sleep on the peer's index word.
//! This is Dekker's pattern:
//!
//! ```text
//! the waiting end                      the publishing end
//!   want := n        (Announce)          index := new    (Publish…), once or more
//!   fence SeqCst     (AnnounceFence)     fence SeqCst    (PublishFence)
//!   sleep if index = old                 look at want    (LoadWant)
//!                                        wanted, and there: wake
//! ```
//!
//! [`Wait::sleep`] compares the word and falls asleep in one step. The two
//! fences are in one total order. If the waiting end's comes first, the
//! publishing end sees the announcement and wakes: the waiting end either sleeps
//! already and is woken, or has yet to compare, finds the word changed, and does
//! not sleep. If the publishing end's comes first, the comparison sees the new
//! index. SeqCst *accesses* would do as well only if all four were such. The comparison is
//! the kernel's, and counts as relaxed.
//!
//! An end may publish several times before it looks at the announcement once
//! ([`Side::notify`]): the argument holds for what was published last, and with it
//! for all before. So a long copy is published piece by piece, for a peer that is
//! awake to go on with, and pays for one fence, which takes as long as copying
//! some hundred bytes. No public function returns or waits before it has looked.
//!
//! The word cannot go round and come back to the value that was seen: the
//! sleeping end stands still, so the peer can move its index by at most one
//! capacity, and there are twice as many indices.
//!
//! The announcement says *how many* bytes are wanted, so that a sender that
//! sleeps on a full ring is woken when a good part of it is free, not for each
//! byte. The publishing end compares this with what it knows to be available to
//! the peer *at least as far as it can tell*: capacity minus its own, possibly
//! stale, `available`. That errs upwards, so it wakes too often rather than too
//! rarely. `n` is at most the capacity, so a peer that moves on as far as it can
//! reaches it.
//!
//! # Ends
//! An end state shares the word with the index ([`word`](crate::ring::word)), so
//! whoever sees the end of a stream has also seen its last byte, and a process
//! that sleeps on the word cannot sleep through the end. Ends always wake.
//! A receiver closes only after everything was received up to and including
//! the end of the stream: that is the sender's certificate of delivery.
//!
//! # The peer is not trusted
//! The peer's word is loaded once, decoded, checked, and only then used. It
//! must be a valid index, leave at most a capacity used, and not take back what
//! was available; a receiver must not confirm what it was not sent. Anything
//! else is [`Error::Corrupt`], for good. Whatever the peer writes, an end
//! accesses only its slab.

use super::capacity::Capacity;
use super::header::{Line, RingHeader};
use super::memory::{Byte, Memory};
use super::word::{State, decode, encode};
use crate::atomics::Atomics;
use crate::error::Error;
use crate::order::{Site, site};
use crate::wait::{Wait, Watched};

/// Which of the two ends.
pub(crate) trait Role {
    /// The site that publishes this end's index.
    type Publish: Site;
    /// The site that reads the peer's index.
    type Look: Site;

    /// The cache line that this end writes.
    fn mine<A: Atomics>(ring: &RingHeader<A>) -> &Line<A>;

    /// The cache line that the peer writes.
    fn theirs<A: Atomics>(ring: &RingHeader<A>) -> &Line<A>;

    /// How many bytes are available to this end; `None` if the indices cannot be.
    fn available(capacity: Capacity, mine: u32, theirs: u32) -> Option<u32>;

    /// Whether the peer may be closed while we are in `state` and it has left
    /// `remaining` bytes of the ring to itself.
    fn may_close(state: State, remaining: u32) -> bool;
}

/// The end that writes the tail and waits for free bytes.
pub(crate) enum Sending {}

impl Role for Sending {
    type Publish = site::PublishTail;
    type Look = site::LoadHead;

    fn mine<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.sender
    }

    fn theirs<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.receiver
    }

    fn available(capacity: Capacity, mine: u32, theirs: u32) -> Option<u32> {
        let used = capacity.used(mine, theirs)?;
        Some(capacity.bytes() - used)
    }

    /// A receiver confirms an end that we sent, and not before it took all.
    fn may_close(state: State, remaining: u32) -> bool {
        state == State::Closed && remaining == 0
    }
}

/// The end that writes the head and waits for used bytes.
pub(crate) enum Receiving {}

impl Role for Receiving {
    type Publish = site::PublishHead;
    type Look = site::LoadTail;

    fn mine<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.receiver
    }

    fn theirs<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.sender
    }

    fn available(capacity: Capacity, mine: u32, theirs: u32) -> Option<u32> {
        capacity.used(theirs, mine)
    }

    /// A sender ends its stream when it likes.
    fn may_close(_state: State, _remaining: u32) -> bool {
        true
    }
}

/// What is copied is published piece by piece, so many to a ring, so that the peer can
/// copy at the same time.
const PIECES: u32 = 8;

/// No piece is smaller, in bytes: more publications cost more than they save waiting. From 128 to 512 the throughput of a ring of
/// a page is the same; a ring of 64 KiB moves half with pieces of 256 bytes.
const SMALLEST_PIECE: u32 = 256;

/// Wanted by an end that waits for its peer's end only: more than any capacity.
pub(crate) const THE_END: u32 = u32::MAX;

/// Consecutive bytes of a ring in its slab, each part as its start and its length:
/// up to the end of the slab, and on from its start.
pub(crate) type Parts<M> = [(*const Byte<M>, usize); 2];

/// The cache line that the end with role `R` writes.
#[inline(always)]
pub(super) fn mine<R: Role, M: Memory>(memory: &M) -> &Line<M::Atomics> {
    // SAFETY: only that end writes there, or `mourn` in its name.
    R::mine(unsafe { memory.header() })
}

/// The cache line that its peer writes.
#[inline(always)]
fn theirs<R: Role, M: Memory>(memory: &M) -> &Line<M::Atomics> {
    // SAFETY: nothing is written there.
    R::theirs(unsafe { memory.header() })
}

/// One end of a ring: its own index, and what it knows of the peer.
pub(crate) struct Side<R: Role, M: Memory, W> {
    memory: M,
    wait: W,
    capacity: Capacity,
    /// The most bytes that are copied before they are published.
    piece: u32,
    /// Our index, as last published.
    index: u32,
    /// Our own state, as last published.
    state: State,
    /// At most the capacity. Really available, and only we can take it away.
    available: u32,
    /// The peer's word as last loaded; what it said is in `available` and `peer`.
    seen: u32,
    /// The peer's state. Once it is not `Open`, the word is not looked at again.
    peer: State,
    /// The peer wrote something that no honest peer writes.
    corrupt: bool,
    role: core::marker::PhantomData<R>,
}

impl<R: Role, M: Memory, W: Wait<M::Atomics>> Side<R, M, W> {
    /// An end that stands at index 0, as does its peer.
    pub(crate) fn new(memory: M, wait: W) -> Self {
        let capacity = memory.capacity();
        Self {
            memory,
            wait,
            capacity,
            piece: SMALLEST_PIECE.max(capacity.bytes() / PIECES),
            index: 0,
            state: State::Open,
            // No index of 0 is refused, so the default is never used.
            available: R::available(capacity, 0, 0).unwrap_or(0),
            seen: 0,
            peer: State::Open,
            corrupt: false,
            role: core::marker::PhantomData,
        }
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity.bytes()
    }

    /// Bytes that were available at the last [`look`](Self::look), less those
    /// that we moved over since.
    pub(crate) fn available(&self) -> u32 {
        self.available
    }

    /// How much of `len` bytes is copied before it is published.
    #[inline]
    pub(crate) fn piece(&self, len: usize) -> usize {
        len.min(self.piece as usize)
    }

    /// Moves over exactly `len` bytes, with `copy` as for [`stream`](Self::stream).
    /// Does nothing and returns `false` if that takes more than one piece or a look
    /// at the peer. Most small messages go this way, in few instructions.
    #[inline]
    pub(crate) fn move_at_once(&mut self, len: usize, copy: impl FnOnce(usize, Parts<M>)) -> bool {
        let open = self.state == State::Open && self.peer == State::Open;
        let len = match u32::try_from(len) {
            Ok(len @ 1..) if open && len <= self.available.min(self.piece) => len,
            _ => return false,
        };
        copy(0, self.parts(len));
        self.advance_quietly(len);
        self.notify();
        true
    }

    /// Moves over up to `len` bytes piece by piece, each published as soon as
    /// `copy` has copied it. `copy` gets a piece's place in the caller's bytes and
    /// its two parts in the slab. Ends when nothing more is available, and returns
    /// how many bytes that made. The caller has looked, if it had to.
    #[inline]
    pub(crate) fn stream(&mut self, len: usize, mut copy: impl FnMut(usize, Parts<M>)) -> usize {
        let mut done = 0;
        while done < len {
            let wanted = self.piece(len - done);
            // What a look finds wrong now is for the next call to say.
            if done > 0 && (self.available as usize) < wanted && self.look().is_err() {
                break;
            }
            let piece = self.at_most(wanted);
            if piece == 0 {
                break;
            }
            copy(done, self.parts(piece));
            self.advance_quietly(piece);
            done += piece as usize;
        }
        if done > 0 {
            self.notify();
        }
        done
    }

    /// `len`, or as much of it as is [`available`](Self::available).
    #[inline]
    pub(crate) fn at_most(&self, len: usize) -> u32 {
        u32::try_from(len).map_or(self.available, |len| len.min(self.available))
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn peer(&self) -> State {
        self.peer
    }

    /// Loads the peer's word, checks it, and takes note of what it says.
    ///
    /// Not marked for inlining: where size counts, the seven places that call it would
    /// make up a third of the ring.
    pub(crate) fn look(&mut self) -> Result<(), Error> {
        if self.corrupt {
            return Err(Error::Corrupt);
        }
        if self.peer != State::Open {
            return Ok(());
        }
        let theirs = theirs::<R, _>(&self.memory);
        self.seen = M::Atomics::load::<R::Look>(&theirs.index);
        match self.judge(self.seen) {
            Some((available, peer)) => {
                self.available = available;
                self.peer = peer;
                Ok(())
            }
            None => {
                self.corrupt = true;
                Err(Error::Corrupt)
            }
        }
    }

    /// What a word of the peer means, or `None` if no honest peer writes it.
    #[inline]
    fn judge(&self, word: u32) -> Option<(u32, State)> {
        let (index, peer) = decode(word)?;
        let available = R::available(self.capacity, self.index, index)?;
        let honest = available >= self.available
            && (peer != State::Closed
                || R::may_close(self.state, self.capacity.bytes() - available));
        honest.then_some((available, peer))
    }

    /// Where the first `len` available bytes lie: up to the end of the slab, and
    /// on from its start. `len` is at most [`available`](Self::available).
    #[inline]
    pub(crate) fn parts(&self, len: u32) -> Parts<M> {
        let (first, second) = self.capacity.split(self.index, len);
        let slab = self.memory.slab();
        let slot = self.capacity.slot(self.index) as usize;
        // SAFETY: a slot is less than the capacity, for which `slab` is valid.
        let from = unsafe { slab.add(slot) };
        [(from, first as usize), (slab, second as usize)]
    }

    /// Moves our index on by `by` bytes, at most [`available`](Self::available).
    #[inline]
    pub(crate) fn advance(&mut self, by: u32) {
        if by > 0 && self.state == State::Open {
            self.advance_quietly(by);
            self.notify();
        }
    }

    /// The same, and leaves it to the caller to [`notify`](Self::notify) the peer.
    #[inline]
    fn advance_quietly(&mut self, by: u32) {
        debug_assert!(by <= self.available);
        self.index = self.capacity.advance(self.index, by);
        self.available -= by;
        self.publish(State::Open);
    }

    /// Publishes that this end is over. Only the first end counts.
    pub(crate) fn end(&mut self, how: State) {
        if self.state == State::Open {
            self.state = how;
            self.publish(how);
            self.notify();
        }
    }

    #[inline]
    fn publish(&self, state: State) {
        let mine = mine::<R, _>(&self.memory);
        M::Atomics::store::<R::Publish>(&mine.index, encode(self.index, state));
    }

    /// Wakes the peer if it sleeps and what it wants was published.
    #[inline]
    fn notify(&self) {
        if !W::SLEEPS {
            return;
        }
        M::Atomics::fence::<site::PublishFence>();
        let theirs = theirs::<R, _>(&self.memory);
        let want = M::Atomics::load::<site::LoadWant>(&theirs.want);
        let there = self.capacity.bytes() - self.available;
        if want != 0 && (there >= want || self.state != State::Open) {
            let mine = mine::<R, _>(&self.memory);
            self.wait.wake(Watched::new(&mine.index));
        }
    }

    /// Waits until at least `want` bytes are available or the peer has ended.
    /// `want` is at most the capacity, or [`THE_END`].
    pub(crate) fn wait(&mut self, want: u32) -> Result<(), Error> {
        let mut looks = 0_u32;
        loop {
            self.look()?;
            if self.available >= want || self.peer != State::Open {
                return Ok(());
            }
            looks = looks.saturating_add(1);
            if !self.wait.pause(looks) {
                self.sleep(want);
            }
        }
    }

    /// Completes the `Debug` output of an end.
    pub(crate) fn describe(&self, mut f: core::fmt::DebugStruct<'_, '_>) -> core::fmt::Result {
        f.field("capacity", &self.capacity.bytes())
            .field("index", &self.index)
            .field("state", &self.state)
            .field("available", &self.available)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }

    /// Sleeps until the peer publishes, unless it did since the last look.
    fn sleep(&mut self, want: u32) {
        let mine = mine::<R, _>(&self.memory);
        let theirs = theirs::<R, _>(&self.memory);
        M::Atomics::store::<site::Announce>(&mine.want, want);
        M::Atomics::fence::<site::AnnounceFence>();
        self.wait.sleep(Watched::new(&theirs.index), self.seen);
        M::Atomics::store::<site::Retract>(&mine.want, 0);
    }
}
