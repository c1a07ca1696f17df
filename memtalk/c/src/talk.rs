//! What a handle of a talk leads to: [`Talk`].

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memtalk::{Channel, Peer, Receiver, Sender, TalkHandle, Waiting, asynchronous};

use crate::error::{Failure, memtalk_e};
use crate::polled::Way;
use crate::table::{Found, Table};

/// A talk: the two ends of one party. You get it from memtalk_open and others, and give it
/// back with memtalk_close or memtalk_free. It is a number: copy it as you like. One that
/// is all zero is no talk.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct memtalk_talk {
    handle: u64,
}

pub(crate) static TALKS: Table<Talk> = Table::new();

/// No talk.
pub(crate) const NONE: memtalk_talk = memtalk_talk { handle: 0 };

/// A talk's parts. One thread at a time has each of them. Who takes several takes them in
/// this order.
#[derive(Default)]
pub(crate) struct Talk {
    /// Our seat, until somebody waits for the peer there.
    pub(crate) waiting: Mutex<Option<Waiting>>,
    pub(crate) sending: Mutex<End<Sending>>,
    pub(crate) receiving: Mutex<End<Receiving>>,
    /// What threads use while others are in calls.
    pub(crate) about: Mutex<Option<About>>,
}

/// An end in the course of a talk.
#[derive(Default)]
pub(crate) enum End<E> {
    /// There is no peer yet.
    #[default]
    NotOpen,
    Open(E),
    /// It was closed.
    Over,
}

pub(crate) struct Sending {
    pub(crate) way: Way<Sender, asynchronous::Sender>,
    /// Whether our stream has ended.
    pub(crate) ended: bool,
}

pub(crate) type Receiving = Way<Receiver, asynchronous::Receiver>;

#[derive(Clone)]
pub(crate) struct About {
    pub(crate) handle: TalkHandle,
    /// `None` before there is a peer.
    pub(crate) peer: Option<Peer>,
    /// The capacity of each ring.
    pub(crate) capacity: usize,
}

impl<E> End<E> {
    pub(crate) fn open(&mut self) -> Result<&mut E, Failure> {
        match self {
            Self::Open(end) => Ok(end),
            Self::NotOpen => Err(memtalk_e::NotOpen.into()),
            Self::Over => Err(memtalk::Error::Ended.into()),
        }
    }
}

impl Talk {
    /// Puts a channel in. `handle` is the handle of the seat, if there was one.
    pub(crate) fn fill(&self, channel: Channel, handle: Option<TalkHandle>) {
        let about = About {
            handle: handle.unwrap_or_else(|| channel.handle()),
            peer: Some(channel.peer),
            capacity: channel.sender.capacity(),
        };
        *lock(&self.sending) = End::Open(Sending {
            way: Way::Blocking(channel.sender),
            ended: false,
        });
        *lock(&self.receiving) = End::Open(Way::Blocking(channel.receiver));
        *lock(&self.about) = Some(about);
    }
}

/// Waits for a lock that others hold for a moment only.
pub(crate) fn lock<P>(part: &Mutex<P>) -> MutexGuard<'_, P> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All parts of a talk, and with them the right to free its handle.
pub(crate) struct Whole {
    found: Found<Talk>,
    waiting: MutexGuard<'static, Option<Waiting>>,
    pub(crate) sending: MutexGuard<'static, End<Sending>>,
    pub(crate) receiving: MutexGuard<'static, End<Receiving>>,
}

impl Whole {
    /// Takes all parts that calls use. The handle stays good: other threads may still give
    /// the talk up.
    pub(crate) fn take(talk: memtalk_talk) -> Result<Self, Failure> {
        let found = talk.find()?;
        Ok(Self {
            waiting: found.take(|talk| &talk.waiting)?,
            sending: found.take(|talk| &talk.sending)?,
            receiving: found.take(|talk| &talk.receiving)?,
            found,
        })
    }

    /// As [`take`](Self::take), even if a call has panicked.
    pub(crate) fn take_to_free(talk: memtalk_talk) -> Result<Self, Failure> {
        let found = talk.find()?;
        Ok(Self {
            waiting: found.take_to_free(|talk| &talk.waiting)?,
            sending: found.take_to_free(|talk| &talk.sending)?,
            receiving: found.take_to_free(|talk| &talk.receiving)?,
            found,
        })
    }

    /// Frees the handle, and gives up what is not closed.
    pub(crate) fn free(mut self) -> Result<(), Failure> {
        let ends = (take(&mut *self.sending), take(&mut *self.receiving));
        let waiting = take(&mut *self.waiting);
        let mut about = self.found.borrow(|talk| &talk.about)?;
        let removed = take(&mut *about);
        TALKS.remove(&self.found);
        drop(about);
        drop(self);
        // Without a lock: it takes some system calls.
        drop((ends, waiting, removed));
        Ok(())
    }
}

impl memtalk_talk {
    pub(crate) fn new(handle: u64) -> Self {
        Self { handle }
    }

    pub(crate) fn find(self) -> Result<Found<Talk>, Failure> {
        TALKS.find(self.handle)
    }

    /// What is known about the talk, for a thread that has none of its ends.
    pub(crate) fn about(self) -> Result<About, Failure> {
        let about = self.find()?.borrow(|talk| &talk.about)?;
        about.clone().ok_or_else(|| memtalk_e::NotOpen.into())
    }

    /// Uses the sending end, alone.
    pub(crate) fn sending<T>(
        self,
        run: impl FnOnce(&mut Sending) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut sending = self.find()?.take(|talk| &talk.sending)?;
        run(sending.open()?)
    }

    /// Uses the receiving end, alone.
    pub(crate) fn receiving<T>(
        self,
        run: impl FnOnce(&mut Receiving) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut receiving = self.find()?.take(|talk| &talk.receiving)?;
        run(receiving.open()?)
    }
}
