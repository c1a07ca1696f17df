//! Lagging: a receiver of small messages lets its sender get ahead.
//!
//! A receiver that takes each message as soon as it comes looks at the sender's index word all
//! the time. So each store to that word has to get its line back first, and each message takes
//! as long as a message to the other core and its answer. If the receiver looks a little
//! later, one look finds several messages, and both ends work by themselves for a while. So
//! a receiver that finds several messages soon after it began to look pauses in the next wait
//! before it looks. One that finds a single message, or waits for long, as in a
//! dialogue, does not; nor one that finds half of the ring filled, since its sender
//! may soon have to wait.

/// Most pauses before a look: a microsecond or two.
const MOST: u32 = 60;

/// A wait with more looks in vain is a long one.
const SOON: u32 = 1;

/// What a receiver has learnt.
pub(super) struct Lag {
    /// The pauses before the first look of the next wait, at most [`MOST`].
    pauses: u32,
    /// How many bytes the receiver last asked for: the size of a message.
    message: usize,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            pauses: 0,
            message: usize::MAX,
        }
    }
}

impl Lag {
    /// The receiver asks for so many bytes.
    #[inline(always)]
    pub(super) fn asks_for(&mut self, len: usize) {
        self.message = len;
    }

    /// Lets the sender get ahead.
    pub(super) fn pause(&self) {
        for _ in 0..self.pauses {
            core::hint::spin_loop();
        }
    }

    /// After so many `looks` in vain, `found` bytes were there, in a ring of this capacity.
    pub(super) fn learn(&mut self, looks: u32, found: usize, capacity: usize) {
        let several = looks <= SOON && found > self.message && found < capacity / 2;
        self.pauses = match several {
            true => MOST.min(2 * self.pauses + 1),
            false => self.pauses / 2,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Lag, MOST, SOON};

    const CAPACITY: usize = 1856;

    /// A receiver of messages of 64 bytes.
    fn receiver() -> Lag {
        let mut lag = Lag::default();
        lag.asks_for(64);
        lag
    }

    #[test]
    fn a_receiver_that_keeps_finding_several_messages_at_once_lags_more_and_more() {
        let mut lag = receiver();
        for expected in [1, 3, 7, 15, 31, MOST, MOST] {
            lag.learn(SOON, 65, CAPACITY);
            assert_eq!(lag.pauses, expected);
        }
    }

    #[test]
    fn a_receiver_that_finds_one_message_or_waits_for_long_or_finds_much_lags_less() {
        for (looks, found) in [(0, 64), (SOON + 1, 500), (0, CAPACITY / 2)] {
            let mut lag = receiver();
            lag.learn(0, 500, CAPACITY);
            lag.learn(0, 500, CAPACITY);
            lag.learn(looks, found, CAPACITY);
            assert_eq!(lag.pauses, 1);
            lag.learn(looks, found, CAPACITY);
            assert_eq!(lag.pauses, 0);
        }
    }

    #[test]
    fn a_receiver_that_asks_for_all_that_is_there_does_not_lag() {
        let mut lag = Lag::default();
        lag.learn(0, 500, CAPACITY);
        lag.asks_for(4096);
        lag.learn(0, 500, CAPACITY);
        assert_eq!(lag.pauses, 0);
    }
}
