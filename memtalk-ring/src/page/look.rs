//! What an onlooker sees: a ring's words, decoded from a copy of their bytes.
//!
//! An onlooker takes no seat and has no access to the page: it has bytes that somebody
//! copied for it, with `pread(2)` for example. Nothing here writes, waits or panics, whatever
//! the bytes hold.
//!
//! # A ring that moves
//! The two ends write their words while the bytes are copied. So a copy may hold a head that
//! is younger than its tail, and both may be honest. [`Ring::from_bytes`] calls such a pair
//! impossible, as it calls one that no honest ends ever have. Only if it stays impossible
//! in copy after copy is the page corrupt.

use core::mem::size_of;

use super::layout::{LINE, RingHeader};
use crate::atomics::Native;
use crate::ring::capacity::Capacity;
use crate::ring::word::decode;

pub use crate::ring::protocol::THE_END;
pub use crate::ring::word::State as EndState;

/// The size in bytes of a ring struct, which [`Ring::from_bytes`] decodes.
pub const RING_BYTES: usize = size_of::<RingHeader<Native>>();

/// One end of a ring, as its words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The index of the next byte to be sent or received: less than twice the capacity.
    pub index: u32,
    /// Whether the end is open. A sender that is closed has ended its stream; a receiver that
    /// is closed has confirmed it.
    pub state: EndState,
    /// How many bytes the end sleeps for: free ones for a sender, bytes that were sent for a
    /// receiver. 0 while it is awake, [`THE_END`] while it sleeps until the other end is over.
    pub wants: u32,
}

impl End {
    /// `None` for words that no honest end writes.
    fn from_bytes(line: &[u8], capacity: Capacity) -> Option<Self> {
        let word = |at| Some(u32::from_ne_bytes(*line.get(at..)?.first_chunk()?));
        let (index, state) = decode(word(0)?)?;
        let wants = word(size_of::<u32>())?;
        (wants <= capacity.bytes() || wants == THE_END).then_some(Self {
            index,
            state,
            wants,
        })
    }
}

/// One ring, as its words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The end that writes the tail.
    pub sender: End,
    /// The end that writes the head.
    pub receiver: End,
    /// How many bytes were sent and not received: at most the capacity.
    pub used: u32,
}

impl Ring {
    /// Decodes a copy of a ring struct, [`RING_BYTES`] long, of a page whose rings have this
    /// capacity. `None` if the words cannot be those of two honest ends at one moment: see
    /// [above](self#a-ring-that-moves).
    ///
    /// ```
    /// use memtalk_ring::Capacity;
    /// use memtalk_ring::look::{RING_BYTES, Ring};
    ///
    /// let mut bytes = [0; RING_BYTES];
    /// bytes[..4].copy_from_slice(&700_u32.to_ne_bytes()); // the tail
    /// let capacity = Capacity::new(1856).unwrap();
    /// assert_eq!(Ring::from_bytes(&bytes, capacity).unwrap().used, 700);
    /// bytes[..4].copy_from_slice(&1857_u32.to_ne_bytes());
    /// assert_eq!(Ring::from_bytes(&bytes, capacity), None);
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8], capacity: Capacity) -> Option<Self> {
        let sender = End::from_bytes(bytes.get(..LINE)?, capacity)?;
        let receiver = End::from_bytes(bytes.get(LINE..)?, capacity)?;
        let used = capacity.used(sender.index, receiver.index)?;
        // A receiver confirms a stream only after its end has come.
        let complete = sender.state == EndState::Closed && used == 0;
        (receiver.state != EndState::Closed || complete).then_some(Self {
            sender,
            receiver,
            used,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{End, EndState, RING_BYTES, Ring, THE_END};
    use crate::ring::capacity::Capacity;
    use crate::ring::word::{CLOSED, FAILED};

    /// The ring of these words: tail, the sender's want, head, the receiver's want.
    fn ring([tail, sender, head, receiver]: [u32; 4]) -> Option<Ring> {
        let mut bytes = [0xAA; RING_BYTES];
        for (at, word) in [(0, tail), (4, sender), (64, head), (68, receiver)] {
            bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        Ring::from_bytes(&bytes, Capacity::new(64).unwrap())
    }

    #[test]
    fn words_of_honest_ends_are_told() {
        let end = |index, state, wants| End {
            index,
            state,
            wants,
        };
        assert_eq!(
            ring([3, 0, 127, 1]),
            Some(Ring {
                sender: end(3, EndState::Open, 0),
                receiver: end(127, EndState::Open, 1),
                used: 4,
            })
        );
        assert_eq!(
            ring([70 | CLOSED, THE_END, 70 | CLOSED, 0]),
            Some(Ring {
                sender: end(70, EndState::Closed, THE_END),
                receiver: end(70, EndState::Closed, 0),
                used: 0,
            })
        );
        let failed = ring([70 | FAILED, 0, 6 | FAILED, 0]).unwrap();
        assert_eq!((failed.sender.state, failed.used), (EndState::Failed, 64));
    }

    #[test]
    fn words_that_no_honest_ends_have_at_one_moment_are_impossible() {
        for words in [
            [128, 0, 128, 0],
            [65, 0, 0, 0],
            [0, 0, 1, 0],
            [FAILED | CLOSED, 0, 0, 0],
            [0, 65, 0, 0],
            [0, 0, 0, THE_END - 1],
            [0, 0, CLOSED, 0],
            [1 | CLOSED, 0, CLOSED, 0],
            [FAILED, 0, CLOSED, 0],
        ] {
            assert_eq!(ring(words), None, "{words:?}");
        }
    }

    #[test]
    fn bytes_that_are_missing_make_no_ring() {
        let capacity = Capacity::new(64).unwrap();
        for len in 0..72 {
            assert_eq!(Ring::from_bytes(&[0; RING_BYTES][..len], capacity), None);
        }
    }
}
