//! An executor for one task, and ends that ring a bell.

// Each test program uses only a part of this.
#![allow(dead_code)]

use core::mem;
use core::pin::pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use memtalk_ring::{Atomics, Bell, Wait, Watched};

/// A bell that lives for ever.
pub(crate) fn new_bell() -> &'static Bell {
    /// A lock of our own. The thread sanitizer does not see what the standard library's
    /// orders.
    fn alone(section: &mut dyn FnMut()) {
        static HELD: AtomicBool = AtomicBool::new(false);
        while HELD.swap(true, Ordering::Acquire) {
            thread::yield_now();
        }
        section();
        HELD.store(false, Ordering::Release);
    }
    // SAFETY: a section holds the lock.
    Box::leak(Box::new(unsafe { Bell::new(alone) }))
}

/// Wakes by a doorbell whose handler runs at once. Never blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rings(pub(crate) &'static Bell);

impl<A: Atomics> Wait<A> for Rings {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        panic!("a task does not block")
    }

    fn sleep(&mut self, _word: Watched<'_, A>, _seen: u32) {}

    fn wake(&self, _word: Watched<'_, A>) {
        self.0.on_doorbell();
    }
}

/// Counts how often a task is woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicU32);

impl Woken {
    pub(crate) fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker, and how often it was woken.
pub(crate) fn waker() -> (Waker, Arc<Woken>) {
    let woken = Arc::<Woken>::default();
    (woken.clone().into(), woken)
}

/// Polls once, with a waker of its own, and drops the future. Returns also how often that
/// waker was woken.
pub(crate) fn poll_once<T>(future: impl Future<Output = T>) -> (Poll<T>, Arc<Woken>) {
    let (waker, woken) = waker();
    let polled = pin!(future).poll(&mut Context::from_waker(&waker));
    (polled, woken)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future. Sleeps until its waker is woken each time that it is pending.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(thread::current()));
    // It is never freed: what orders the last use of an `Arc` before that is a fence, and the
    // thread sanitizer knows no fences.
    mem::forget(Arc::clone(&waker));
    let waker = waker.into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}
