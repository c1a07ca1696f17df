//! What the first bytes of an object say: [`Content`] from bytes.

use std::mem::offset_of;

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{Header, LEFT, capacity_of};
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
        // A process that left, or any other value but 0, counts as a process.
        let sat = |word| Presence::from_word(word).unwrap_or(Presence::PROCESS);
        match said.check(size) {
            Ok(_) => Self::Page {
                first: sat(first),
                second: (second != 0).then(|| sat(second)),
                left: second == LEFT,
            },
            Err(PageError::Unfinished) => Self::Unfinished,
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
