//! The layout of a page in memory, and all rules for its use.
//!
#![doc = include_str!("../../LAYOUT.md")]
//!
//! # Why there is a gap before the second ring struct
//! Many processors fetch cache lines in pairs: 128 bytes at a multiple of 128. If both
//! lines of a ring struct were one pair, each end would fetch the other's line along with
//! its own. Small messages through a ring of one page then take up to twice as long. So a
//! ring struct lies across two pairs. The 64 bytes before the second one are there for
//! this: in a page whose size is a multiple of 4,096, both ring structs lie across pairs.

use core::mem::{align_of, offset_of, size_of};

use super::seat::Seat;
use crate::atomics::{Atomics, Native};

pub use super::seat::{LEFT, OUTSIDE, SEATED, SILENT, WAITING};
pub use crate::ring::header::{LINE, Line, RingHeader};

/// The magic number: `talk` in ASCII, from the most significant byte. It differs from
/// itself with its bytes swapped, so that a page from a machine of the other byte order
/// is recognised.
pub const MAGIC: u32 = 0x7461_6C6B;

/// The claim, which a process writes before it fills in the rest of the page. It tells
/// memory whose creator died half-way from memory that is somebody else's.
pub const CLAIM: u32 = !MAGIC;

/// The claim of a party [outside](OUTSIDE).
pub const CLAIM_OUTSIDE: u32 = CLAIM + 1;

/// The version of the layout and of the protocol.
pub const VERSION: u32 = 3;

/// The words that identify a page. They do not change once the page is initialised.
#[repr(C, align(32))]
pub struct Identity<A: Atomics> {
    /// [`MAGIC`], written last.
    pub magic: A::Word,
    /// [`CLAIM`], if a process initialised the page; [`CLAIM_OUTSIDE`] if a party outside did.
    pub claim: A::Word,
    /// [`VERSION`].
    pub version: A::Word,
    /// The size of the page in bytes.
    pub size: A::Word,
    /// The size of each slab in bytes.
    pub capacity: A::Word,
}

/// The two seat words.
#[repr(C, align(32))]
pub struct Seats<A: Atomics> {
    /// The first seat's word, and the second's: 0 while nobody has sat there, otherwise
    /// [`SEATED`] with [`OUTSIDE`], [`SILENT`] and [`WAITING`] where they apply, or [`LEFT`].
    /// The second's is [`OUTSIDE`] alone while only a party outside may sit there.
    pub taken: [A::Word; 2],
}

/// The header of the page: the first 64 bytes, before the first ring struct.
#[repr(C, align(64))]
pub struct Header<A: Atomics> {
    /// The words that identify the page.
    pub identity: Identity<A>,
    /// The two seat words.
    pub seats: Seats<A>,
}

/// The unused bytes before the second ring struct.
const GAP: usize = LINE;

/// The size in bytes of everything in a page but its two slabs.
pub const OVERHEAD: usize = size_of::<Header<Native>>() + 2 * size_of::<RingHeader<Native>>() + GAP;

/// The size in bytes of the smallest page: one cache line of slab each way.
pub const MIN_SIZE: usize = OVERHEAD + 2 * LINE;

/// The size in bytes of the largest page: 1 GiB, which keeps both slabs within
/// [`Capacity::MAX`](crate::ring::capacity::Capacity::MAX).
pub const MAX_SIZE: usize = 1 << 30;

/// The capacity in bytes of each ring in a page of `size` bytes: 1,856 in a page of 4,096.
/// `None` unless `size` is a multiple of 64 from [`MIN_SIZE`] to [`MAX_SIZE`].
#[must_use]
pub const fn capacity_of(size: usize) -> Option<u32> {
    if size < MIN_SIZE || size > MAX_SIZE || !size.is_multiple_of(LINE) {
        return None;
    }
    let slab = (size - OVERHEAD) / 2 / LINE * LINE;
    // At most 2²⁹, by MAX_SIZE.
    #[expect(clippy::cast_possible_truncation)]
    Some(slab as u32)
}

/// Offset in bytes of the ring struct of ring `which` (0 or 1).
pub(crate) const fn ring_offset(which: usize, capacity: u32) -> usize {
    let first = size_of::<Header<Native>>();
    first + which * (size_of::<RingHeader<Native>>() + capacity as usize + GAP)
}

/// Offset in bytes of the slab of ring `which` (0 or 1).
pub(crate) const fn slab_offset(which: usize, capacity: u32) -> usize {
    ring_offset(which, capacity) + size_of::<RingHeader<Native>>()
}

/// Offset in bytes of the word of `seat`.
#[must_use]
pub const fn seat_offset(seat: Seat) -> usize {
    offset_of!(Header<Native>, seats.taken) + seat.index() * size_of::<u32>()
}

/// Offset in bytes of the [`Line`] that the party at `seat` writes as a sender, in the
/// ring that it sends on. `capacity` is [that of the page](capacity_of).
#[must_use]
pub const fn sender_offset(seat: Seat, capacity: u32) -> usize {
    ring_offset(seat.index(), capacity) + offset_of!(RingHeader<Native>, sender)
}

/// Offset in bytes of the [`Line`] that the party at `seat` writes as a receiver, in the
/// ring that its peer sends on. `capacity` is [that of the page](capacity_of).
#[must_use]
pub const fn receiver_offset(seat: Seat, capacity: u32) -> usize {
    ring_offset(seat.peer().index(), capacity) + offset_of!(RingHeader<Native>, receiver)
}

// The compiler checks the tables of LAYOUT.md here.
const _: () = {
    assert!(offset_of!(Header<Native>, identity) == 0);
    assert!(offset_of!(Identity<Native>, magic) == 0);
    assert!(offset_of!(Identity<Native>, claim) == 4);
    assert!(offset_of!(Identity<Native>, version) == 8);
    assert!(offset_of!(Identity<Native>, size) == 12);
    assert!(offset_of!(Identity<Native>, capacity) == 16);
    assert!(offset_of!(Header<Native>, seats) == 32);
    assert!(offset_of!(Seats<Native>, taken) == 0);
    assert!(size_of::<Header<Native>>() == 64);
    assert!(offset_of!(RingHeader<Native>, sender) == 0);
    assert!(offset_of!(RingHeader<Native>, receiver) == 64);
    assert!(offset_of!(Line<Native>, index) == 0);
    assert!(offset_of!(Line<Native>, want) == 4);
    assert!(size_of::<RingHeader<Native>>() == 128);
    assert!(align_of::<Header<Native>>() == LINE);
    assert!(align_of::<RingHeader<Native>>() == LINE);
    assert!(OVERHEAD == 384);
    assert!(matches!(capacity_of(4096), Some(1856)));
    assert!(ring_offset(0, 1856) == 64 && slab_offset(0, 1856) == 192);
    assert!(ring_offset(1, 1856) == 256 + 1856 && slab_offset(1, 1856) == 384 + 1856);
    assert!(slab_offset(1, 1856) + 1856 == 4096);
    assert!(seat_offset(Seat::First) == 32 && seat_offset(Seat::Second) == 36);
    assert!(sender_offset(Seat::First, 1856) == 64);
    assert!(receiver_offset(Seat::Second, 1856) == 64 + 64);
    assert!(sender_offset(Seat::Second, 1856) == 256 + 1856);
    assert!(receiver_offset(Seat::First, 1856) == 256 + 1856 + 64);
    assert!(MAGIC != MAGIC.swap_bytes());
    assert!(MAGIC == 0x7461_6C6B && CLAIM == 0x8B9E_9394 && CLAIM_OUTSIDE == 0x8B9E_9395);
    // Everything fits and is aligned, from the smallest page to the largest.
    let mut sizes = [
        MIN_SIZE,
        MIN_SIZE + LINE,
        4096,
        65536,
        MAX_SIZE - LINE,
        MAX_SIZE,
    ]
    .as_slice();
    while let [size, rest @ ..] = sizes {
        match capacity_of(*size) {
            Some(capacity) => {
                assert!(capacity <= crate::ring::capacity::Capacity::MAX);
                assert!(ring_offset(1, capacity).is_multiple_of(LINE));
                assert!(
                    !size.is_multiple_of(4096)
                        || ring_offset(1, capacity) % (2 * LINE) == ring_offset(0, capacity)
                );
                assert!(slab_offset(1, capacity) + capacity as usize <= *size);
            }
            None => panic!(),
        }
        sizes = rest;
    }
};
