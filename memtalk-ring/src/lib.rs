//! A single-producer single-consumer (SPSC) byte ring over memory that two parties share:
//! two processes, a virtual machine and its host, two cores of a chip.
//!
//! # Contract
//! - **FIFO, exact.** The [`Receiver`] gets what the [`Sender`] commits, each byte
//!   once and in order. Any bytes, in pieces of any size.
//! - **Bounded.** A ring holds its capacity and no more. If it is full, the sender
//!   waits or returns (backpressure).
//! - **Ends are explicit.** The end of a stream, giving up, and the receiver's
//!   confirmation that all was delivered are three different things. An end that
//!   is merely dropped has given up.
//! - **The peer is not trusted.** Whatever it writes into the shared memory, an
//!   end returns bytes or an [`Error`]: no panic, no access out of bounds. The peer
//!   can of course send garbage, or stay silent for ever.
//! - **Sound.** No safe call lets two ends access the same byte at once. A call that could
//!   is `unsafe`, and its contract says how to prevent it.
//! - **No operating system.** No allocation, no `std`, and no dependency unless a
//!   feature asks for it. Loads, stores and fences of 32-bit words are enough; no
//!   read-modify-write. Sleeping and waking are a trait, [`Wait`], with four
//!   implementations here: [`Spin`], [`Idle`], [`Event`] and [`Doorbell`].
//! - **Asynchronous, too.** A task on any executor waits by
//!   [`poll_wait`](Receiver::poll_wait). A [`Bell`] wakes it from an interrupt handler.
//! - **Checked.** The protocol and its proof are in one module, `ring::protocol`. Every
//!   access to shared words and its reason are in one table, [`order`]. The code is
//!   generic over [`Atomics`], so that model checkers run exactly this code.
//!
//! What it is not: a queue of messages (it knows bytes), a queue for more than
//! two parties, or a ring that grows.
//!
//! # Which type when
//! | to | use |
//! | --- | --- |
//! | have a ring each way in shared memory, in a documented layout | [`Page`]; [`layout`] |
//! | say where the memory is | [`RawRegion`], or a [`Region`] of your own |
//! | have the window of a device mapped, uncached or write-combining | a [`Region`] whose atomics are [`DeviceMemory`] |
//! | place one ring in memory as you like | a [`Memory`] of your own, [`Sender::new`], [`Receiver::new`] |
//! | copy bytes in and out | [`Sender::send`], [`Receiver::receive`] |
//! | fill and read the ring in place | [`Sender::space`], [`Receiver::filled`] |
//! | wait for the peer | [`Sender::wait`], [`Receiver::wait`], and a [way to wait](#which-way-to-wait) |
//! | be certain of the delivery | [`Sender::wait_delivered`], [`Receiver::close`] |
//! | sit down where others may come and go | [`sit_down`], [`Presence`] |
//! | speak for a party that has died | [`Departure::mourn`] |
//! | look at a page, and take no part | [`look`] |
//!
//! # Which way to wait
//! | the peer | use | `--example` |
//! | --- | --- | --- |
//! | runs all the time, as another core does; or nobody ever waits for it | [`Spin`] | `spin` |
//! | wakes nobody | [`Idle`] | `idle` |
//! | is another core of an Arm chip, or an interrupt handler on this one | [`Event`] | `event` |
//! | raises an interrupt, by a device register | [`Doorbell`] | `doorbell` |
//! | raises one, and tasks wait for it | [`poll_wait`](Receiver::poll_wait), [`Bell`] | `bell` |
//! | is a thread, or anything else that wakes you | a [`Wait`] of your own | `own_wait` |
//!
//! Two Linux processes have `futex(2)`: see the package `memtalk`. The examples run with
//! `cargo run -p memtalk-ring --example NAME`.
//!
//! # Use
//! A [`Page`] holds one ring each way, in a documented [`layout`]. One party initialises
//! it, the other attaches to it, and each takes the two ends of its [`Seat`]:
//!
//! ```
//! use core::ptr::NonNull;
//! use memtalk_ring::{Page, Presence, RawRegion, Seat, Spin};
//!
//! #[repr(align(64))]
//! struct Memory([u8; 4096]);
//! let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096])))).cast();
//! // SAFETY: the memory lives for ever, and nobody else uses it.
//! let region = unsafe { RawRegion::new(memory, 4096) };
//!
//! // One party …
//! // SAFETY: this program has taken no ends in this memory.
//! let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
//! // SAFETY: the page is fresh, and nobody else is at the first seat.
//! let (mut to_second, _) = unsafe { page.ends(Seat::First, Spin) };
//! assert_eq!(to_second.capacity(), 1856);
//! assert_eq!(to_second.send(b"hello")?, 5);
//! to_second.end();
//!
//! // … and the other, in another thread, process or machine.
//! let page = Page::attach(region)?;
//! // SAFETY: nobody else is at the second seat.
//! let (_, mut from_first) = unsafe { page.ends(Seat::Second, Spin) };
//! let mut bytes = [0; 16];
//! assert_eq!(from_first.receive(&mut bytes)?, 5);
//! assert_eq!(&bytes[..5], b"hello");
//! assert_eq!(from_first.wait()?, 0, "the end of the stream");
//! from_first.close()?;
//!
//! // The certificate of delivery: all of it has arrived.
//! assert!(to_second.delivered()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Filling and reading the ring in place (zero-copy):
//!
//! ```
//! # use core::ptr::NonNull;
//! # use memtalk_ring::{Page, Presence, RawRegion, Seat, Spin};
//! # #[repr(align(64))]
//! # struct Memory([u8; 4096]);
//! # let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096])))).cast();
//! # let region = unsafe { RawRegion::new(memory, 4096) };
//! # let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
//! # let (mut sender, _) = unsafe { page.ends(Seat::First, Spin) };
//! # let (_, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
//! let mut space = sender.space()?;
//! let [(to, len), _] = space.parts();
//! // A DMA controller or read(2) would do this.
//! // SAFETY: `parts` are valid for writes.
//! unsafe { to.write_bytes(b'x', len.min(3)) };
//! space.commit(3);
//!
//! let filled = receiver.filled()?;
//! let mut bytes = [0; 3];
//! filled.copy_to(&mut bytes);
//! filled.release(3);
//! assert_eq!(&bytes, b"xxx");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A page in a `static`, between a main loop and an interrupt handler:
//!
//! ```
//! use core::cell::UnsafeCell;
//! use core::ptr::NonNull;
//! use memtalk_ring::{Page, PageRing, Presence, RawRegion, Receiver, Seat, Sender, Spin};
//!
//! type Ring = PageRing<RawRegion>;
//! type Ends = (Sender<Ring>, Receiver<Ring>);
//!
//! #[repr(C, align(64))]
//! struct Memory(UnsafeCell<[u8; 1024]>);
//! // SAFETY: it is used only through one page, whose accesses are safe from any thread.
//! unsafe impl Sync for Memory {}
//!
//! static MEMORY: Memory = Memory(UnsafeCell::new([0; 1024]));
//!
//! /// The interrupt handler's ends. Only `main` uses them until the interrupt is enabled,
//! /// and only the handler afterwards.
//! struct Handed(UnsafeCell<Option<Ends>>);
//! // SAFETY: so two threads of execution never use it at once.
//! unsafe impl Sync for Handed {}
//!
//! static HANDED: Handed = Handed(UnsafeCell::new(None));
//!
//! /// The interrupt handler: a byte has come in, and one can go out.
//! fn uart_interrupt() {
//!     // SAFETY: only this handler uses it now, and it does not interrupt itself.
//!     let handed = unsafe { &mut *HANDED.0.get() };
//!     let Some((sender, receiver)) = handed else { return };
//!     // A handler never waits: if the ring is full, the byte is lost.
//!     let _ = sender.send(&[read_register()]);
//!     let mut byte = [0];
//!     if receiver.receive(&mut byte) == Ok(1) {
//!         write_register(byte[0]);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn core::error::Error>> {
//!     // SAFETY: the memory lives for ever, and nobody else uses it.
//!     let region = unsafe { RawRegion::new(NonNull::from(&MEMORY).cast(), 1024) };
//!     // SAFETY: this program has taken no ends in this memory.
//!     let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
//!     // SAFETY: the page is fresh, and each seat is taken once.
//!     let (mut sender, mut receiver) = unsafe { page.ends(Seat::First, Spin) };
//!     // SAFETY: as above.
//!     let ends = unsafe { page.ends(Seat::Second, Spin) };
//!     // SAFETY: the interrupt is not enabled yet.
//!     unsafe { *HANDED.0.get() = Some(ends) };
//!     enable_interrupt();
//!
//!     assert_eq!(sender.send(b"hello")?, 5);
//!     # uart_interrupt();
//!     let mut byte = [0];
//!     receiver.wait()?;
//!     assert_eq!(receiver.receive(&mut byte)?, 1);
//!     Ok(())
//! }
//! # fn enable_interrupt() {}
//! # fn read_register() -> u8 { b'x' }
//! # fn write_register(byte: u8) { assert_eq!(byte, b'h') }
//! ```
//!
//! On Arm, use [`Event`] in place of `Spin` at both seats: then the main loop sleeps while
//! it waits.
//!
//! # Features
//! Off by default:
//! - `embedded-io`: the blocking traits of embedded-io 0.7 for both ends, and
//!   `Buffered`, a receiver with a private buffer that implements `BufRead`.
//! - `embedded-io-async`: that, and the traits of embedded-io-async 0.7 for ends whose way
//!   to wait has a [`Bell`].
//! - `defmt`: `defmt::Format` for [`Error`], [`PageError`], [`Seat`], [`Presence`]
//!   and [`Departure`].

#![no_std]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod atomics;
mod error;
#[cfg(feature = "embedded-io")]
mod io;
#[cfg(doctest)]
mod misuse;
pub mod order;
mod page;
mod ring;
mod wait;

pub use atomics::{Atomics, CompareExchange, DeviceMemory, InPlace, Native};
pub use error::Error;
#[cfg(feature = "embedded-io")]
pub use io::Buffered;
#[cfg(feature = "embedded-io-async")]
pub use io::WithBell;
pub use page::header::PageError;
pub use page::region::{PageMemory, RawRegion, Region};
pub use page::seat::{Presence, Seat};
pub use page::{Beginning, Page, PageRing, header, layout, look, sit_down};
pub use ring::capacity::Capacity;
pub use ring::departure::Departure;
pub use ring::memory::Memory;
pub use ring::receiver::{Filled, Receiver};
pub use ring::sender::{Sender, Space};
pub use ring::word::{CLOSED, FAILED};
#[cfg(any(target_arch = "arm", target_arch = "aarch64", doc))]
pub use wait::Event;
pub use wait::{Bell, Doorbell, Idle, Spin, Wait, Watched};
