//! [`Doorbell`]: waking the peer by an interrupt, through a device register.
//!
//! # No wake-up is lost
//! To sleep, an end compares the word, and calls the closure if it has not
//! changed. To wake, its peer writes to the register after the new word is visible.
//! So if the comparison found the old word, the doorbell rings after the
//! comparison: while the closure waits, or before it has begun to wait. Because of
//! the second case, a pending interrupt must end the closure's wait at once, and
//! nobody may clear it in between.

use core::ptr::NonNull;

use super::{Wait, Watched, barrier};
use crate::atomics::Atomics;

/// Wakes by writing a value to a device register: a mailbox, a software interrupt, the
/// doorbell of a virtual machine. Sleeps by calling a closure, which usually waits for the
/// interrupt that the peer's doorbell raises.
///
/// Rules for the closure:
/// - If the doorbell has rung since the closure last returned, it returns at once, even if
///   the doorbell rang before this call. With `wfi`, this means that the interrupt is
///   enabled, so that it wakes the core, but masked, so that it stays pending. If a handler
///   takes the interrupt instead, it must set a flag. The closure then masks interrupts,
///   looks at the flag, and waits only if it is not set, with interrupts still masked.
/// - It clears the pending interrupt (or the flag) after it has waited, never before.
/// - It may return early. The end looks again, and calls it again.
///
/// Ends that wait for the same interrupt must do so one at a time, in one thread of
/// execution, since one would clear it for the other. One main loop that uses the two ends
/// of a seat in turn is fine.
///
/// ```no_run
/// use core::ptr::{NonNull, with_exposed_provenance_mut};
/// use memtalk_ring::{Doorbell, Page, RawRegion, Seat};
///
/// # fn wait_for_interrupt() {}
/// # fn clear_pending() {}
/// # fn talk(page: &Page<RawRegion>) -> Option<()> {
/// let peers_mailbox = NonNull::new(with_exposed_provenance_mut(0x4005_0000))?;
/// let sleep = || {
///     wait_for_interrupt();
///     clear_pending();
/// };
/// // SAFETY: the manual says that writing 1 there interrupts the other core.
/// let wait = unsafe { Doorbell::new(peers_mailbox, 1, sleep) };
/// // SAFETY: the page is fresh, and this core is alone at its seat.
/// let (sender, receiver) = unsafe { page.ends(Seat::First, wait) };
/// # Some(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Doorbell<S> {
    register: NonNull<u32>,
    value: u32,
    sleep: S,
}

impl<S: FnMut()> Doorbell<S> {
    /// A way to wait that wakes by writing `value` to `register`, and sleeps by calling
    /// `sleep`.
    ///
    /// # Safety
    /// As long as the returned value (or a clone of it) is in use, a volatile write to
    /// `register` is sound at any time, from any thread of execution that uses an end.
    #[must_use]
    pub const unsafe fn new(register: NonNull<u32>, value: u32, sleep: S) -> Self {
        Self {
            register,
            value,
            sleep,
        }
    }
}

impl<A: Atomics, S: FnMut()> Wait<A> for Doorbell<S> {
    const SLEEPS: bool = true;

    #[inline]
    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    #[inline]
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        if word.is(seen) {
            (self.sleep)();
        }
    }

    #[inline]
    fn wake(&self, _word: Watched<'_, A>) {
        barrier::before_signal::<A>();
        // SAFETY: whoever called `new` has promised it.
        unsafe { self.register.write_volatile(self.value) };
    }
}

// SAFETY: whoever called `new` has promised that any thread may write there.
unsafe impl<S: Send> Send for Doorbell<S> {}
