//! The clock of `embassy-time`: the timer counts milliseconds, and wakes the tasks whose time
//! has come.

use core::cell::RefCell;
use core::task::Waker;

// It defines how to be alone: by masking interrupts.
use ::cortex_m as _;
use critical_section::Mutex;
use embassy_time_driver::{Driver, time_driver_impl};
use embassy_time_queue_utils::Queue;

struct Clock(Mutex<RefCell<State>>);

struct State {
    /// The milliseconds since the timer was started.
    now: u64,
    /// The tasks that wait for a later time.
    queue: Queue,
}

time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(State {
    now: 0,
    queue: Queue::new(),
}))));

impl Clock {
    fn with<T>(&self, section: impl FnOnce(&mut State) -> T) -> T {
        critical_section::with(|alone| section(&mut self.0.borrow_ref_mut(alone)))
    }
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        self.with(|state| state.now)
    }

    /// A time that is past already has come at the next millisecond.
    fn schedule_wake(&self, at: u64, waker: &Waker) {
        self.with(|state| state.queue.schedule_wake(at, waker));
    }
}

/// A millisecond has passed. For the program's `tick`.
pub fn tick() {
    CLOCK.with(|state| {
        state.now += 1;
        state.queue.next_expiration(state.now);
    });
}
