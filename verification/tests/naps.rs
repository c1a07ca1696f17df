//! How long a process naps beside a peer that may be silent, and how long it waits if its
//! time is limited.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use memtalk::wait::futex::{Futex, Kernel};
use memtalk_ring::layout::LEFT;
use memtalk_ring::{Error, Native, Page, Presence, Seat, Wait, Watched};
use verification::backend::{Backend, SharedPage, page};
use verification::bound::bound_the_whole;

/// A kernel that records how long it is asked to sleep, and whom to wake. Its time passes in
/// sleep alone. So a wait whose time is over and that goes on would never end: it panics if it
/// is asked for the time too often.
#[derive(Default)]
struct Noted {
    naps: RefCell<Vec<Option<Duration>>>,
    clock: Cell<Duration>,
    asked: Cell<u32>,
    wakes: Cell<u32>,
    looks: Cell<u32>,
}

impl Kernel<Native> for &Noted {
    fn now(&self) -> Duration {
        self.asked.set(self.asked.get() + 1);
        assert!(self.asked.get() < 100, "a wait that does not end");
        self.clock.get()
    }

    fn pause(&mut self, looks: u32) -> bool {
        self.looks.set(looks);
        false
    }

    fn wait(&self, _word: Watched<'_, Native>, _seen: u32, timeout: Option<Duration>) {
        self.naps.borrow_mut().push(timeout);
        let passed = timeout.unwrap_or_default();
        self.clock.set(self.clock.get() + passed);
    }

    fn wake(&self, _word: Watched<'_, Native>) {
        self.wakes.set(self.wakes.get() + 1);
    }
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
    noted.naps.into_inner()
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
    let naps = noted.naps.borrow();
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

/// How long a receiver sleeps each time, in each of two waits of at most 2 ms for a peer
/// whose seat word is `word` and who sends nothing. Then the peer sends a byte.
fn limited_naps(word: u32) -> [Vec<u128>; 2] {
    let (page, noted) = (page_of_a_process(), Noted::default());
    page.region().set_second(word);
    let futex = |seat: Seat| Futex::new(page.clone(), seat.peer(), &noted);
    // SAFETY: the ends of each seat are taken once.
    let (_, mut receiver) = unsafe { page.ends(Seat::First, futex(Seat::First)) };
    // SAFETY: as above.
    let (mut sender, _) = unsafe { page.ends(Seat::Second, futex(Seat::Second)) };
    receiver
        .wait_mut()
        .set_limit(Some(Duration::from_millis(2)));
    let naps = [(), ()].map(|()| {
        assert_eq!(receiver.wait(), Err(Error::TimedOut));
        assert_eq!(
            noted.looks.get(),
            u32::MAX,
            "the kernel learns nothing of it"
        );
        let naps = noted.naps.take().into_iter();
        naps.map(|nap| nap.unwrap().as_micros()).collect()
    });
    assert_eq!(sender.send(b"x"), Ok(1));
    assert_eq!(noted.wakes.get(), 0, "an announcement was left");
    assert_eq!(receiver.wait(), Ok(1));
    assert!(noted.naps.take().is_empty());
    naps
}

#[test]
fn a_wait_with_a_limit_sleeps_no_longer() {
    let two = vec![2000];
    assert_eq!(limited_naps(Presence::PROCESS.word()), [two.clone(), two]);
    let short = vec![50, 100, 200, 400, 800, 450];
    assert_eq!(limited_naps(SILENT), [short.clone(), short]);
}

#[test]
fn a_wait_with_a_limit_of_zero_looks_once() {
    let (page, noted) = (page_of_a_process(), Noted::default());
    let futex = Futex::new(page.clone(), Seat::Second, &noted);
    // SAFETY: the ends are taken once.
    let (mut sender, _) = unsafe { page.ends(Seat::First, futex) };
    sender.wait_mut().set_limit(Some(Duration::ZERO));
    assert_eq!(sender.wait(1), Ok(64));
    assert_eq!(sender.wait_delivered(), Err(Error::TimedOut));
    assert_eq!(sender.send(&[0]), Err(Error::Ended));
    assert!(noted.naps.take().is_empty());
}

#[test]
fn a_sender_whose_time_is_over_is_content_with_less_room() {
    let (page, noted) = (page_of_a_process(), Noted::default());
    page.region().set_second(Presence::PROCESS.word());
    let futex = |seat: Seat| Futex::new(page.clone(), seat.peer(), &noted);
    // SAFETY: the ends of each seat are taken once.
    let (mut sender, _) = unsafe { page.ends(Seat::First, futex(Seat::First)) };
    // SAFETY: as above.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, futex(Seat::Second)) };
    sender.wait_mut().set_limit(Some(Duration::from_millis(2)));
    assert_eq!(sender.send(&[0; 64]), Ok(64));
    assert_eq!(sender.wait(32), Err(Error::TimedOut));
    assert_eq!(receiver.receive(&mut [0; 3]), Ok(3));
    assert_eq!(sender.wait(32), Ok(3));
}
