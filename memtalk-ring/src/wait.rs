//! How an end waits for its peer, and how the peer ends that wait.
//!
//! The protocol is [`protocol`](crate::ring::protocol)'s; this is the part that depends on
//! where the ring runs: a futex in a process, a spin loop or an event
//! instruction on bare metal, a modelled futex in a checker.
//!
//! Ready-made, and without an operating system:
//!
//! | | waits by | wakes by |
//! |---|---|---|
//! | [`Spin`] | looking again | nothing: nobody sleeps |
//! | [`Idle`] | calling a closure, and looking again | nothing: nobody sleeps |
//! | [`Event`] (Arm) | `wfe` | `sev` |
//! | [`Doorbell`] | a closure, `wfi` for example | writing a device register |

mod barrier;
mod doorbell;
#[cfg(any(target_arch = "arm", target_arch = "aarch64", doc))]
mod event;
mod idle;

pub use doorbell::Doorbell;
#[cfg(any(target_arch = "arm", target_arch = "aarch64", doc))]
pub use event::Event;
pub use idle::Idle;

use crate::atomics::{Atomics, InPlace};
use crate::order::site;

/// A way to wait for a word to change.
///
/// Both ends of a ring must agree: either neither sleeps, or what one does to
/// wake ends the other's sleep ([`SLEEPS`](Self::SLEEPS) is the same on both). So
/// [`Spin`] and [`Idle`] go with each other, [`Event`] goes with `Event`, and
/// [`Doorbell`] with a `Doorbell` that raises the interrupt the other waits for.
pub trait Wait<A: Atomics> {
    /// Whether ends that use this sleep, and wake sleepers. Where it is `false`,
    /// publishing costs no fence and no look at the peer's announcement.
    const SLEEPS: bool;

    /// Called between two looks at the peer's word, with the number of looks
    /// since this wait began, the first time 1. `true`: look again. `false`:
    /// stop looking and sleep; only if [`SLEEPS`](Self::SLEEPS).
    fn pause(&mut self, looks: u32) -> bool;

    /// Sleeps on `word` until a wake-up, if `word` still holds `seen`; returns
    /// at once otherwise. The comparison and falling asleep must be one step
    /// with respect to [`wake`](Self::wake), and come after a SeqCst fence that the
    /// caller has made. Returning early is allowed.
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32);

    /// Wakes whoever sleeps on `word`.
    fn wake(&self, word: Watched<'_, A>);
}

/// A word to wait for, not to change: one end's index, or a seat.
pub struct Watched<'w, A: Atomics>(&'w A::Word);

impl<A: Atomics> Clone for Watched<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Atomics> Copy for Watched<'_, A> {}

impl<'w, A: Atomics> Watched<'w, A> {
    /// To wait for `word`.
    #[inline(always)]
    pub fn new(word: &'w A::Word) -> Self {
        Self(word)
    }

    /// Whether the word holds `seen`: the comparison before sleeping.
    #[inline(always)]
    pub fn is(self, seen: u32) -> bool {
        A::load::<site::Compare>(self.0) == seen
    }

    /// The word, for a way to wait that knows more of it than its value.
    ///
    /// # Safety
    /// Nothing is stored in it.
    #[inline(always)]
    pub unsafe fn word(self) -> &'w A::Word {
        self.0
    }
}

impl<A: InPlace> Watched<'_, A> {
    /// Where the word is, for the operating system to look at.
    #[inline(always)]
    pub fn as_ptr(self) -> *const u32 {
        self.0.as_ptr()
    }
}

/// Waits by looking again: for peers that both run all the time, such as two
/// cores, and for ends that never wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

impl<A: Atomics> Wait<A> for Spin {
    const SLEEPS: bool = false;

    #[inline]
    fn pause(&mut self, _looks: u32) -> bool {
        core::hint::spin_loop();
        true
    }

    fn sleep(&mut self, _word: Watched<'_, A>, _seen: u32) {}

    fn wake(&self, _word: Watched<'_, A>) {}
}
