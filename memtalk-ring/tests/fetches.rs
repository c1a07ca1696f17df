//! A sender fetches the cache lines that it writes next: free ones only, and each once.

use core::cell::RefCell;

use memtalk_ring::{Page, PageRing, Presence, Receiver, Region, Seat, Sender, Spin};

#[path = "common/hooked.rs"]
mod hooked;

use hooked::{Hook, Leaked};

/// The slab of the first ring of a page of 4,096 bytes.
const SLAB: usize = 192;
const CAPACITY: usize = 1856;
const LINE: usize = 64;
/// Fewer bytes are not fetched.
const BATCH: usize = 256;

/// Records what is fetched.
enum Recorded {}

thread_local! {
    static FETCHED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Hook for Recorded {
    fn fetch(address: usize) {
        FETCHED.with_borrow_mut(|fetched| fetched.push(address));
    }
}

type Memory = Leaked<Recorded, 4096>;

/// A ring, and what its ends have moved.
struct Ring {
    sender: Sender<PageRing<Memory>, Spin>,
    receiver: Receiver<PageRing<Memory>, Spin>,
    /// The address of the slab.
    slab: usize,
    sent: usize,
    received: usize,
    /// What was fetched last, as a number of bytes since the ring was new.
    fetched: usize,
}

impl Ring {
    fn new() -> Self {
        let memory = Memory::new(0);
        // SAFETY: nobody has taken ends in this memory.
        let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
        // SAFETY: the page is fresh.
        let (sender, _) = unsafe { page.ends(Seat::First, Spin) };
        // SAFETY: as above.
        let (_, receiver) = unsafe { page.ends(Seat::Second, Spin) };
        Self {
            sender,
            receiver,
            slab: memory.base().as_ptr() as usize + SLAB,
            sent: 0,
            received: 0,
            fetched: 0,
        }
    }

    /// Sends up to `len` bytes, and checks what was fetched meanwhile.
    fn send(&mut self, len: usize) {
        let end = self.received + CAPACITY;
        self.sent += self.sender.send(&vec![1; len]).unwrap();
        for address in FETCHED.take() {
            let slot = address.checked_sub(self.slab).expect("below the slab");
            assert!(slot < CAPACITY, "above the slab");
            // The next byte that comes to lie there.
            let next = (self.fetched..)
                .find(|byte| byte % CAPACITY == slot)
                .unwrap();
            assert!(next < end, "{next} is not free before {end}");
            let gap = next - self.fetched;
            assert!(gap <= LINE + BATCH, "{next} comes {gap} later");
            self.fetched = next;
        }
    }

    fn receive(&mut self, len: usize) {
        self.received += self.receiver.receive(&mut vec![0; len]).unwrap();
    }
}

#[test]
fn the_lines_of_a_stream_are_fetched_in_order_before_they_are_written_and_only_free_ones() {
    for (message, taken) in [
        (8, 8),
        (64, 64),
        (64, 1000),
        (100, 77),
        (256, 256),
        (3000, 700),
    ] {
        let mut ring = Ring::new();
        while ring.sent < 100_000 {
            ring.send(message);
            while ring.sent - ring.received >= CAPACITY / 2 {
                ring.receive(taken);
            }
        }
        // All but the last of them.
        let missing = ring.sent.saturating_sub(ring.fetched);
        assert!(missing < CAPACITY, "{missing} of messages of {message}");
    }
}

#[test]
fn a_ring_that_is_always_nearly_full_is_left_alone() {
    let mut ring = Ring::new();
    ring.send(CAPACITY);
    let fetched = ring.fetched;
    for _ in 0..1000 {
        ring.receive(64);
        ring.send(64);
    }
    assert_eq!(ring.sent, CAPACITY + 64_000);
    assert_eq!(ring.fetched, fetched);
}
