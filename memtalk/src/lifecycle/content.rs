//! What the first bytes of an object say: [`Content`] from bytes.

use std::mem::offset_of;

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{
    CLAIM_OUTSIDE, Header, LEFT, OUTSIDE, SEATED, SILENT, WAITING, capacity_of,
};
use memtalk_ring::{Native, PageError, Presence};

use super::os::Content;

/// The bytes at the start of a page that say what it is: the identity and the seats.
pub(crate) const HEAD: usize = size_of::<Header<Native>>();

/// The offset of the seat words in it, in bytes.
const SEATS_AT: usize = offset_of!(Header<Native>, seats);

/// The seat words, the first's and the second's.
pub(crate) fn seat_words(head: &[u8; HEAD]) -> [u32; 2] {
    [0, 4].map(|at| {
        let word = head[SEATS_AT + at..].first_chunk();
        word.map_or(0, |&word| u32::from_ne_bytes(word))
    })
}

impl Content {
    /// What `head` says in memory of `size` bytes. A `tenant` does not know how large the
    /// memory of a page is that is yet to be initialised.
    pub(crate) fn of(head: &[u8; HEAD], size: usize, tenant: bool) -> Self {
        let said = Snapshot::from_bytes(head);
        let [first, second] = seat_words(head);
        // Any value that does not say otherwise counts as a process.
        let sat = |word| Presence {
            outside: word & OUTSIDE != 0,
            silent: word & SILENT != 0,
        };
        let has_left = |word| word & (SEATED | LEFT) == LEFT;
        // A party outside that left before the talk began was never there.
        let never_began = first & WAITING != 0 && has_left(second) && second & OUTSIDE != 0;
        let second = if never_began { 0 } else { second };
        match said.check(size) {
            Ok(_) => Self::Page {
                first: sat(first),
                over: has_left(first),
                second: (!matches!(second, 0 | OUTSIDE)).then(|| sat(second)),
                left: has_left(second),
                kept: second == OUTSIDE,
            },
            Err(PageError::Unfinished) => Self::Unfinished {
                outside: said.claim == CLAIM_OUTSIDE,
            },
            Err(_) if size == 0 && !tenant => Self::Unclaimed(PageError::BadMemory(size)),
            Err(reason @ PageError::NotAPage)
                if (said.magic, said.claim) == (0, 0)
                    && (tenant || capacity_of(size).is_some()) =>
            {
                Self::Unclaimed(reason)
            }
            Err(reason) => Self::Foreign(reason),
        }
    }
}
