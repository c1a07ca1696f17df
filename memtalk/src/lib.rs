//! Two Linux processes exchange two byte streams through a page of shared memory.
//!
//! One stream goes each way. A [`Channel`] has the two ends of a talk: a [`Sender`], which
//! implements [`Write`](std::io::Write), and a [`Receiver`], which implements
//! [`Read`](std::io::Read) and [`BufRead`](std::io::BufRead).
//!
//! **Two programs meet under a name**, in either order, each with the same code:
//!
//! ```
//! use std::io::Write;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let name = format!("/memtalk-lib-{}", std::process::id());
//! # let theirs = name.clone();
//! # let peer = std::thread::spawn(move || {
//! #     let mut channel = memtalk::open(theirs).unwrap();
//! #     channel.sender.write_all(b"the other").unwrap();
//! #     channel.finish(&mut std::io::sink()).unwrap();
//! # });
//! # /*
//! let name = "/someobject";
//! # */
//! let mut channel = memtalk::open(name)?; // Waits for the peer.
//! channel.sender.write_all(b"one side")?;
//! let mut theirs = Vec::new();
//! channel.finish(&mut theirs)?; // Ends, receives, confirms, and waits for the same.
//! assert_eq!(theirs, b"the other");
//! # peer.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! **Request and reply**, within a time. [`Options`] say how to open:
//!
//! ```
//! use memtalk::Options;
//! use std::io::{BufRead, Write};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let name = format!("/memtalk-lib-reply-{}", std::process::id());
//! # let theirs = name.clone();
//! # let peer = std::thread::spawn(move || {
//! #     let mut channel = memtalk::open(theirs).unwrap();
//! #     let mut line = String::new();
//! #     channel.receiver.read_line(&mut line).unwrap();
//! #     channel.sender.write_all(b"42\n").unwrap();
//! #     channel.close().unwrap();
//! # });
//! # /*
//! let name = "/answers";
//! # */
//! let second = Duration::from_secs(1);
//! let mut channel = Options::new().timeout(10 * second).open(name)?;
//! channel.receiver.set_read_timeout(Some(second))?;
//! channel.sender.write_all(b"6 * 7\n")?;
//! let mut reply = String::new();
//! channel.receiver.read_line(&mut reply)?; // After a second: ErrorKind::TimedOut.
//! assert_eq!(reply, "42\n");
//! channel.close_within(second)?;
//! # peer.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! **A parent and its child** need no name. The child inherits the memory:
//!
//! ```
//! use memtalk::Options;
//! use std::process::Command;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new().timeout(Duration::from_secs(10));
//! let (waiting, memory) = options.create_memfd()?;
//! # let child = std::thread::spawn(move || {
//! #     let mut channel = Options::new().join_memfd(memory).unwrap();
//! #     std::io::Write::write_all(&mut channel.sender, b"hello").unwrap();
//! #     channel.close().unwrap();
//! # });
//! # /*
//! // There: let mut channel = Options::new().join_memfd(std::io::stdin())?;
//! let mut child = Command::new("child").stdin(memory).spawn()?;
//! # */
//! let mut greeting = Vec::new();
//! waiting.wait_for_peer()?.finish(&mut greeting)?;
//! assert_eq!(greeting, b"hello");
//! # child.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! Whole programs: `cargo run -p memtalk --example request_reply`, and `parent_and_child`,
//! `two_threads`, `progress`.
//!
//! # Which type when
//! | to | use |
//! | --- | --- |
//! | talk to a process that knows the name | [`open`], [`Options::open`] |
//! | talk to a child, or a process at the other end of a socket | [`Options::create_memfd`], [`Options::join_memfd`] |
//! | talk to a thread | [`Channel::pair`] |
//! | talk to many, one after the other | [`Service`]; they use [`Options::as_client`] |
//! | talk to a virtual machine, a board | [`Options::at_offset`], [`Options::anywhere`] |
//! | talk to the host from a virtual machine, or through a file of your own | [`Device`] |
//! | take a seat now, and wait for the peer later | [`Options::sit_down`], [`Waiting`] |
//! | write; read, and read lines | [`Sender`]; [`Receiver`] |
//! | do this in tasks, under tokio or another executor | [`asynchronous`] |
//! | know who the peer is, and whether it is gone | [`Peer`] |
//! | give up from another thread: the wait for a peer; a talk | [`Cancel`]; [`TalkHandle`] |
//! | remove the name in a signal handler | [`NamedObject`] |
//! | know what went wrong; end with the command's status | [`Error::from_io`]; [`Status`] |
//! | look who talks, and take no part | [`look`] |
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
//!   mapping of a file. Memory without a name is sealed: nobody can truncate it.
//!
//! # Closing
//! Each stream has two ends, and a certificate needs both: the receiver has read to the end
//! and [confirms](Receiver::close), the sender [waits for that](Sender::close). If both sides
//! first wait for their certificate, they wait for ever. So there is an order, the same on
//! both sides:
//!
//! 1. [`Sender::end`]: ours is complete. This does not wait.
//! 2. Read until a read returns 0.
//! 3. [`Receiver::close`]: theirs is safe with us. This does not wait.
//! 4. [`Sender::close`]: wait until they say the same of ours.
//!
//! [`Channel::finish`] and [`Channel::close`] do this, and cannot deadlock with each other
//! nor with themselves. Whoever takes fewer steps, or dies, is noticed.
//!
//! # Waiting, and giving up
//! A call waits only for the peer, and only if it has to:
//!
//! | to bound | use |
//! | --- | --- |
//! | the wait for a peer | [`Options::timeout`]; [`Cancel`], from another thread |
//! | a read, a write, a close | [`Receiver::set_read_timeout`], [`Sender::set_write_timeout`], [`Sender::close_within`], [`Channel::close_within`] |
//! | anything, to no time at all | [`Receiver::try_read`], [`Receiver::try_fill_buf`], [`Sender::try_write`], [`Sender::is_delivered`], [`Peer::is_gone`] |
//! | a talk, from another thread | [`TalkHandle::give_up`] |
//!
//! A time that is over is [`io::ErrorKind::TimedOut`](std::io::ErrorKind::TimedOut), a call
//! that would have had to wait is [`WouldBlock`](std::io::ErrorKind::WouldBlock). Neither loses
//! a byte: the call has moved none, and can be made again. (`write_all` makes several calls. If
//! it fails, nobody knows how many bytes it has sent.) A call that waits in another thread
//! cannot be interrupted alone: give it a timeout, or end the talk.
//!
//! # What it costs
//! | what | system calls | copies of a byte |
//! | --- | --- | --- |
//! | a [`write`](std::io::Write::write) or [`read`](std::io::Read::read) that need not wait | none; a `futex(2)` if the peer sleeps and waits for this | one |
//! | one that waits | `sched_yield(2)`, up to 400 times, as the end has learnt; then `futex(2)` | |
//! | the same after [`spread_threads`](Channel::spread_threads) | four more to move, at most 100 times a second | |
//! | [`read_from`](Sender::read_from), [`write_to`](Receiver::write_to) | one, or as many as it takes to gather 16 KiB, or 64 KiB from a pipe or a socket | the kernel's; one more through a [small ring](Sender::read_from) |
//! | lines, and all of [`BufRead`](std::io::BufRead) | as `read` | one more, to private memory |
//! | [`try_write`](Sender::try_write), [`try_read`](Receiver::try_read), [`is_delivered`](Sender::is_delivered) | as those that need not wait | one |
//! | a timeout | none: the clock is read while a call waits, and not otherwise | |
//! | [`Peer::is_gone`] | none | |
//! | [`open`], [`Channel::pair`] | some thirty for each side, half of them to start a thread | |
//! | closing both ends, and leaving | some twenty | |
//! | [`Peer::party`] | a search of `/proc`, thousands: milliseconds | |
//!
//! A channel keeps a descriptor, a mapping of its pages, and a thread that sleeps until the peer
//! is gone. (The calls were counted with `strace -f`, which shows those of any example.)
//!
//! # Processes, threads and signals
//! - **Threads.** The ends may move to different threads; each is used by one at a time. Both
//!   sides of a talk may be in one process, even in one thread, which then must not wait for
//!   itself: that is what the calls that never wait are for.
//! - **Fork.** A child that does not exec (`fork(2)` alone) shares our locks. So the peer
//!   learns of our death only once that child has ended, too. The child must not use the
//!   ends: two would write in one place. A child that execs shares nothing, since all
//!   descriptors are closed then.
//! - **Signals** interrupt no call: it goes on waiting. The library installs no handler. A
//!   process that is to end because of a signal should say so first:
//!   [`TalkHandle::leave`]. Otherwise the peer takes that for a death.
//! - **Exit.** `std::process::exit` drops nothing, so the peer takes it for a death, too,
//!   unless both ends were closed.
//!
//! # Asynchronous tasks
//! [`Channel::into_async`] makes ends that a task polls, with tokio's traits or those of
//! `futures-io`: [`asynchronous`]. One thread of the process waits for many of them.
//!
//! # What it is not for
//! - More than two parties, or two machines.
//! - Messages: a stream has no boundaries, and a read returns what has come so far.
//!
//! Both sides need the same layout of the page. It carries a version number: see
//! [`memtalk_ring::layout`]. Linux only, since it needs `futex(2)` and open file
//! description locks.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(not(target_os = "linux"))]
compile_error!("memtalk runs on Linux only: it needs futex(2) and open file description locks");

mod address;
pub mod asynchronous;
mod cancel;
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
mod unnamed;
#[doc(hidden)]
pub mod wait;

pub use address::{Address, Device};
pub use cancel::Cancel;
pub use channel::{Channel, Options, Waiting, open};
pub use ends::receiver::Receiver;
pub use ends::sender::Sender;
pub use error::Error;
pub use lifecycle::step::Awaited;
/// Why an object is not a page: [`Error::Foreign`], [`look::State::Foreign`].
#[doc(inline)]
pub use memtalk_ring::PageError;
pub use name::{Name, NameError};
pub use service::Service;
pub use status::Status;
pub use sys::named::NamedObject;
pub use talk::fate::Departure;
pub use talk::handle::TalkHandle;
pub use talk::peer::Peer;
