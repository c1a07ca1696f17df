//! What a ring should do, as something that nobody could get wrong.
//!
//! Every stream is the same: byte `i` of it is [`byte`]`(i)`. So each end can
//! tell by itself, under any checker, whether what it gets comes next, and a
//! byte that is lost, doubled or out of place shows where it happens. Where
//! nothing runs at the same time, [`Oracle`] also tells how much must fit.

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

/// How far one end has come in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    position: usize,
}

impl Stream {
    /// How many bytes have passed.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next `len` bytes.
    #[must_use]
    pub fn next(&self, len: usize) -> Vec<u8> {
        (self.position..self.position + len).map(byte).collect()
    }

    /// `len` bytes have passed.
    pub fn advance(&mut self, len: usize) {
        self.position += len;
    }

    /// These bytes have passed.
    ///
    /// # Panics
    /// If they are not those that come next.
    pub fn take(&mut self, bytes: &[u8]) {
        assert_eq!(bytes, self.next(bytes.len()), "at byte {}", self.position);
        self.advance(bytes.len());
    }
}

/// A ring in which one thing happens at a time.
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

    /// How many bytes can be received.
    #[must_use]
    pub fn used(&self) -> usize {
        self.sent.position() - self.received.position()
    }

    /// How many bytes can be sent.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - self.used()
    }
}
