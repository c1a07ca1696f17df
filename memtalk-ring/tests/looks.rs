//! A long copy looks at its peer's index when it knows of too little, and only then; and
//! goes on with what the peer has done meanwhile.

use core::cell::{Cell, RefCell, UnsafeCell};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use memtalk_ring::order::Site;
use memtalk_ring::{
    Atomics, Native, Page, PageRing, Presence, Receiver, Region, Seat, Sender, Spin,
};

/// Rings of this page hold 1,856 bytes, and copies are published by 256.
const SIZE: usize = 4096;
const CAPACITY: usize = 1856;
const PIECE: usize = 256;

/// Lets the peer act before each look at it.
enum Watched {}

thread_local! {
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static PEER: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

// SAFETY: as `Native`, after something else.
unsafe impl Atomics for Watched {
    type Word = AtomicU32;
    type Byte = UnsafeCell<u8>;

    fn load<S: Site>(word: &AtomicU32) -> u32 {
        if matches!(S::ROW.name, "LoadHead" | "LoadTail") {
            // The peer's own looks are not counted.
            if let Some(mut peer) = PEER.take() {
                LOOKS.set(LOOKS.get() + 1);
                peer();
                PEER.set(Some(peer));
            }
        }
        Native::load::<S>(word)
    }

    fn store<S: Site>(word: &AtomicU32, value: u32) {
        Native::store::<S>(word, value);
    }

    fn fence<S: Site>() {
        Native::fence::<S>();
    }

    unsafe fn write(to: *const UnsafeCell<u8>, bytes: &[u8]) {
        // SAFETY: the same contract.
        unsafe { Native::write(to, bytes) };
    }

    unsafe fn read(from: *const UnsafeCell<u8>, bytes: &mut [u8]) {
        // SAFETY: the same contract.
        unsafe { Native::read(from, bytes) };
    }
}

#[repr(C, align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);

#[derive(Clone, Copy)]
struct Fresh(NonNull<u8>);

// SAFETY: memory that lives for ever, and that one thread uses.
unsafe impl Region for Fresh {
    type Atomics = Watched;

    fn base(&self) -> NonNull<u8> {
        self.0
    }

    fn size(&self) -> usize {
        SIZE
    }
}

type Ends = (
    Sender<PageRing<Fresh>, Spin>,
    Receiver<PageRing<Fresh>, Spin>,
);

/// The two ends of a new ring.
fn ends() -> Ends {
    let memory = Box::leak(Box::new(Memory(UnsafeCell::new([0; SIZE]))));
    let region = Fresh(NonNull::from(memory).cast());
    // SAFETY: nobody has taken ends in it.
    let page = unsafe { Page::initialise(region, Presence::DEVICE) }.unwrap();
    // SAFETY: the page is fresh.
    let (sender, _) = unsafe { page.ends(Seat::First, Spin) };
    // SAFETY: as above.
    let (_, receiver) = unsafe { page.ends(Seat::Second, Spin) };
    (sender, receiver)
}

/// Does `moves`, while the peer does `meanwhile` before each look. Returns how often that
/// was.
fn looks(moves: impl FnOnce(), meanwhile: impl FnMut() + 'static) -> u32 {
    LOOKS.set(0);
    PEER.set(Some(Box::new(meanwhile)));
    moves();
    PEER.take();
    LOOKS.get()
}

#[test]
fn a_long_send_goes_on_with_what_is_freed_meanwhile() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(sender.send(&[0; CAPACITY]), Ok(CAPACITY));
    let free_a_piece = move || assert_eq!(receiver.receive(&mut [0; PIECE]), Ok(PIECE));
    let looks = looks(
        || assert_eq!(sender.send(&[1; 4 * PIECE]), Ok(4 * PIECE)),
        free_a_piece,
    );
    assert_eq!(looks, 4);
}

#[test]
fn a_long_receive_goes_on_with_what_is_sent_meanwhile() {
    let (mut sender, mut receiver) = ends();
    let send_a_piece = move || assert_eq!(sender.send(&[1; PIECE]), Ok(PIECE));
    let looks = looks(
        || assert_eq!(receiver.receive(&mut [0; 4 * PIECE]), Ok(4 * PIECE)),
        send_a_piece,
    );
    assert_eq!(looks, 4);
}

#[test]
fn whoever_knows_of_enough_does_not_look() {
    for len in [1, PIECE, 3 * PIECE, CAPACITY - CAPACITY % PIECE] {
        let (mut sender, mut receiver) = ends();
        // What is free when it begins is just enough.
        let before = CAPACITY - len;
        assert_eq!(sender.send(&[0; CAPACITY][..before]), Ok(before));
        let send = || assert_eq!(sender.send(&[0; CAPACITY][..len]), Ok(len));
        assert_eq!(looks(send, || ()), 0, "for {len} bytes to send");

        // It looks once, and finds all of them.
        let receive = || assert_eq!(receiver.receive(&mut [0; CAPACITY]), Ok(CAPACITY));
        assert_eq!(looks(receive, || ()), 1);
        assert_eq!(sender.send(&[0; CAPACITY][..len]), Ok(len));
        assert_eq!(receiver.wait(), Ok(len));
        let receive = || assert_eq!(receiver.receive(&mut [0; CAPACITY][..len]), Ok(len));
        assert_eq!(looks(receive, || ()), 0, "for {len} bytes to receive");
    }
}

#[test]
fn whoever_finds_nothing_looks_once() {
    let (mut sender, mut receiver) = ends();
    let receive = || assert_eq!(receiver.receive(&mut [0; 2 * PIECE]), Ok(0));
    assert_eq!(looks(receive, || ()), 1);
    assert_eq!(sender.send(&[0; CAPACITY]), Ok(CAPACITY));
    let send = || assert_eq!(sender.send(&[0; 2 * PIECE]), Ok(0));
    assert_eq!(looks(send, || ()), 1);
}

#[test]
fn whoever_knows_of_a_piece_copies_it_before_it_looks_for_more() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(sender.send(&[0; PIECE]), Ok(PIECE));
    assert_eq!(receiver.wait(), Ok(PIECE));
    let receive = || assert_eq!(receiver.receive(&mut [0; 2 * PIECE]), Ok(PIECE));
    assert_eq!(looks(receive, || ()), 1);

    let (mut sender, _receiver) = ends();
    let rest = CAPACITY - PIECE;
    assert_eq!(sender.send(&[0; CAPACITY][..rest]), Ok(rest));
    let send = || assert_eq!(sender.send(&[0; 2 * PIECE]), Ok(PIECE));
    assert_eq!(looks(send, || ()), 1);
}
