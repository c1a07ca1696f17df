//! The page over raw memory: initialise it, attach to it, take its ends.
//!
//! Size and capacity are read once, checked against the memory that is really
//! there, and kept privately. A peer that changes them later changes nothing.

use core::sync::atomic::AtomicU32;

use crate::atomics::Atomics;
use crate::cursor::Capacity;
use crate::identity::{PageError, Snapshot, write_words};
use crate::layout::{
    Header, LINE, OUTSIDE, RingHeader, SEATED, SILENT, capacity_of, ring_offset, slab_offset,
};
use crate::memory::Memory;
use crate::order::site;
use crate::region::Region;
use crate::side::Departure;
use crate::wait::Wait;
use crate::{Receiver, Sender};

/// One of the two places in a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seat {
    /// The instance that created the page; it sends on the first ring.
    First,
    /// The instance that joined; it sends on the second ring.
    Second,
}

impl Seat {
    /// The other seat.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// 0 for the first, 1 for the second.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// Who sits at a seat, as the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Presence {
    /// It is outside the operating system that the other side runs on, and holds
    /// none of its locks ([`OUTSIDE`]).
    pub outside: bool,
    /// It wakes nobody, for now ([`SILENT`]).
    pub silent: bool,
}

impl Presence {
    /// A process that sleeps, wakes, and holds its seat's lock.
    pub const PROCESS: Self = Self {
        outside: false,
        silent: false,
    };

    /// A guest or a device that has nothing but the memory.
    pub const DEVICE: Self = Self {
        outside: true,
        silent: true,
    };

    /// As a seat word.
    #[must_use]
    pub const fn word(self) -> u32 {
        let outside = if self.outside { OUTSIDE } else { 0 };
        let silent = if self.silent { SILENT } else { 0 };
        SEATED | outside | silent
    }

    /// From a seat word; `None` if the seat is free, which is any word without
    /// [`SEATED`].
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        if word & SEATED == 0 {
            return None;
        }
        Some(Self {
            outside: word & OUTSIDE != 0,
            silent: word & SILENT != 0,
        })
    }
}

/// A page, initialised, of a size that is known to be right.
#[derive(Clone, Debug)]
pub struct Page<R: Region> {
    region: R,
    capacity: Capacity,
}

impl<R: Region> Page<R> {
    /// Makes a page of `region`, whatever it held before. Nobody else may be
    /// using it.
    ///
    /// # Errors
    /// [`PageError::BadMemory`] if the region cannot hold a page; nothing is
    /// written then.
    pub fn initialise(region: R) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        // `capacity_of` has seen to it that a size fits 32 bits.
        #[expect(clippy::cast_possible_truncation)]
        let size = page.region.size() as u32;
        write_words(
            page.header(),
            [page.ring(0), page.ring(1)],
            size,
            page.capacity,
        );
        Ok(page)
    }

    /// Attaches to the page in `region`.
    ///
    /// # Errors
    /// Every [`PageError`]; nothing is written.
    pub fn attach(region: R) -> Result<Self, PageError> {
        let page = Self::over(region)?;
        Snapshot::load(page.header()).check(page.region.size())?;
        Ok(page)
    }

    fn over(region: R) -> Result<Self, PageError> {
        let bad = PageError::BadMemory(region.size());
        if !region.base().addr().get().is_multiple_of(LINE) {
            return Err(bad);
        }
        let capacity = capacity_of(region.size())
            .and_then(Capacity::new)
            .ok_or(bad)?;
        Ok(Self { region, capacity })
    }

    /// The size of each ring.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// The word of a seat: 0 while it is free.
    #[must_use]
    pub fn seat_word(&self, seat: Seat) -> &AtomicU32 {
        &self.header().seats.taken[seat.index()]
    }

    /// Marks a seat as taken. Again, with another presence: says what has changed
    /// since.
    pub fn take_seat(&self, seat: Seat, presence: Presence) {
        R::Atomics::store::<site::TakeSeat>(self.seat_word(seat), presence.word());
    }

    /// Who sits at a seat, or did: the word outlives whoever sat there. `None`
    /// while it is free.
    #[must_use]
    pub fn presence(&self, seat: Seat) -> Option<Presence> {
        Presence::from_word(R::Atomics::load::<site::LookAtSeat>(self.seat_word(seat)))
    }

    /// The ends of whoever sits at `seat`.
    ///
    /// # Safety
    /// The page was initialised since its rings were last used, and nobody else
    /// takes the ends of this seat: two senders would write to the same bytes.
    pub unsafe fn ends<W>(
        &self,
        seat: Seat,
        wait: W,
    ) -> (Sender<PageRing<R>, W>, Receiver<PageRing<R>, W>)
    where
        W: Wait<R::Atomics> + Clone,
    {
        // SAFETY: the caller is the only one at this seat.
        let sender = unsafe { Sender::new(self.memory(seat.index()), wait.clone()) };
        // SAFETY: the only one to receive what the peer sends.
        let receiver = unsafe { Receiver::new(self.memory(seat.peer().index()), wait) };
        (sender, receiver)
    }

    /// Speaks for the peer at `seat`, which is gone: see [`Departure::mourn`].
    pub fn mourn<W: Wait<R::Atomics>>(&self, seat: Seat, wait: &W) -> Departure {
        let (sent, received) = (self.memory(seat.index()), self.memory(seat.peer().index()));
        Departure::mourn(&sent, &received, wait)
    }

    fn memory(&self, which: usize) -> PageRing<R> {
        PageRing {
            page: self.clone(),
            which,
        }
    }

    fn header(&self) -> &Header<R::Atomics> {
        // SAFETY: the region is aligned, lives as long as `self`, and is larger
        // than a header, which consists of atomics and padding.
        unsafe { self.region.base().cast().as_ref() }
    }

    fn ring(&self, which: usize) -> &RingHeader<R::Atomics> {
        let at = ring_offset(which, self.capacity.bytes());
        // SAFETY: for 0 and 1 the offset lies within the region, as `layout`
        // asserts, and `which` is one of them.
        let ring = unsafe { self.region.base().add(at) };
        // SAFETY: as in `header`.
        unsafe { ring.cast().as_ref() }
    }
}

/// One of the two rings of a page.
#[derive(Clone, Debug)]
pub struct PageRing<R: Region> {
    page: Page<R>,
    /// 0 or 1.
    which: usize,
}

// SAFETY: the region promises that its memory stays the same; offsets and
// capacity are computed from private numbers.
unsafe impl<R: Region> Memory for PageRing<R> {
    type Atomics = R::Atomics;

    #[inline]
    fn header(&self) -> &RingHeader<R::Atomics> {
        self.page.ring(self.which)
    }

    #[inline]
    fn slab(&self) -> *const core::cell::UnsafeCell<u8> {
        let at = slab_offset(self.which, self.page.capacity.bytes());
        // SAFETY: the slab lies within the region, as `layout` asserts.
        let slab = unsafe { self.page.region.base().add(at) };
        slab.as_ptr().cast_const().cast()
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        self.page.capacity
    }
}
