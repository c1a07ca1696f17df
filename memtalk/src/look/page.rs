//! A page's words, decoded from copies of their bytes: [`Page`]. Bytes in, values out.

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{LINE, sender_offset};
use memtalk_ring::look::{RING_BYTES, Ring};
use memtalk_ring::{Capacity, Seat};

use super::state::State;
use crate::lifecycle::content::{self, HEAD};
use crate::lifecycle::os::Content;

/// The bytes at the start of a page that are read in one piece: the header, and the first
/// ring's struct.
pub const START: usize = HEAD + RING_BYTES;

/// Copies of those bytes of a page that are not streams'. Bytes that are not there are 0.
#[derive(Clone, Debug)]
pub struct Bytes {
    /// The start of the page.
    pub start: [u8; START],
    /// The second ring's struct, if there is one.
    pub second: [u8; RING_BYTES],
    /// The size in bytes of the object; of a machine's memory, from the page's first byte on.
    pub size: usize,
    /// Whether the page lies in a machine's memory, which may be larger than the page.
    pub within: bool,
}

/// What they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    content: Content,
    /// The words of the two seats.
    pub seat_words: [u32; 2],
    /// `None` if there is no page, or if these words are impossible.
    pub rings: Option<[Ring; 2]>,
    /// Of its rings; 0 if there is no page.
    pub capacity: u32,
}

impl Bytes {
    /// Where in the page the second ring's struct is, if the page has one.
    #[must_use]
    pub fn second_at(&self) -> Option<u64> {
        let capacity = self.capacity()?.bytes();
        Some(sender_offset(Seat::Second, capacity) as u64)
    }

    fn head(&self) -> [u8; HEAD] {
        std::array::from_fn(|at| self.start[at])
    }

    fn said(&self) -> Snapshot {
        Snapshot::from_bytes(&self.start)
    }

    /// The size of the page in bytes: in a machine's memory, what the page claims, if so much
    /// is there.
    fn page_size(&self) -> usize {
        match self.within {
            true => self.size.min(self.said().size as usize),
            false => self.size,
        }
    }

    fn capacity(&self) -> Option<Capacity> {
        self.said().check(self.page_size()).ok()
    }

    /// Decodes them.
    #[must_use]
    pub fn decode(&self) -> Page {
        let seat_words = content::seat_words(&self.head());
        let capacity = self.capacity();
        Page {
            content: Content::of(&self.head(), self.page_size(), self.within),
            seat_words,
            rings: capacity.and_then(|capacity| self.rings(capacity, seat_words[1] != 0)),
            capacity: capacity.map_or(0, Capacity::bytes),
        }
    }

    fn rings(&self, capacity: Capacity, joined: bool) -> Option<[Ring; 2]> {
        let (mut first, mut second) = (self.start, self.second);
        let first = &mut first[HEAD..];
        if !joined {
            // Whoever joins sets its words to 0. Until then they may hold anything.
            first[LINE..].fill(0);
            second[..LINE].fill(0);
        }
        let rings = [
            Ring::from_bytes(first, capacity),
            Ring::from_bytes(&second, capacity),
        ];
        let [Some(first), Some(second)] = rings else {
            return None;
        };
        Some([first, second])
    }
}

impl Page {
    /// Whether the header says that this is a page.
    #[must_use]
    pub fn is_page(&self) -> bool {
        matches!(self.content, Content::Page { .. })
    }

    /// Whether this is a page with impossible words.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        self.is_page() && self.rings.is_none()
    }

    /// What goes on there, if those of its seats are locked.
    #[must_use]
    pub fn state(&self, locked: [bool; 2]) -> State {
        match self.is_corrupt() {
            true => State::Corrupt,
            false => State::of(self.content, locked),
        }
    }
}
