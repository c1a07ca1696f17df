//! What a ring should do, written so simply that it is right.
//!
//! Every stream is the same: byte `i` of it is [`byte`]`(i)`. So each end knows under any
//! checker which byte comes next. A byte that is lost, doubled or out of place shows where
//! that happens. In tests with one thread, [`Oracle`] also knows how many bytes must fit.

/// Byte `i` of every stream. The period, 251, is prime, so that it is no multiple of a
/// capacity.
#[must_use]
pub fn byte(i: usize) -> u8 {
    // It is less than 251.
    #[expect(clippy::cast_possible_truncation)]
    {
        (i % 251) as u8
    }
}

/// How far one end has come in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    position: usize,
}

impl Stream {
    /// The number of bytes that have passed.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next `len` bytes.
    #[must_use]
    pub fn next(&self, len: usize) -> Vec<u8> {
        (self.position..self.position + len).map(byte).collect()
    }

    /// Takes note that `len` bytes have passed.
    pub fn advance(&mut self, len: usize) {
        self.position += len;
    }

    /// Takes note that these bytes have passed.
    ///
    /// # Panics
    /// If these are not the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        assert_eq!(bytes, self.next(bytes.len()), "at byte {}", self.position);
        self.advance(bytes.len());
    }
}

/// A ring for one thread: a queue of `capacity` bytes.
#[derive(Clone, Debug)]
pub struct Oracle {
    capacity: usize,
    /// What was sent.
    pub sent: Stream,
    /// What was received.
    pub received: Stream,
}

impl Oracle {
    /// An empty ring.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            sent: Stream::default(),
            received: Stream::default(),
        }
    }

    /// The number of bytes that can be received.
    #[must_use]
    pub fn used(&self) -> usize {
        self.sent.position() - self.received.position()
    }

    /// The number of bytes that can be sent.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - self.used()
    }
}
