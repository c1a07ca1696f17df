//! Real atomics and real threads.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use memtalk_ring::{Native, Spin};

use super::checker::Backend;

impl Backend for Native {
    type Futex = Spin;

    fn alone(section: &mut dyn FnMut()) {
        static ALONE: Mutex<()> = Mutex::new(());
        let _one = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        section();
    }

    fn give_way() {
        std::thread::yield_now();
    }

    fn word() -> AtomicU32 {
        AtomicU32::new(0)
    }

    fn get(word: &AtomicU32) -> u32 {
        word.load(Ordering::Relaxed)
    }

    fn set(word: &AtomicU32, value: u32) {
        word.store(value, Ordering::Relaxed);
    }

    fn byte() -> UnsafeCell<u8> {
        UnsafeCell::new(0)
    }

    fn both<T: Send + 'static, U: Send + 'static>(
        one: impl FnOnce() -> T + Send + 'static,
        other: impl FnOnce() -> U + Send + 'static,
    ) -> (T, U) {
        let one = std::thread::spawn(one);
        let other = other();
        (one.join().unwrap(), other)
    }
}
