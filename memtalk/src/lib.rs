//! Two processes on one machine exchange byte streams, both ways at once,
//! through a page of shared memory with a name.
//!
//! Both run the same code and name the same object; who comes first creates it,
//! who comes second joins, anybody else is refused. [`Options::open`] returns a
//! [`Channel`] with a [`Sender`] and a [`Receiver`], which implement
//! [`Write`](std::io::Write), [`Read`](std::io::Read) and
//! [`BufRead`](std::io::BufRead):
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
//! sender.end(); // Half-close: the other direction goes on.
//!
//! let mut answer = String::new();
//! receiver.read_to_string(&mut answer)?;
//! assert_eq!(answer, "the answer");
//! receiver.close()?; // We have all of it, safely: tell the peer.
//!
//! sender.close()?; // The peer has all of ours, and said so.
//! # peer.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - **Delivery is certified.** [`Sender::close`] returns `Ok` only after the
//!   peer has confirmed every byte with [`Receiver::close`]. An end that is
//!   dropped without closing tells its peer that the stream is incomplete.
//! - **Death is noticed.** When the peer dies, however it dies, what it had sent
//!   can still be received; then both ends fail with [`Error::PeerDied`]. The
//!   kernel tells us: a thread sleeps on a lock that the peer holds while it
//!   lives. There is no polling and no timeout.
//! - **Whoever shares the memory can be the peer**: a virtual machine, firmware, a
//!   program that knows nothing but the page ([`Options::at_offset`]). It holds no
//!   lock, so a thread looks ten times a second whether it still has the object open;
//!   and while it says that it cannot wake us, ends sleep for at most 5 ms before they
//!   look again.
//! - **Backpressure.** A stalled reader stalls the writer, at
//!   [`Sender::capacity`] bytes.
//! - **Waiting costs nothing.** Ends look for a short while and then sleep; idle
//!   processes that talk to each other use no processor time. (One that waits for a
//!   peer to come looks 20 times a second, since that may be one that cannot wake it.)
//! - **A peer is not trusted** to write sense into the page. It can send
//!   garbage, stay silent, or be told apart from an honest one
//!   ([`Error::Corrupt`]); it cannot make us reach outside the page. If somebody
//!   truncates the object while it is mapped, access to it raises SIGBUS; the
//!   `memtalk` command turns this into a message, a program that uses the
//!   library has to expect it as of any shared mapping of a file.
//!
//! Both sides need the same layout of the page, which carries a version: see
//! [`memtalk_ring::layout`]. Linux only: it uses `futex(2)` and open file
//! description locks.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(not(target_os = "linux"))]
compile_error!("memtalk runs on Linux only: it needs futex(2) and open file description locks");

mod channel;
mod ends;
mod error;
#[doc(hidden)]
pub mod lifecycle;
mod name;
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
pub use status::Status;
pub use sys::named::NamedObject;
pub use talk::fate::{Departure, Peer};
pub use talk::handle::TalkHandle;
