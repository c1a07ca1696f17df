//! The name, what is asked for there, and the patience to get it.

use std::time::{Duration, Instant};

use memtalk_ring::layout::{LINE, MAX_SIZE};

use crate::sys::shm;
use crate::{Error, Name};

/// How long to wait for others at the door. They hold it for some tens of
/// microseconds, unless somebody has stopped them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The same for whoever drops a talk, or gives up waiting for a peer. What is left
/// behind then, the next talk removes.
pub(crate) const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// The time to the second try at the door, and the longest between two tries;
/// each is twice the one before.
const RETRY: Duration = Duration::from_micros(50);
const LONGEST_RETRY: Duration = Duration::from_millis(5);

/// How often to look for what wakes nobody: somebody outside who comes, a name that is
/// taken away.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

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

/// Until when to wait for a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    timeout: Option<Duration>,
}

impl Deadline {
    /// So long from now, or for ever.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        let began = Instant::now();
        Self { began, timeout }
    }

    /// How long to wait until the next look for somebody who wakes nobody: `least`, or
    /// longer, but not beyond the deadline.
    ///
    /// # Errors
    /// [`Error::Timeout`] if that is over.
    pub(crate) fn time_to_look(self, least: Duration) -> Result<Duration, Error> {
        let pause = LOOK.max(least);
        match self.timeout {
            None => Ok(pause),
            Some(timeout) => match timeout.saturating_sub(self.began.elapsed()) {
                Duration::ZERO => Err(self.over()),
                left => Ok(left.min(pause)),
            },
        }
    }

    /// The error once it is over.
    pub(crate) fn over(self) -> Error {
        Error::Timeout(self.timeout.unwrap_or_default())
    }

    /// What to have at a door: as much as others may need there, or as much as is left
    /// until the deadline.
    pub(crate) fn patience(self) -> Patience {
        let mut patience = Patience::new(PATIENCE);
        if let Some(timeout) = self.timeout
            && let Some(end) = self.began.checked_add(timeout)
            && end < patience.end
        {
            (patience.end, patience.over) = (end, Some(timeout));
        }
        patience
    }
}

/// Patience at a door.
pub(crate) struct Patience {
    end: Instant,
    retry: Duration,
    /// The timeout that is over at its end, if it is not the door's alone.
    over: Option<Duration>,
}

impl Patience {
    /// As long as this.
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            retry: RETRY,
            over: None,
        }
    }

    /// Waits a little before the next try, by `idle`.
    ///
    /// # Errors
    /// [`Error::Stuck`] if there is no patience left, or [`Error::Timeout`].
    pub(crate) fn pause(&mut self, idle: impl FnOnce(Duration)) -> Result<(), Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.over.map_or(Error::Stuck, Error::Timeout));
        }
        idle(left.min(self.retry));
        self.retry = LONGEST_RETRY.min(2 * self.retry);
        Ok(())
    }
}
