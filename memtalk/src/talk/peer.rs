//! The peer of a talk: who it is, and whether it has gone: [`Peer`].

use std::fmt;
use std::sync::{Arc, Weak};

use super::Talk;
use super::fate::{Departure, Fate};
use crate::error::Error;
use crate::look::Party;

/// The peer of a talk: who it is, and whether it has gone. Clones may go to other threads.
///
/// ```
/// use memtalk::look::Party;
/// use memtalk::{Channel, Departure};
///
/// # fn main() -> Result<(), memtalk::Error> {
/// let (channel, theirs) = Channel::pair()?;
/// if let Some(Party::Process(process)) = channel.peer.party()? {
///     println!("process {} of user {}", process.pid, process.user);
/// }
/// drop(theirs);
/// assert_eq!(channel.peer.wait_until_gone(), Some(Departure::GaveUp));
/// assert!(channel.peer.is_gone());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Peer {
    fate: Arc<Fate>,
    talk: Weak<Talk>,
}

impl Peer {
    pub(crate) fn new(talk: &Arc<Talk>) -> Self {
        Self {
            fate: Arc::clone(&talk.fate),
            talk: Arc::downgrade(talk),
        }
    }

    /// Who the peer is at this moment: a process with its pid and its user, or a party
    /// outside. `None` if both our ends were dropped.
    ///
    /// This searches `/proc`, which takes some milliseconds, and longer with many processes.
    /// It finds processes that this user may see.
    ///
    /// # Errors
    /// [`Error::System`] if a system call fails.
    pub fn party(&self) -> Result<Option<Party>, Error> {
        let party = |talk: Arc<Talk>| talk.seated.party();
        self.talk.upgrade().map(party).transpose()
    }

    /// Whether the peer has gone, as far as is known at this moment. Never waits, and makes no
    /// system call. It may have gone a moment ago; a party outside, up to 0.1 s ago.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.fate.check().is_err()
    }

    /// Waits, asleep, until the peer has closed its ends and left, or has died. Our own
    /// ends learn of a departure by themselves. This is for a thread that has to know
    /// while the ends are busy elsewhere. `None` if both our ends are dropped or given up
    /// first: nobody watches the peer then, or it goes because of that.
    #[must_use]
    pub fn wait_until_gone(&self) -> Option<Departure> {
        self.fate.wait_until_gone()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("is_gone", &self.is_gone())
            .finish_non_exhaustive()
    }
}
