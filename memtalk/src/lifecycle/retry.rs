//! How long to wait for others, and how often to try again.

use std::time::{Duration, Instant};

use crate::error::Error;

/// How long to wait for others at the door. They hold it for some tens of
/// microseconds, unless somebody has stopped them.
pub(crate) const DOOR_WAIT: Duration = Duration::from_secs(10);

/// The same for whoever drops a talk, or gives up waiting for a peer. What is left
/// behind then, the next talk removes.
pub(crate) const SHORT_DOOR_WAIT: Duration = Duration::from_secs(1);

/// The pause before the second try at the door, and the longest between two tries;
/// each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// How often to look for what wakes nobody: somebody outside who comes, a name that is
/// taken away.
const LOOK: Duration = Duration::from_millis(50);

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

    /// Tries at a door: for as long as others may need there, or until the deadline.
    pub(crate) fn retry(self) -> Retry {
        let mut retry = Retry::within(DOOR_WAIT);
        if let Some(timeout) = self.timeout
            && let Some(end) = self.began.checked_add(timeout)
            && end < retry.end
        {
            (retry.end, retry.over) = (end, Some(timeout));
        }
        retry
    }
}

/// Trying again, at longer and longer intervals, what others are in the way of.
pub(crate) struct Retry {
    end: Instant,
    pause: Duration,
    /// The timeout that is over at its end, if it is not the door's alone.
    over: Option<Duration>,
}

impl Retry {
    /// For as long as this.
    pub(crate) fn within(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            pause: FIRST_PAUSE,
            over: None,
        }
    }

    /// Lets a little time pass before the next try, by `idle`.
    ///
    /// # Errors
    /// [`Error::Stuck`] if the time is over, or [`Error::Timeout`].
    pub(crate) fn pause(&mut self, idle: impl FnOnce(Duration)) -> Result<(), Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.over.map_or(Error::Stuck, Error::Timeout));
        }
        idle(left.min(self.pause));
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
        Ok(())
    }
}
