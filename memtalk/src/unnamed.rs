//! Talks without a name: two ends in one process, or memory that one process gives another.
//!
//! The memory is a sealed memfd (`memfd_create(2)`): nobody can truncate it, so no access to
//! it raises SIGBUS. It holds one talk, and is gone with the last who has it open.
//!
//! Locks belong to an open file. So each party opens the memory for itself, through `/proc`:
//! the descriptor that is passed holds no lock, and whoever still has it keeps nobody's seat.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::channel::{Channel, Options, Waiting};
use crate::error::Error;
use crate::lifecycle::request::Place;
use crate::sys;

impl Channel {
    /// Two channels that are each other's peer, without a name: for two threads, for example.
    /// As [`Options::pair`] with the defaults.
    ///
    /// # Errors
    /// Those of [`Options::pair`].
    pub fn pair() -> Result<(Self, Self), Error> {
        Options::new().pair()
    }
}

impl Options {
    /// Two channels that are each other's peer, without a name. The only option that matters
    /// is [`pages`](Self::pages).
    ///
    /// This takes four descriptors, of which it keeps two, and two threads that watch the
    /// peers. A child process cannot inherit a channel: see
    /// [`create_memfd`](Self::create_memfd).
    ///
    /// # Errors
    /// [`Error::Pages`], or [`Error::System`] if a system call fails. Nothing is left behind
    /// then.
    pub fn pair(&self) -> Result<(Channel, Channel), Error> {
        let (waiting, memory) = self.create_memfd()?;
        let second = self.join_memfd(memory)?;
        Ok((waiting.wait_for_peer()?, second))
    }

    /// Creates memory without a name, and takes the first seat there. Returns the descriptor
    /// for the peer: a memfd, to be inherited by a child, or sent over a socket. The peer
    /// calls [`join_memfd`](Self::join_memfd). Whoever gets the descriptor can take part, and
    /// nobody else can.
    ///
    /// The first party always creates, and the second always joins. The memory has one talk:
    /// for another one, create another.
    ///
    /// [`Waiting::wait_for_peer`] waits until the peer has joined. It does not notice if a
    /// child ends before that, so set a [`timeout`](Self::timeout), or
    /// [cancel](Self::cancelled_by) the wait. The options that concern names and users are
    /// ignored. [An example](crate).
    ///
    /// # Errors
    /// [`Error::Pages`], or [`Error::System`] if a system call fails.
    pub fn create_memfd(&self) -> Result<(Waiting, OwnedFd), Error> {
        let waiting = self.sit_down_at(Place::Unnamed(None), |time, _| sys::nap(time))?;
        let memory = waiting.talk.seated.give()?;
        Ok((waiting, memory.into()))
    }

    /// Joins a talk in memory without a name: takes the second seat, and wakes the first
    /// party. `memory` is a descriptor of a memfd from
    /// [`create_memfd`](Self::create_memfd), inherited or received. It is opened again, so it
    /// may be closed afterwards.
    ///
    /// The memory may come from another program that has initialised a page there
    /// ([`memtalk_ring::Page::initialise`]). It gets the seals against a change of its size
    /// (`F_SEAL_SHRINK`, `F_SEAL_GROW`), if it has not got them.
    ///
    /// # Errors
    /// - [`Error::PeerStopped`] if the first party has gone.
    /// - [`Error::Busy`] if another process has joined.
    /// - [`Error::NotAnObject`], [`Error::Unsealed`] or [`Error::Foreign`] if this is no such
    ///   memory.
    /// - [`Error::PagesDiffer`], [`Error::Stuck`], [`Error::System`].
    pub fn join_memfd(&self, memory: impl AsFd) -> Result<Channel, Error> {
        let memory = memory.as_fd().try_clone_to_owned();
        let memory = memory.map_err(Error::system("copy the descriptor"))?;
        let place = Place::Unnamed(Some(Arc::new(File::from(memory))));
        let waiting = self.sit_down_at(place, |time, _| sys::nap(time))?;
        waiting.wait_for_peer()
    }
}
