//! A peer that writes any words: an end returns bytes or an error.
//!
//! It does not panic, access anything outside its slab, or confirm what was not sent.

use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::layout::{
    CLAIM, Header, MAGIC, MAX_SIZE, MIN_SIZE, OVERHEAD, VERSION, capacity_of, receiver_offset,
    sender_offset,
};
use memtalk_ring::{
    CLOSED, Error, FAILED, Native, Page, PageError, Presence, RawRegion, Seat, Spin,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use verification::bound::bound_the_whole;

const SIZE: usize = 4096;
const FENCE: u8 = 0xA5;

/// The most bytes that one call moves while the peer's word stays the same: those that the
/// end knew of before, and those that one look at that word adds.
const MOST: usize = 2 * 1856;

/// A page between two fences of known bytes.
#[repr(C, align(64))]
struct Memory {
    before: [u8; 256],
    page: [u8; SIZE],
    after: [u8; 256],
}

/// Memory on the heap. Dropping it checks the fences.
struct Fenced(NonNull<Memory>);

impl Fenced {
    fn new() -> Self {
        bound_the_whole();
        let memory = Box::new(Memory {
            before: [FENCE; 256],
            page: [0; SIZE],
            after: [FENCE; 256],
        });
        Self(NonNull::from(Box::leak(memory)))
    }

    fn region(&self) -> RawRegion {
        // SAFETY: within the allocation.
        let page = unsafe { self.0.byte_add(256) }.cast();
        // SAFETY: the memory lives as long as `self`, which outlives every use in this file.
        unsafe { RawRegion::new(page, SIZE) }
    }

    fn initialise(&self) -> Page<RawRegion> {
        // SAFETY: no test has taken ends in this memory before.
        unsafe { Page::initialise(self.region(), Presence::DEVICE) }.unwrap()
    }

    /// The word at `offset` of the page, as the peer reaches it.
    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset < SIZE);
        // SAFETY: within the allocation, and aligned.
        let at = unsafe { self.0.byte_add(256 + offset) };
        // SAFETY: all accesses to the words are atomic.
        unsafe { at.cast().as_ref() }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: a box made it, and nobody uses it any more.
        let memory = unsafe { Box::from_raw(self.0.as_ptr()) };
        assert_eq!(memory.before, [FENCE; 256], "written before the page");
        assert_eq!(memory.after, [FENCE; 256], "written behind the page");
    }
}

/// The offsets of the index words of the first ring: its sender's, its receiver's.
const FIRST_TAIL: usize = sender_offset(Seat::First, 1856);
const FIRST_HEAD: usize = receiver_offset(Seat::Second, 1856);

/// The offsets of the words in which the page says what it is.
const AT_MAGIC: usize = offset_of!(Header<Native>, identity.magic);
const AT_CLAIM: usize = offset_of!(Header<Native>, identity.claim);
const AT_VERSION: usize = offset_of!(Header<Native>, identity.version);
const AT_SIZE: usize = offset_of!(Header<Native>, identity.size);
const AT_CAPACITY: usize = offset_of!(Header<Native>, identity.capacity);

/// `right` in four of five cases, else any word.
fn mostly(right: u32) -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(right), 1 => any::<u32>()]
}

/// An index near one that has a meaning, or any index; with any flags.
fn word() -> impl Strategy<Value = u32> {
    let near = |at: u32| at.saturating_sub(3)..at + 3;
    let index = prop_oneof![near(0), near(1856), near(3712), any::<u32>()];
    (
        index,
        prop_oneof![Just(0), Just(CLOSED), Just(FAILED), Just(CLOSED | FAILED)],
    )
        .prop_map(|(index, flags)| index ^ flags)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_receiver_survives_any_tail(words in prop::collection::vec((word(), 0..4000_usize), 1..30)) {
        let memory = Fenced::new();
        let page = memory.initialise();
        // SAFETY: nobody else takes the ends of this seat.
        let (_, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
        for (word, len) in words {
            memory.word(FIRST_TAIL).store(word, Ordering::Relaxed);
            let mut bytes = vec![0; len];
            match receiver.receive(&mut bytes) {
                Ok(count) => prop_assert!(count <= len.min(MOST)),
                Err(Error::Corrupt) => {
                    prop_assert_eq!(receiver.filled().err(), Some(Error::Corrupt));
                    prop_assert!(receiver.close().is_err());
                    break;
                }
                Err(error) => {
                    prop_assert_eq!(error, Error::PeerFailed);
                    break;
                }
            }
        }
    }

    #[test]
    fn a_sender_survives_any_head(words in prop::collection::vec((word(), 0..4000_usize), 1..30)) {
        let memory = Fenced::new();
        let page = memory.initialise();
        // SAFETY: nobody else takes the ends of this seat.
        let (mut sender, _) = unsafe { page.ends(Seat::First, Spin) };
        for (word, len) in words {
            memory.word(FIRST_HEAD).store(word, Ordering::Relaxed);
            match sender.send(&vec![7; len]) {
                Ok(count) => prop_assert!(count <= len.min(MOST)),
                Err(Error::Corrupt) => {
                    prop_assert_eq!(sender.delivered(), Err(Error::Corrupt));
                    break;
                }
                Err(error) => {
                    prop_assert_eq!(error, Error::PeerFailed);
                    break;
                }
            }
        }
        // A confirmation that nobody asked for is no certificate.
        prop_assert_ne!(sender.delivered(), Ok(true));
    }

    #[test]
    fn a_header_is_accepted_only_if_it_is_right(
        magic in mostly(MAGIC),
        claim: u32,
        version in mostly(VERSION),
        size in mostly(4096),
        capacity in mostly(1856),
    ) {
        let memory = Fenced::new();
        for (at, word) in [
            (AT_MAGIC, magic),
            (AT_CLAIM, claim),
            (AT_VERSION, version),
            (AT_SIZE, size),
            (AT_CAPACITY, capacity),
        ] {
            memory.word(at).store(word, Ordering::Relaxed);
        }
        let right = (magic, version, size, capacity) == (MAGIC, VERSION, 4096, 1856);
        prop_assert_eq!(Page::attach(memory.region()).is_ok(), right);
    }

    #[test]
    fn a_size_is_accepted_only_if_it_fits(
        size in prop_oneof![any::<usize>(), 0..2 * MAX_SIZE, (0..2 * MAX_SIZE / 64).prop_map(|n| 64 * n)],
    ) {
        match capacity_of(size) {
            // The rings take all of it, except a rest of less than 64 bytes each way.
            Some(capacity) => {
                prop_assert!((MIN_SIZE..=MAX_SIZE).contains(&size));
                prop_assert!((0..128).contains(&(size - OVERHEAD - 2 * capacity as usize)));
            }
            None => prop_assert!(!(MIN_SIZE..=MAX_SIZE).contains(&size) || size % 64 != 0),
        }
    }
}

#[test]
fn every_wrong_header_is_refused_with_its_reason() {
    let memory = Fenced::new();
    let attach = || Page::attach(memory.region()).err();
    let set = |offset, value| memory.word(offset).store(value, Ordering::Relaxed);

    assert_eq!(attach(), Some(PageError::NotAPage));
    set(AT_CLAIM, CLAIM);
    assert_eq!(attach(), Some(PageError::Unfinished));
    memory.initialise();
    assert_eq!(attach(), None);

    set(AT_MAGIC, MAGIC.swap_bytes());
    assert_eq!(attach(), Some(PageError::ByteOrder));
    set(AT_MAGIC, MAGIC);
    set(AT_VERSION, VERSION + 1);
    assert_eq!(attach(), Some(PageError::Version(VERSION + 1)));
    set(AT_VERSION, VERSION);
    set(AT_SIZE, 8192);
    assert_eq!(attach(), Some(PageError::Size(8192)));
    set(AT_SIZE, 4096);
    set(AT_CAPACITY, 1857);
    assert_eq!(attach(), Some(PageError::Size(4096)));
    set(AT_CAPACITY, 1856);
    assert_eq!(attach(), None);
}

#[test]
fn a_receiver_does_not_follow_a_tail_that_goes_back() {
    let memory = Fenced::new();
    let page = memory.initialise();
    // SAFETY: nobody else takes the ends of this seat.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
    memory.word(FIRST_TAIL).store(10, Ordering::Relaxed);
    assert_eq!(receiver.filled().unwrap().len(), 10);
    memory.word(FIRST_TAIL).store(9, Ordering::Relaxed);
    assert_eq!(receiver.filled().err(), Some(Error::Corrupt));
    memory.word(FIRST_TAIL).store(10, Ordering::Relaxed);
    assert_eq!(receiver.filled().err(), Some(Error::Corrupt), "for good");
}

#[test]
fn a_page_needs_an_aligned_address() {
    let memory = Fenced::new();
    // SAFETY: within the allocation.
    let base = unsafe { memory.0.byte_add(256 + 4) }.cast();
    // SAFETY: within the allocation, which lives long enough.
    let region = unsafe { RawRegion::new(base, 2048) };
    // SAFETY: nobody has taken ends in this memory.
    let made = unsafe { Page::initialise(region, Presence::DEVICE) };
    assert_eq!(made.err(), Some(PageError::BadMemory(2048)));
}
