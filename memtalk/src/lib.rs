//! Two Linux processes exchange two byte streams through a named page of shared memory.
//!
//! One stream goes each way, through one POSIX shared memory object. Both processes run the
//! same code with the same name, in either order. The first party creates the object, the
//! second joins it, and a third is refused with [`Error::Busy`].
//!
//! [`Options::open`] waits for the peer and returns a [`Channel`]: a [`Sender`], which
//! implements [`Write`](std::io::Write), and a [`Receiver`], which implements
//! [`Read`](std::io::Read) and [`BufRead`](std::io::BufRead):
//!
//! ```
//! use memtalk::{Channel, Name, Options};
//! use std::io::{Read, Write};
//! # use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let name = format!("/memtalk-lib-{}", std::process::id());
//! # let theirs = name.clone();
//! # let peer = std::thread::spawn(move || {
//! #     let mut channel = Options::new().open(&Name::new(theirs).unwrap()).unwrap();
//! #     let mut question = String::new();
//! #     channel.receiver.read_to_string(&mut question).unwrap();
//! #     channel.receiver.close().unwrap();
//! #     channel.sender.write_all(b"the answer").unwrap();
//! #     channel.sender.close().unwrap();
//! # });
//! # /*
//! let name = "/someobject";
//! # */
//! let Channel { mut sender, mut receiver, .. } = Options::new().open(&Name::new(name)?)?;
//!
//! sender.write_all(b"a question")?;
//! sender.end(); // Half-close: the other direction stays open.
//!
//! let mut answer = String::new();
//! receiver.read_to_string(&mut answer)?;
//! assert_eq!(answer, "the answer");
//! receiver.close()?; // Confirms to the peer that we have all of its stream.
//!
//! sender.close()?; // Waits until the peer has confirmed all of ours.
//! # peer.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - **Delivery is certified.** [`Sender::close`] returns `Ok` only after the
//!   peer has confirmed every byte with [`Receiver::close`]. An end that is
//!   dropped without being closed tells its peer that the stream is incomplete.
//! - **A death is noticed.** When the peer dies, however it dies, every byte that it
//!   had sent can still be received. Then both ends fail with [`Error::PeerDied`]. The
//!   kernel tells us: a thread sleeps on a lock that the peer holds for as long as it
//!   lives. There is no polling and no timeout.
//! - **Any program that shares the memory can be the peer**: a virtual machine,
//!   firmware, a program that knows nothing but the page ([`Options::at_offset`]). Such a
//!   party holds no lock, so a thread looks ten times a second whether it still has the
//!   object open. While it says in the page that it cannot wake us, our ends sleep for at
//!   most 5 ms at a time before they look again.
//! - **Backpressure.** A stalled reader stalls the writer, at
//!   [`Sender::capacity`] bytes.
//! - **Waiting costs nothing.** An end looks again for a short while and then sleeps. Two
//!   idle processes that talk to each other use no processor time. (A process whose peer
//!   has not come yet looks 20 times a second, since that peer may be unable to wake it.)
//! - **The peer is not trusted** to write sense into the page. It can send garbage, or
//!   nothing; any other breach of the protocol is [`Error::Corrupt`]. In no case can it
//!   make us access memory outside the page. If somebody truncates the object while it is
//!   mapped, an access to it raises SIGBUS. The `memtalk` command turns that into a
//!   message; a program that uses the library has to expect SIGBUS, as with any shared
//!   mapping of a file.
//!
//! [`look`] shows which talks there are, and who sits where, without disturbing them.
//!
//! # What it is not for
//! - More than two parties, or two machines.
//! - Messages: a stream has no boundaries, and a read returns what has come so far.
//! - A bounded wait during the talk: [`Options::timeout`] bounds the wait for the peer and
//!   nothing after it.
//!
//! Both sides need the same layout of the page. It carries a version number: see
//! [`memtalk_ring::layout`]. Linux only, since it needs `futex(2)` and open file
//! description locks.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(not(target_os = "linux"))]
compile_error!("memtalk runs on Linux only: it needs futex(2) and open file description locks");

mod channel;
mod ends;
mod error;
#[doc(hidden)]
pub mod escape;
#[doc(hidden)]
pub mod lifecycle;
pub mod look;
mod name;
mod service;
mod status;
#[doc(hidden)]
pub mod sys;
mod talk;
#[doc(hidden)]
pub mod wait;

pub use channel::{Channel, Options, Waiting};
pub use ends::receiver::Receiver;
pub use ends::sender::Sender;
pub use error::Error;
pub use lifecycle::step::Awaited;
pub use name::{Name, NameError};
pub use service::Service;
pub use status::Status;
pub use sys::named::NamedObject;
pub use talk::fate::{Departure, Peer};
pub use talk::handle::TalkHandle;
