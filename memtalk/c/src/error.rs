//! What can go wrong, as numbers and as texts: [`memtalk_e`], and the line that is kept of this
//! thread's last failure.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::io;

use memtalk::{Error, Status};

/// Why a call failed. Functions return these as negative numbers; 0 and more mean
/// success.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum memtalk_e {
    /// A pointer is NULL, a number is out of its range, or a flag is unknown. Nothing was
    /// done.
    BadArgument = -1,
    /// No open handle: it was never opened, or it was freed. Nothing was done.
    BadHandle = -2,
    /// Another thread is in a call with this end, or with the whole talk. Nothing was done.
    InUse = -3,
    /// The talk has no peer yet, or the wait for one has failed. Nothing was done.
    NotOpen = -4,
    /// The handle was opened by another process, from which this one was forked. Nothing
    /// was done.
    Forked = -5,
    /// A call has found a bug in this library. The talk can only be freed.
    Panicked = -6,
    /// A call that never waits would have had to. Nothing was moved.
    Again = -10,
    /// No peer came in time.
    Timeout = -11,
    /// The peer has sent nothing, made no room or not confirmed in time. Nothing was lost,
    /// and the call may be made again.
    Stalled = -12,
    /// The wait for a peer was given up by memtalk_cancel_waits.
    Cancelled = -13,
    /// The name is none: it has to be a slash, and 1 to 254 bytes without another slash.
    Name = -20,
    /// The number of pages is more than fit in 1 GiB.
    Pages = -21,
    /// The mode is not 0600, 0660, 0606 or 0666.
    Mode = -22,
    /// The offset is not a multiple of 64, or not less than 2^62.
    Offset = -23,
    /// Two processes already talk through this object.
    Busy = -30,
    /// Another process keeps the object locked; it may be stopped.
    Stuck = -31,
    /// The object is not memtalk's, or has another layout. It was left untouched.
    Foreign = -32,
    /// What the name or the descriptor leads to is no shared memory object.
    NotAnObject = -33,
    /// The memory can be truncated and cannot be sealed: it is no memfd, or its seals are
    /// sealed.
    Unsealed = -34,
    /// The object belongs to another user, and no mode was given; or it does not let us in.
    NotOurs = -35,
    /// The object lets in users that the mode does not let in.
    ModesDiffer = -36,
    /// An earlier talk left an object of another user, who alone can remove it.
    LeftBehind = -37,
    /// The object has another number of pages.
    PagesDiffer = -38,
    /// The machine's memory holds more than one page.
    SeveralPages = -39,
    /// The peer died. What it had sent was delivered; the streams are incomplete.
    PeerDied = -40,
    /// The peer, a machine, has started again. The streams are incomplete.
    PeerRestarted = -41,
    /// The peer stopped reading or writing early: it failed, or was interrupted.
    PeerStopped = -42,
    /// Something overwrote the shared memory.
    Corrupt = -43,
    /// Somebody truncated the object, or its file system is full.
    Truncated = -44,
    /// This end is over: ended, confirmed, or given up.
    Ended = -45,
    /// The peer's stream is not at its end: there are bytes that were not read.
    NotAtEnd = -46,
    /// A system call failed. `errno` has the system's number.
    System = -50,
    /// A cause that this version of the interface has no number for.
    Other = -51,
}

/// Each error with its text, and with the exit status that the command has for it.
const ALL: [(memtalk_e, &CStr, Status); 33] = {
    use Status::{Failed, Incomplete, Usage};
    use memtalk_e::*;
    [
        (BadArgument, c"an argument is out of range", Usage),
        (BadHandle, c"no open handle", Usage),
        (InUse, c"another thread uses this end", Failed),
        (NotOpen, c"the talk has no peer", Failed),
        (Forked, c"the handle belongs to the parent process", Failed),
        (Panicked, c"a bug in this library", Failed),
        (Again, c"the call would have to wait", Failed),
        (Timeout, c"no peer came in time", Status::Timeout),
        (Stalled, c"the peer did nothing in time", Incomplete),
        (Cancelled, c"the wait for a peer was given up", Failed),
        (Name, c"this is not a name", Usage),
        (Pages, c"more pages than fit in 1 GiB", Usage),
        (Mode, c"the mode is not 0600, 0660, 0606 or 0666", Usage),
        (Offset, c"the offset is not a multiple of 64", Usage),
        (Busy, c"two processes already talk here", Status::Busy),
        (
            Stuck,
            c"another process keeps the object locked",
            Status::Busy,
        ),
        (Foreign, c"the object is not memtalk's", Status::Foreign),
        (
            NotAnObject,
            c"this is no shared memory object",
            Status::Foreign,
        ),
        (Unsealed, c"the memory can be truncated", Status::Foreign),
        (
            NotOurs,
            c"the object belongs to another user",
            Status::Foreign,
        ),
        (
            ModesDiffer,
            c"the object lets in more users",
            Status::Foreign,
        ),
        (
            LeftBehind,
            c"another user left an object behind",
            Status::Timeout,
        ),
        (
            PagesDiffer,
            c"the object has another number of pages",
            Status::Foreign,
        ),
        (
            SeveralPages,
            c"the memory holds several pages",
            Status::Foreign,
        ),
        (PeerDied, c"the peer died", Incomplete),
        (PeerRestarted, c"the peer started again", Incomplete),
        (PeerStopped, c"the peer stopped before the end", Incomplete),
        (
            Corrupt,
            c"something overwrote the shared memory",
            Incomplete,
        ),
        (Truncated, c"the object was truncated", Status::Foreign),
        (Ended, c"this end is over", Failed),
        (NotAtEnd, c"the end of the stream was not reached", Failed),
        (System, c"a system call failed", Failed),
        (Other, c"an error without a number of its own", Failed),
    ]
};

fn about(error: i32) -> Option<&'static (memtalk_e, &'static CStr, Status)> {
    ALL.iter().find(|(known, ..)| *known as i32 == error)
}

impl From<&Error> for memtalk_e {
    fn from(error: &Error) -> Self {
        match error {
            Error::Name(_) => Self::Name,
            Error::Pages { .. } => Self::Pages,
            Error::Mode => Self::Mode,
            Error::Offset => Self::Offset,
            Error::Timeout(_) => Self::Timeout,
            Error::Busy => Self::Busy,
            Error::Stuck => Self::Stuck,
            Error::Foreign(_) => Self::Foreign,
            Error::NotAnObject => Self::NotAnObject,
            Error::Unsealed => Self::Unsealed,
            Error::NotOurs { .. } => Self::NotOurs,
            Error::ModesDiffer { .. } => Self::ModesDiffer,
            Error::LeftBehind { .. } => Self::LeftBehind,
            Error::PagesDiffer { .. } => Self::PagesDiffer,
            Error::SeveralPages(..) => Self::SeveralPages,
            Error::PeerDied => Self::PeerDied,
            Error::PeerRestarted => Self::PeerRestarted,
            Error::PeerStopped => Self::PeerStopped,
            Error::Corrupt => Self::Corrupt,
            Error::Truncated => Self::Truncated,
            Error::Stalled => Self::Stalled,
            Error::Cancelled => Self::Cancelled,
            Error::Ended => Self::Ended,
            Error::NotAtEnd => Self::NotAtEnd,
            Error::Forked => Self::Forked,
            Error::System { .. } => Self::System,
            _ => Self::Other,
        }
    }
}

/// Why a call fails: its number, and a line if there is more to say than the number's text.
#[derive(Debug)]
pub(crate) struct Failure {
    code: memtalk_e,
    line: Option<String>,
    /// The system's number, for [`memtalk_e::System`].
    errno: Option<i32>,
}

impl From<memtalk_e> for Failure {
    fn from(code: memtalk_e) -> Self {
        let (line, errno) = (None, None);
        Self { code, line, errno }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match (Error::from_io(&error), error.kind()) {
            (Some(error), _) => Self::of(error),
            (None, io::ErrorKind::WouldBlock) => memtalk_e::Again.into(),
            (None, io::ErrorKind::InvalidInput) => Self::bad_argument(&error.to_string()),
            (None, _) => Self {
                code: memtalk_e::System,
                line: Some(error.to_string()),
                errno: error.raw_os_error(),
            },
        }
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        let errno = match error {
            Error::System { source, .. } => source.raw_os_error(),
            _ => None,
        };
        let (code, line) = (error.into(), Some(error.to_string()));
        Self { code, line, errno }
    }

    /// An argument that is out of range, for this reason.
    pub(crate) fn bad_argument(why: &str) -> Self {
        Self {
            code: memtalk_e::BadArgument,
            line: Some(why.to_owned()),
            errno: None,
        }
    }

    /// A panic, with its message.
    pub(crate) fn panicked(message: &str) -> Self {
        Self {
            code: memtalk_e::Panicked,
            line: Some(format!("a bug in memtalk: {message}; please report it")),
            errno: None,
        }
    }

    /// Keeps the line for [`memtalk_message`], and returns the number.
    pub(crate) fn told(self) -> i16 {
        let constant = || about(self.code as i32).map_or(c"", |(_, text, _)| text);
        let line = self.line.and_then(|line| CString::new(line).ok());
        let message = line.map_or_else(|| Message::Constant(constant()), Message::Line);
        // While the thread ends, there may be no place any more.
        let _ = MESSAGE.try_with(|place| place.replace(message));
        if let Some(errno) = self.errno {
            // SAFETY: no arguments.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: this thread's number, valid for as long as the thread lives.
            unsafe { place.write(errno) };
        }
        self.code as i16
    }
}

/// What [`memtalk_message`] returns. Most calls of a loop that polls end with
/// [`memtalk_e::Again`], so a constant needs no memory.
enum Message {
    Constant(&'static CStr),
    Line(CString),
}

thread_local! {
    static MESSAGE: RefCell<Message> = const { RefCell::new(Message::Constant(c"")) };
}

/// What happened in the last call of this thread that failed, and what to do about it: one
/// line in English, without a newline at its end. Empty if none has failed.
///
/// Returns a string, never NULL. It is valid until the next call of this thread that
/// fails.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_message() -> *const c_char {
    let text = MESSAGE.try_with(|place| match &*place.borrow() {
        Message::Constant(text) => text.as_ptr(),
        Message::Line(text) => text.as_ptr(),
    });
    text.unwrap_or(c"".as_ptr())
}

/// The text of an error in English: a few words, without a full stop.
///
/// Returns a constant string for any number, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_text(error: i32) -> *const c_char {
    let unknown = if error < 0 {
        c"unknown error"
    } else {
        c"success"
    };
    about(error).map_or(unknown, |(_, text, _)| text).as_ptr()
}

/// The exit status that the command `memtalk` has for this error, for programs that end
/// with the same statuses: 0 for a number that is no error, 1 for an unknown error.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_exit_status(error: i32) -> i32 {
    let unknown = if error < 0 {
        Status::Failed
    } else {
        Status::Complete
    };
    about(error).map_or(unknown, |(.., status)| *status) as i32
}

#[cfg(test)]
mod tests {
    use memtalk::{Error, Status};

    use super::{ALL, about, memtalk_e, memtalk_exit_status};

    /// The statuses are those of the Rust library, wherever it has the error.
    #[test]
    fn exit_statuses_are_those_of_the_command() {
        for error in [
            Error::Mode,
            Error::Timeout(std::time::Duration::ZERO),
            Error::Busy,
            Error::NotAnObject,
            Error::PeerDied,
            Error::Stalled,
            Error::LeftBehind { owner: None },
            Error::Cancelled,
            Error::Truncated,
        ] {
            let code = memtalk_e::from(&error);
            let status = Status::from(&error) as i32;
            assert_eq!(memtalk_exit_status(code as i32), status, "{error:?}");
        }
        assert_eq!(memtalk_exit_status(0), 0);
        assert_eq!(memtalk_exit_status(-999), 1);
    }

    #[test]
    fn each_number_has_one_meaning() {
        for (code, text, _) in ALL {
            let (found, found_text, _) = about(code as i32).unwrap();
            assert_eq!((*found, *found_text), (code, text));
        }
    }
}
