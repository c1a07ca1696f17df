//! SysTick, the timer of every Cortex-M: it calls `tick` at regular intervals.

use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic::{Ordering, compiler_fence};

/// SYST_CSR. `ON`: counting, with interrupts, at the processor's own clock.
const CONTROL: usize = 0xE000_E010;
const ON: u32 = 0b111;

/// SYST_RVR: the number from which it counts down, 24 bits.
const RELOAD: usize = 0xE000_E014;

/// SYST_CVR: the current number. A write makes it start over.
const CURRENT: usize = 0xE000_E018;

/// Calls `tick` every `cycles` clock cycles, at most 2²⁴, from now on.
///
/// `tick` sees everything that was written before, because it runs on the same core.
pub fn start(cycles: u32) {
    compiler_fence(Ordering::SeqCst);
    write(RELOAD, cycles.saturating_sub(1) & 0xFF_FFFF);
    write(CURRENT, 0);
    write(CONTROL, ON);
}

/// Stops the timer. Once this has returned, `tick` is not called any more, and the caller
/// sees everything that it wrote.
pub fn stop() {
    write(CONTROL, 0);
    // SAFETY: these instructions wait, and change neither registers nor memory.
    unsafe { core::arch::asm!("dsb sy", "isb sy", options(nostack, preserves_flags)) };
}

/// Writes a register of the timer.
fn write(register: usize, value: u32) {
    // SAFETY: every Cortex-M has this register, and writing to it changes only when `tick`
    // is called.
    unsafe { with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
