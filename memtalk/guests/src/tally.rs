//! The number of bytes that have passed, and their checksum.

use core::fmt;

/// A count of bytes with their checksum, FNV-1a of 32 bits. The checksum starts at
/// `0x811C9DC5`. Each byte is combined with it by exclusive or; then it is multiplied by
/// `0x01000193`, modulo 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The number of bytes.
    pub bytes: u64,
    /// Their checksum.
    pub checksum: u32,
}

impl Tally {
    /// The tally of no bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: 0,
            checksum: 0x811C_9DC5,
        }
    }

    /// Takes note of `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        let sum = |sum: u32, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        self.checksum = bytes.iter().fold(self.checksum, sum);
        self.bytes += bytes.len() as u64;
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes checksum {:08x}", self.bytes, self.checksum)
    }
}
