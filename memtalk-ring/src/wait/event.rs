//! [`Event`]: sleeping and waking by Arm's event instructions, `wfe` and `sev`.
//!
//! # No wake-up is lost
//! `wfe` waits until the core's event register is set, and clears it. `sev` sets
//! the register of every core. To sleep, an end compares the word, and executes
//! `wfe` if it has not changed. To wake, its peer executes `sev` after the new
//! word is visible to all (`dsb`). So if the comparison found the old word, the
//! `sev` comes after the comparison. Either the core waits in `wfe` already, and
//! the `sev` ends that wait. Or the `sev` sets the register, and the `wfe` that
//! follows returns at once. So the register makes comparing and falling asleep one
//! step.
//!
//! Other code on this core could consume the event by a `wfe` of its own, between the
//! comparison and our `wfe`. It takes an exception for that code to run there, and the
//! return from an exception sets the register again.

use super::{Wait, Watched, barrier};
use crate::atomics::Atomics;

/// Sleeps by the instruction `wfe` and wakes by `sev`: for two cores of one Arm chip whose
/// events reach each other, or for a main loop and an interrupt handler on one core. It
/// needs no operating system, or one that allows programs to use `wfe`.
///
/// For ARMv6-M (Cortex-M0), ARMv7 and later. Other events end a wait as well, which costs
/// one look. If events do not pass between the two cores, this waits for ever: see the
/// chip's manual, and use [`Idle`](super::Idle) or [`Doorbell`](super::Doorbell) there.
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
            // SAFETY: the instruction only waits. It touches neither registers nor memory.
            unsafe { core::arch::asm!("wfe", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn wake(&self, _word: Watched<'_, A>) {
        barrier::before_signal::<A>();
        // SAFETY: the instruction touches neither registers nor memory.
        unsafe { core::arch::asm!("sev", options(nostack, preserves_flags)) };
    }
}
