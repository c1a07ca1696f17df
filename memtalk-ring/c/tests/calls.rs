//! The functions as C calls them: each misuse that can be checked returns its error.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "each call is an unsafe operation, on the same pointers"
)]

use core::ffi::CStr;
use core::mem::offset_of;
use core::ptr::{null, null_mut};

use memtalk_ring::layout::{CLAIM, Header, MAGIC, RingHeader, VERSION, seat_offset, sender_offset};
use memtalk_ring::{Native, Seat};
use memtalk_ring_c::*;

const SIZE: usize = 4096;

#[repr(align(64))]
struct Memory([u8; SIZE]);

/// A value of zeros, as C's static variables are.
fn zeroed<T>() -> T {
    // SAFETY: this is called for integers and arrays of integers only.
    unsafe { core::mem::zeroed() }
}

/// A page, with the ends of both seats.
struct Talk {
    memory: Box<Memory>,
    page: memtalk_page,
    ends: [(memtalk_sender, memtalk_receiver); 2],
}

impl Talk {
    fn new() -> Box<Self> {
        let mut talk = Box::new(Self {
            memory: Box::new(Memory([0xA5; SIZE])),
            page: zeroed(),
            ends: zeroed(),
        });
        let memory = talk.memory.0.as_mut_ptr().cast();
        let flags = MEMTALK_OUTSIDE | MEMTALK_SILENT;
        // SAFETY: the memory is fresh, and lives as long as the talk.
        let made = unsafe { memtalk_page_initialise(&mut talk.page, memory, SIZE, flags) };
        assert_eq!(made, 0);
        for seat in [MEMTALK_FIRST, MEMTALK_SECOND] {
            let (sender, receiver) = &mut talk.ends[seat as usize];
            // SAFETY: this happens once for each seat.
            let opened = unsafe { memtalk_page_open(&mut talk.page, seat, sender, receiver) };
            assert_eq!(opened, 0);
        }
        talk
    }

    /// The two ends of the first ring: the first seat's sender, the second's receiver.
    fn first_ring(&mut self) -> (*mut memtalk_sender, *mut memtalk_receiver) {
        let [first, second] = &mut self.ends;
        (&raw mut first.0, &raw mut second.1)
    }
}

fn is(error: memtalk_error, result: i32) {
    assert_eq!(result, error as i32);
}

#[test]
fn a_stream_is_sent_ended_and_confirmed() {
    let mut talk = Talk::new();
    let (sender, receiver) = talk.first_ring();
    let mut bytes = [0_u8; 2000];
    // SAFETY: all pointers are to values that live longer.
    unsafe {
        assert_eq!(memtalk_sender_capacity(sender), 1856);
        assert_eq!(
            memtalk_sender_send(sender, bytes.as_ptr().cast(), 2000),
            1856
        );
        assert_eq!(memtalk_sender_send(sender, bytes.as_ptr().cast(), 2000), 0);
        assert_eq!(
            memtalk_receiver_receive(receiver, bytes.as_mut_ptr().cast(), 1),
            1
        );
        assert_eq!(memtalk_sender_send(sender, c"x".as_ptr().cast(), 1), 1);
        assert_eq!(
            memtalk_receiver_receive(receiver, bytes.as_mut_ptr().cast(), 2000),
            1856
        );
        assert_eq!(bytes[1855], b'x');
        is(memtalk_error::NotAtEnd, memtalk_receiver_close(receiver));
        assert_eq!(memtalk_sender_end(sender), 0);
        assert_eq!(memtalk_sender_delivered(sender), 0);
        assert_eq!(memtalk_receiver_at_end(receiver), 0);
        assert_eq!(memtalk_receiver_receive(receiver, null_mut(), 0), 0);
        assert_eq!(
            memtalk_receiver_receive(receiver, bytes.as_mut_ptr().cast(), 1),
            0
        );
        assert_eq!(memtalk_receiver_at_end(receiver), 1);
        assert_eq!(memtalk_receiver_close(receiver), 0);
        assert_eq!(memtalk_sender_delivered(sender), 1);
    }
}

#[test]
fn an_end_that_is_over_says_so() {
    let mut talk = Talk::new();
    let (sender, receiver) = talk.first_ring();
    let mut byte = 0_u8;
    // SAFETY: all pointers are to values that live longer.
    unsafe {
        assert_eq!(memtalk_sender_end(sender), 0);
        is(memtalk_error::Ended, memtalk_sender_end(sender));
        is(
            memtalk_error::Ended,
            memtalk_sender_send(sender, c"x".as_ptr().cast(), 1),
        );
        assert_eq!(memtalk_sender_fail(sender), 0, "too late to fail");
        assert_eq!(
            memtalk_receiver_receive(receiver, (&raw mut byte).cast(), 1),
            0
        );
        assert_eq!(memtalk_receiver_close(receiver), 0);
        is(memtalk_error::Ended, memtalk_receiver_close(receiver));
        is(
            memtalk_error::Ended,
            memtalk_receiver_receive(receiver, (&raw mut byte).cast(), 1),
        );
        assert_eq!(memtalk_receiver_fail(receiver), 0, "too late to fail");
        assert_eq!(memtalk_sender_delivered(sender), 1);
    }
}

#[test]
fn each_end_learns_that_the_other_gave_up() {
    let mut talk = Talk::new();
    let (sender, receiver) = talk.first_ring();
    let mut byte = 0_u8;
    // SAFETY: all pointers are to values that live longer.
    unsafe {
        assert_eq!(memtalk_sender_send(sender, c"x".as_ptr().cast(), 1), 1);
        assert_eq!(memtalk_sender_fail(sender), 0);
        assert_eq!(
            memtalk_receiver_receive(receiver, (&raw mut byte).cast(), 1),
            1
        );
        is(
            memtalk_error::PeerFailed,
            memtalk_receiver_receive(receiver, (&raw mut byte).cast(), 1),
        );
    }

    let mut talk = Talk::new();
    let (sender, receiver) = talk.first_ring();
    // SAFETY: all pointers are to values that live longer.
    unsafe {
        assert_eq!(memtalk_receiver_fail(receiver), 0);
        // There is room for the byte, so this call does not look at the peer.
        memtalk_sender_send(sender, c"x".as_ptr().cast(), 1);
        is(memtalk_error::PeerFailed, memtalk_sender_delivered(sender));
        is(
            memtalk_error::PeerFailed,
            memtalk_sender_send(sender, c"x".as_ptr().cast(), 1),
        );
    }
}

#[test]
fn an_overwritten_page_is_an_error() {
    let mut talk = Talk::new();
    let (sender, receiver) = talk.first_ring();
    let mut byte = 0_u8;
    let ring = sender_offset(Seat::First, 1856);
    talk.memory.0[ring..][..size_of::<RingHeader<Native>>()].fill(0x77);
    // SAFETY: all pointers are to values that live longer.
    unsafe {
        is(
            memtalk_error::Corrupt,
            memtalk_receiver_receive(receiver, (&raw mut byte).cast(), 1),
        );
        is(memtalk_error::Corrupt, memtalk_sender_delivered(sender));
    }
}

#[test]
fn bad_arguments_are_errors() {
    use memtalk_error::BadArgument;
    let mut talk = Talk::new();
    let page = &raw mut talk.page;
    let memory = talk.memory.0.as_mut_ptr();
    let (sender, receiver) = talk.first_ring();
    let mut byte = 0_u8;
    let byte = (&raw mut byte).cast();
    // SAFETY: each bad pointer is refused before it is used.
    unsafe {
        is(
            BadArgument,
            memtalk_page_attach(null_mut(), memory.cast(), SIZE),
        );
        is(
            BadArgument,
            memtalk_page_attach(page.byte_add(1), memory.cast(), SIZE),
        );
        is(
            BadArgument,
            memtalk_page_open(null_mut(), 0, sender, receiver),
        );
        is(BadArgument, memtalk_page_open(page, 2, sender, receiver));
        is(
            BadArgument,
            memtalk_page_open(page, 0, null_mut(), receiver),
        );
        is(BadArgument, memtalk_page_open(page, 0, sender, null_mut()));
        is(
            BadArgument,
            memtalk_page_open(page, 0, sender, receiver.byte_add(2)),
        );
        is(BadArgument, memtalk_page_seat(page, u32::MAX));
        is(BadArgument, memtalk_page_join(page, MEMTALK_OUTSIDE));
        is(BadArgument, memtalk_page_join(page, MEMTALK_SILENT | 8));
        assert_eq!(memtalk_page_seat(page, 1), 0, "nothing was done");
        let sit_down = |flags| {
            let mut page = zeroed();
            memtalk_page_sit_down(&mut page, memory.cast(), SIZE, flags)
        };
        is(BadArgument, sit_down(MEMTALK_SILENT));
        is(BadArgument, sit_down(MEMTALK_OUTSIDE));
        is(BadArgument, memtalk_sender_send(null_mut(), byte, 1));
        is(BadArgument, memtalk_sender_send(sender, null(), 1));
        is(BadArgument, memtalk_sender_send(sender, byte, usize::MAX));
        is(BadArgument, memtalk_receiver_receive(null_mut(), byte, 1));
        is(
            BadArgument,
            memtalk_receiver_receive(receiver, null_mut(), 1),
        );
        is(
            BadArgument,
            memtalk_receiver_receive(receiver, byte, usize::MAX),
        );
        is(BadArgument, memtalk_sender_end(null_mut()));
        is(BadArgument, memtalk_sender_fail(null_mut()));
        is(BadArgument, memtalk_sender_delivered(null_mut()));
        is(BadArgument, memtalk_sender_capacity(null_mut()));
        is(BadArgument, memtalk_receiver_at_end(null_mut()));
        is(BadArgument, memtalk_receiver_close(null_mut()));
        is(BadArgument, memtalk_receiver_fail(null_mut()));
        assert_eq!(memtalk_sender_send(sender, byte, 1), 1, "it still works");
        is(BadArgument, memtalk_page_attach(page, null_mut(), SIZE));
        is(memtalk_error::NotOpen, memtalk_page_seat(page, 0));
    }
}

#[test]
fn a_page_or_an_end_that_was_never_opened_is_an_error() {
    use memtalk_error::NotOpen;
    let (mut page, mut sender, mut receiver) = zeroed();
    let mut byte = 0_u8;
    let byte = (&raw mut byte).cast();
    // SAFETY: a value that was not opened may be zero.
    unsafe {
        is(
            NotOpen,
            memtalk_page_open(&mut page, 0, &mut sender, &mut receiver),
        );
        is(NotOpen, memtalk_page_seat(&mut page, 0));
        is(NotOpen, memtalk_page_join(&mut page, MEMTALK_SILENT));
        is(NotOpen, memtalk_sender_send(&mut sender, byte, 1));
        is(NotOpen, memtalk_sender_end(&mut sender));
        is(NotOpen, memtalk_sender_fail(&mut sender));
        is(NotOpen, memtalk_sender_delivered(&mut sender));
        is(NotOpen, memtalk_sender_capacity(&mut sender));
        is(NotOpen, memtalk_receiver_receive(&mut receiver, byte, 1));
        is(NotOpen, memtalk_receiver_at_end(&mut receiver));
        is(NotOpen, memtalk_receiver_close(&mut receiver));
        is(NotOpen, memtalk_receiver_fail(&mut receiver));
    }
}

#[test]
fn the_ends_of_a_seat_are_opened_only_once() {
    let mut talk = Talk::new();
    let page = &raw mut talk.page;
    let (sender, receiver) = talk.first_ring();
    // SAFETY: the call is refused.
    let again = unsafe { memtalk_page_open(page, MEMTALK_FIRST, sender, receiver) };
    is(memtalk_error::AlreadyOpen, again);
    // SAFETY: this is the end from before, which is still open.
    assert_eq!(unsafe { memtalk_sender_capacity(sender) }, 1856);
}

#[test]
fn a_seat_word_shows_who_sits_there_and_who_has_left() {
    let mut talk = Talk::new();
    let page = &raw mut talk.page;
    let flags = MEMTALK_OUTSIDE | MEMTALK_SILENT;
    // SAFETY: the page lives longer.
    unsafe {
        assert_eq!(memtalk_page_seat(page, MEMTALK_SECOND), 0);
        assert_eq!(memtalk_page_join(page, flags), 0);
        assert_eq!(memtalk_page_seat(page, MEMTALK_SECOND), 7);
        assert_eq!(memtalk_page_seat(page, MEMTALK_FIRST), 7);
    }
    // A process has come, and has left.
    let left = seat_offset(Seat::Second);
    talk.memory.0[left..][..4].copy_from_slice(&MEMTALK_LEFT.to_ne_bytes());
    // SAFETY: the page lives longer.
    let seen = unsafe { memtalk_page_seat(page, MEMTALK_SECOND) };
    assert_eq!(seen, MEMTALK_LEFT.cast_signed());
}

#[test]
fn memory_that_is_no_page_is_refused_with_the_reason() {
    use memtalk_error::*;
    let mut memory = Box::new(Memory([0; SIZE]));
    let mut page = zeroed();
    let base = memory.0.as_mut_ptr();
    let mut attach = |offset: usize, size: usize| {
        // SAFETY: the place is within the memory.
        unsafe { memtalk_page_attach(&mut page, base.add(offset).cast(), size) }
    };
    let word = |at: usize, to: u32| {
        // SAFETY: the place is within the memory.
        unsafe { base.add(at).cast::<u32>().write(to) }
    };
    is(BadMemory, attach(0, 448));
    is(BadMemory, attach(0, 4095));
    is(BadMemory, attach(32, 1024));
    is(BadMemory, attach(0, MEMTALK_MAX_SIZE + 64));
    is(NotAPage, attach(0, SIZE));
    word(offset_of!(Header<Native>, identity.claim), CLAIM);
    is(Unfinished, attach(0, SIZE));
    let magic = offset_of!(Header<Native>, identity.magic);
    word(magic, MAGIC.swap_bytes());
    is(ByteOrder, attach(0, SIZE));
    word(magic, MAGIC);
    is(Version, attach(0, SIZE));
    word(offset_of!(Header<Native>, identity.version), VERSION);
    is(Size, attach(0, SIZE));
    word(offset_of!(Header<Native>, identity.size), 4096);
    word(offset_of!(Header<Native>, identity.capacity), 1856);
    assert_eq!(attach(0, SIZE), 0);
    is(Size, attach(0, 2048));
}

#[test]
fn every_error_has_a_text_of_its_own() {
    let text = |error| {
        // SAFETY: every text is a constant string.
        unsafe { CStr::from_ptr(memtalk_error_text(error)) }
            .to_str()
            .unwrap()
    };
    assert_eq!(text(0), "success");
    assert_eq!(
        text(memtalk_error::Corrupt as i32),
        memtalk_ring::Error::Corrupt.to_string()
    );
    assert_eq!(text(i32::MIN), text(memtalk_error::Other as i32));
    let known: std::collections::BTreeSet<_> = (-30..0).map(text).collect();
    assert_eq!(known.len(), 15);
}
