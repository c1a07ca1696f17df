//! A long copy looks at the peer's index only when it knows of too few bytes, and goes on
//! with what the peer has done meanwhile.

use core::cell::{Cell, RefCell};

use memtalk_ring::{Page, PageRing, Presence, Receiver, Seat, Sender, Spin};

#[path = "common/hooked.rs"]
mod hooked;

use hooked::{Hook, Leaked};

const SIZE: usize = 4096;
/// What each ring of a page of this size holds.
const CAPACITY: usize = 1856;
/// A copy is published in pieces of this many bytes.
const PIECE: usize = 256;

/// Lets the peer act before each look at its index.
enum Watched {}

thread_local! {
    /// How often this thread has looked at the peer's index.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    /// What the peer does before a look.
    static PEER: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

impl Hook for Watched {
    fn load(site: &str) {
        if !matches!(site, "LoadHead" | "LoadTail") {
            return;
        }
        // The looks that the peer itself makes are not counted.
        if let Some(mut peer) = PEER.take() {
            LOOKS.set(LOOKS.get() + 1);
            peer();
            PEER.set(Some(peer));
        }
    }
}

type Fresh = Leaked<Watched, SIZE>;
type Ends = (
    Sender<PageRing<Fresh>, Spin>,
    Receiver<PageRing<Fresh>, Spin>,
);

/// The two ends of a new ring.
fn ends() -> Ends {
    // SAFETY: nobody has taken ends in this memory.
    let page = unsafe { Page::initialise(Fresh::new(0), Presence::DEVICE) }.unwrap();
    // SAFETY: the page is fresh.
    let (sender, _) = unsafe { page.ends(Seat::First, Spin) };
    // SAFETY: as above.
    let (_, receiver) = unsafe { page.ends(Seat::Second, Spin) };
    (sender, receiver)
}

/// Does `moves`, while the peer does `meanwhile` before each look at it. Returns the number
/// of looks.
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
fn an_end_that_knows_of_enough_bytes_does_not_look() {
    for len in [1, PIECE, 3 * PIECE, CAPACITY - CAPACITY % PIECE] {
        let (mut sender, mut receiver) = ends();
        // Just enough bytes are free when the send begins.
        let before = CAPACITY - len;
        assert_eq!(sender.send(&[0; CAPACITY][..before]), Ok(before));
        let send = || assert_eq!(sender.send(&[0; CAPACITY][..len]), Ok(len));
        assert_eq!(looks(send, || ()), 0, "for {len} bytes to send");

        // The first receive looks once, and finds all bytes.
        let receive = || assert_eq!(receiver.receive(&mut [0; CAPACITY]), Ok(CAPACITY));
        assert_eq!(looks(receive, || ()), 1);
        assert_eq!(sender.send(&[0; CAPACITY][..len]), Ok(len));
        assert_eq!(receiver.wait(), Ok(len));
        let receive = || assert_eq!(receiver.receive(&mut [0; CAPACITY][..len]), Ok(len));
        assert_eq!(looks(receive, || ()), 0, "for {len} bytes to receive");
    }
}

#[test]
fn an_end_that_finds_nothing_looks_once() {
    let (mut sender, mut receiver) = ends();
    let receive = || assert_eq!(receiver.receive(&mut [0; 2 * PIECE]), Ok(0));
    assert_eq!(looks(receive, || ()), 1);
    assert_eq!(sender.send(&[0; CAPACITY]), Ok(CAPACITY));
    let send = || assert_eq!(sender.send(&[0; 2 * PIECE]), Ok(0));
    assert_eq!(looks(send, || ()), 1);
}

#[test]
fn an_end_that_knows_of_a_piece_copies_it_before_it_looks_for_more() {
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
