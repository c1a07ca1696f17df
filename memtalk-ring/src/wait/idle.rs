//! Waiting in the caller's own way, without being woken.

use super::{Wait, Watched};
use crate::atomics::Atomics;

/// Waits by calling a closure and looking again: yields to other tasks, feeds a
/// watchdog, or sleeps until the next tick of a timer.
///
/// The closure gets the number of looks since this wait began, the first time 1,
/// and at most [`u32::MAX`]; so it can spin a little before it does more. It must
/// return on its own, since the peer wakes nobody; how soon is how late a byte may
/// be noticed.
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
