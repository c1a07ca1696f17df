//! Asking ahead: the sender fetches the cache lines that it writes next.
//!
//! A line of the slab that is free lies in the receiver's cache, since the receiver has read
//! it. To write there, the sender's processor has to get it back: a message to the other
//! core, and its answer. By itself, it does so for a few stores at once. So the sender asks
//! for lines before it writes to them, many at once, and once for each. It asks for no line
//! that is not free: the receiver has yet to read it, and would lose it.

use crate::atomics::Atomics;

/// How far it asks ahead of what it writes now, in bytes. (Measured: 512 is less good in
/// a ring of a page; 4,096 is worse than nothing in one of 7 KiB.)
const AHEAD: u32 = 1024;

/// It asks for so many bytes at once, or more: small messages have little time to spare.
const BATCH: u32 = 256;

/// The size of a cache line in bytes. Where lines are larger, it asks too often.
const LINE: usize = 64;

/// How far a sender has asked.
#[derive(Default)]
pub(super) struct Ahead {
    /// It has asked for so many of the available bytes, from its index on.
    asked: u32,
}

impl Ahead {
    /// What to ask for before `len` of the `available` bytes are written: bytes from the first
    /// number on, counted from the index, and as many as the second. `None` if that is not
    /// worth it yet.
    #[inline(always)]
    pub(super) fn next(&mut self, len: u32, available: u32) -> Option<(u32, u32)> {
        let wanted = available.min(len.saturating_add(AHEAD));
        let (from, count) = (self.asked, wanted.saturating_sub(self.asked));
        (count >= BATCH).then(|| {
            self.asked = wanted;
            (from, count)
        })
    }

    /// The index has advanced by so many bytes.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: u32) {
        self.asked = self.asked.saturating_sub(by);
    }
}

/// Asks for the lines of `len` slab bytes from `start` on.
#[inline(always)]
pub(super) fn fetch<A: Atomics>(start: *const A::Byte, len: usize) {
    for at in (0..len).step_by(LINE) {
        A::fetch_to_write(start.wrapping_add(at));
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, Ahead, BATCH};

    #[test]
    fn each_byte_is_asked_for_once_and_in_order() {
        for (len, available) in [(8, 500), (64, 4096), (100, 1000), (256, 1856), (3000, 5000)] {
            let (mut ahead, mut end) = (Ahead::default(), 0);
            for message in 0..100 {
                if let Some((from, count)) = ahead.next(len, available) {
                    assert_eq!(message * len + from, end, "{len} {available}");
                    assert!(count >= BATCH);
                    end += count;
                }
                ahead.advance(len);
            }
            assert!(end >= 99 * len, "{len} {available}");
        }
    }

    #[test]
    fn only_what_is_available_is_asked_for_and_not_too_far_ahead() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.next(10, 300), Some((0, 300)));
        assert_eq!(ahead.next(10, 300), None);
        assert_eq!(ahead.next(10, 300 + BATCH), Some((300, BATCH)));
        assert_eq!(
            ahead.next(10, 5000),
            Some((300 + BATCH, AHEAD + 10 - 300 - BATCH))
        );
        assert_eq!(ahead.next(10, 5000), None);
        assert_eq!(
            ahead.next(u32::MAX, u32::MAX).map(|(from, _)| from),
            Some(AHEAD + 10)
        );
    }

    #[test]
    fn what_was_moved_over_without_asking_is_not_asked_for() {
        let mut ahead = Ahead::default();
        ahead.next(0, 300);
        ahead.advance(500);
        assert_eq!(ahead.next(0, 400), Some((0, 400)));
    }
}
