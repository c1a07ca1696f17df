//! A peer that writes anything at any time.
//!
//! It reads from bytes what to do, so that a fuzzer can be the peer.
//!
//! # What the peer may do
//! - Hand over memory of any size with any content as a page, and write any word of it
//!   between any two calls ([`attach`]).
//! - Change any word between any two accesses to it ([`ends`]): to an index near
//!   either end's or near a limit, to any flags, to any number. More than half of
//!   what it writes is honest, so that it gets far.
//! - Stay silent for as long as the bytes last. Then it is dead.
//!
//! # What is promised all the same
//! - No panic, and no access outside the page or the slab. Both have their exact
//!   size on the heap, so that an address sanitizer sees an access to the first byte beside
//!   them.
//! - A page is accepted only if it is one, and to attach writes nothing. Every
//!   other call of a page writes the words that it is for, and no others.
//! - What an honest peer could have said is believed. Anything else is
//!   [`Corrupt`](memtalk_ring::Error::Corrupt), for good.
//! - A sender overwrites nothing that was not released, a receiver gets nothing
//!   that was not committed, and no call moves more than it was asked to.
//! - A stream counts as delivered only if the sender has ended it and the
//!   receiver has confirmed it with nothing left. A receiver confirms only an end
//!   that it has seen.
//! - An end writes only its own cache line: what it has done, once for each step, and what
//!   it wants. It does not wait for a peer that it knows to be over.
//! - A task is told to wait only after it has registered its waker, asked for a wake-up and
//!   looked once more, in this order. What it has asked for stands until it finds something.
//!   A thread asks before it sleeps, and takes that back.
//! - After it has published anything, and before it returns or waits itself, an end looks
//!   whether the peer waits for what is there now. It wakes the peer then, and only then.
//! - An end that is dropped has given up, unless it was over.
//!
//! # What an honest peer could have said
//! The model counts the bytes that each end has moved over. A peer may move on by what is
//! not available to us, and no further. Other indices are not told apart: one that goes
//! back, one that lies too far ahead, a number that is no index.

use std::cell::Cell;

use crate::oracle::byte;

mod attach;
mod ends;
mod heap;
mod page;
mod peer;

pub use attach::attach;
pub use ends::ends;

/// The fuzzer's bytes, read from front to back.
struct Script {
    bytes: Box<[u8]>,
    /// The number of bytes that were read.
    read: Cell<usize>,
    /// Whether the peer has died. It writes nothing more then.
    gone: Cell<bool>,
}

impl Script {
    fn new(data: &[u8]) -> Self {
        Self {
            bytes: data.into(),
            read: Cell::new(0),
            gone: Cell::new(false),
        }
    }

    fn next(&self) -> Option<u8> {
        let byte = self.bytes.get(self.read.get()).copied()?;
        self.read.set(self.read.get() + 1);
        Some(byte)
    }

    /// The next byte, or 0 if there is none.
    fn byte(&self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// A word made of the next four bytes.
    fn word(&self) -> u32 {
        u32::from_le_bytes([(); 4].map(|()| self.byte()))
    }

    /// A length from 0 to 31: often less than a ring can hold, sometimes more.
    fn len(&self) -> usize {
        usize::from(self.byte() % 32)
    }

    /// The same, or the greatest length that there is.
    fn any_len(&self) -> usize {
        match self.byte() {
            u8::MAX => usize::MAX,
            len => usize::from(len % 32),
        }
    }
}

/// The bytes of a stream from `position` on.
fn bytes_from(position: usize, len: usize) -> Vec<u8> {
    (position..position + len).map(byte).collect()
}
