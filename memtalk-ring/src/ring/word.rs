//! The index word: where one end of a ring stands, and whether it has ended.
//!
//! An index and its end state travel in one 32-bit word, so that both change in
//! one store: no reader ever sees an end without the last bytes before it, and
//! a process that sleeps on the word (a futex compares it) cannot sleep through
//! an end.
//!
//! | bits | meaning |
//! | --- | --- |
//! | 0 to 29 | the index, `0..2 * capacity` |
//! | 30 | failed: this end gave up, the stream is incomplete |
//! | 31 | closed: of a tail, end of stream; of a head, all of it was delivered |

/// Bit 30 of an index word: this end gave up and the stream is incomplete.
pub const FAILED: u32 = 1 << 30;

/// Bit 31 of an index word. In a tail: the stream ends at this index. In a
/// head: the stream was delivered up to and including its end.
pub const CLOSED: u32 = 1 << 31;

/// Whether an end still goes on, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum State {
    /// More may follow.
    Open = 0,
    /// A sender's end of stream, or a receiver's confirmation of it.
    Closed = CLOSED,
    /// Gave up before the stream was complete.
    Failed = FAILED,
}

/// Packs an index and a state into an index word.
pub(crate) const fn encode(index: u32, state: State) -> u32 {
    debug_assert!(index & (CLOSED | FAILED) == 0);
    index | state as u32
}

/// Takes an index word apart; `None` if it carries both flags, which no end
/// ever writes. The index is not checked here: that takes the other index.
pub(crate) const fn decode(word: u32) -> Option<(u32, State)> {
    if word < FAILED {
        return Some((word, State::Open));
    }
    let index = word & !(CLOSED | FAILED);
    match word & (CLOSED | FAILED) {
        CLOSED => Some((index, State::Closed)),
        FAILED => Some((index, State::Failed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOSED, FAILED, State, decode, encode};
    use crate::ring::capacity::Capacity;

    #[test]
    fn words_survive_the_round_trip() {
        for state in [State::Open, State::Closed, State::Failed] {
            for index in [0, 1, 2 * Capacity::MAX - 1] {
                assert_eq!(decode(encode(index, state)), Some((index, state)));
            }
        }
    }

    #[test]
    fn an_end_is_either_closed_or_failed() {
        assert_eq!(decode(CLOSED | FAILED), None);
        assert_eq!(decode(u32::MAX), None);
    }
}
