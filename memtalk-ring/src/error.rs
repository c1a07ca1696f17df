//! [`Error`]: why sending, receiving or confirming failed.

/// Why a call on a [`Sender`](crate::Sender) or a [`Receiver`](crate::Receiver) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The peer gave up or died, so the stream is incomplete. A receiver returns
    /// this only after it has received all that was committed before.
    PeerFailed,
    /// The peer's index word holds what no honest peer writes. The stream is
    /// incomplete, and what was received last may be garbage. This end never
    /// recovers.
    Corrupt,
    /// This end was already closed, ended or failed.
    Ended,
    /// The stream cannot be confirmed yet: its end was not reached.
    NotAtEnd,
    /// The way to wait has given up before what was waited for has come
    /// ([`Wait::gives_up`](crate::Wait::gives_up)). Nothing has changed, and the next call
    /// may succeed.
    TimedOut,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::PeerFailed => "the peer gave up before the stream was complete",
            Self::Corrupt => {
                "the ring's indices are impossible: something overwrote the shared memory"
            }
            Self::Ended => "this end of the stream is over",
            Self::NotAtEnd => "the end of the stream was not reached",
            Self::TimedOut => "the peer did not do in time what was waited for",
        })
    }
}

impl core::error::Error for Error {}
