//! The index word of one end of a ring: its index, and whether that end is over.
//!
//! The index and the state share one 32-bit word, so that both change in one store. No
//! reader ever sees the end of a stream without the last bytes before it. A process that
//! sleeps on the word (a futex compares it) cannot sleep through the end.
//!
//! | bits | meaning |
//! | --- | --- |
//! | 0 to 29 | the index, `0..2 * capacity` |
//! | 30 | failed: this end gave up, and the stream is incomplete |
//! | 31 | closed: in a tail, the stream ends here; in a head, all of it was delivered |

/// Bit 30 of an index word: this end gave up, and the stream is incomplete.
pub const FAILED: u32 = 1 << 30;

/// Bit 31 of an index word, closed. In a tail: the stream ends at this index. In a head:
/// the stream was delivered, up to and including its end.
pub const CLOSED: u32 = 1 << 31;

/// Whether an end is still open, and how it ended if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// More may follow.
    Open = 0,
    /// The sender ended its stream, or the receiver confirmed all of it.
    Closed = CLOSED,
    /// This end gave up before the stream was complete.
    Failed = FAILED,
}

/// Packs an index and a state into an index word.
pub(crate) const fn encode(index: u32, state: State) -> u32 {
    debug_assert!(index & (CLOSED | FAILED) == 0);
    index | state as u32
}

/// Unpacks an index word. `None` if it has both flags, which no end ever writes. The index
/// is not checked here, because that takes the other end's index.
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
    fn a_word_decodes_to_the_index_and_the_state_that_were_encoded() {
        for state in [State::Open, State::Closed, State::Failed] {
            for index in [0, 1, 2 * Capacity::MAX - 1] {
                assert_eq!(decode(encode(index, state)), Some((index, state)));
            }
        }
    }

    #[test]
    fn a_word_with_both_flags_is_refused() {
        assert_eq!(decode(CLOSED | FAILED), None);
        assert_eq!(decode(u32::MAX), None);
    }
}
