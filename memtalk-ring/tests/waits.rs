//! The ready-made ways to wait, between the ends of a page.

mod common;

use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::{exchange, fresh_page};
use memtalk_ring::layout::{Line, receiver_offset, sender_offset};
use memtalk_ring::{Doorbell, Idle, Native, Page, RawRegion, Region, Seat, Wait, Watched};

/// A device register of one's own, which reads 0.
fn register() -> NonNull<u32> {
    NonNull::from(Box::leak(Box::new(0)))
}

#[test]
fn ends_with_idle_exchange_streams() {
    exchange(|| Idle(|_| thread::yield_now()));
}

#[test]
fn idle_counts_the_looks_of_each_wait() {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, Idle(|_| ())) };
    let sender = Rc::new(RefCell::new(sender));
    let counted = Rc::new(RefCell::new(Vec::new()));
    let wait = Idle({
        let (sender, counted) = (sender.clone(), counted.clone());
        move |looks| {
            counted.borrow_mut().push(looks);
            if looks == 3 {
                sender.borrow_mut().send(b"x").unwrap();
            }
        }
    });
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, wait) };
    for _ in 0..2 {
        assert_eq!(receiver.wait(), Ok(1));
        assert_eq!(receiver.receive(&mut [0]), Ok(1));
    }
    assert_eq!(*counted.borrow(), [1, 2, 3, 1, 2, 3]);
}

#[test]
fn ends_with_doorbells_exchange_streams() {
    // SAFETY: one thread writes each register, and none reads it.
    exchange(|| unsafe { Doorbell::new(register(), 1, thread::yield_now) });
}

#[test]
fn a_doorbell_does_not_sleep_on_a_changed_word() {
    let slept = Cell::new(0);
    let sleep = || slept.set(slept.get() + 1);
    // SAFETY: nobody else uses the register.
    let mut wait = unsafe { Doorbell::new(register(), 1, sleep) };
    let word = AtomicU32::new(7);
    let word = Watched::<Native>::new(&word);
    wait.sleep(word, 6);
    assert_eq!(slept.get(), 0);
    wait.sleep(word, 7);
    assert_eq!(slept.get(), 1);
}

#[test]
fn a_doorbell_rings_only_for_a_peer_that_sleeps() {
    let page = fresh_page();
    let bell = register();
    let rung = move || {
        // SAFETY: only this thread writes the register.
        let value = unsafe { bell.read_volatile() };
        // SAFETY: as above.
        unsafe { bell.write_volatile(0) };
        value
    };

    // SAFETY: only this thread uses the register.
    let wait = unsafe { Doorbell::new(bell, 0xbe11, || ()) };
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, wait) };
    let sender = Rc::new(RefCell::new(sender));
    let sleep = {
        let sender = sender.clone();
        move || {
            sender.borrow_mut().send(b"x").unwrap();
            assert_eq!(rung(), 0xbe11, "it slept");
        }
    };
    // SAFETY: nobody else uses this register.
    let wait = unsafe { Doorbell::new(register(), 1, sleep) };
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, wait) };

    assert_eq!(receiver.wait(), Ok(1));
    sender.borrow_mut().send(b"y").unwrap();
    assert_eq!(rung(), 0, "it was awake");
    assert_eq!(receiver.receive(&mut [0; 3]), Ok(2));
}

#[test]
fn a_sender_that_wants_no_bytes_waits_for_one() {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, Idle(|_| ())) };
    let receiver = RefCell::new(receiver);
    let free_one = |_| assert_eq!(receiver.borrow_mut().receive(&mut [0]), Ok(1));
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (mut sender, _) = unsafe { page.ends(Seat::First, Idle(free_one)) };
    let full = vec![0; sender.capacity()];
    assert_eq!(sender.send(&full), Ok(full.len()));
    assert_eq!(sender.wait(0), Ok(1));
}

/// A way to wait that calls `asleep` in place of sleeping, and notes which words' sleepers
/// are woken.
#[derive(Clone)]
struct Watching<'a> {
    asleep: &'a dyn Fn(),
    woken: &'a RefCell<Vec<*const u32>>,
}

impl Wait<Native> for Watching<'_> {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn sleep(&mut self, _word: Watched<'_, Native>, _seen: u32) {
        (self.asleep)();
    }

    fn wake(&self, word: Watched<'_, Native>) {
        self.woken.borrow_mut().push(word.as_ptr());
    }
}

/// The word at offset `at` of a page.
fn word(page: &Page<RawRegion>, at: usize) -> &AtomicU32 {
    // SAFETY: the offset lies in the page.
    let word = unsafe { page.region().base().add(at) };
    // SAFETY: the word is aligned, lives as long as the page, and is accessed as an atomic
    // only.
    unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
}

#[test]
fn a_sender_that_waits_for_the_end_only_announces_u32_max() {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, Idle(|_| ())) };
    let receiver = RefCell::new(receiver);
    let wanted = Cell::new(0);
    let at = sender_offset(Seat::First, page.capacity().bytes()) + offset_of!(Line<Native>, want);
    let confirm = || {
        wanted.set(word(&page, at).load(Ordering::Relaxed));
        let mut receiver = receiver.borrow_mut();
        assert_eq!(receiver.wait(), Ok(0));
        assert_eq!(receiver.close(), Ok(()));
    };
    let woken = RefCell::default();
    let wait = Watching {
        asleep: &confirm,
        woken: &woken,
    };
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (mut sender, _) = unsafe { page.ends(Seat::First, wait) };
    assert_eq!(sender.wait_delivered(), Ok(()));
    assert_eq!(wanted.get(), 0xFFFF_FFFF);
    assert_eq!(word(&page, at).load(Ordering::Relaxed), 0);
}

#[test]
fn wake_reaches_whoever_waits_for_either_word_of_a_seat() {
    let page = fresh_page();
    let capacity = page.capacity().bytes();
    for seat in [Seat::First, Seat::Second] {
        let woken = RefCell::default();
        let wait = Watching {
            asleep: &|| (),
            woken: &woken,
        };
        page.wake(seat, &wait);
        for line in [sender_offset, receiver_offset] {
            let index = word(
                &page,
                line(seat, capacity) + offset_of!(Line<Native>, index),
            );
            assert!(woken.borrow().contains(&index.as_ptr().cast_const()));
        }
    }
}
