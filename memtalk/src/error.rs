//! Everything that can go wrong with a talk, with messages that say what to do.

use std::fmt;
use std::io;
use std::time::Duration;

use memtalk_ring::PageError;

/// Why a talk did not begin, or did not end with both streams complete.
///
/// [`Display`](fmt::Display) is one line that says what happened and what to do.
/// The ends of a channel return this inside an [`io::Error`];
/// [`from_io`](Self::from_io) gets it out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The number of pages is 0, or more than fit in 1 GiB.
    Pages {
        /// The largest number of pages.
        most: usize,
    },
    /// The permissions are not 0o600, 0o660, 0o606 or 0o666: each class of users must be
    /// able to read and write, or to do neither.
    Mode,
    /// The offset in bytes is not a multiple of 64, or not less than 2^62.
    Offset,
    /// No peer came within this time.
    Timeout(Duration),
    /// Two processes already talk through this object.
    Busy,
    /// Another process has held the object's door, the lock for sitting down and getting
    /// up, for longer than we were to wait for it: 10 s when sitting down. It may be
    /// stopped.
    Stuck,
    /// The object is not memtalk's, or has another layout. It was left untouched.
    Foreign(PageError),
    /// What the name leads to is not a shared memory object but, for example, a directory
    /// or a symbolic link.
    NotAnObject,
    /// The object belongs to another user, and [`Options::mode`] was not used.
    ///
    /// [`Options::mode`]: crate::Options::mode
    NotOurs,
    /// A look at the object was asked for, which belongs to another user, and this user may not
    /// read it.
    Unreadable,
    /// The object lets in users that [`Options::mode`] does not let in.
    ///
    /// [`Options::mode`]: crate::Options::mode
    ModesDiffer {
        /// Permissions that were asked for.
        asked: u32,
        /// The object's permissions.
        found: u32,
    },
    /// An earlier talk left an object of another user under this name. Only that user can
    /// remove it.
    LeftBehind,
    /// The object has a different number of pages than was asked for.
    PagesDiffer {
        /// Pages that were asked for.
        asked: usize,
        /// Size of the object in pages.
        found: usize,
    },
    /// The machine's memory holds more than one page: the offsets in bytes of the first
    /// two that were found.
    SeveralPages(u64, u64),
    /// The peer died. What it had sent was delivered; the streams are incomplete.
    PeerDied,
    /// The peer, a virtual machine or a device, has started again. The streams are
    /// incomplete, and some of what it had sent may be lost.
    PeerRestarted,
    /// The peer stopped reading or writing before the end of the stream.
    PeerStopped,
    /// The shared memory holds something that no correct peer writes.
    Corrupt,
    /// Somebody truncated the object while it was in use, or took memory out of
    /// it and filled the file system.
    Truncated,
    /// This end is already closed, or the name was removed by
    /// [`TalkHandle::remove_name`](crate::TalkHandle::remove_name).
    Ended,
    /// The stream was to be confirmed before its end was reached.
    NotAtEnd,
    /// A system call failed.
    System {
        /// What it was for: the message says "cannot", and this.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` on a system call; `doing` is what it was for, as in "open the object".
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// For `map_err` on a transfer between a descriptor and the shared memory. If the
    /// kernel could not reach the memory (`EFAULT`), somebody has truncated the object.
    pub(crate) fn transfer(error: io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(libc::EFAULT) => Self::Truncated.into(),
            _ => error,
        }
    }

    /// The memtalk error inside an [`io::Error`] that an end returned. `None` if the error
    /// is not the talk's but that of the caller's own file or descriptor.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Pages { .. } | Self::Mode | Self::Offset | Self::Ended | Self::NotAtEnd => {
                io::ErrorKind::InvalidInput
            }
            Self::NotOurs | Self::Unreadable | Self::ModesDiffer { .. } | Self::LeftBehind => {
                io::ErrorKind::PermissionDenied
            }
            Self::Timeout(_) => io::ErrorKind::TimedOut,
            Self::Busy | Self::Stuck => io::ErrorKind::ResourceBusy,
            Self::Foreign(_)
            | Self::NotAnObject
            | Self::PagesDiffer { .. }
            | Self::SeveralPages(..)
            | Self::Corrupt
            | Self::Truncated => io::ErrorKind::InvalidData,
            Self::PeerDied | Self::PeerRestarted | Self::PeerStopped => {
                io::ErrorKind::ConnectionReset
            }
            Self::System { source, .. } => source.kind(),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages { most } => write!(f, "the number of pages must be from 1 to {most}"),
            Self::Mode => f.write_str("the mode must be 600, 660, 606 or 666"),
            Self::Offset => f.write_str("the offset must be a multiple of 64, less than 2^62"),
            Self::Timeout(after) => write!(
                f,
                "no peer came within {} s; start the other side, or allow more time",
                after.as_secs_f64()
            ),
            Self::Busy => {
                f.write_str("two processes already talk through this object; use another name")
            }
            Self::Stuck => f.write_str(
                "another process keeps this object locked; continue it or end it if it is stopped, or use another name",
            ),
            Self::Foreign(reason) => write!(
                f,
                "not a memtalk object of this version, left untouched ({reason}); use another name, or remove the object"
            ),
            Self::NotAnObject => {
                f.write_str("the name leads to something that is not a shared memory object; use another name")
            }
            Self::NotOurs => f.write_str(
                "the object belongs to another user, left untouched; use another name, or --mode on both sides if that is your peer",
            ),
            Self::Unreadable => f.write_str(
                "this user may not read the object; look at it as the user that it belongs to, or as root",
            ),
            Self::ModesDiffer { asked, found } => write!(
                f,
                "the object lets in other users (mode {found:o}, not {asked:o}), left untouched; start both sides with the same --mode, or use another name"
            ),
            Self::LeftBehind => f.write_str(
                "an earlier talk left an object of another user; let that user remove it or talk here again, or use another name",
            ),
            Self::PagesDiffer { asked, found } => write!(
                f,
                "the object has {found} page(s), not {asked}; leave --pages out, or start both sides with the same number"
            ),
            Self::SeveralPages(first, second) => write!(
                f,
                "pages are at offsets {first} and {second} of this memory; say which with --offset"
            ),
            Self::PeerRestarted => f.write_str(
                "the peer has started again, so the streams are incomplete; start this side again",
            ),
            Self::PeerDied => f.write_str(
                "the peer died; what it had sent was delivered, but the streams are incomplete: start both sides again",
            ),
            Self::PeerStopped => f.write_str(
                "the peer stopped before the streams were complete; see the message on its side",
            ),
            Self::Corrupt => f.write_str(
                "the shared memory was overwritten by something that is not memtalk; start both sides again",
            ),
            Self::Truncated => f.write_str(
                "another process truncated the shared memory object, or filled its file system; start both sides again",
            ),
            Self::Ended => f.write_str("this end of the channel is already closed"),
            Self::NotAtEnd => {
                f.write_str("the end of the stream is not reached yet; read on until a read returns 0")
            }
            Self::System { doing, source } => write!(f, "cannot {doing}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Foreign(reason) => Some(reason),
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
