//! A talk for asynchronous tasks, on any executor.
//!
//! [`Channel::into_async`](crate::Channel::into_async) makes asynchronous ends of an open
//! channel: a [`Sender`] and a [`Receiver`] that a task polls. No thread waits for each:
//! **one bridging thread of the process** sleeps for up to 127 ends that wait, in one system
//! call (`futex_waitv(2)`), and wakes their tasks.
//!
//! ```
//! use memtalk::Channel;
//!
//! # fn block_on<T>(task: impl Future<Output = T>) -> T {
//! #     struct Unpark(std::thread::Thread);
//! #     impl std::task::Wake for Unpark {
//! #         fn wake(self: std::sync::Arc<Self>) { self.0.unpark() }
//! #     }
//! #     let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
//! #     let mut context = std::task::Context::from_waker(&waker);
//! #     let mut task = std::pin::pin!(task);
//! #     loop {
//! #         if let std::task::Poll::Ready(done) = task.as_mut().poll(&mut context) { return done }
//! #         std::thread::park();
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # block_on(async {
//! let (one, other) = Channel::pair()?;
//! let (mut one, mut other) = (one.into_async(), other.into_async());
//! one.sender.write_all(b"hello").await?;
//! assert_eq!(other.receiver.fill_buf().await?, b"hello");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! With the feature `tokio` the ends implement tokio's `AsyncRead`, `AsyncBufRead` and
//! `AsyncWrite`; with the feature `futures-io`, the traits of that name, which smol,
//! async-std and others use. Without either there are the methods here, and `poll_`
//! functions for traits of your own. An end is no part of an executor: it may be polled by
//! one, and later by another.
//!
//! **Waiting for the peer** blocks, since it is done by looking at locks. Leave it to a
//! thread; [`Cancel`](crate::Cancel) ends it early. In tokio:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use memtalk::Options;
//! # let name = format!("/memtalk-async-{}", std::process::id());
//! # let theirs = name.clone();
//! # let peer = std::thread::spawn(move || memtalk::open(theirs).unwrap().close());
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let cancel = memtalk::Cancel::new();
//! let options = Options::new().cancelled_by(&cancel);
//! let opens = tokio::task::spawn_blocking(move || options.open(name));
//! // In another task, or when this one is dropped: cancel.cancel().
//! let channel = opens.await??.into_async();
//! # let closed = channel.close().await;
//! # peer.join().unwrap()?;
//! # Ok(closed?)
//! # })
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # Closing
//! The same [order](crate#closing) as for blocking ends: [`end`](Sender::end), read to the
//! end, [`close`](Receiver::close) the receiver, and then wait for the certificate:
//! [`Sender::close`], which is also tokio's `shutdown` and the `close` of `futures-io`.
//! [`Channel::close`] does it all. An end that is dropped before has given up, and the peer
//! is told so. Whoever only reads to the end and drops the receiver has confirmed nothing;
//! the peer's `shutdown` fails then.
//!
//! # Cancellation
//! A future that is dropped while it waits has moved no byte, and the end can be used again
//! at once. The exception is `write_all` (and whatever else makes several calls of `write`):
//! it may have sent a part. A task that stopped waiting is woken once at most, for nothing.
//! All of this makes the ends usable in `select!`, in both directions at once.
//!
//! # What it costs
//! | what | cost |
//! | --- | --- |
//! | a read or write that need not wait | what it costs the blocking end |
//! | a short wait | some more polls of the task |
//! | a long wait | a lock that is held for a moment. If the peer did something since the task was last woken, also a system call, which has the bridging thread look again |
//! | a wake-up | a system call of the peer; the bridging thread wakes, looks at all of its ends that wait, and wakes the task |
//! | ends that wait | one thread for each 127 of them, which sleeps |
//! | an open channel | as before: a descriptor, a mapping, and the thread that sleeps until the peer is gone. The kernel tells only a thread that sleeps on it that a lock was freed |
//! | a [silent](memtalk_ring::layout::SILENT) peer | the bridging thread looks again after 50 µs, 100 µs and so on, up to every 5 ms |
//!
//! An end never yields, spins or blocks on an executor's thread. While its waits are short,
//! it asks to be polled again, up to 128 times, before it waits for the bridging thread: the
//! executor runs its other tasks in between. So two busy sides hardly ever sleep. An end
//! whose waits take longer than 150 µs soon does without, and so does one that is told to
//! ([`Sender::set_patient`]).
//!
//! The thread begins when an end first waits, and ends when the last of its ends is
//! dropped. Where the kernel has no `futex_waitv(2)` (before Linux 5.16), or a sandbox
//! forbids it, there is a thread for each end that has waited. It looks again once a
//! second, and may stay for as long after its end was dropped.
//!
//! If no thread can be started, the poll that would have had to wait fails with
//! [`Error::System`]. Nothing is lost, and it may be polled again.
//!
//! # Fork
//! The threads exist only in the process in which an end first waited. In a child that was
//! forked after that and does not exec, no asynchronous end can wait:
//! [`Error::Forked`].
//!
//! # Wakers
//! They are woken by the bridging thread. One that panics is survived, and costs the others
//! nothing. One that blocks keeps up all ends of the thread.

#[cfg(feature = "futures-io")]
mod futures_io;
mod receiver;
mod sender;
#[cfg(feature = "tokio")]
mod tokio;

use std::future::poll_fn;

pub use receiver::Receiver;
pub use sender::Sender;

use crate::error::Error;
use crate::talk::peer::Peer;

/// The two asynchronous ends of a talk: [`crate::Channel::into_async`] makes it.
#[derive(Debug)]
pub struct Channel {
    /// Sends our stream.
    pub sender: Sender,
    /// Receives the peer's stream.
    pub receiver: Receiver,
    /// Who the peer is, and whether it has gone.
    pub peer: Peer,
}

impl From<crate::Channel> for Channel {
    fn from(channel: crate::Channel) -> Self {
        Self {
            sender: channel.sender.into(),
            receiver: channel.receiver.into(),
            peer: channel.peer,
        }
    }
}

impl Channel {
    /// Ends the talk in good order, after its last byte was read: as
    /// [`crate::Channel::close`], which has the rules.
    ///
    /// A future of this that is dropped gives up what is not closed yet.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if the peer sends something that was not read. Otherwise those of
    /// reading and closing.
    pub async fn close(self) -> Result<(), Error> {
        let Self {
            mut sender,
            mut receiver,
            ..
        } = self;
        sender.end();
        match poll_fn(|task| receiver.poll_there(task)).await? {
            0 => receiver.close()?,
            _ => return Err(Error::NotAtEnd),
        }
        sender.close().await
    }
}
