//! The exit statuses of the command.

use crate::error::Error;

/// How the `memtalk` command ends, as its exit status: for programs that shall tell the
/// same of their own talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Both streams are complete: every byte was written at the other end.
    Complete = 0,
    /// This side failed: reading, writing, a system call.
    Failed = 1,
    /// No peer came in time.
    Timeout = 3,
    /// The peer died or stopped early: a stream is incomplete.
    Incomplete = 4,
    /// Two processes already talk through the object.
    Busy = 5,
    /// The object is not memtalk's, or of another user, version, layout or size.
    Foreign = 6,
    /// An option, or the name, is not a valid one.
    Usage = 255,
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Pages { .. } | Error::Mode | Error::Offset => Self::Usage,
            Error::Timeout(_) | Error::LeftBehind => Self::Timeout,
            Error::PeerDied | Error::PeerRestarted | Error::PeerStopped | Error::Corrupt => {
                Self::Incomplete
            }
            Error::Busy | Error::Stuck => Self::Busy,
            Error::Foreign(_)
            | Error::NotAnObject
            | Error::NotOurs
            | Error::ModesDiffer { .. }
            | Error::PagesDiffer { .. }
            | Error::SeveralPages(..)
            | Error::Truncated => Self::Foreign,
            Error::Ended | Error::NotAtEnd | Error::System { .. } => Self::Failed,
        }
    }
}
