//! Everything that can go wrong with a talk. What is said of it: [`words`].

pub(crate) mod system;
mod words;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use memtalk_ring::PageError;

use crate::name::NameError;

/// Why a talk did not begin, or did not end with both streams complete.
///
/// [`Display`](std::fmt::Display) is one line that says what happened and what to do.
/// Its alternate form, `{:#}`, says only what happened: for a program that says in words of
/// its own what to do, as the command does with its options.
///
/// The ends of a channel return this inside an [`io::Error`];
/// [`from_io`](Self::from_io) gets it out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A text is not a name, for this reason.
    Name(NameError),
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
    /// The length in bytes is not a multiple of 64 from 512 to 1 GiB.
    Length,
    /// Nobody knows how much memory the device has, and no length was given.
    NoLength,
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
    /// The memory that the path leads to holds something else, or a page of another layout. It
    /// was left untouched.
    ForeignMemory(PageError),
    /// The device is switched off: all of its memory reads as ones, or what is written there is
    /// lost.
    SwitchedOff,
    /// What the path leads to is not memory that can be mapped shared.
    NotMappable,
    /// There is less memory than was asked for.
    TooShort {
        /// Bytes that were asked for.
        asked: u64,
        /// Bytes that there are from the offset on.
        there: u64,
    },
    /// What the name leads to is not a shared memory object but, for example, a directory
    /// or a symbolic link.
    NotAnObject,
    /// The object without a name that was given to us can be truncated, and cannot be sealed
    /// against that: it is no memfd, or its seals are sealed.
    Unsealed,
    /// The object belongs to another user, and it does not let us in, or
    /// [`Options::mode`] was not used.
    ///
    /// [`Options::mode`]: crate::Options::mode
    NotOurs {
        /// The number of that user.
        owner: u32,
    },
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
    LeftBehind {
        /// The number of that user, or `None` if the object has gone by now.
        owner: Option<u32>,
    },
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
    /// The peer, a virtual machine or a device, has started again, or the device whose memory
    /// this is was switched off or removed. The streams are incomplete, and some of what the peer
    /// had sent may be lost.
    PeerRestarted,
    /// The peer stopped reading or writing before the end of the stream: it failed, or was
    /// interrupted.
    PeerStopped,
    /// The shared memory holds something that no correct peer writes.
    Corrupt,
    /// Somebody truncated the object while it was in use, or took memory out of
    /// it and filled the file system.
    Truncated,
    /// The peer has sent nothing, made no room or not confirmed in time: a timeout of
    /// [`Receiver`](crate::Receiver) or [`Sender`](crate::Sender) is over. Nothing is lost,
    /// and the next call may succeed.
    Stalled,
    /// The wait for a peer was given up by [`Cancel`](crate::Cancel).
    Cancelled,
    /// This end is already closed, or the name was removed by
    /// [`TalkHandle::remove_name`](crate::TalkHandle::remove_name).
    Ended,
    /// The stream was to be confirmed before its end was reached.
    NotAtEnd,
    /// An asynchronous end would have to wait in a process that was forked from the one that
    /// has the bridging threads. Fork before the first asynchronous wait, or exec.
    Forked,
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
    /// is not the talk's but that of the caller's own file or descriptor; and for
    /// [`io::ErrorKind::WouldBlock`], which is no failure.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Name(_)
            | Self::Pages { .. }
            | Self::Mode
            | Self::Offset
            | Self::Length
            | Self::NoLength
            | Self::Ended
            | Self::NotAtEnd => io::ErrorKind::InvalidInput,
            Self::Forked => io::ErrorKind::Unsupported,
            Self::NotOurs { .. }
            | Self::Unreadable
            | Self::ModesDiffer { .. }
            | Self::LeftBehind { .. } => io::ErrorKind::PermissionDenied,
            Self::Timeout(_) | Self::Stalled => io::ErrorKind::TimedOut,
            Self::Cancelled => io::ErrorKind::ConnectionAborted,
            Self::Busy | Self::Stuck => io::ErrorKind::ResourceBusy,
            Self::Foreign(_)
            | Self::ForeignMemory(_)
            | Self::SwitchedOff
            | Self::NotMappable
            | Self::TooShort { .. }
            | Self::NotAnObject
            | Self::Unsealed
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

impl From<NameError> for Error {
    fn from(reason: NameError) -> Self {
        Self::Name(reason)
    }
}

/// For what turns into a [`Name`](crate::Name) and cannot fail to.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<NameError> for io::Error {
    fn from(reason: NameError) -> Self {
        Error::from(reason).into()
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Name(reason) => Some(reason),
            Self::Foreign(reason) | Self::ForeignMemory(reason) => Some(reason),
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
