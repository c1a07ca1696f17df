//! How long a process naps beside a peer that may be silent.

use std::cell::RefCell;
use std::time::Duration;

use memtalk::wait::futex::{Futex, Kernel};
use memtalk_ring::layout::LEFT;
use memtalk_ring::{Native, Page, Presence, Seat, Wait, Watched};
use verification::backend::{Backend, SharedPage, page};
use verification::bound::bound_the_whole;

/// A kernel that records how long it is asked to sleep.
#[derive(Default)]
struct Noted(RefCell<Vec<Option<Duration>>>);

impl Kernel<Native> for &Noted {
    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn wait(&self, _word: Watched<'_, Native>, _seen: u32, timeout: Option<Duration>) {
        self.0.borrow_mut().push(timeout);
    }

    fn wake(&self, _word: Watched<'_, Native>) {}
}

fn page_of_a_process() -> Page<SharedPage<Native>> {
    bound_the_whole();
    let memory = page::<Native>(512, Native::word);
    // SAFETY: nobody has taken ends in this memory.
    unsafe { Page::initialise(memory, Presence::PROCESS) }.unwrap()
}

/// How long a process sleeps each time, if it looks `looks` times and the seat word of its
/// peer is `word`. `None`: without a limit.
fn naps(word: u32, looks: u32) -> Vec<Option<Duration>> {
    let (page, noted) = (page_of_a_process(), Noted::default());
    page.region().set_second(word);
    let mut futex = Futex::new(page.clone(), Seat::Second, &noted);
    for look in 1..=looks {
        assert!(!futex.pause(look));
        futex.sleep(page.seat_word(Seat::First), 0);
    }
    noted.0.into_inner()
}

const SILENT: u32 = Presence::DEVICE.word();

#[test]
fn naps_beside_a_silent_peer_grow_up_to_five_milliseconds() {
    let naps = naps(SILENT, 12);
    let micros = [
        50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000,
    ];
    assert_eq!(naps, micros.map(|us| Some(Duration::from_micros(us))));
}

#[test]
fn each_wait_begins_with_a_short_nap() {
    let (page, noted) = (page_of_a_process(), Noted::default());
    page.region().set_second(SILENT);
    let mut futex = Futex::new(page.clone(), Seat::Second, &noted);
    for look in [1, 2, 3, 1] {
        assert!(!futex.pause(look));
        futex.sleep(page.seat_word(Seat::First), 0);
    }
    let naps = noted.0.borrow();
    assert_eq!(naps.first(), naps.last());
}

#[test]
fn a_process_sleeps_without_a_limit_only_for_a_peer_that_says_it_wakes() {
    for word in 0..=u32::from(u8::MAX) {
        let wakes = Presence::from_word(word).is_some_and(|peer| !peer.silent);
        assert_eq!(naps(word, 1) == [None], wakes, "{word:#x}");
    }
    assert_ne!(naps(LEFT, 1), [None]);
    assert_ne!(naps(!1, 1), [None]);
}
