//! A talk: what the two ends share.

pub(crate) mod fate;
pub(crate) mod handle;
pub(crate) mod seated;
pub(crate) mod watch;

use std::sync::Arc;

use self::fate::{Departure, Fate};
use self::seated::Seated;
use crate::error::Error;
use crate::lifecycle::retry::{Retry, SHORT_DOOR_WAIT};

/// The seat, until the last of the two ends goes, and the peer's fate.
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

    /// What an end's error means here.
    pub(crate) fn error(&self, error: memtalk_ring::Error) -> Error {
        match error {
            memtalk_ring::Error::PeerFailed => self.fate.reason(),
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ if self.seated.was_restarted() => Error::PeerRestarted,
            _ => Error::Corrupt,
        }
    }

    /// Whether sending may go on: not after the peer has gone, even if there is room.
    #[inline]
    pub(crate) fn check_peer(&self) -> Result<(), Error> {
        self.fate.check()
    }

    /// The peer is gone, or has started again: speaks for it, so that our ends learn of it.
    fn part(&self, peer_is_outside: bool) {
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
        // Nothing is lost if this fails: the next to use the name finds an
        // object that nobody sits at.
        let _ = self.seated.get_up(false, Retry::within(SHORT_DOOR_WAIT));
    }
}
