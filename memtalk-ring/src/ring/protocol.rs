//! The protocol of the ring, with its proof.
//!
//! # One machine, used twice
//! The two ends of a ring do the same thing. Each owns an index that only it
//! writes. The bytes from head up to tail are *used*; the rest of the capacity
//! is *free*. The sender turns free bytes into used ones by advancing the tail.
//! The receiver turns used bytes into free ones by advancing the head. An end
//! may advance its index over the bytes that are *available* to it: free bytes
//! for the sender, used bytes for the receiver. [`Side`] is that machine, and
//! [`Role`] says which end it is. [`Sender`](crate::Sender) and
//! [`Receiver`](crate::Receiver) add the copying.
//!
//! # No byte is read before it is written, nor overwritten before it is read
//! 1. *An end knows its own index* and never reads it back from shared memory.
//! 2. *`available` is conservative.* It is computed from the peer's index as
//!    last seen. The peer only ever advances its index, which makes more bytes
//!    available to us, never fewer. Our own advances are subtracted. So at any
//!    time at least `available` bytes really are available, and nobody but us
//!    can change that. This is why a stale view is safe.
//! 3. *Ownership passes with the index.* An end touches only slab bytes that
//!    are available to it. The peer's last access to them came before it
//!    published the index that made them available (release). We saw that index
//!    (acquire) before we touch them. This holds in both directions: a byte is
//!    written before it is read, and read before it is overwritten.
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
//!                                        if that many are there: wake
//! ```
//!
//! [`Wait::sleep`] compares the word and falls asleep in one step. The two fences
//! are in one total order.
//! - *The waiting end's fence comes first.* The publishing end sees the
//!   announcement and wakes. Either the waiting end sleeps already, and is woken.
//!   Or it has yet to compare, finds the word changed, and does not sleep.
//! - *The publishing end's fence comes first.* The comparison sees the new index.
//!
//! SeqCst *accesses* in place of the fences would do only if all four accesses were
//! SeqCst. The comparison is the kernel's, and counts as relaxed.
//!
//! An end may publish several times before it looks at the announcement once
//! ([`Side::notify`]). The argument holds for what was published last, and so for
//! everything before it. A long copy is therefore published piece by piece, so that
//! a peer that is awake can go on meanwhile. It pays for one fence, which takes as
//! long as copying some hundred bytes. A public function that has published looks at
//! the announcement before it returns or waits.
//!
//! A wait may be given up ([`Wait::gives_up`]), but only after a look and outside the
//! pattern: the announcement is retracted by then. So a wake-up that comes too late finds
//! nobody, and the next wait begins as any other.
//!
//! The word cannot wrap around to the value that was seen. The sleeping end's index
//! does not move, so the peer can advance its own by at most one capacity, and there
//! are twice as many indices.
//!
//! The announcement says *how many* bytes are wanted. So a sender that sleeps on a
//! full ring is woken when a good part of it is free, not for each byte. The
//! publishing end compares this with an upper bound on what is available to the
//! peer: the capacity minus its own `available`, which may be stale. An upper bound
//! makes it wake too often rather than too rarely. `n` is at most the capacity, so
//! it is reached once the publishing end has advanced as far as it can. (An end that
//! waits only until its peer's end is over announces [`THE_END`], more than any
//! capacity.)
//!
//! # A task in place of a thread
//! A task that finds too little returns, and is polled again once its waker was woken
//! ([`Side::poll_wait`]). The same fences order it:
//!
//! ```text
//! the waiting task                     the publishing end
//!   register the waker
//!   want := n        (Announce)          index := new    (Publish…), once or more
//!   fence SeqCst     (AnnounceFence)     fence SeqCst    (PublishFence)
//!   look again       (Load…)             look at want    (LoadWant)
//!                                        if that many are there: wake
//! ```
//!
//! The second look takes the place of the comparison. If it finds too little, the other
//! fence comes later: the publishing end sees the announcement, and wakes. Whoever is told
//! of that (an interrupt handler, another thread) wakes the waker, which was registered
//! before. Or it looked for the waker before that was registered. Then what it was told of
//! was published before, and the second look sees it. (This takes a place for the waker
//! that synchronises the two: a [`Bell`](crate::Bell), for example.)
//!
//! The announcement stands when the task has returned. The next wait replaces it. A task
//! that finds enough takes it back. In between the peer may wake for nothing. So a task that
//! is never polled again has done no harm: it has moved no byte, and nobody waits for it.
//!
//! # The end of a stream
//! An end's state shares the word with its index ([`word`](crate::ring::word)). So
//! whoever sees the end of a stream has also seen its last byte, and a process that
//! sleeps on the word cannot sleep through the end. An end that is over always wakes
//! its peer, if that sleeps. A receiver closes only after it has received everything,
//! up to and including the end of the stream: that is the sender's certificate of
//! delivery.
//!
//! # The peer is not trusted
//! The peer's word is loaded once, decoded, checked, and only then used:
//! - It must be a valid index.
//! - At most a capacity may be used.
//! - It must not take back what was available.
//! - A receiver must not confirm a stream before it has received all of it, and
//!   its end.
//!
//! Anything else is [`Error::Corrupt`], for good. Whatever the peer writes, an end
//! accesses only its slab.

use core::task::Poll;

use super::ahead::{self, Ahead};
use super::capacity::Capacity;
use super::header::{Line, RingHeader};
use super::memory::{Byte, Memory};
use super::word::{State, decode, encode};
use crate::atomics::Atomics;
use crate::error::Error;
use crate::order::{Site, site};
use crate::wait::{Wait, Watched};

/// Which of the two ends of a ring: [`Sending`] or [`Receiving`].
pub(crate) trait Role {
    /// The site that stores this end's index word.
    type Publish: Site;
    /// The site that loads the peer's index word.
    type Look: Site;
    /// Whether this end writes to the slab.
    const WRITES: bool;

    /// The cache line that this end writes.
    fn mine<A: Atomics>(ring: &RingHeader<A>) -> &Line<A>;

    /// The cache line that the peer writes.
    fn theirs<A: Atomics>(ring: &RingHeader<A>) -> &Line<A>;

    /// How many bytes are available to this end. `None` if two honest ends never have
    /// these indices.
    fn available(capacity: Capacity, mine: u32, theirs: u32) -> Option<u32>;

    /// Whether an honest peer may have closed its end, while ours is in `state` and
    /// `remaining` bytes of the ring are available to the peer.
    fn may_close(state: State, remaining: u32) -> bool;
}

/// The end that writes the tail and waits for free bytes.
pub(crate) enum Sending {}

impl Role for Sending {
    type Publish = site::PublishTail;
    type Look = site::LoadHead;
    const WRITES: bool = true;

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

    /// A receiver closes only after we have ended the stream, and it has received all.
    fn may_close(state: State, remaining: u32) -> bool {
        state == State::Closed && remaining == 0
    }
}

/// The end that writes the head and waits for used bytes.
pub(crate) enum Receiving {}

impl Role for Receiving {
    type Publish = site::PublishHead;
    type Look = site::LoadTail;
    const WRITES: bool = false;

    fn mine<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.receiver
    }

    fn theirs<A: Atomics>(ring: &RingHeader<A>) -> &Line<A> {
        &ring.sender
    }

    fn available(capacity: Capacity, mine: u32, theirs: u32) -> Option<u32> {
        capacity.used(theirs, mine)
    }

    /// A sender may end its stream at any time.
    fn may_close(_state: State, _remaining: u32) -> bool {
        true
    }
}

/// A piece is the capacity divided by this. A long copy is published piece by piece, so
/// that the peer can copy at the same time.
const PIECES: u32 = 8;

/// But a piece is at least this many bytes: smaller ones cost more in publishing than they
/// save in waiting. Measured: from 128 to 512 bytes, the throughput of a ring of one page is
/// the same. A ring of 64 KiB has half its throughput with pieces of 256 bytes.
const SMALLEST_PIECE: u32 = 256;

/// What an end wants that waits only until its peer's end is over: more than any capacity.
pub const THE_END: u32 = u32::MAX;

/// Consecutive bytes of a ring in its slab, as two parts of a start and a length each: the
/// part up to the end of the slab, and the part that continues at the slab's start.
pub(crate) type Parts<M> = [(*const Byte<M>, usize); 2];

/// The cache line that the end with role `R` writes.
#[inline(always)]
pub(super) fn mine<R: Role, M: Memory>(memory: &M) -> &Line<M::Atomics> {
    // SAFETY: only that end writes there, or `mourn` for it once it is gone.
    R::mine(unsafe { memory.header() })
}

/// The cache line that the peer of that end writes.
#[inline(always)]
fn theirs<R: Role, M: Memory>(memory: &M) -> &Line<M::Atomics> {
    // SAFETY: this is used to read only.
    R::theirs(unsafe { memory.header() })
}

/// One end of a ring: its own index, and what it knows of the peer.
pub(crate) struct Side<R: Role, M: Memory, W> {
    memory: M,
    wait: W,
    capacity: Capacity,
    /// The most bytes that are copied before they are published. At least 1.
    piece: u32,
    /// Our index, as last published.
    index: u32,
    /// Our state, as last published.
    state: State,
    /// How many bytes are available to us at least, at most the capacity. Only our own
    /// moves make it less.
    available: u32,
    ahead: Ahead,
    /// The peer's word as last loaded. `available` and `peer` say what it means.
    seen: u32,
    /// The peer's state. Once it is not `Open`, the word is not loaded again.
    peer: State,
    /// Whether the peer wrote something that no honest peer writes. Stays true.
    corrupt: bool,
    role: core::marker::PhantomData<R>,
}

impl<R: Role, M: Memory, W: Wait<M::Atomics>> Side<R, M, W> {
    /// An end whose index and whose peer's index are 0.
    pub(crate) fn new(memory: M, wait: W) -> Self {
        let capacity = memory.capacity();
        Self {
            memory,
            wait,
            capacity,
            piece: SMALLEST_PIECE.max(capacity.bytes() / PIECES),
            index: 0,
            state: State::Open,
            // Two indices of 0 are possible, so the default is never used.
            available: R::available(capacity, 0, 0).unwrap_or(0),
            ahead: Ahead::default(),
            seen: 0,
            peer: State::Open,
            corrupt: false,
            role: core::marker::PhantomData,
        }
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity.bytes()
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn way_to_wait(&self) -> &W {
        &self.wait
    }

    pub(crate) fn wait_mut(&mut self) -> &mut W {
        &mut self.wait
    }

    /// How many bytes were available at the last [`look`](Self::look), less those that we
    /// moved over since.
    pub(crate) fn available(&self) -> u32 {
        self.available
    }

    /// How many of `len` bytes are copied before they are published.
    #[inline]
    pub(crate) fn piece(&self, len: usize) -> usize {
        len.min(self.piece as usize)
    }

    /// The fast path, for most small messages: moves over exactly `len` bytes in one piece,
    /// without a look at the peer. Calls `copy` as [`stream`](Self::stream) does. If that
    /// is not possible, does nothing and returns `false`.
    #[inline]
    pub(crate) fn move_at_once(&mut self, len: usize, copy: impl FnOnce(usize, Parts<M>)) -> bool {
        let open = self.state == State::Open && self.peer == State::Open;
        let len = match u32::try_from(len) {
            Ok(len @ 1..) if open && len <= self.available.min(self.piece) => len,
            _ => return false,
        };
        self.ask_ahead(len);
        copy(0, self.parts(len));
        self.advance_quietly(len);
        self.notify();
        true
    }

    /// Moves over up to `len` bytes, and publishes each piece as soon as `copy` has copied
    /// it. `copy` gets the piece's offset in the caller's bytes and its two parts in the
    /// slab. Stops when nothing more is available, and returns how many bytes it moved
    /// over. The caller has looked before, if the first piece needs it.
    #[inline]
    pub(crate) fn stream(&mut self, len: usize, mut copy: impl FnMut(usize, Parts<M>)) -> usize {
        let mut done = 0;
        while done < len {
            let wanted = self.piece(len - done);
            // If this look finds an error, the next call returns it.
            if done > 0 && (self.available as usize) < wanted && self.look().is_err() {
                break;
            }
            let piece = self.at_most(wanted);
            if piece == 0 {
                break;
            }
            self.ask_ahead(piece);
            copy(done, self.parts(piece));
            self.advance_quietly(piece);
            done += piece as usize;
        }
        if done > 0 {
            self.notify();
        }
        done
    }

    /// The lesser of `len` and [`available`](Self::available).
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

    /// Loads the peer's word, checks it, and records what it says.
    ///
    /// Not marked `#[inline]`: in code that is optimised for size, seven inlined copies
    /// would make up a third of the ring.
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

    /// What the peer's word means: how many bytes are available to us, and the peer's
    /// state. `None` if no honest peer writes this word.
    #[inline]
    fn judge(&self, word: u32) -> Option<(u32, State)> {
        let (index, peer) = decode(word)?;
        let available = R::available(self.capacity, self.index, index)?;
        let honest = available >= self.available
            && (peer != State::Closed
                || R::may_close(self.state, self.capacity.bytes() - available));
        honest.then_some((available, peer))
    }

    /// Where the first `len` available bytes lie in the slab. `len` is at most
    /// [`available`](Self::available).
    #[inline]
    pub(crate) fn parts(&self, len: u32) -> Parts<M> {
        self.parts_from(self.index, len)
    }

    /// Where `len` bytes from `index` on lie in the slab.
    #[inline]
    fn parts_from(&self, index: u32, len: u32) -> Parts<M> {
        let (first, second) = self.capacity.split(index, len);
        let slab = self.memory.slab();
        let slot = self.capacity.slot(index) as usize;
        // SAFETY: a slot is less than the capacity, for which `slab` is valid.
        let from = unsafe { slab.add(slot) };
        [(from, first as usize), (slab, second as usize)]
    }

    /// Before `len` of the available bytes are written: fetches their cache lines, and those of
    /// the next.
    #[inline(always)]
    fn ask_ahead(&mut self, len: u32) {
        if R::WRITES
            && M::Atomics::FETCHES
            && let Some((from, count)) = self.ahead.next(len, self.available)
        {
            let index = self.capacity.advance(self.index, from);
            for (start, len) in self.parts_from(index, count) {
                ahead::fetch::<M::Atomics>(start, len);
            }
        }
    }

    /// Advances our index by `by` bytes, at most [`available`](Self::available), and
    /// wakes the peer if it waits for them. Does nothing if this end is over.
    #[inline]
    pub(crate) fn advance(&mut self, by: u32) {
        if by > 0 && self.state == State::Open {
            self.advance_quietly(by);
            self.notify();
        }
    }

    /// Advances our index and publishes it. The caller must [`notify`](Self::notify) the
    /// peer afterwards.
    #[inline]
    fn advance_quietly(&mut self, by: u32) {
        debug_assert!(by <= self.available);
        self.index = self.capacity.advance(self.index, by);
        self.available -= by;
        self.ahead.advance(by);
        self.publish(State::Open);
    }

    /// Publishes that this end is over. Does nothing if it was over before.
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

    /// Wakes the peer if it sleeps, and as many bytes as it wants are there now, or this
    /// end is over.
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

    /// Waits until at least `want` bytes are available, or the peer's end is over. `want` is
    /// at most the capacity, or [`THE_END`]. A wait that is given up is content with fewer
    /// bytes, but not with none. Returns how many looks were in vain.
    pub(crate) fn wait(&mut self, want: u32) -> Result<u32, Error> {
        let mut looks = 0_u32;
        loop {
            self.look()?;
            if self.has(want) {
                return Ok(looks);
            }
            looks = looks.saturating_add(1);
            if self.wait.gives_up(looks) {
                return match self.available > 0 && want != THE_END {
                    true => Ok(looks),
                    false => Err(Error::TimedOut),
                };
            }
            if !self.wait.pause(looks) {
                self.sleep(want);
            }
        }
    }

    /// One step of such a wait, for a task: it never blocks. If it finds too little, it
    /// calls `register` with the peer's word as it has seen it, announces what it wants, and
    /// looks again. `register` keeps the task's waker for whoever is told of the peer's
    /// wake-up.
    pub(crate) fn poll_wait(
        &mut self,
        want: u32,
        register: impl FnOnce(u32),
    ) -> Poll<Result<(), Error>> {
        self.look()?;
        if !self.has(want) {
            register(self.seen);
            self.announce(want);
            self.look()?;
            if !self.has(want) {
                return Poll::Pending;
            }
        }
        self.retract();
        Poll::Ready(Ok(()))
    }

    /// Whether at least `want` bytes are available, or the peer's end is over.
    #[inline(always)]
    fn has(&self, want: u32) -> bool {
        self.available >= want || self.peer != State::Open
    }

    /// Asks the peer for a wake-up. A look at the peer's word after this sees what it has
    /// published, or else the peer sees the announcement.
    #[inline]
    fn announce(&self, want: u32) {
        if W::SLEEPS {
            let mine = mine::<R, _>(&self.memory);
            M::Atomics::store::<site::Announce>(&mine.want, want);
            M::Atomics::fence::<site::AnnounceFence>();
        }
    }

    #[inline]
    fn retract(&self) {
        if W::SLEEPS {
            let mine = mine::<R, _>(&self.memory);
            M::Atomics::store::<site::Retract>(&mine.want, 0);
        }
    }

    /// Adds the state of this end to its `Debug` output.
    pub(crate) fn describe(&self, mut f: core::fmt::DebugStruct<'_, '_>) -> core::fmt::Result {
        f.field("capacity", &self.capacity.bytes())
            .field("index", &self.index)
            .field("state", &self.state)
            .field("available", &self.available)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }

    /// Sleeps until the peer wakes us, unless its word has changed since the last look. May
    /// return early.
    fn sleep(&mut self, want: u32) {
        self.announce(want);
        let theirs = theirs::<R, _>(&self.memory);
        self.wait.sleep(Watched::new(&theirs.index), self.seen);
        self.retract();
    }
}
