//! `memtalk_error`: what can go wrong, as numbers and as texts.

use core::ffi::{CStr, c_char};

use memtalk_ring::{Error, PageError};

/// Why a call failed. Functions return these as negative numbers; 0 and more mean
/// success.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum memtalk_error {
    /// A pointer is NULL or not aligned, a number is out of its range, or a flag is
    /// missing or unknown. Nothing was done, except that a page that was to be opened
    /// is not open now.
    BadArgument = -1,
    /// The page or the end was never opened, or opening it failed. Nothing was done.
    NotOpen = -2,
    /// The ends of this seat were opened through this page before.
    AlreadyOpen = -3,
    /// The memory cannot hold a page: its size is not a multiple of 64 from
    /// MEMTALK_MIN_SIZE to MEMTALK_MAX_SIZE, or its address is not a multiple of 64.
    BadMemory = -10,
    /// A process has begun to initialise the page and has not finished: it is still at
    /// it, or it died. Try again for a while.
    Unfinished = -11,
    /// The page is from a machine of the other byte order.
    ByteOrder = -12,
    /// The memory does not carry the magic number. If it is all zero, nobody has begun
    /// to initialise it yet; otherwise it is somebody else's.
    NotAPage = -13,
    /// The page has another version of the layout.
    Version = -14,
    /// The page claims another size than was passed, or a capacity that does not follow
    /// from its size.
    Size = -15,
    /// Both seats of the page are taken.
    Taken = -16,
    /// The peer gave up or died, so the stream is incomplete. A receiver returns this
    /// only after it has received all that was sent before.
    PeerFailed = -20,
    /// Something overwrote the shared memory: the ring's indices are impossible. The
    /// stream is incomplete, and what was received last may be garbage.
    Corrupt = -21,
    /// This end was already ended, closed or failed.
    Ended = -22,
    /// The stream cannot be confirmed yet: its end was not reached.
    NotAtEnd = -23,
    /// A cause that this version of the interface has no number for.
    Other = -30,
}

/// The text of an error in English: a few words, without a full stop.
///
/// Returns a constant string for any number, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_error_text(error: i32) -> *const c_char {
    ALL.iter()
        .find(|(known, _)| *known as i32 == error)
        .map_or(
            if error < 0 {
                c"unknown error"
            } else {
                c"success"
            },
            |(_, text)| *text,
        )
        .as_ptr()
}

const ALL: [(memtalk_error, &CStr); 15] = {
    use memtalk_error::*;
    [
        (BadArgument, c"an argument is out of range"),
        (NotOpen, c"the page or the end was never opened"),
        (AlreadyOpen, c"the ends of this seat are open already"),
        (BadMemory, c"the memory cannot hold a page"),
        (Unfinished, c"the page was never fully initialised"),
        (
            ByteOrder,
            c"the page is from a machine of the other byte order",
        ),
        (
            NotAPage,
            c"the memory does not carry memtalk's magic number",
        ),
        (Version, c"the page has another layout version"),
        (
            Size,
            c"the page's size does not match its memory or its capacity",
        ),
        (Taken, c"both seats of the page are taken"),
        (
            PeerFailed,
            c"the peer gave up before the stream was complete",
        ),
        (
            Corrupt,
            c"the ring's indices are impossible: something overwrote the shared memory",
        ),
        (Ended, c"this end of the stream is over"),
        (NotAtEnd, c"the end of the stream was not reached"),
        (Other, c"unknown error"),
    ]
};

impl From<Error> for memtalk_error {
    fn from(error: Error) -> Self {
        match error {
            Error::PeerFailed => Self::PeerFailed,
            Error::Corrupt => Self::Corrupt,
            Error::Ended => Self::Ended,
            Error::NotAtEnd => Self::NotAtEnd,
            _ => Self::Other,
        }
    }
}

impl From<PageError> for memtalk_error {
    fn from(error: PageError) -> Self {
        match error {
            PageError::BadMemory(_) => Self::BadMemory,
            PageError::Unfinished | PageError::Over => Self::Unfinished,
            PageError::ByteOrder => Self::ByteOrder,
            PageError::NotAPage => Self::NotAPage,
            PageError::Version(_) => Self::Version,
            PageError::Size(_) => Self::Size,
            PageError::Taken => Self::Taken,
            _ => Self::Other,
        }
    }
}

/// What a function returns in C: the number or the error that `run` returns.
pub(crate) fn code(run: impl FnOnce() -> Result<u32, memtalk_error>) -> i32 {
    match run() {
        // At most 2²⁹: a capacity, a flag, a word of flags.
        Ok(number) => number.try_into().unwrap_or(i32::MAX),
        Err(error) => error as i32,
    }
}

/// A number of bytes that one call moved through a ring, at most 2²⁹.
pub(crate) fn count(bytes: usize) -> u32 {
    bytes.try_into().unwrap_or(u32::MAX)
}
