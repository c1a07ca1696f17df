//! A peer that writes whatever it likes: an end returns bytes or an error, and
//! does not panic, reach outside its slab, or confirm what was not sent.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::layout::{CLAIM, MAGIC, MAX_SIZE, MIN_SIZE, VERSION, capacity_of};
use memtalk_ring::{CLOSED, Error, FAILED, Page, PageError, Presence, RawRegion, Seat, Spin};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const SIZE: usize = 4096;
const FENCE: u8 = 0xA5;

/// What one call moves at most while the peer's word stays the same: what the end
/// knew of before, and what one look at that word adds.
const MOST: usize = 2 * 1856;

/// A page with a fence of known bytes on both sides.
#[repr(C, align(64))]
struct Memory {
    before: [u8; 256],
    page: [u8; SIZE],
    after: [u8; 256],
}

struct Fenced(NonNull<Memory>);

impl Fenced {
    fn new() -> Self {
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
        // SAFETY: it lives as long as `self`, which outlives every use in here.
        unsafe { RawRegion::new(page, SIZE) }
    }

    fn initialise(&self) -> Page<RawRegion> {
        // SAFETY: no test has taken ends in it before.
        unsafe { Page::initialise(self.region(), Presence::DEVICE) }.unwrap()
    }

    /// The word at `offset` of the page, as the peer reaches it.
    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset < SIZE);
        // SAFETY: within the allocation, and aligned.
        let at = unsafe { self.0.byte_add(256 + offset) };
        // SAFETY: the words are accessed as atomics only.
        unsafe { at.cast().as_ref() }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: made by a box, and nobody uses it any more.
        let memory = unsafe { Box::from_raw(self.0.as_ptr()) };
        assert_eq!(memory.before, [FENCE; 256], "written before the page");
        assert_eq!(memory.after, [FENCE; 256], "written behind the page");
    }
}

/// Offsets by the layout of version 2.
const FIRST_TAIL: usize = 64;
const FIRST_HEAD: usize = 128;

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
    fn a_receiver_stands_any_tail(words in prop::collection::vec((word(), 0..4000_usize), 1..30)) {
        let memory = Fenced::new();
        let page = memory.initialise();
        // SAFETY: the only one at this seat.
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
    fn a_sender_stands_any_head(words in prop::collection::vec((word(), 0..4000_usize), 1..30)) {
        let memory = Fenced::new();
        let page = memory.initialise();
        // SAFETY: the only one at this seat.
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
    fn any_header_is_refused_or_right(words in prop::collection::vec(any::<u32>(), 5), magic: bool, version: bool) {
        let memory = Fenced::new();
        for (i, &word) in words.iter().enumerate() {
            memory.word(4 * i).store(word, Ordering::Relaxed);
        }
        if magic {
            memory.word(0).store(MAGIC, Ordering::Relaxed);
        }
        if version {
            memory.word(8).store(VERSION, Ordering::Relaxed);
        }
        prop_assert!(Page::attach(memory.region()).is_err());
    }

    #[test]
    fn any_size_is_refused_or_fits(size: usize) {
        match capacity_of(size) {
            Some(capacity) => prop_assert!(2 * capacity as usize + 384 <= size),
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
    set(4, CLAIM);
    assert_eq!(attach(), Some(PageError::Unfinished));
    memory.initialise();
    assert_eq!(attach(), None);

    set(0, MAGIC.swap_bytes());
    assert_eq!(attach(), Some(PageError::ByteOrder));
    set(0, MAGIC);
    set(8, VERSION + 1);
    assert_eq!(attach(), Some(PageError::Version(VERSION + 1)));
    set(8, VERSION);
    set(12, 8192);
    assert_eq!(attach(), Some(PageError::Size(8192)));
    set(12, 4096);
    set(16, 1857);
    assert_eq!(attach(), Some(PageError::Size(4096)));
    set(16, 1856);
    assert_eq!(attach(), None);
}

#[test]
fn a_receiver_does_not_follow_a_tail_that_goes_back() {
    let memory = Fenced::new();
    let page = memory.initialise();
    // SAFETY: the only one at this seat.
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
    // SAFETY: nobody has taken ends in it.
    let made = unsafe { Page::initialise(region, Presence::DEVICE) };
    assert_eq!(made.err(), Some(PageError::BadMemory(2048)));
}
