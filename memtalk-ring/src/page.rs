//! The page over raw memory: initialise it, attach to it, take its ends.
//!
//! Size and capacity are read once, checked against the memory that is really
//! there, and kept privately. A peer that changes them later changes nothing.

pub mod header;
pub mod layout;
pub(crate) mod region;
pub(crate) mod seat;
pub mod sit_down;

use self::header::{PageError, Snapshot, clear_words, write_words};
use self::layout::{Header, LEFT, capacity_of};
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

/// A page, initialised, of a size that is known to be right.
///
/// # What its ends rely on
/// An end stands whatever another program writes. But where this program uses both ends of
/// a ring, they rely on each other's index, and what could spoil that is `unsafe`. (What
/// this program does through another mapping of the same memory counts as another
/// program's.) No end relies on the seats, or on what the page says of itself.
#[derive(Clone, Debug)]
pub struct Page<R: PageMemory> {
    region: R,
    capacity: Capacity,
}

impl<R: PageMemory> Page<R> {
    /// Makes a page of `region`, whatever it held before, with `first` at its first
    /// seat. Nobody else may be using it, but for a process at the second seat of
    /// what this party itself initialised before: see [`sit_down`](Self::sit_down).
    ///
    /// # Errors
    /// [`PageError::BadMemory`] if the region cannot hold a page; nothing is
    /// written then.
    ///
    /// # Safety
    /// From now on, this program uses no end that it took in this memory before. Dropping
    /// an end that is not over is a use.
    pub unsafe fn initialise(region: R, first: Presence) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        // SAFETY: by contract.
        unsafe { page.write(first) };
        Ok(page)
    }

    /// Attaches to the page in `region`.
    ///
    /// # Errors
    /// Every [`PageError`]; nothing is written.
    pub fn attach(region: R) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        Snapshot::load(page.header()).check(page.size())?;
        Ok(page)
    }

    /// The page in `region`, whatever that says of itself: for who knows that it is
    /// one, seen at another address perhaps. Nothing is read or written.
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

    /// The memory that it is in.
    #[must_use]
    pub fn region(&self) -> &R {
        &self.region
    }

    /// The size of each ring.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// The word of a seat: 0 while it is free.
    #[must_use]
    pub fn seat_word(&self, seat: Seat) -> Watched<'_, R::Atomics> {
        Watched::new(self.word_of(seat))
    }

    /// Takes the second seat: the first sees that its peer is there. The caller has
    /// made sure that the seat is free.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn join(&self, presence: Presence) {
        // SAFETY: by contract.
        unsafe { self.join_by(|_| self.say(Seat::Second, presence)) }
    }

    /// The same for a process, which takes the seat by a system call: `take` gets the
    /// seat's word. Before, the words that the second writes are set to 0, in place of
    /// what somebody may have left there after the page was initialised.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn join_by<T>(&self, take: impl FnOnce(Watched<'_, R::Atomics>) -> T) -> T {
        clear_words([&self.ring(1).sender, &self.ring(0).receiver]);
        take(self.seat_word(Seat::Second))
    }

    /// Leaves the second seat, where a process sat that touches the page no more:
    /// whoever is first, and [outside](crate::page::sit_down), may initialise it again then. Does
    /// nothing if that has been done meanwhile: somebody else may be about to sit down.
    pub fn leave(&self)
    where
        R::Atomics: CompareExchange,
    {
        let word = self.word_of(Seat::Second);
        R::Atomics::compare_exchange::<site::LeaveSeat>(word, Presence::PROCESS.word(), LEFT);
    }

    /// Whether the page was initialised again since we took the second seat. If not,
    /// all that was read before this call was of our talk. To be asked before we
    /// [leave](Self::leave).
    #[must_use]
    pub fn was_restarted(&self) -> bool {
        R::Atomics::fence::<site::NoticeFence>();
        self.is_free(Seat::Second)
    }

    /// Writes the word of our seat: says what has changed since we took it. What was
    /// not silent must not become so.
    pub fn say(&self, seat: Seat, presence: Presence) {
        R::Atomics::store::<site::TakeSeat>(self.word_of(seat), presence.word());
    }

    /// Whether nobody has sat at this seat since the page was initialised. Who sits
    /// first waits for the second until this is false: a process may have come, and
    /// have [left](crate::page::layout::LEFT) already.
    #[must_use]
    pub fn is_free(&self, seat: Seat) -> bool {
        self.seat_value(seat) == 0
    }

    /// What the word of a seat holds: to [sleep](Wait::sleep) until it changes.
    #[must_use]
    pub fn seat_value(&self, seat: Seat) -> u32 {
        R::Atomics::load::<site::LookAtSeat>(self.word_of(seat))
    }

    /// Who sits at a seat, or did: the word may outlive whoever sat there. `None` while
    /// nobody has, and when a process has [left](crate::page::layout::LEFT) it.
    #[must_use]
    pub fn presence(&self, seat: Seat) -> Option<Presence> {
        Presence::from_word(self.seat_value(seat))
    }

    /// The ends of whoever sits at `seat`.
    ///
    /// # Safety
    /// - While these ends are used, this program uses no others of this seat: two senders
    ///   would write to the same bytes.
    /// - If it uses ends of the other seat meanwhile, each pair is the first at its seat, in
    ///   any program, since the page was [initialised](Self::initialise) or, at the second
    ///   seat, [joined](Self::join); and no other program writes to the page.
    pub unsafe fn ends<W>(
        &self,
        seat: Seat,
        wait: W,
    ) -> (Sender<PageRing<R>, W>, Receiver<PageRing<R>, W>)
    where
        W: Wait<R::Atomics> + Clone,
    {
        // SAFETY: by contract; initialising and joining set words to 0.
        let sender = unsafe { Sender::new(self.memory(seat.index()), wait.clone()) };
        // SAFETY: as above.
        let receiver = unsafe { Receiver::new(self.memory(seat.peer().index()), wait) };
        (sender, receiver)
    }

    /// Wakes whoever sleeps until something changes at `seat`, without a change.
    pub fn wake<W: Wait<R::Atomics>>(&self, seat: Seat, wait: &W) {
        wait.wake(Watched::new(&self.ring(seat.index()).sender.index));
        wait.wake(Watched::new(&self.ring(seat.peer().index()).receiver.index));
    }

    /// Speaks for the peer at `seat`, which is gone: see [`Departure::mourn`].
    ///
    /// # Safety
    /// If this program uses ends of the other seat, now or later, it uses those of `seat`
    /// no more, and what it did with them happened before.
    pub unsafe fn mourn<W: Wait<R::Atomics>>(&self, seat: Seat, wait: &W) -> Departure {
        let (sent, received) = (self.memory(seat.index()), self.memory(seat.peer().index()));
        // SAFETY: by contract.
        unsafe { Departure::mourn(&sent, &received, wait) }
    }

    pub(crate) fn size(&self) -> usize {
        self.region.bytes()
    }

    /// Writes all words, as of a page with `first` at its first seat.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub(crate) unsafe fn write(&self, first: Presence) {
        // `capacity_of` has seen to it that a size fits 32 bits.
        #[expect(clippy::cast_possible_truncation)]
        let size = self.size() as u32;
        let rings = [self.ring(0), self.ring(1)];
        write_words(self.header(), rings, size, self.capacity, first);
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
        // SAFETY: as above, and the capacity is what followed from the size.
        unsafe { self.region.ring(which, self.capacity) }
    }
}

/// One of the two rings of a page.
#[derive(Clone, Debug)]
pub struct PageRing<R: PageMemory> {
    page: Page<R>,
    /// 0 or 1.
    which: usize,
}

// SAFETY: the memory promises that it stays the same, and the capacity is a private
// number.
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
