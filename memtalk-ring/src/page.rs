//! The page over raw memory: initialise it, attach to it, take its ends.
//!
//! # The hand-over
//! The creator writes the [claim](crate::layout::CLAIM), then everything else,
//! then the [magic number](crate::layout::MAGIC) with release ordering. Whoever
//! attaches reads the magic number with acquire ordering before anything else.
//! So nobody sees a half-initialised page, and memory whose creator died
//! half-way can be told from memory that is somebody else's.
//!
//! # Trust
//! Size and capacity are read once, checked against the memory that is really
//! there, and kept privately. A peer that changes them later changes nothing.

use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use crate::atomics::{Atomics, Native};
use crate::cursor::Capacity;
use crate::layout::{
    CLAIM, Header, LINE, MAGIC, RingHeader, SEATED, VERSION, capacity_of, ring_offset, slab_offset,
};
use crate::memory::Memory;
use crate::order::site;
use crate::side::{Receiving, Sending, mourn};
use crate::wait::Wait;
use crate::word::State;
use crate::{Receiver, Sender};

/// Memory that holds a page, for as long as the value lives: a mapping, a static
/// buffer, the window of a device.
///
/// # Safety
/// As long as the value (or a clone of it) lives, `base` returns the same
/// address, aligned to 64 bytes and valid for reads and writes of `size` bytes,
/// and `size` returns the same number. Nobody in this process accesses that
/// memory but through pages on it.
pub unsafe trait Region: Clone {
    /// Address of the first byte.
    fn base(&self) -> NonNull<u8>;

    /// Size in bytes.
    fn size(&self) -> usize;
}

/// A region that somebody else keeps alive: a `static`, a device window.
#[derive(Clone, Copy, Debug)]
pub struct RawRegion {
    base: NonNull<u8>,
    size: usize,
}

impl RawRegion {
    /// The `size` bytes at `base`.
    ///
    /// # Safety
    /// What [`Region`] asks for, for as long as any page or end on this region
    /// is in use.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>, size: usize) -> Self {
        Self { base, size }
    }
}

// SAFETY: whoever called `new` has promised it.
unsafe impl Region for RawRegion {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn size(&self) -> usize {
        self.size
    }
}

// SAFETY: an address and a number; every access through them is atomic, or to
// slab bytes that one end owns.
unsafe impl Send for RawRegion {}
// SAFETY: as above.
unsafe impl Sync for RawRegion {}

/// One of the two places in a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// How a peer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It closed both its ends: both streams are complete.
    Complete,
    /// It ended both, but said that it gave up on one.
    GaveUp,
    /// It left an end open.
    Died,
}

/// Why memory is not a page that we can talk through. Nothing was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageError {
    /// Its size is not a multiple of 64 in the range of a page, or its address
    /// is not aligned to 64: the size in bytes.
    BadMemory(usize),
    /// It is claimed, but its creator has not finished (or died over it).
    Unfinished,
    /// It carries the magic number of a machine of the other byte order.
    ByteOrder,
    /// It does not carry the magic number: somebody else's memory.
    NotAPage,
    /// It has another version of the layout: this one.
    Version(u32),
    /// It says that it is this large, in bytes, and that is not so; or its
    /// capacity does not follow from its size.
    Size(u32),
}

impl core::fmt::Display for PageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BadMemory(size) => write!(f, "{size} bytes of memory cannot hold a page"),
            Self::Unfinished => f.write_str("the page was never fully initialised"),
            Self::ByteOrder => f.write_str("the page is from a machine of the other byte order"),
            Self::NotAPage => f.write_str("the memory does not carry memtalk's magic number"),
            Self::Version(version) => {
                write!(f, "the page has layout version {version}, not {VERSION}")
            }
            Self::Size(size) => write!(
                f,
                "the page says that it has {size} bytes, which it has not"
            ),
        }
    }
}

impl core::error::Error for PageError {}

/// What a page says of itself, loaded once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The magic number.
    pub magic: u32,
    /// The claim.
    pub claim: u32,
    /// The layout version.
    pub version: u32,
    /// The size of the page in bytes.
    pub size: u32,
    /// The bytes in one slab.
    pub capacity: u32,
}

impl Snapshot {
    /// Loads it from shared words, the magic number first.
    pub fn load<A: Atomics>(header: &Header<A>) -> Self {
        let identity = &header.identity;
        Self {
            magic: A::load::<site::LoadMagic>(&identity.magic),
            claim: A::load::<site::HeaderLoad>(&identity.claim),
            version: A::load::<site::HeaderLoad>(&identity.version),
            size: A::load::<site::HeaderLoad>(&identity.size),
            capacity: A::load::<site::HeaderLoad>(&identity.capacity),
        }
    }

    /// Reads it from the first bytes of a page, in the machine's byte order;
    /// missing bytes count as 0.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = bytes
            .chunks_exact(4)
            .map(|word| word.try_into().map_or(0, u32::from_ne_bytes));
        let mut next = || words.next().unwrap_or(0);
        Self {
            magic: next(),
            claim: next(),
            version: next(),
            size: next(),
            capacity: next(),
        }
    }

    /// Whether this describes a page in memory of `size` bytes, and then its
    /// capacity.
    ///
    /// # Errors
    /// Every [`PageError`]; each tells what is wrong.
    pub fn check(&self, size: usize) -> Result<Capacity, PageError> {
        let capacity = capacity_of(size).ok_or(PageError::BadMemory(size));
        match self.magic {
            MAGIC => {}
            0 if self.claim == CLAIM => return Err(PageError::Unfinished),
            magic if magic == MAGIC.swap_bytes() => return Err(PageError::ByteOrder),
            _ => return Err(PageError::NotAPage),
        }
        if self.version != VERSION {
            return Err(PageError::Version(self.version));
        }
        if self.size as usize != size || self.capacity != capacity? {
            return Err(PageError::Size(self.size));
        }
        Capacity::new(self.capacity).ok_or(PageError::Size(self.size))
    }
}

/// Writes all words of a page of `size` bytes, the claim first and the magic
/// number last. Nobody else may be using the page.
pub fn write_words<A: Atomics>(
    header: &Header<A>,
    rings: [&RingHeader<A>; 2],
    size: u32,
    capacity: Capacity,
) {
    let identity = &header.identity;
    A::store::<site::HeaderStore>(&identity.claim, CLAIM);
    A::store::<site::HeaderStore>(&identity.magic, 0);
    A::store::<site::HeaderStore>(&identity.version, VERSION);
    A::store::<site::HeaderStore>(&identity.size, size);
    A::store::<site::HeaderStore>(&identity.capacity, capacity.bytes());
    for seat in &header.seats.taken {
        A::store::<site::HeaderStore>(seat, 0);
    }
    for line in rings
        .iter()
        .flat_map(|ring| [&ring.sender.index, &ring.receiver.index])
    {
        A::store::<site::HeaderStore>(line, 0);
    }
    for line in rings
        .iter()
        .flat_map(|ring| [&ring.sender.want, &ring.receiver.want])
    {
        A::store::<site::HeaderStore>(line, 0);
    }
    A::store::<site::PublishMagic>(&identity.magic, MAGIC);
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

    /// Marks a seat as taken.
    pub fn take_seat(&self, seat: Seat) {
        Native::store::<site::TakeSeat>(self.seat_word(seat), SEATED);
    }

    /// Whether a seat is taken, or was: the word outlives whoever sat there.
    #[must_use]
    pub fn is_taken(&self, seat: Seat) -> bool {
        Native::load::<site::LookAtSeat>(self.seat_word(seat)) != 0
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
        W: Wait<Native> + Clone,
    {
        // SAFETY: the caller is the only one at this seat.
        let sender = unsafe { Sender::new(self.memory(seat.index()), wait.clone()) };
        // SAFETY: the only one to receive what the peer sends.
        let receiver = unsafe { Receiver::new(self.memory(seat.peer().index()), wait) };
        (sender, receiver)
    }

    /// Speaks for the peer at `seat`, which is gone: marks what it left open as
    /// failed, wakes who waits for it, and tells how it went.
    ///
    /// Call it when the peer cannot write any more, and only then: an index word
    /// has one writer at a time.
    pub fn mourn<W: Wait<Native>>(&self, seat: Seat, wait: &W) -> Departure {
        let sending = mourn::<Sending, _, _>(&self.memory(seat.index()), wait);
        let receiving = mourn::<Receiving, _, _>(&self.memory(seat.peer().index()), wait);
        match (sending, receiving) {
            (Some(State::Closed), Some(State::Closed)) => Departure::Complete,
            (Some(State::Open), _) | (_, Some(State::Open)) => Departure::Died,
            _ => Departure::GaveUp,
        }
    }

    fn memory(&self, which: usize) -> PageRing<R> {
        PageRing {
            page: self.clone(),
            which,
        }
    }

    fn header(&self) -> &Header<Native> {
        // SAFETY: the region is aligned, lives as long as `self`, and is larger
        // than a header, which consists of atomics and padding.
        unsafe { self.region.base().cast().as_ref() }
    }

    fn ring(&self, which: usize) -> &RingHeader<Native> {
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
    type Atomics = Native;

    #[inline]
    fn header(&self) -> &RingHeader<Native> {
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
