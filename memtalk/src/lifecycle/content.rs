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

#[cfg(test)]
mod tests {
    use memtalk_ring::layout::{CLAIM, Identity, MAGIC, VERSION};

    use super::*;

    const SIZE: usize = 4096;

    /// The first bytes of memory with these words.
    fn head(words: &[(usize, u32)]) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        for (at, word) in words {
            head[*at..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        head
    }

    /// A page of one process, and its seat words.
    fn page(first: u32, second: u32) -> Content {
        let capacity = capacity_of(SIZE).unwrap();
        let at = offset_of!(Header<Native>, identity);
        let words = [
            (at + offset_of!(Identity<Native>, magic), MAGIC),
            (at + offset_of!(Identity<Native>, claim), CLAIM),
            (at + offset_of!(Identity<Native>, version), VERSION),
            (
                at + offset_of!(Identity<Native>, size),
                u32::try_from(SIZE).unwrap(),
            ),
            (at + offset_of!(Identity<Native>, capacity), capacity),
            (SEATS_AT, first),
            (SEATS_AT + 4, second),
        ];
        Content::of(&head(&words), SIZE, false)
    }

    #[test]
    fn a_page_says_who_sits_at_it_and_who_has_left() {
        let who = |outside, silent| Presence { outside, silent };
        let firsts = [
            (1, who(false, false), false),
            (3, who(true, false), false),
            (5, who(false, true), false),
            (7, who(true, true), false),
            (8, who(false, false), true),
            (10, who(true, false), true),
            // Bit 3 says nothing where somebody sits, and what a word may not be is a process.
            (9, who(false, false), false),
            (0, who(false, false), false),
        ];
        let seconds = [
            (0, None, false, false),
            (2, None, false, true),
            (1, Some(who(false, false)), false, false),
            (3, Some(who(true, false)), false, false),
            (5, Some(who(false, true)), false, false),
            (7, Some(who(true, true)), false, false),
            (8, Some(who(false, false)), true, false),
            (10, Some(who(true, false)), true, false),
            (9, Some(who(false, false)), false, false),
            (32, Some(who(false, false)), false, false),
        ];
        for (first_word, first, over) in firsts {
            for (second_word, second, left, kept) in seconds {
                for waiting in [0, WAITING] {
                    // A party outside that left before the talk began was never there.
                    let (second, left) = match (waiting, second_word) {
                        (WAITING, 10) => (None, false),
                        _ => (second, left),
                    };
                    let expected = Content::Page {
                        first,
                        over,
                        second,
                        left,
                        kept,
                    };
                    let words = (first_word | waiting, second_word);
                    assert_eq!(page(words.0, words.1), expected, "{words:?}");
                }
            }
        }
    }

    #[test]
    fn memory_without_a_page_may_become_one_if_it_is_zeros_and_large_enough() {
        let at = |field| offset_of!(Header<Native>, identity) + field;
        let claimed = |claim| head(&[(at(offset_of!(Identity<Native>, claim)), claim)]);
        let foreign = head(&[(at(offset_of!(Identity<Native>, magic)), 1)]);
        let zeros = [0; HEAD];
        for tenant in [false, true] {
            let of = |head: [u8; HEAD], size| Content::of(&head, size, tenant);
            assert_eq!(
                of(claimed(CLAIM), SIZE),
                Content::Unfinished { outside: false }
            );
            assert_eq!(
                of(claimed(CLAIM_OUTSIDE), SIZE),
                Content::Unfinished { outside: true }
            );
            let not_a_page = PageError::NotAPage;
            assert_eq!(of(zeros, SIZE), Content::Unclaimed(not_a_page));
            assert_eq!(of(foreign, SIZE), Content::Foreign(not_a_page));
            assert_eq!(of(claimed(1), SIZE), Content::Foreign(not_a_page));
            // A tenant does not know how large its page will be.
            assert_eq!(
                of(zeros, SIZE + 1),
                match tenant {
                    true => Content::Unclaimed(not_a_page),
                    false => Content::Foreign(not_a_page),
                }
            );
        }
        let empty = |tenant| Content::of(&zeros, 0, tenant);
        assert_eq!(empty(false), Content::Unclaimed(PageError::BadMemory(0)));
        assert_ne!(empty(true), Content::Unclaimed(PageError::BadMemory(0)));
    }
}
