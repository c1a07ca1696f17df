//! Why a guest failed, and the status that it exits with.

use core::fmt;

use memtalk_ring::{Error, PageError};

/// The exit status of a program. As for a process, 0 is success. No status is 1, because
/// the emulator uses that for its own failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Both streams are complete, end to end.
    Complete = 0,
    /// There is no shared memory.
    NoDevice = 2,
    /// The shared memory holds no page.
    NotAPage = 3,
    /// The page has another version.
    Version = 4,
    /// The page, or the memory, has the wrong size.
    Size = 5,
    /// The page is from a machine of the other byte order.
    ByteOrder = 6,
    /// A party began to initialise the page, and did not finish in time.
    Unfinished = 7,
    /// Both seats are taken.
    Taken = 8,
    /// The peer gave up or died.
    PeerFailed = 9,
    /// The peer's index is impossible.
    Corrupt = 10,
    /// The peer sent wrong bytes.
    Garbage = 11,
    /// A mistake in the program itself.
    Mistake = 12,
}

/// Why a guest failed. Displayed as one line that says what happened and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No device shares memory with us.
    NoDevice,
    /// We cannot sit down at the page.
    Page(PageError),
    /// The talk ended before both streams were complete.
    Talk(Error),
    /// The peer's first line names no service.
    Request,
    /// A byte that we received is wrong. The number is its position in the stream.
    Noise(u64),
}

impl Failure {
    /// The status to exit with.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.consequence().0
    }

    /// The status to exit with, and advice for the user.
    const fn consequence(&self) -> (Status, &'static str) {
        const SAME: &str = "build guest and host from the same sources";
        match self {
            Self::NoDevice => (Status::NoDevice, "start QEMU with -device ivshmem-plain"),
            Self::Page(PageError::Version(_)) => (Status::Version, SAME),
            Self::Page(PageError::Size(_) | PageError::BadMemory(_)) => {
                (Status::Size, "share all of the object, or a smaller one")
            }
            Self::Page(PageError::ByteOrder) => {
                (Status::ByteOrder, "use a host of this machine's byte order")
            }
            Self::Page(PageError::Unfinished) => (Status::Unfinished, "start the host again"),
            Self::Page(PageError::Taken) => (
                Status::Taken,
                "wait until the talk is over, or share another object",
            ),
            Self::Page(_) => (Status::NotAPage, "share an empty object, or memtalk's"),
            Self::Talk(Error::PeerFailed) => (Status::PeerFailed, "see the host's own message"),
            Self::Talk(Error::Corrupt) => (Status::Corrupt, "start both sides again"),
            Self::Talk(_) => (Status::Mistake, SAME),
            Self::Request => (Status::Garbage, "send echo, or bulk and a number"),
            Self::Noise(_) => (Status::Garbage, "send the noise of seed 2"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => f.write_str("no device shares memory with this machine")?,
            Self::Page(error) => error.fmt(f)?,
            Self::Talk(error) => error.fmt(f)?,
            Self::Request => f.write_str("the first line is no request")?,
            Self::Noise(at) => write!(f, "byte {at} is not the expected byte of noise")?,
        }
        write!(f, "; {}", self.consequence().1)
    }
}

impl core::error::Error for Failure {}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Talk(error)
    }
}
