//! The timer that every Cortex-M has: it calls `tick` again and again.

use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic::{Ordering, compiler_fence};

/// SYST_CSR: on, with interrupts, at the processor's own clock.
const CONTROL: usize = 0xE000_E010;
const ON: u32 = 0b111;

/// SYST_RVR: what it counts down from, 24 bits.
const RELOAD: usize = 0xE000_E014;

/// SYST_CVR: where it stands; a write makes it start over.
const CURRENT: usize = 0xE000_E018;

/// Calls `tick` every `cycles` clock cycles, at most 2²⁴, from now on.
///
/// What was written before, `tick` sees: it runs on the same core.
pub fn start(cycles: u32) {
    compiler_fence(Ordering::SeqCst);
    write(RELOAD, cycles.saturating_sub(1) & 0xFF_FFFF);
    write(CURRENT, 0);
    write(CONTROL, ON);
}

/// Calls it no more, once this has returned, and sees all that it wrote.
pub fn stop() {
    write(CONTROL, 0);
    // SAFETY: these wait, and touch neither registers nor memory.
    unsafe { core::arch::asm!("dsb sy", "isb sy", options(nostack, preserves_flags)) };
}

/// Writes a register of the timer.
fn write(register: usize, value: u32) {
    // SAFETY: the address is that of a register on every Cortex-M, and writing to it
    // changes when `tick` is called, nothing else.
    unsafe { with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
