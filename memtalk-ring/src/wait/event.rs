//! Waiting for events between the cores of an Arm chip.
//!
//! # No wake-up is lost
//! `wfe` waits until the core's event register is set, and clears it; `sev` sets
//! the register of every core. To sleep, an end compares the word, and executes
//! `wfe` if it has not changed. To wake, its peer executes `sev` after the new
//! word is visible to all (`dsb`). So if the comparison found the old word, the
//! `sev` comes after the comparison. It finds the core waiting in `wfe` and ends
//! that, or it sets the register, and the `wfe` that follows returns at once. The
//! register makes one step of the two.
//!
//! Somebody else who executes `wfe` on this core between the two could take that
//! event away. To get in between takes an exception, and the return from it sets
//! the register again.

use super::{Wait, Watched, barrier};
use crate::atomics::Atomics;

/// Sleeps with the instruction `wfe` and wakes with `sev`: for two cores of one
/// chip whose events reach each other, or for a main loop and an interrupt handler
/// of one core. Without an operating system, or where it leaves `wfe` to programs.
///
/// For ARMv6-M (Cortex-M0), ARMv7 and later. Other events end a wait as well,
/// which costs a look. If the two cores exchange no events, this waits for ever:
/// ask the chip's manual, and use [`Idle`](super::Idle) or
/// [`Doorbell`](super::Doorbell) there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event;

impl<A: Atomics> Wait<A> for Event {
    const SLEEPS: bool = true;

    #[inline]
    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    #[inline]
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        if word.is(seen) {
            // SAFETY: waits, and touches neither registers nor memory.
            unsafe { core::arch::asm!("wfe", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn wake(&self, _word: Watched<'_, A>) {
        barrier::before_signal::<A>();
        // SAFETY: touches neither registers nor memory.
        unsafe { core::arch::asm!("sev", options(nostack, preserves_flags)) };
    }
}
