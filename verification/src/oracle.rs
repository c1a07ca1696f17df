//! What a ring should do: a queue with a capacity.
//!
//! Streams carry a fixed pattern, byte `i` of the stream being [`byte`]`(i)`, so
//! a byte that is lost, doubled or out of place shows wherever it happens.

/// Byte `i` of every stream. The period is prime, so that it is no multiple of a
/// capacity.
#[must_use]
pub fn byte(i: usize) -> u8 {
    // Less than 251.
    #[expect(clippy::cast_possible_truncation)]
    {
        (i % 251) as u8
    }
}

/// The queue: bytes that were sent and not received, all known by their number.
#[derive(Clone, Debug)]
pub struct Oracle {
    capacity: usize,
    sent: usize,
    received: usize,
}

impl Oracle {
    /// An empty queue.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            sent: 0,
            received: 0,
        }
    }

    /// How many bytes can be received.
    #[must_use]
    pub fn used(&self) -> usize {
        self.sent - self.received
    }

    /// How many bytes can be sent.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - self.used()
    }

    /// The next `len` bytes to send.
    #[must_use]
    pub fn next(&self, len: usize) -> Vec<u8> {
        (self.sent..self.sent + len).map(byte).collect()
    }

    /// `len` bytes were sent.
    ///
    /// # Panics
    /// If there was no room for them.
    pub fn send(&mut self, len: usize) {
        assert!(len <= self.free(), "{len} bytes sent into {}", self.free());
        self.sent += len;
    }

    /// The next `len` bytes to come, without taking them.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn peek(&self, len: usize) -> Vec<u8> {
        assert!(len <= self.used(), "{len} bytes of {}", self.used());
        (self.received..self.received + len).map(byte).collect()
    }

    /// `len` bytes were received.
    ///
    /// # Panics
    /// If there were not so many.
    pub fn receive(&mut self, len: usize) {
        assert!(len <= self.used(), "{len} bytes of {}", self.used());
        self.received += len;
    }
}
