//! Memory for memtalk-ring with exactly the capacity of the other rings.
//!
//! In a page, a capacity is a multiple of 64.

#![allow(unsafe_code, reason = "Memory is an unsafe trait")]

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use memtalk_ring::layout::{Line, RingHeader};
use memtalk_ring::{Capacity, Memory, Native, Receiver, Sender, Spin};

use crate::Result;

/// A ring on the heap.
#[derive(Clone)]
pub(super) struct Exact(Arc<Ring>);

/// The parts of a ring. As in a page of 4,096 bytes, the header lies across two pairs of
/// cache lines.
#[repr(C, align(128))]
struct Ring {
    before: [u8; 64],
    header: RingHeader<Native>,
    /// In cache lines, as in a page.
    slab: Box<[Block]>,
    capacity: Capacity,
}

#[repr(align(64))]
struct Block(#[expect(dead_code, reason = "reached by pointer")] UnsafeCell<[u8; 64]>);

// SAFETY: only the two ends access the bytes, and they hand them over with the header's
// atomics.
unsafe impl Sync for Block {}

// SAFETY: while a clone lives, the parts of a ring stay where they are and what they are. The
// blocks lie one after the other and hold at least `capacity` bytes. Only the ends of `pair`
// access them and the header.
unsafe impl Memory for Exact {
    type Atomics = Native;

    #[inline]
    unsafe fn header(&self) -> &RingHeader<Native> {
        &self.0.header
    }

    #[inline]
    fn slab(&self) -> *const UnsafeCell<u8> {
        self.0.slab.as_ptr().cast()
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        self.0.capacity
    }
}

/// Both ends of a new ring of `bytes` bytes.
pub(super) fn pair(bytes: usize) -> Result<(Sender<Exact>, Receiver<Exact>)> {
    let line = || Line {
        index: AtomicU32::new(0),
        want: AtomicU32::new(0),
    };
    let blocks = (0..bytes.div_ceil(64)).map(|_| Block(UnsafeCell::new([0; 64])));
    let ring = Exact(Arc::new(Ring {
        before: [0; 64],
        header: RingHeader {
            sender: line(),
            receiver: line(),
        },
        slab: blocks.collect(),
        capacity: Capacity::new(bytes.try_into()?).ok_or("no capacity for a ring")?,
    }));
    // SAFETY: the ring is new, and this is its only sender.
    let sender = unsafe { Sender::new(ring.clone(), Spin) };
    // SAFETY: this is its only receiver.
    let receiver = unsafe { Receiver::new(ring, Spin) };
    Ok((sender, receiver))
}
