//! A peer that writes whatever it likes, whenever it likes. What it does is read
//! from bytes, so that a fuzzer can be the peer.
//!
//! # What the peer may do
//! - Hand over memory of any size with anything in it as a page, and write any word of
//!   it between any two calls ([`attach`]).
//! - Change any word between any two accesses to it ([`ends`]): to an index near
//!   either end's or near a limit, to any flags, to any number. More than half of
//!   what it says is honest, so that it gets far.
//! - Stay silent for as long as the bytes last. Then it is dead.
//!
//! # What is promised all the same
//! - No panic, and no access outside the page or the slab. Both have their exact
//!   size on the heap, so that an address sanitizer sees the first byte beside
//!   them.
//! - A page is accepted only if it is one, and whoever attaches writes nothing. Every
//!   other call of a page writes the words that it is for, and no others.
//! - What an honest peer could have said is believed. Anything else is
//!   [`Corrupt`](memtalk_ring::Error::Corrupt), for good.
//! - A sender overwrites nothing that was not released, a receiver gets nothing
//!   that was not committed, and no call moves more than it was asked to.
//! - A stream counts as delivered only if the sender has ended it and the
//!   receiver has said so with nothing left. A receiver confirms only an end
//!   that it has seen.
//! - An end writes only its own cache line, which says what it has done, once for
//!   each step, and what it wants. It does not wait for a peer that it knows to be over.
//! - After it has published anything, an end looks whether the peer waits for as much,
//!   before it returns or waits itself. It wakes the peer then, and else never.
//! - An end that is dropped has given up, unless it was over.
//!
//! # What an honest peer could have said
//! The model counts the bytes that each end has moved over. A peer may move on
//! by what is not available to us, and no further; whether another index goes
//! back, lies too far ahead, or is none at all need not be told apart.

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
    /// How many of them were read.
    read: Cell<usize>,
    /// The peer has died and writes nothing more.
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

    /// The next byte, 0 where there is none.
    fn byte(&self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn word(&self) -> u32 {
        u32::from_le_bytes([(); 4].map(|()| self.byte()))
    }

    /// A length: more than fits, or less.
    fn len(&self) -> usize {
        usize::from(self.byte() % 32)
    }

    /// The same, or more than there can be.
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
