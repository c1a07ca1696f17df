//! A talk, seen from one party: what its two ends share.

pub(crate) mod fate;
pub(crate) mod handle;
mod outside;
pub(crate) mod peer;
pub(crate) mod seated;
pub(crate) mod watch;

use std::sync::Arc;

use self::fate::{Departure, Fate};
use self::seated::Seated;
use crate::error::Error;
use crate::lifecycle::retry::{Retry, SHORT_DOOR_WAIT};

/// Our seat, kept until the last of the two ends is dropped, and the peer's fate.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) seated: Seated,
    pub(crate) fate: Arc<Fate>,
}

impl Talk {
    pub(crate) fn new(seated: Seated) -> Arc<Self> {
        let fate = Arc::default();
        Arc::new(Self { seated, fate })
    }

    /// The error of the channel for an error of the ring.
    pub(crate) fn error(&self, error: memtalk_ring::Error) -> Error {
        match error {
            memtalk_ring::Error::PeerFailed => self.fate.reason(),
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            memtalk_ring::Error::TimedOut => Error::Stalled,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ if self.seated.was_restarted() => Error::PeerRestarted,
            _ => Error::Corrupt,
        }
    }

    /// Fails once the peer has gone, even if there is room in the ring.
    #[inline]
    pub(crate) fn check_peer(&self) -> Result<(), Error> {
        self.fate.check()
    }

    /// Called when the peer has gone or has started again. Fails the ends that it left
    /// open, in its name, so that our ends learn of it.
    fn record_departure(&self, peer_is_outside: bool) {
        self.fate.decide(|| {
            let restarted = peer_is_outside && self.seated.was_restarted();
            let departure = self.seated.mourn_peer(peer_is_outside);
            match restarted {
                true => Departure::Restarted,
                false => departure.into(),
            }
        });
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.fate.end();
        self.seated.fail_open_ends();
        // Nothing is lost if this fails: the next process that uses the name finds an
        // object with free seats.
        let _ = self.seated.get_up(false, Retry::within(SHORT_DOOR_WAIT));
    }
}
