//! How long to wait for other parties, and how often to try again.

use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::Error;

/// How long a newcomer tries at the door, which others keep. They hold it for some tens of
/// microseconds, unless somebody has stopped them.
pub(crate) const DOOR_WAIT: Duration = Duration::from_secs(10);

/// The same when a talk is dropped, or the wait for a peer is given up. A name that is
/// left behind is removed by the next talk.
pub(crate) const SHORT_DOOR_WAIT: Duration = Duration::from_secs(1);

/// How long a newcomer looks again where two parties talk, one of them outside. If one of them
/// has just died, its guard gives up the seat within a millisecond, unless the machine is busy.
pub(crate) const GUARD_WAIT: Duration = Duration::from_secs(1);

/// The pause before the second try at the door, and the longest between two tries;
/// each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// The time between two looks for events that wake nobody: a party outside comes, or
/// the name is removed.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// When the wait for a peer ends: after a time, or once it is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
}

impl Deadline {
    /// After `timeout` from now, and once `cancel` says so.
    pub(crate) fn new(timeout: Option<Duration>, cancel: Option<Cancel>) -> Self {
        Self {
            began: Instant::now(),
            timeout,
            cancel,
        }
    }

    /// Never.
    pub(crate) fn never() -> Self {
        Self::new(None, None)
    }

    /// How long to wait before the next look for an event that wakes nobody: at least
    /// `least`, but not beyond the deadline.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the deadline has passed; [`Error::Cancelled`].
    pub(crate) fn time_to_look(&self, least: Duration) -> Result<Duration, Error> {
        Cancel::check(self.cancel.as_ref())?;
        let pause = LOOK.max(least);
        match self.timeout {
            None => Ok(pause),
            Some(timeout) => match timeout.saturating_sub(self.began.elapsed()) {
                Duration::ZERO => Err(self.over()),
                left => Ok(left.min(pause)),
            },
        }
    }

    /// The error once the wait is over.
    pub(crate) fn over(&self) -> Error {
        let timeout = Error::Timeout(self.timeout.unwrap_or_default());
        let cancelled = Cancel::check(self.cancel.as_ref());
        cancelled.err().unwrap_or(timeout)
    }

    /// Tries for this long or until the deadline, whichever comes first.
    pub(crate) fn retry(&self, time: Duration) -> Retry {
        let mut retry = Retry::within(time);
        retry.cancel = self.cancel.clone();
        if let Some(timeout) = self.timeout
            && let Some(end) = self.began.checked_add(timeout)
            && end < retry.end
        {
            (retry.end, retry.over) = (end, Some(timeout));
        }
        retry
    }
}

/// Tries again, at longer and longer intervals, while others are in the way.
pub(crate) struct Retry {
    end: Instant,
    pause: Duration,
    /// The user's timeout, if `end` is its end and not that of the door's own limit.
    over: Option<Duration>,
    cancel: Option<Cancel>,
}

impl Retry {
    /// Tries for this long.
    pub(crate) fn within(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            pause: FIRST_PAUSE,
            over: None,
            cancel: None,
        }
    }

    /// Lets a little time pass, with `idle`, before the next try.
    ///
    /// # Errors
    /// Once the time is over: [`Error::Timeout`] if that was the user's timeout, or else
    /// [`Error::Stuck`]. [`Error::Cancelled`].
    pub(crate) fn pause(&mut self, idle: impl FnOnce(Duration)) -> Result<(), Error> {
        Cancel::check(self.cancel.as_ref())?;
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.over.map_or(Error::Stuck, Error::Timeout));
        }
        idle(left.min(self.pause));
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
        Ok(())
    }

    /// The same while another party has the seat.
    ///
    /// # Errors
    /// [`Error::Busy`] once the time is over; [`Error::Cancelled`].
    pub(crate) fn pause_at_seat(&mut self, idle: impl FnOnce(Duration)) -> Result<(), Error> {
        self.pause(idle).map_err(|over| match over {
            Error::Cancelled => over,
            _ => Error::Busy,
        })
    }
}
