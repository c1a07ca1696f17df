//! The exit statuses of the command, and which error leads to which.

use crate::error::Error;

/// The exit status of the `memtalk` command, for programs that want to end with the same
/// statuses. `Status::from(&error) as u8` is the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Status {
    /// Both streams are complete: every byte was written at the other end.
    Complete = 0,
    /// This side failed: reading its input, writing its output, a system call.
    Failed = 1,
    /// No peer came in time.
    Timeout = 3,
    /// The peer died, started again or stopped early: a stream is incomplete.
    Incomplete = 4,
    /// Two processes already talk through the object, or one keeps it locked.
    Busy = 5,
    /// The object is not memtalk's; or belongs to another user; or has another version,
    /// layout or size; or was truncated.
    Foreign = 6,
    /// The name or an option is not valid.
    Usage = 255,
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Name(_)
            | Error::Pages { .. }
            | Error::Mode
            | Error::Offset
            | Error::Length
            | Error::NoLength => Self::Usage,
            Error::Timeout(_) | Error::LeftBehind { .. } => Self::Timeout,
            Error::PeerDied
            | Error::PeerRestarted
            | Error::PeerStopped
            | Error::Stalled
            | Error::Corrupt => Self::Incomplete,
            Error::Busy | Error::Stuck => Self::Busy,
            Error::Foreign(_)
            | Error::ForeignMemory(_)
            | Error::SwitchedOff
            | Error::NotMappable
            | Error::TooShort { .. }
            | Error::NotAnObject
            | Error::Unsealed
            | Error::NotOurs { .. }
            | Error::Unreadable
            | Error::ModesDiffer { .. }
            | Error::PagesDiffer { .. }
            | Error::SeveralPages(..)
            | Error::Truncated => Self::Foreign,
            Error::Cancelled
            | Error::Ended
            | Error::NotAtEnd
            | Error::Forked
            | Error::System { .. } => Self::Failed,
        }
    }
}
