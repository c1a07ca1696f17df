//! Calls on a page in memory that the peer prepared.

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{CLAIM, LINE, MAGIC, MAX_SIZE, MIN_SIZE, OVERHEAD, VERSION};
use memtalk_ring::{Error, Page, PageError, Presence, RawRegion, Seat, Spin};

use super::heap::Heap;
use super::page::Table;
use super::{Script, bytes_from};

/// Attaches to memory that the peer prepared, sits down there, and initialises a page
/// there. Then makes any calls of a page over the same memory.
///
/// The bytes are:
/// 1. the size in lines;
/// 2. how many bytes larger the memory is, plus 192 (0 if less than that);
/// 3. how many bytes behind an aligned address the memory lies, written likewise;
/// 4. which of the page's first five words are wrong, a bit for each;
/// 5. the first bytes of the memory. Those of the first five words that are not wrong
///    replace them. The rest of the memory is 0.
///
/// Read backwards from the last one, the bytes from the fifth on also say which calls are
/// made.
///
/// # Panics
/// If a promise is broken.
pub fn attach(data: &[u8]) {
    let (front, rest) = data.split_at(data.len().min(4));
    let prepared = Prepared::new(&Script::new(front), rest);
    let heap = prepared.heap();
    let before = heap.bytes();
    let snapshot = Snapshot::from_bytes(&before);
    check_snapshot(&snapshot, prepared.size);
    prepared.attach(&heap, &before, &snapshot);
    prepared.sit_down(&heap);
    prepared.initialise(&heap, &before);

    let backwards: Vec<_> = rest.iter().rev().copied().collect();
    let heap = prepared.heap();
    if let Some(mut table) = Table::over(&heap, Script::new(&backwards)) {
        table.run();
    }
}

/// The memory that the peer prepared.
struct Prepared {
    /// In bytes.
    size: usize,
    /// The bytes between an aligned address and the memory.
    shift: usize,
    /// The first bytes. The others are 0.
    content: Vec<u8>,
}

impl Prepared {
    fn new(script: &Script, rest: &[u8]) -> Self {
        let lines = usize::from(script.byte());
        let beyond = usize::from(script.byte().saturating_sub(192));
        let shift = usize::from(script.byte().saturating_sub(192));
        let wrong = script.byte();
        let size = LINE * lines + beyond;

        let [size_word, capacity_word] =
            [size, capacity_in(size).unwrap_or(0)].map(|bytes| u32::try_from(bytes).unwrap());
        let right = [MAGIC, CLAIM, VERSION, size_word, capacity_word];
        let mut content = rest.to_vec();
        content.resize(rest.len().max(4 * right.len()), 0);
        for (i, (bytes, word)) in content.chunks_exact_mut(4).zip(right).enumerate() {
            if wrong & (1 << i) == 0 {
                bytes.copy_from_slice(&word.to_ne_bytes());
            }
        }
        Self {
            size,
            shift,
            content,
        }
    }

    fn heap(&self) -> Heap {
        Heap::new(self.shift, self.size, &self.content)
    }

    /// Whether the memory can hold a page.
    fn can_hold_a_page(&self) -> Result<(), PageError> {
        match self.shift == 0 && capacity_in(self.size).is_some() {
            true => Ok(()),
            false => Err(PageError::BadMemory(self.size)),
        }
    }

    /// Attaches to the memory, which holds the bytes `before`.
    fn attach(&self, heap: &Heap, before: &[u8], snapshot: &Snapshot) {
        let attached = Page::attach(heap.region());
        assert_eq!(
            attached
                .as_ref()
                .map(Page::capacity)
                .map_err(|&error| error),
            self.can_hold_a_page()
                .and_then(|()| snapshot.check(self.size))
        );
        assert!(heap.holds(before), "to attach has written something");
        if let Ok(page) = attached {
            use_once(&page);
        }
    }

    /// Sits down as an outside party.
    fn sit_down(&self, heap: &Heap) {
        // The script is empty, so that this call is the only one.
        match Table::over(heap, Script::new(&[])) {
            Some(mut table) => {
                table.sit_down(true);
                table.check();
            }
            None => {
                // SAFETY: nobody has taken ends in this memory.
                let sat = unsafe { Page::sit_down(heap.region(), true) };
                assert_eq!(sat.err(), self.can_hold_a_page().err());
            }
        }
    }

    /// Initialises a page. The memory still holds the bytes `before` if it can hold none.
    fn initialise(&self, heap: &Heap, before: &[u8]) {
        // SAFETY: all ends that were taken in this memory are gone.
        let initialised = unsafe { Page::initialise(heap.region(), Presence::DEVICE) };
        assert_eq!(
            initialised.as_ref().map(|_| ()).map_err(|&error| error),
            self.can_hold_a_page()
        );
        match initialised {
            Ok(page) => {
                let attached = Page::attach(heap.region()).map(|page| page.capacity());
                assert_eq!(attached, Ok(page.capacity()));
                fill(&page);
            }
            Err(_) => assert!(heap.holds(before), "a refused memory was written to"),
        }
    }
}

/// Checks what is accepted as a page, in memory of `size` bytes and of the size that the
/// page itself claims.
fn check_snapshot(snapshot: &Snapshot, size: usize) {
    for size in [size, snapshot.size as usize] {
        let accepted = snapshot.check(size);
        assert_eq!(accepted.is_ok(), is_page(snapshot, size), "{accepted:?}");
    }
}

/// The capacity in bytes of each ring in a page of `size` bytes.
fn capacity_in(size: usize) -> Option<usize> {
    let fits = (MIN_SIZE..=MAX_SIZE).contains(&size) && size.is_multiple_of(LINE);
    fits.then(|| (size - OVERHEAD) / (2 * LINE) * LINE)
}

/// Whether memory of `size` bytes is a page, if it describes itself as `said`.
fn is_page(said: &Snapshot, size: usize) -> bool {
    said.magic == MAGIC
        && said.version == VERSION
        && said.size as usize == size
        && capacity_in(size) == Some(said.capacity as usize)
}

/// Sends and receives once at each seat of a page whose rings may hold anything.
fn use_once(page: &Page<RawRegion>) {
    let capacity = page.capacity().bytes() as usize;
    for seat in [Seat::First, Seat::Second] {
        // SAFETY: one seat at a time has ends, and nobody else uses this page. Its words may
        // hold anything, which is what is being checked.
        let (mut sender, mut receiver) = unsafe { page.ends(seat, Spin) };
        // One more than the ring can hold: once it is full, the receiver's index may claim
        // that a byte was received meanwhile.
        let mut bytes = vec![0; capacity + 1];
        for (moved, most) in [
            (sender.send(&bytes), capacity + 1),
            (receiver.receive(&mut bytes), capacity),
        ] {
            match moved {
                Ok(len) => assert!(len <= most),
                Err(error) => assert!(matches!(error, Error::Corrupt | Error::PeerFailed)),
            }
        }
    }
}

/// Fills both rings of a new page, and empties them.
fn fill(page: &Page<RawRegion>) {
    let capacity = page.capacity().bytes() as usize;
    let stream = bytes_from(0, capacity + 1);
    // SAFETY: the page is new, and nobody else uses it.
    let (mut to_second, mut from_second) = unsafe { page.ends(Seat::First, Spin) };
    // SAFETY: as above.
    let (mut to_first, mut from_first) = unsafe { page.ends(Seat::Second, Spin) };
    for (sender, receiver) in [
        (&mut to_second, &mut from_first),
        (&mut to_first, &mut from_second),
    ] {
        let mut bytes = vec![0; capacity + 1];
        assert_eq!(sender.send(&stream), Ok(capacity));
        assert_eq!(receiver.receive(&mut bytes), Ok(capacity));
        assert_eq!(bytes[..capacity], stream[..capacity]);
    }
}
