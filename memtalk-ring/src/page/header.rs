//! What a page says of itself, and whether that can be believed.
//!
//! The creator writes everything else, then the [magic
//! number](crate::page::layout::MAGIC) with release ordering. Whoever attaches reads the
//! magic number with acquire ordering before anything else. So nobody sees a
//! half-initialised page.
//!
//! A process writes the [claim](crate::page::layout::CLAIM) before anything else, so that
//! memory whose creator died half-way can be told from memory that is somebody
//! else's. A party outside leaves the claim 0: see [`sit_down`](crate::page::sit_down).

use super::layout::{CLAIM, Header, MAGIC, VERSION, capacity_of};
use super::seat::Presence;
use crate::atomics::Atomics;
use crate::order::site;
use crate::ring::capacity::Capacity;
use crate::ring::header::{Line, RingHeader};

/// Why memory is not a page that we can talk through. Nothing was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    /// Two sit there already.
    Taken,
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
            Self::Taken => f.write_str("both seats of the page are taken"),
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

/// Writes all words of a page of `size` bytes with `first` at its first seat, the
/// magic number last.
///
/// Nobody else may be using the page, but for a process at the second seat of what the
/// page was before. Whatever that reads of what is written here, or later, it finds its
/// seat free afterwards.
pub fn write_words<A: Atomics>(
    header: &Header<A>,
    rings: [&RingHeader<A>; 2],
    size: u32,
    capacity: Capacity,
    first: Presence,
) {
    let identity = &header.identity;
    let claim = if first.outside { 0 } else { CLAIM };
    let [first_seat, second_seat] = &header.seats.taken;
    A::store::<site::HeaderStore>(&identity.magic, 0);
    A::store::<site::HeaderStore>(second_seat, 0);
    A::fence::<site::RestartFence>();
    A::store::<site::HeaderStore>(&identity.claim, claim);
    A::store::<site::HeaderStore>(&identity.version, VERSION);
    A::store::<site::HeaderStore>(&identity.size, size);
    A::store::<site::HeaderStore>(&identity.capacity, capacity.bytes());
    A::store::<site::HeaderStore>(first_seat, first.word());
    clear_words(
        rings
            .into_iter()
            .flat_map(|ring| [&ring.sender, &ring.receiver]),
    );
    A::store::<site::PublishMagic>(&identity.magic, MAGIC);
}

/// Sets the words of these lines to 0. Nobody else writes to them.
pub fn clear_words<'l, A: Atomics>(lines: impl IntoIterator<Item = &'l Line<A>>) {
    for line in lines {
        A::store::<site::HeaderStore>(&line.index, 0);
        A::store::<site::HeaderStore>(&line.want, 0);
    }
}
