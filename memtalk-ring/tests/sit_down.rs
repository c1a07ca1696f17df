//! `Page::sit_down`: what a party outside does with the memory that it finds, by the table
//! in LAYOUT.md.

use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::layout::{CLAIM, CLAIM_OUTSIDE, Header, LEFT, MAGIC, VERSION, seat_offset};
use memtalk_ring::{Error, Native, Page, PageError, Presence, RawRegion, Seat, Spin};

const SIZE: usize = 4096;

#[repr(C, align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);

const AT_MAGIC: usize = offset_of!(Header<Native>, identity.magic);
const AT_CLAIM: usize = offset_of!(Header<Native>, identity.claim);
const AT_VERSION: usize = offset_of!(Header<Native>, identity.version);
const AT_SIZE: usize = offset_of!(Header<Native>, identity.size);
const AT_CAPACITY: usize = offset_of!(Header<Native>, identity.capacity);

/// Memory with these words at these offsets, and 0 elsewhere. If an offset is given twice,
/// the last word counts.
fn memory(words: &[(usize, u32)]) -> RawRegion {
    let mut bytes = [0; SIZE];
    for (at, word) in words {
        bytes[*at..][..4].copy_from_slice(&word.to_ne_bytes());
    }
    let memory = Box::leak(Box::new(Memory(UnsafeCell::new(bytes))));
    // SAFETY: the memory lives for ever, and nobody else uses it.
    unsafe { RawRegion::new(NonNull::from(memory).cast(), SIZE) }
}

fn initialise(region: RawRegion, first: Presence) -> Page<RawRegion> {
    // SAFETY: no test uses ends that it took before this call.
    unsafe { Page::initialise(region, first) }.unwrap()
}

fn sit_down(region: RawRegion, silent: bool) -> Result<(Page<RawRegion>, Seat), PageError> {
    // SAFETY: as above.
    unsafe { Page::sit_down(region, silent) }
}

fn bytes(region: RawRegion) -> Vec<u8> {
    use memtalk_ring::Region;
    // SAFETY: nobody writes to it meanwhile.
    unsafe { core::slice::from_raw_parts(region.base().as_ptr(), SIZE) }.to_vec()
}

fn word(page: &Page<RawRegion>, seat: Seat) -> &AtomicU32 {
    // SAFETY: a seat word lives as long as the page, and is accessed as an atomic only.
    unsafe { AtomicU32::from_ptr(page.seat_word(seat).as_ptr().cast_mut()) }
}

#[test]
fn fresh_memory_becomes_a_page_whose_second_seat_is_free() {
    for silent in [false, true] {
        let (page, seat) = sit_down(memory(&[]), silent).unwrap();
        assert_eq!(seat, Seat::First);
        let us = Presence {
            outside: true,
            silent,
        };
        assert_eq!(page.presence(Seat::First), Some(us));
        assert_eq!(page.presence(Seat::Second), None);
        let head = bytes(*page.region());
        assert_eq!(head[AT_MAGIC..][..4], MAGIC.to_ne_bytes());
        let claim = &head[AT_CLAIM..][..4];
        assert_eq!(
            claim,
            CLAIM_OUTSIDE.to_ne_bytes(),
            "no process takes it for its own"
        );
    }
}

#[test]
fn a_process_that_waits_at_the_first_seat_is_joined() {
    let region = memory(&[]);
    let process = initialise(region, Presence::PROCESS);
    let (page, seat) = sit_down(region, true).unwrap();
    assert_eq!(seat, Seat::Second);
    assert_eq!(process.presence(Seat::Second), Some(Presence::DEVICE));
    assert!(!process.is_free(Seat::Second));
    assert_eq!(page.presence(Seat::First), Some(Presence::PROCESS));
}

#[test]
fn a_first_party_that_restarts_initialises_the_page_again() {
    for second in [0, LEFT, Presence::PROCESS.word(), Presence::DEVICE.word()] {
        let region = memory(&[]);
        let (page, _) = sit_down(region, true).unwrap();
        word(&page, Seat::Second).store(second, Ordering::Relaxed);
        // SAFETY: these are the only ends at this seat.
        let (mut sender, receiver) = unsafe { page.ends(Seat::First, Spin) };
        sender.send(b"before the restart").unwrap();
        core::mem::forget((sender, receiver));
        let (page, seat) = sit_down(region, true).unwrap();
        assert_eq!(seat, Seat::First);
        assert_eq!(word(&page, Seat::Second).load(Ordering::Relaxed), 0);
        // SAFETY: these are the only ends at this seat.
        let (_, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
        assert_eq!(receiver.receive(&mut [0]), Ok(0));
    }
}

#[test]
fn a_second_party_that_restarts_tells_the_process_that_it_is_gone() {
    let region = memory(&[]);
    let process = initialise(region, Presence::PROCESS);
    let (page, _) = sit_down(region, true).unwrap();
    // SAFETY: these are the only ends at this seat.
    let (mut sender, receiver) = unsafe { page.ends(Seat::Second, Spin) };
    sender.send(b"last words").unwrap();
    core::mem::forget((sender, receiver));
    process.begin();
    assert_eq!(sit_down(region, true).err(), Some(PageError::Over));
    // SAFETY: these are the only ends at this seat.
    let (mut sender, mut receiver) = unsafe { process.ends(Seat::First, Spin) };
    assert_eq!(receiver.receive(&mut [0; 16]), Ok(10));
    assert_eq!(receiver.receive(&mut [0]), Err(Error::PeerFailed));
    assert_eq!(sender.wait_delivered(), Err(Error::PeerFailed));
}

#[test]
fn any_other_memory_is_refused_and_left_untouched() {
    let process = Presence::PROCESS.word();
    for (at, word, error) in [
        (AT_MAGIC, 0, PageError::Unfinished),
        (AT_MAGIC, MAGIC.swap_bytes(), PageError::ByteOrder),
        (AT_MAGIC, 1, PageError::NotAPage),
        (AT_VERSION, VERSION + 1, PageError::Version(VERSION + 1)),
        (AT_SIZE, 8192, PageError::Size(8192)),
        (AT_CAPACITY, 64, PageError::Size(4096)),
        (AT_MAGIC, MAGIC, PageError::Taken),
    ] {
        let region = memory(&[
            (AT_MAGIC, MAGIC),
            (AT_CLAIM, CLAIM),
            (AT_VERSION, VERSION),
            (AT_SIZE, 4096),
            (AT_CAPACITY, 1856),
            (seat_offset(Seat::First), process),
            (seat_offset(Seat::Second), process),
            (at, word),
        ]);
        let before = bytes(region);
        assert_eq!(sit_down(region, true).err(), Some(error));
        assert!(bytes(region) == before, "{error} was written to");
    }
}

#[test]
fn a_party_that_joins_clears_its_words_first() {
    let region = memory(&[]);
    let page = initialise(region, Presence::DEVICE);
    // What the old party at the second seat writes, which has not noticed yet that the page
    // was initialised again.
    // SAFETY: these are the only ends at this seat, for now.
    let (mut sender, receiver) = unsafe { page.ends(Seat::Second, Spin) };
    sender.send(b"stray").unwrap();
    drop((sender, receiver));
    // SAFETY: the old ends are gone.
    unsafe { page.join(Presence::PROCESS) };
    // SAFETY: each seat has one pair of ends.
    let (_first, mut receiver) = unsafe { page.ends(Seat::First, Spin) };
    assert_eq!(receiver.receive(&mut [0; 8]), Ok(0));
    // SAFETY: as above.
    let (mut sender, _second) = unsafe { page.ends(Seat::Second, Spin) };
    sender.send(b"new").unwrap();
    assert_eq!(receiver.receive(&mut [0; 8]), Ok(3));
}
