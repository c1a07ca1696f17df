//! Pseudorandom bytes, so that both sides know from a seed what each byte must be.
//!
//! The bytes are the words of a 64-bit xorshift generator (13, 7, 17), each with its
//! lowest byte first, on machines of either byte order. The generator starts at twice the
//! seed plus `0x9E3779B97F4A7C15`, modulo 2⁶⁴. The first word is the state after one step.

/// The noise of one seed, and how far it was read.
#[derive(Clone, Debug)]
pub struct Noise {
    state: u64,
    /// The bytes of the last word.
    word: [u8; 8],
    /// The number of these that were read, at most 8.
    used: usize,
}

impl Noise {
    /// The noise of `seed`, from its first byte on.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15),
            word: [0; 8],
            used: 8,
        }
    }

    /// Fills `bytes` with the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for (byte, next) in bytes.iter_mut().zip(self) {
            *byte = next;
        }
    }

    /// Compares `bytes` with the next bytes, and returns how many agree before the first that
    /// differs.
    pub fn agrees(&mut self, bytes: &[u8]) -> usize {
        bytes
            .iter()
            .zip(self)
            .take_while(|(byte, next)| *byte == next)
            .count()
    }

    fn step(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

impl Iterator for Noise {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.used >= self.word.len() {
            self.word = self.step().to_le_bytes();
            self.used = 0;
        }
        let byte = self.word.get(self.used).copied();
        self.used += 1;
        byte
    }
}
