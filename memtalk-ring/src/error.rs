//! What can go wrong at an end of a ring.

/// Why an end of a ring cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The peer gave up or died: the stream is incomplete. A receiver has
    /// received all that was committed before.
    PeerFailed,
    /// The peer's words cannot come from an honest peer. The stream is
    /// incomplete, and what was received last may be garbage.
    Corrupt,
    /// This end is over: it was closed, ended or failed before.
    Ended,
    /// The stream cannot be confirmed: its end was not reached.
    NotAtEnd,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::PeerFailed => "the peer gave up before the stream was complete",
            Self::Corrupt => "the shared memory was overwritten: its indices cannot be",
            Self::Ended => "this end of the stream is over",
            Self::NotAtEnd => "the end of the stream was not reached",
        })
    }
}

impl core::error::Error for Error {}
