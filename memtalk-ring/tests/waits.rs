//! The ready-made ways to wait, between the ends of a page.

mod common;

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::AtomicU32;
use std::thread;

use common::{exchange, fresh_page};
use memtalk_ring::{Doorbell, Idle, Native, Seat, Wait, Watched};

/// A register that nothing else touches but its owner.
fn register() -> NonNull<u32> {
    NonNull::from(Box::leak(Box::new(0)))
}

#[test]
fn idle_ends_exchange_streams() {
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
fn doorbell_ends_exchange_streams() {
    // SAFETY: each register is written by one thread, and read by none.
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
fn a_doorbell_rings_for_a_peer_that_sleeps_and_for_no_other() {
    let page = fresh_page();
    let bell = register();
    let rung = move || {
        // SAFETY: the register is written by this thread only.
        let value = unsafe { bell.read_volatile() };
        // SAFETY: as above.
        unsafe { bell.write_volatile(0) };
        value
    };

    // SAFETY: the register is used by this thread only.
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
