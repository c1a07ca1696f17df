//! Two doorbells of one core, in place of those between two cores: interrupts that the program
//! raises itself, by a write to a register.
//!
//! The program defines their handlers, `pended` and `interrupted`. Neither interrupts the
//! other, nor the timer's: all have the same priority. Ends that use these doorbells must not
//! sleep: they belong to tasks, or to handlers.

use core::ptr::NonNull;
use core::sync::atomic::{Ordering, compiler_fence};

use memtalk_ring::Doorbell;

/// A way to ring. Its sleep returns at once.
pub type Ring = Doorbell<fn()>;

/// ICSR. Zeros that are written there change nothing.
const ICSR: NonNull<u32> = NonNull::new(0xE000_ED04 as *mut u32).unwrap();
const PENDSVSET: u32 = 1 << 28;

/// NVIC_ISER0 and NVIC_ISPR0: the lowest bit enables the chip's first interrupt, or makes it
/// pending. Zeros change nothing.
const ENABLED: NonNull<u32> = NonNull::new(0xE000_E100 as *mut u32).unwrap();
const PENDING: NonNull<u32> = NonNull::new(0xE000_E200 as *mut u32).unwrap();
const FIRST: u32 = 1;

/// Rings for `pended`, the handler of PendSV.
#[must_use]
pub fn pend() -> Ring {
    // SAFETY: every Cortex-M has this register, and the write does nothing else.
    unsafe { Doorbell::new(ICSR, PENDSVSET, || ()) }
}

/// Rings for `interrupted`, the handler of the chip's first interrupt. It is called once
/// [`enable`] was.
#[must_use]
pub fn interrupt() -> Ring {
    // SAFETY: as above.
    unsafe { Doorbell::new(PENDING, FIRST, || ()) }
}

/// Lets the first interrupt happen, from now on. Its handler sees everything that was written
/// before, because it runs on the same core.
pub fn enable() {
    compiler_fence(Ordering::SeqCst);
    // SAFETY: as above.
    unsafe { ENABLED.write_volatile(FIRST) };
}
