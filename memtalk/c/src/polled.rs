//! An end that has a descriptor to poll: [`Polled`], and an end that may have one: [`Way`].
//!
//! # No wake-up is lost
//! [`Polled::attempt`] keeps this: **unless the event is raised, the last attempt found
//! nothing, and whatever the peer has done since raises it** (or is about to: the bridging
//! thread is on its way). `quiet` says that the last attempt found nothing.
//!
//! An attempt polls the end with a waker that raises the event. If the end has nothing, it has
//! registered the waker *before it looked last*, and whatever the peer does from then on wakes
//! it: the promise of the end. Now the event may be raised from earlier, and is cleared. But
//! between that look and the clearing the peer may have done something, and the clearing took
//! its signal away. So if it took one, the end is polled again.
//!
//! | poll | finds | then |
//! | --- | --- | --- |
//! | first | nothing, and the event was not raised | the registration stands, nothing was taken away: quiet |
//! | second | nothing | it has registered after the clearing: quiet |
//! | second | something | there may be more, and no waker is registered: raise |
//! | first | something, after a quiet attempt | there may be more. The poll has taken the request for a wake-up back, perhaps before the peer saw it: raise |
//! | first | something, after another attempt | the event is raised still: nothing cleared it |

use std::io;
use std::mem::{replace, take};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use memtalk::Error;

use crate::error::{Failure, memtalk_e};
use crate::event::Event;
use crate::pointer::time;

/// When a wait is over. It begins when there is something to wait for.
pub(crate) struct Deadline {
    limit: Option<Duration>,
    end: Option<Instant>,
}

impl Deadline {
    /// `None` for any time.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, end: None }
    }

    /// Waits for the event, no longer than until the deadline.
    ///
    /// # Errors
    /// [`Error::Stalled`] if that has passed.
    pub(crate) fn wait(&mut self, event: &Event) -> Result<(), Failure> {
        let Some(limit) = self.limit else {
            return event.wait(None);
        };
        let now = Instant::now();
        if self.end.is_none() {
            self.end = now.checked_add(limit);
        }
        // A time so long that there is no such moment is any time.
        let left = self.end.map(|end| end.saturating_duration_since(now));
        match left {
            Some(Duration::ZERO) => Err(Error::Stalled.into()),
            left => event.wait(left),
        }
    }
}

/// An asynchronous end, and the event that its waker raises.
pub(crate) struct Polled<A> {
    end: A,
    event: Arc<Event>,
    waker: Waker,
    /// The last attempt found nothing.
    quiet: bool,
    /// How long a call waits; `None` for any time.
    pub(crate) limit: Option<Duration>,
}

impl<A> Polled<A> {
    fn new(end: A, event: Arc<Event>, limit: Option<Duration>) -> Self {
        let waker = event.waker();
        Self {
            end,
            event,
            waker,
            quiet: false,
            limit,
        }
    }

    /// Polls the end, and never waits.
    pub(crate) fn attempt<T>(
        &mut self,
        mut poll: impl FnMut(&mut A, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut task = Context::from_waker(&self.waker);
        let first = poll(&mut self.end, &mut task);
        if first.is_ready() {
            if take(&mut self.quiet) {
                self.event.raise();
            }
            return first;
        }
        if self.event.clear() {
            let second = poll(&mut self.end, &mut task);
            if second.is_ready() {
                self.quiet = false;
                self.event.raise();
                return second;
            }
        }
        self.quiet = true;
        Poll::Pending
    }

    /// Polls the end until it has something, or for `limit`.
    ///
    /// # Errors
    /// [`Error::Stalled`] if the time is over.
    pub(crate) fn wait<T>(
        &mut self,
        limit: Option<Duration>,
        mut poll: impl FnMut(&mut A, &mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Failure> {
        let mut deadline = Deadline::new(limit);
        loop {
            if let Poll::Ready(found) = self.attempt(&mut poll) {
                return Ok(found);
            }
            deadline.wait(&self.event)?;
        }
    }

    pub(crate) fn end_mut(&mut self) -> &mut A {
        &mut self.end
    }

    pub(crate) fn into_end(self) -> A {
        self.end
    }
}

/// An end: one whose calls block, until somebody asks for a descriptor.
pub(crate) enum Way<B, A> {
    Blocking(B),
    Polled(Polled<A>),
    /// While the one turns into the other.
    Neither,
}

impl<B, A: From<B>> Way<B, A> {
    /// The descriptor to poll. `limit` is how long the calls of the blocking end wait.
    /// `set_patient` says whether the other kind of end may wake by itself: it would raise the
    /// event for nothing.
    pub(crate) fn descriptor(
        &mut self,
        limit: impl FnOnce(&B) -> Option<Duration>,
        set_patient: impl FnOnce(&mut A, bool),
    ) -> Result<RawFd, Failure> {
        if let Self::Blocking(_) = self {
            let event = Event::new()?;
            if let Self::Blocking(end) = replace(self, Self::Neither) {
                let limit = limit(&end);
                let mut end = end.into();
                set_patient(&mut end, false);
                *self = Self::Polled(Polled::new(end, event, limit));
            }
        }
        match self {
            Self::Polled(polled) => Ok(polled.event.fd()),
            _ => Err(Error::Ended.into()),
        }
    }

    /// Sets how long calls wait: a time from C, which is not 0. `set` does so for the blocking
    /// end.
    pub(crate) fn set_limit(
        &mut self,
        time_us: i64,
        set: impl FnOnce(&mut B, Option<Duration>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let limit = time(time_us);
        match self {
            _ if time_us == 0 => return Err(memtalk_e::BadArgument.into()),
            Self::Blocking(end) => set(end, limit)?,
            Self::Polled(polled) => polled.limit = limit,
            Self::Neither => return Err(Error::Ended.into()),
        }
        Ok(())
    }

    /// The asynchronous end.
    pub(crate) fn into_polled(self) -> Option<A> {
        match self {
            Self::Blocking(end) => Some(end.into()),
            Self::Polled(polled) => Some(polled.into_end()),
            Self::Neither => None,
        }
    }
}

#[cfg(test)]
mod tests {
    //! The rows of the table, with an end that does as it is told.

    use std::task::{Context, Poll};

    use super::{Event, Polled};

    fn polled() -> Polled<()> {
        Polled::new((), Event::new().unwrap(), None)
    }

    impl Polled<()> {
        /// Polls an end that finds this, poll by poll. `between` runs after the first.
        fn finds(&mut self, found: &[bool], mut between: impl FnMut()) -> bool {
            let mut polls = found.iter();
            let attempt = self.attempt(|(), _: &mut Context<'_>| {
                let found = polls.next().expect("it is polled no more than this");
                between();
                match found {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            });
            assert_eq!(polls.len(), 0, "it is polled as often as this");
            attempt.is_ready()
        }

        /// Whether the descriptor is readable; makes it as it was.
        fn is_raised(&self) -> bool {
            let raised = self.event.clear();
            if raised {
                self.event.raise();
            }
            raised
        }
    }

    #[test]
    fn the_event_is_raised_at_first_and_as_long_as_something_is_found() {
        let mut polled = polled();
        assert!(polled.is_raised());
        for _ in 0..3 {
            assert!(polled.finds(&[true], || ()));
            assert!(polled.is_raised());
        }
    }

    #[test]
    fn it_is_clear_after_nothing_was_found_and_stays_so() {
        let mut polled = polled();
        assert!(
            !polled.finds(&[false, false], || ()),
            "a second poll, after the clearing"
        );
        assert!(!polled.is_raised());
        assert!(!polled.finds(&[false], || ()), "nothing was cleared");
        assert!(!polled.is_raised());
    }

    #[test]
    fn what_a_second_poll_finds_is_told_again() {
        let mut polled = polled();
        assert!(polled.finds(&[false, true], || ()));
        assert!(polled.is_raised());
    }

    /// The peer need not have seen our request before the attempt took it back.
    #[test]
    fn what_is_found_after_nothing_was_is_told_even_if_nobody_woke_us() {
        let mut polled = polled();
        assert!(!polled.finds(&[false, false], || ()));
        assert!(polled.finds(&[true], || ()));
        assert!(polled.is_raised());
    }

    #[test]
    fn a_wake_up_during_an_attempt_leads_to_a_second_poll_or_stays() {
        let mut polled = polled();
        assert!(!polled.finds(&[false, false], || ()));
        let event = std::sync::Arc::clone(&polled.event);
        let mut first = true;
        let wake = || {
            if std::mem::take(&mut first) {
                event.raise();
            }
        };
        assert!(!polled.finds(&[false, false], wake));
        assert!(!polled.is_raised());
        let mut polls = 0;
        let wake_later = || {
            polls += 1;
            if polls == 2 {
                event.raise();
            }
        };
        event.raise();
        assert!(!polled.finds(&[false, false], wake_later));
        assert!(polled.is_raised(), "it came after the clearing");
    }
}
