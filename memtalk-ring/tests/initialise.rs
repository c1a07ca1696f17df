//! Initialising a page is all or nothing, wherever the party that does it dies.

use core::cell::Cell;

use memtalk_ring::layout::OVERHEAD;
use memtalk_ring::{Page, PageError, Presence, Region, Seat, Spin, layout};

#[path = "common/hooked.rs"]
mod hooked;

use hooked::{Hook, Leaked};

const SIZE: usize = 512;

/// A party that dies after a number of stores: it makes no others.
enum Mortal {}

thread_local! {
    /// How many stores this thread makes before it dies.
    static STORES: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Hook for Mortal {
    fn store() -> bool {
        let left = STORES.get().checked_sub(1);
        STORES.set(left.unwrap_or_default());
        left.is_some()
    }
}

type OfMortals = Leaked<Mortal, SIZE>;

/// Initialises a page as a party that dies after this many stores. Returns whether it
/// survived.
fn initialise(region: OfMortals, first: Presence, stores: usize) -> bool {
    STORES.set(stores);
    // SAFETY: no test uses ends that it took before this call.
    unsafe { Page::initialise(region, first) }.unwrap();
    STORES.replace(usize::MAX) > 0
}

/// All words of the page, without the unused bytes and the slabs.
fn words(region: OfMortals) -> Vec<u32> {
    // SAFETY: nobody writes to it meanwhile.
    let bytes = unsafe { core::slice::from_raw_parts(region.base().as_ptr(), SIZE) };
    let used = |at: &usize| [0..20, 32..40].iter().any(|range| range.contains(at));
    let rings = [Seat::First, Seat::Second].map(|seat| {
        let capacity = u32::try_from((SIZE - OVERHEAD) / 2).unwrap();
        [
            layout::sender_offset(seat, capacity),
            layout::receiver_offset(seat, capacity),
        ]
    });
    let lines = rings.as_flattened().iter().flat_map(|&at| [at, at + 4]);
    (0..SIZE)
        .step_by(4)
        .filter(used)
        .chain(lines)
        .map(|at| u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap()))
        .collect()
}

/// A page with a talk in it.
fn used_page(region: OfMortals, first: Presence) {
    assert!(initialise(region, first, usize::MAX));
    let page = Page::attach(region).unwrap();
    // SAFETY: the page is fresh.
    unsafe { page.join(Presence::DEVICE) };
    for seat in [Seat::First, Seat::Second] {
        // SAFETY: each seat is taken once.
        let (mut sender, mut receiver) = unsafe { page.ends(seat, Spin) };
        assert_eq!(sender.send(b"old"), Ok(3));
        let _ = receiver.receive(&mut [0; 3]);
    }
}

#[test]
fn a_page_is_complete_or_not_there_whatever_the_memory_held() {
    for first in [Presence::PROCESS, Presence::DEVICE] {
        let fresh = OfMortals::new(0);
        assert!(initialise(fresh, first, usize::MAX));
        let fresh = words(fresh);
        for prepare in [
            (|_| OfMortals::new(0)) as fn(Presence) -> OfMortals,
            |_| OfMortals::new(0xFF),
            |first| {
                let region = OfMortals::new(0);
                used_page(region, first);
                region
            },
        ] {
            let mut stores = 1;
            loop {
                let region = prepare(first);
                let lived = initialise(region, first, stores);
                match Page::attach(region) {
                    Ok(_) => assert_eq!(words(region), fresh, "after {stores} stores"),
                    Err(error) => {
                        assert!(!lived);
                        let unfinished = [PageError::NotAPage, PageError::Unfinished];
                        assert!(unfinished.contains(&error), "{error}");
                    }
                }
                if lived {
                    break;
                }
                stores += 1;
            }
        }
    }
}
