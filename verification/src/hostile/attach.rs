//! The page that the peer prepared.

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{CLAIM, LINE, MAGIC, MAX_SIZE, MIN_SIZE, OVERHEAD, VERSION};
use memtalk_ring::{Error, Page, PageError, Presence, RawRegion, Seat, Spin};

use super::heap::Heap;
use super::page::Table;
use super::{Script, bytes_from};

/// Attaches to memory that the peer prepared, and then makes a page of it. And calls
/// all that a page has, over the same memory.
///
/// The bytes are: the size in lines; how much larger it is, and how far from an
/// aligned address it lies, both in bytes above 192; which of the page's first
/// five words are not what they should be, a bit each; what the memory starts
/// with, but for the words that are. The rest of it is 0. From the last byte backwards,
/// the same bytes say what is called.
///
/// # Panics
/// If a promise is broken.
pub fn attach(data: &[u8]) {
    let (front, rest) = data.split_at(data.len().min(4));
    let script = Script::new(front);
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
    let heap = Heap::new(shift, size, &content);
    let before = heap.bytes();

    let snapshot = Snapshot::from_bytes(&before);
    for size in [size, snapshot.size as usize] {
        let accepted = snapshot.check(size);
        assert_eq!(accepted.is_ok(), is_page(&snapshot, size), "{accepted:?}");
    }

    let expected = if shift == 0 && capacity_in(size).is_some() {
        Ok(())
    } else {
        Err(PageError::BadMemory(size))
    };
    let attached = Page::attach(heap.region());
    assert_eq!(
        attached
            .as_ref()
            .map(Page::capacity)
            .map_err(|&error| error),
        expected.and_then(|()| snapshot.check(size))
    );
    assert_eq!(heap.bytes(), before, "attaching has written something");
    if let Ok(page) = attached {
        use_once(&page);
    }

    // An empty script: nothing is called but this.
    match Table::over(&heap, Script::new(&[])) {
        Some(mut table) => {
            table.sit_down(true);
            table.check();
        }
        None => {
            // SAFETY: nobody has taken ends in it.
            let sat = unsafe { Page::sit_down(heap.region(), true) };
            assert_eq!(sat.err(), expected.err());
        }
    }

    // SAFETY: all ends that were taken in it are gone.
    let initialised = unsafe { Page::initialise(heap.region(), Presence::DEVICE) };
    assert_eq!(
        initialised.as_ref().map(|_| ()).map_err(|&error| error),
        expected
    );
    match initialised {
        Ok(page) => {
            let attached = Page::attach(heap.region()).map(|page| page.capacity());
            assert_eq!(attached, Ok(page.capacity()));
            fill(&page);
        }
        Err(_) => assert_eq!(heap.bytes(), before, "refused, and written to"),
    }

    let backwards: Vec<_> = rest.iter().rev().copied().collect();
    let heap = Heap::new(shift, size, &content);
    if let Some(mut table) = Table::over(&heap, Script::new(&backwards)) {
        table.run();
    }
}

/// The capacity in bytes of each ring in a page of `size` bytes.
fn capacity_in(size: usize) -> Option<usize> {
    let fits = (MIN_SIZE..=MAX_SIZE).contains(&size) && size.is_multiple_of(LINE);
    fits.then(|| (size - OVERHEAD) / (2 * LINE) * LINE)
}

/// Whether memory of `size` bytes that says this is a page.
fn is_page(said: &Snapshot, size: usize) -> bool {
    said.magic == MAGIC
        && said.version == VERSION
        && said.size as usize == size
        && capacity_in(size) == Some(said.capacity as usize)
}

/// Sends and receives on a page whose rings hold anything.
fn use_once(page: &Page<RawRegion>) {
    let capacity = page.capacity().bytes() as usize;
    for seat in [Seat::First, Seat::Second] {
        // SAFETY: one seat at a time, and nobody else is on this page. That its words may be
        // anything is what is being checked.
        let (mut sender, mut receiver) = unsafe { page.ends(seat, Spin) };
        // Once the ring is full the head may say, as that of a receiver which has taken
        // something meanwhile would, that there is room for one more.
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

/// Fills both rings of a page, and empties them.
fn fill(page: &Page<RawRegion>) {
    let capacity = page.capacity().bytes() as usize;
    let stream = bytes_from(0, capacity + 1);
    // SAFETY: the page is fresh, and nobody else is on it.
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
