//! [`Idle`]: waiting by a closure of the caller's, for peers that wake nobody.

use super::{Wait, Watched};
use crate::atomics::Atomics;

/// Waits by calling a closure and looking again (polling). The closure can yield to other
/// tasks, feed a watchdog, or sleep until the next tick of a timer.
///
/// The closure gets the number of looks since this wait began, from 1 to at most
/// [`u32::MAX`]. So it can spin for a short time before it does more. It must return on its
/// own, since the peer wakes nobody. A byte may be noticed as late as the closure returns.
///
/// ```
/// use memtalk_ring::Idle;
///
/// let wait = Idle(|looks| match looks {
///     ..100 => core::hint::spin_loop(),
///     _ => std::thread::yield_now(),
/// });
/// ```
#[derive(Clone, Copy)]
pub struct Idle<F>(
    /// Called between two looks.
    pub F,
);

impl<A: Atomics, F: FnMut(u32)> Wait<A> for Idle<F> {
    const SLEEPS: bool = false;

    #[inline]
    fn pause(&mut self, looks: u32) -> bool {
        (self.0)(looks);
        true
    }

    fn sleep(&mut self, _word: Watched<'_, A>, _seen: u32) {}

    fn wake(&self, _word: Watched<'_, A>) {}
}
