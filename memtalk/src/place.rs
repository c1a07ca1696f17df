//! The name, what is asked for there, and the patience to get it.

use std::time::{Duration, Instant};

use memtalk_ring::layout::{LINE, MAX_SIZE};

use crate::sys::{self, shm};
use crate::{Error, Name};

/// How long to wait for others at the door. They hold it for as long as a page
/// takes to initialise, unless somebody has stopped them.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time to the second try at the door, and the longest between two tries;
/// each is twice the one before. Others mostly hold it for some tens of
/// microseconds.
const RETRY: Duration = Duration::from_micros(50);
const LONGEST_RETRY: Duration = Duration::from_millis(5);

/// How often to look whether somebody outside has come, who wakes nobody.
const LOOK_OUTSIDE: Duration = Duration::from_millis(50);

/// Offsets of pages are less than this, and so far from the largest of a file.
const OFFSETS: u64 = 1 << 62;

/// Where a tenant's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// At this offset in bytes.
    At(u64),
    /// Wherever one is found.
    Anywhere,
}

/// The name, and what to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: Name,
    pub(crate) pages: Option<usize>,
    /// Permissions; given, objects of other users will do.
    pub(crate) mode: Option<u32>,
    /// The memory is somebody else's; ours, unless this is given.
    pub(crate) tenancy: Option<Tenancy>,
}

impl Place {
    /// # Errors
    /// [`Error::Pages`], [`Error::Mode`], [`Error::Offset`].
    pub(crate) fn new(
        name: Name,
        pages: Option<usize>,
        mode: Option<u32>,
        tenancy: Option<Tenancy>,
    ) -> Result<Self, Error> {
        if mode.is_some_and(|mode| ![0o600, 0o660, 0o606, 0o666].contains(&mode)) {
            return Err(Error::Mode);
        }
        if let Some(Tenancy::At(offset)) = tenancy
            && (!offset.is_multiple_of(LINE as u64) || offset >= OFFSETS)
        {
            return Err(Error::Offset);
        }
        let most = MAX_SIZE / shm::page_size();
        match pages {
            Some(pages) if !(1..=most).contains(&pages) => Err(Error::Pages { most }),
            _ => Ok(Self {
                name,
                pages,
                mode,
                tenancy,
            }),
        }
    }
}

/// How long to wait until the next look for somebody outside: `least`, or longer, but
/// not beyond the timeout.
///
/// # Errors
/// [`Error::Timeout`] if it is over, since `began`.
pub(crate) fn time_to_look(
    began: Instant,
    timeout: Option<Duration>,
    least: Duration,
) -> Result<Duration, Error> {
    let pause = LOOK_OUTSIDE.max(least);
    match timeout.map(|timeout| (timeout, timeout.saturating_sub(began.elapsed()))) {
        None => Ok(pause),
        Some((timeout, Duration::ZERO)) => Err(Error::Timeout(timeout)),
        Some((_, left)) => Ok(left.min(pause)),
    }
}

/// Patience at a door.
pub(crate) struct Patience {
    end: Instant,
    retry: Duration,
    timeout: Option<Duration>,
}

impl Patience {
    /// As long as others may take, or as long as the user allows if that is less.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        let timeout = timeout.filter(|&timeout| timeout < PATIENCE);
        Self {
            end: Instant::now() + timeout.unwrap_or(PATIENCE),
            retry: RETRY,
            timeout,
        }
    }

    /// Waits a little before the next try.
    pub(crate) fn pause(&mut self) -> Result<(), Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.timeout.map_or(Error::Stuck, Error::Timeout));
        }
        sys::nap(left.min(self.retry));
        self.retry = LONGEST_RETRY.min(2 * self.retry);
        Ok(())
    }
}
