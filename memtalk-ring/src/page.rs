//! [`Page`]: initialise a page of shared memory or attach to it, take a seat, take its ends.
//!
//! Size and capacity are read once, checked against the memory that is really
//! there, and kept privately. If a peer changes them later, that has no effect.

pub mod header;
pub mod layout;
pub mod look;
pub(crate) mod region;
pub(crate) mod seat;
pub mod sit_down;

use self::header::{PageError, Snapshot, clear_words, write_words};
use self::layout::{Header, LEFT, OUTSIDE, SEATED, WAITING, capacity_of};
use self::region::PageMemory;
use self::seat::{Presence, Seat};
use crate::atomics::{Atomics, CompareExchange};
use crate::order::site;
use crate::ring::capacity::Capacity;
use crate::ring::departure::Departure;
use crate::ring::header::RingHeader;
use crate::ring::memory::{Byte, Memory};
use crate::ring::receiver::Receiver;
use crate::ring::sender::Sender;
use crate::wait::{Wait, Watched};

/// A page of shared memory: two seats and two rings, one ring each way.
///
/// A clone is another handle on the same memory.
///
/// # What its ends rely on
/// Whatever another program writes into the page, an end stays sound. But if this program
/// uses both ends of a ring, each relies on the other's index. Calls that could break this
/// are `unsafe`. (What this program does through another mapping of the same memory counts
/// as another program's doing.) No end relies on the seat words or on the page's header.
#[derive(Clone, Debug)]
pub struct Page<R: PageMemory> {
    region: R,
    capacity: Capacity,
}

impl<R: PageMemory> Page<R> {
    /// Initialises a page in `region`, whatever that held before, with `first` at its first
    /// seat.
    ///
    /// Nobody else may be using the memory, with one exception: a party may still sit at
    /// the second seat of a page that this party initialised here before. See
    /// [`sit_down`](crate::page::sit_down).
    ///
    /// # Errors
    /// [`PageError::BadMemory`] if the region cannot hold a page. Nothing is written then.
    ///
    /// # Safety
    /// From now on, this program uses no end that it took in this memory before. Dropping
    /// an end that is still open counts as a use.
    pub unsafe fn initialise(region: R, first: Presence) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        // SAFETY: by contract.
        unsafe { page.write(first, false) };
        Ok(page)
    }

    /// As [`initialise`](Self::initialise), for a process, where a page was before whose first
    /// party was a process, too. A party outside may still sit at the second seat, and not know
    /// yet that its talk is over. If so, only a party outside can take that seat: the next one
    /// knows that this one has gone.
    ///
    /// # Errors
    /// As for [`initialise`](Self::initialise).
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn renew(region: R) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        let second = page.seat_value(Seat::Second);
        // SAFETY: by contract.
        unsafe { page.write(Presence::PROCESS, second & (OUTSIDE | LEFT) == OUTSIDE) };
        Ok(page)
    }

    /// Attaches to the page that somebody has initialised in `region`. Writes nothing, and
    /// takes no seat.
    ///
    /// # Errors
    /// Every [`PageError`] except [`PageError::Taken`].
    pub fn attach(region: R) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        Snapshot::load(page.header()).check(page.size())?;
        Ok(page)
    }

    /// Wraps `region` without a look at its header, for callers that know it holds a page (a
    /// second mapping, for example). Reads and writes nothing.
    ///
    /// # Errors
    /// [`PageError::BadMemory`] if the region cannot hold a page.
    pub fn over(region: R) -> Result<Self, PageError> {
        let bad = PageError::BadMemory(region.bytes());
        if !region.is_aligned() {
            return Err(bad);
        }
        let capacity = capacity_of(region.bytes())
            .and_then(Capacity::new)
            .ok_or(bad)?;
        Ok(Self { region, capacity })
    }

    /// The memory that holds the page.
    #[must_use]
    pub fn region(&self) -> &R {
        &self.region
    }

    /// How many bytes each ring holds when it is full.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// The word of a seat, to wait for a change or to give to the operating system.
    /// [`seat_value`](Self::seat_value) reads it.
    #[must_use]
    pub fn seat_word(&self, seat: Seat) -> Watched<'_, R::Atomics> {
        Watched::new(self.word_of(seat))
    }

    /// Takes the second seat: the first party sees then that its peer is there. The caller
    /// has made sure that the seat is free.
    ///
    /// First sets the words that the second party writes to 0, since somebody may have
    /// written there after the page was initialised.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn join(&self, presence: Presence) {
        // SAFETY: by contract.
        unsafe { self.join_by(|_| self.say(Seat::Second, presence)) }
    }

    /// Like [`join`](Self::join), for a process that takes the seat by a system call. `take`
    /// gets the word of the second seat and writes it. Returns what `take` returns.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn join_by<T>(&self, take: impl FnOnce(Watched<'_, R::Atomics>) -> T) -> T {
        clear_words([&self.ring(1).sender, &self.ring(0).receiver]);
        take(self.seat_word(Seat::Second))
    }

    /// Leaves the second seat, for a process that will not touch the page any more. The
    /// first party, if it is [outside](crate::page::sit_down), may then initialise the page
    /// again.
    ///
    /// Does nothing if the page was initialised again meanwhile, because somebody else may
    /// be about to sit down.
    pub fn leave(&self)
    where
        R::Atomics: CompareExchange,
    {
        let word = self.word_of(Seat::Second);
        R::Atomics::compare_exchange::<site::LeaveSeat>(word, Presence::PROCESS.word(), LEFT);
    }

    /// Leaves a seat, for a party that will not touch the page any more: at the first seat, or
    /// outside. (A process at the second seat [leaves](Self::leave) in one atomic step.) What
    /// it has not done by then, its peer takes as given up.
    ///
    /// Does nothing at the second seat if the page was initialised again since.
    pub fn stand(&self, seat: Seat, presence: Presence) {
        if seat == Seat::First || !self.was_restarted() {
            R::Atomics::store::<site::Stand>(self.word_of(seat), presence.left());
        }
    }

    /// Begins the talk, at the first seat, once somebody has come to the second: tells it that
    /// we have noticed it. Or earlier, for a first party that never looks.
    pub fn begin(&self) {
        let word = self.word_of(Seat::First);
        R::Atomics::store::<site::Begin>(word, self.seat_value(Seat::First) & !WAITING);
    }

    /// Whether the talk of the party at `seat` has begun. The first party's has once somebody
    /// has come. The second's, if one of the two is outside, has once the first says so: until
    /// then the first may have died before anybody came.
    #[must_use]
    pub fn beginning(&self, seat: Seat) -> Beginning {
        if seat == Seat::First {
            return match self.is_free(Seat::Second) {
                true => Beginning::Awaited,
                false => Beginning::Begun,
            };
        }
        let first = self.seat_value(Seat::First);
        match (self.was_restarted(), first & SEATED, first & WAITING) {
            (true, ..) | (_, 0, _) => Beginning::Lost,
            (_, _, 0) => Beginning::Begun,
            _ => Beginning::Awaited,
        }
    }

    /// Whether the page has been initialised again since we took the second seat.
    /// If not, everything that was read before this call belongs to our talk. Call it
    /// before you [leave](Self::leave).
    #[must_use]
    pub fn was_restarted(&self) -> bool {
        R::Atomics::fence::<site::NoticeFence>();
        self.is_free(Seat::Second)
    }

    /// Whether the word of our seat is still the one that we wrote. A party outside asks this
    /// where its memory may go away: a device that is switched off or moved reads as zeros or
    /// ones. If so, everything that was read before this call was there, and belongs to our talk.
    #[must_use]
    pub fn is_ours(&self, seat: Seat, presence: Presence) -> bool {
        R::Atomics::fence::<site::NoticeFence>();
        self.seat_value(seat) & !WAITING == presence.word()
    }

    /// Writes the word of our seat, to tell the peer what has changed since we took it. A
    /// party that is not silent must not become silent, because the peer may sleep already.
    pub fn say(&self, seat: Seat, presence: Presence) {
        R::Atomics::store::<site::TakeSeat>(self.word_of(seat), presence.word());
    }

    /// Whether nobody has sat at this seat since the page was initialised. The first party
    /// waits until this is `false` for the second seat. By then a process may have come and
    /// [left](crate::page::layout::LEFT) already. A party outside that has left does not count:
    /// if it was there when the talk began, the first party knows.
    #[must_use]
    pub fn is_free(&self, seat: Seat) -> bool {
        let word = self.seat_value(seat);
        word & SEATED == 0 && word & (LEFT | OUTSIDE) != LEFT
    }

    /// Loads the word of a seat: 0 while it is free. A caller that [sleeps](Wait::sleep)
    /// until the word changes passes this value.
    #[must_use]
    pub fn seat_value(&self, seat: Seat) -> u32 {
        R::Atomics::load::<site::LookAtSeat>(self.word_of(seat))
    }

    /// Who sits at a seat, or sat there: the word may outlive the party. `None` while nobody
    /// has sat there, and after a process has [left](crate::page::layout::LEFT).
    #[must_use]
    pub fn presence(&self, seat: Seat) -> Option<Presence> {
        Presence::from_word(self.seat_value(seat))
    }

    /// Takes the two ends of the party at `seat`: its sender, and its receiver. Both streams
    /// are at their start, and `wait` is how the ends wait. Call it once for each seat of a
    /// talk. At the first seat, [begin](Self::begin) first, unless both are in this program.
    ///
    /// # Safety
    /// - While these ends are in use, this program uses no other ends of this seat: two
    ///   senders would write to the same bytes.
    /// - If this program uses ends of the other seat meanwhile, no other program writes to
    ///   the page, and each of the two pairs is the first pair that was taken at its seat, by
    ///   any program, since the page was [initialised](Self::initialise) or, at the second
    ///   seat, [joined](Self::join).
    pub unsafe fn ends<W>(
        &self,
        seat: Seat,
        wait: W,
    ) -> (Sender<PageRing<R>, W>, Receiver<PageRing<R>, W>)
    where
        W: Wait<R::Atomics> + Clone,
    {
        // SAFETY: by contract. Initialising and joining have set the words to 0.
        let sender = unsafe { Sender::new(self.memory(seat.index()), wait.clone()) };
        // SAFETY: as above.
        let receiver = unsafe { Receiver::new(self.memory(seat.peer().index()), wait) };
        (sender, receiver)
    }

    /// The index words that the peer of `seat` writes: the one that the seat's sender waits
    /// for, and the one that its receiver does. For a thread that waits in a task's place
    /// ([`Receiver::poll_wait`]).
    #[must_use]
    pub fn peers_words(&self, seat: Seat) -> [Watched<'_, R::Atomics>; 2] {
        [
            Watched::new(&self.ring(seat.index()).receiver.index),
            Watched::new(&self.ring(seat.peer().index()).sender.index),
        ]
    }

    /// Wakes whoever sleeps on an index word of the party at `seat`, although the word has
    /// not changed. Whoever is woken looks again.
    pub fn wake<W: Wait<R::Atomics>>(&self, seat: Seat, wait: &W) {
        let [receiver, sender] = self.peers_words(seat.peer());
        wait.wake(sender);
        wait.wake(receiver);
    }

    /// Speaks for the party at `seat`, which is gone: marks the ends that it left open as
    /// failed, wakes whoever waits for them, and returns how it left. See
    /// [`Departure::mourn`], also for when to call it.
    ///
    /// # Safety
    /// If this program uses ends of the other seat, now or later, it does not use those of
    /// `seat` any more, and its last use of them happened before this call.
    pub unsafe fn mourn<W: Wait<R::Atomics>>(&self, seat: Seat, wait: &W) -> Departure {
        let (sent, received) = (self.memory(seat.index()), self.memory(seat.peer().index()));
        // SAFETY: by contract.
        unsafe { Departure::mourn(&sent, &received, wait) }
    }

    pub(crate) fn size(&self) -> usize {
        self.region.bytes()
    }

    /// Writes all words of a fresh page with `first` at its first seat. If it is `kept`, only a
    /// party outside may take the second.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub(crate) unsafe fn write(&self, first: Presence, kept: bool) {
        // `over` has checked by `capacity_of` that the size fits 32 bits.
        #[expect(clippy::cast_possible_truncation)]
        let size = self.size() as u32;
        let rings = [self.ring(0), self.ring(1)];
        write_words(self.header(), rings, size, self.capacity, first, kept);
    }

    fn memory(&self, which: usize) -> PageRing<R> {
        PageRing {
            page: self.clone(),
            which,
        }
    }

    fn word_of(&self, seat: Seat) -> &<R::Atomics as Atomics>::Word {
        &self.header().seats.taken[seat.index()]
    }

    pub(crate) fn header(&self) -> &Header<R::Atomics> {
        // SAFETY: `over` has checked address and size.
        unsafe { self.region.header() }
    }

    fn ring(&self, which: usize) -> &RingHeader<R::Atomics> {
        // SAFETY: as above, and the capacity follows from the size.
        unsafe { self.region.ring(which, self.capacity) }
    }
}

/// Whether a talk has begun: [`Page::beginning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Not yet: the peer has to come, or to notice us.
    Awaited,
    /// It has.
    Begun,
    /// It never will. The first party has left, or somebody has initialised the page again: sit
    /// down again.
    Lost,
}

/// One of the two rings of a [`Page`]: the memory that its sender and its receiver use.
#[derive(Clone, Debug)]
pub struct PageRing<R: PageMemory> {
    page: Page<R>,
    /// 0 for the ring that the first party sends on, 1 for the second's.
    which: usize,
}

// SAFETY: `PageMemory` promises that words and slab stay the same, and the capacity is a
// private number.
unsafe impl<R: PageMemory> Memory for PageRing<R> {
    type Atomics = R::Atomics;

    #[inline]
    unsafe fn header(&self) -> &RingHeader<R::Atomics> {
        self.page.ring(self.which)
    }

    #[inline]
    fn slab(&self) -> *const Byte<Self> {
        // SAFETY: as for its ring struct.
        unsafe { self.page.region.slab(self.which, self.page.capacity) }
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        self.page.capacity
    }
}
