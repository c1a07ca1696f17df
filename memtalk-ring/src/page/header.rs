//! The page's header: how it is written, and how it is checked before anything in it is
//! believed.
//!
//! The party that initialises the page writes everything else, then the [magic
//! number](crate::page::layout::MAGIC) with release ordering. Whoever attaches reads the
//! magic number with acquire ordering before anything else. So nobody sees a
//! half-initialised page.
//!
//! A process writes the [claim](crate::page::layout::CLAIM) before it fills in the rest.
//! So memory whose creator died half-way can be told from memory that is somebody else's.
//! A party outside writes [another](crate::page::layout::CLAIM_OUTSIDE), since each kind
//! initialises only what the other has not.

use super::layout::{CLAIM, CLAIM_OUTSIDE, Header, MAGIC, OUTSIDE, VERSION, WAITING, capacity_of};
use super::seat::Presence;
use crate::atomics::Atomics;
use crate::order::site;
use crate::ring::capacity::Capacity;
use crate::ring::header::{Line, RingHeader};

/// Why no talk is possible through this memory.
///
/// Nothing was written to it, except where [`sit_down`](crate::Page::sit_down) says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PageError {
    /// The memory has this size in bytes, and cannot hold a page. Either the size is
    /// not a multiple of 64 from [`MIN_SIZE`](crate::layout::MIN_SIZE) to
    /// [`MAX_SIZE`](crate::layout::MAX_SIZE), or the address is not a multiple of 64.
    BadMemory(usize),
    /// A party has claimed the memory, and has not finished the page: it is still at it, or it
    /// died.
    Unfinished,
    /// The last talk is over, and a process has yet to initialise the page for the next.
    Over,
    /// The magic number was written by a machine of the other byte order.
    ByteOrder,
    /// There is no magic number: the memory is somebody else's, or fresh.
    NotAPage,
    /// The page has this other version of the layout.
    Version(u32),
    /// The page claims this size in bytes. Either the memory has another size, or
    /// the capacity that the page claims does not follow from its size.
    Size(u32),
    /// Both seats are taken.
    Taken,
}

impl core::fmt::Display for PageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BadMemory(size) => write!(f, "{size} bytes of memory cannot hold a page"),
            Self::Unfinished => f.write_str("the page was never fully initialised"),
            Self::Over => f.write_str("the last talk is over, and the next one has not begun"),
            Self::ByteOrder => f.write_str("the page is from a machine of the other byte order"),
            Self::NotAPage => f.write_str("the memory does not carry memtalk's magic number"),
            Self::Version(version) => {
                write!(f, "the page has layout version {version}, not {VERSION}")
            }
            Self::Size(size) => write!(
                f,
                "the page claims {size} bytes, but its memory or its capacity does not match"
            ),
            Self::Taken => f.write_str("both seats of the page are taken"),
        }
    }
}

impl core::error::Error for PageError {}

/// What a page says of itself. It is loaded once, so that a peer cannot change it
/// between the check and the use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// [`MAGIC`], if this is a page.
    pub magic: u32,
    /// [`CLAIM`] or [`CLAIM_OUTSIDE`], if a process or a party outside initialises or
    /// initialised the page.
    pub claim: u32,
    /// The layout version.
    pub version: u32,
    /// The size of the page in bytes.
    pub size: u32,
    /// The size of each slab in bytes.
    pub capacity: u32,
}

impl Snapshot {
    /// Loads it from the shared words of a header, the magic number first.
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

    /// Reads it from the first 20 bytes of a page, in this machine's byte order.
    /// Missing bytes count as 0.
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

    /// Checks that this describes a page in memory of `size` bytes, and returns the
    /// capacity of its rings.
    ///
    /// # Errors
    /// Every [`PageError`] except [`PageError::Taken`]. What the page says is checked
    /// before the size of the memory is.
    pub fn check(&self, size: usize) -> Result<Capacity, PageError> {
        let capacity = capacity_of(size).ok_or(PageError::BadMemory(size));
        match self.magic {
            MAGIC => {}
            0 if matches!(self.claim, CLAIM | CLAIM_OUTSIDE) => return Err(PageError::Unfinished),
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

/// Initialises a page of `size` bytes with `first` at its first seat. Writes the magic
/// number last. If it is `kept`, only a party outside may take the second seat.
///
/// Nobody else may be using the page, with one exception: a party may still sit at the
/// second seat, from the talk before. What it still writes to its own words,
/// [`join`](crate::Page::join) clears. Once it has read anything that is written here or
/// later, it finds its seat free. The order of the stores is the proof:
/// - Before the fence: the magic number becomes 0, so that a page that is left half-written
///   is not taken for a page. The second seat becomes free.
/// - After the fence: everything else. [`RestartFence`](site::RestartFence) here and
///   [`NoticeFence`](site::NoticeFence) in that party make its look at its seat see
///   what was stored before the fence.
/// - Last: the magic number.
pub fn write_words<A: Atomics>(
    header: &Header<A>,
    rings: [&RingHeader<A>; 2],
    size: u32,
    capacity: Capacity,
    first: Presence,
    kept: bool,
) {
    let identity = &header.identity;
    let claim = if first.outside { CLAIM_OUTSIDE } else { CLAIM };
    let nobody = if kept { OUTSIDE } else { 0 };
    let [first_seat, second_seat] = &header.seats.taken;
    A::store::<site::HeaderStore>(&identity.magic, 0);
    A::store::<site::HeaderStore>(second_seat, nobody);
    A::fence::<site::RestartFence>();
    A::store::<site::HeaderStore>(&identity.claim, claim);
    A::store::<site::HeaderStore>(&identity.version, VERSION);
    A::store::<site::HeaderStore>(&identity.size, size);
    A::store::<site::HeaderStore>(&identity.capacity, capacity.bytes());
    A::store::<site::HeaderStore>(first_seat, first.word() | WAITING);
    clear_words(
        rings
            .into_iter()
            .flat_map(|ring| [&ring.sender, &ring.receiver]),
    );
    A::store::<site::PublishMagic>(&identity.magic, MAGIC);
}

/// Sets the index and the want of these lines to 0.
pub fn clear_words<'l, A: Atomics>(lines: impl IntoIterator<Item = &'l Line<A>>) {
    for line in lines {
        A::store::<site::HeaderStore>(&line.index, 0);
        A::store::<site::HeaderStore>(&line.want, 0);
    }
}
