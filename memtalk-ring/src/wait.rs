//! [`Wait`]: how an end sleeps until its peer's index changes, and how the peer wakes it.
//!
//! [`protocol`](crate::ring::protocol) has the rules and the proof. Here is the part that
//! depends on where the ring runs: a futex in a process, a spin loop or an event
//! instruction on bare metal, a modelled futex in a model checker.
//!
//! These need no operating system:
//!
//! | type | it waits by | it wakes by |
//! |---|---|---|
//! | [`Spin`] | looking again | nothing: nobody sleeps |
//! | [`Idle`] | calling a closure, and looking again | nothing: nobody sleeps |
//! | [`Event`] (Arm) | `wfe` | `sev` |
//! | [`Doorbell`] | a closure, `wfi` for example | writing a device register |
//!
//! An asynchronous task does not sleep in here: it calls
//! [`Receiver::poll_wait`](crate::Receiver::poll_wait). A [`Bell`] keeps its waker.

mod barrier;
mod bell;
mod doorbell;
#[cfg(any(target_arch = "arm", target_arch = "aarch64", doc))]
mod event;
mod idle;

pub use bell::Bell;
pub use doorbell::Doorbell;
#[cfg(any(target_arch = "arm", target_arch = "aarch64", doc))]
pub use event::Event;
pub use idle::Idle;

use crate::atomics::{Atomics, InPlace};
use crate::order::site;

/// A way to wait for a word to change: by spinning, or by sleeping until a wake-up.
///
/// The two ends of a ring must fit together. Either neither sleeps, or what one does to
/// wake ends the other's sleep; [`SLEEPS`](Self::SLEEPS) is the same on both. So [`Spin`]
/// and [`Idle`] fit each other, [`Event`] fits `Event`, and [`Doorbell`] fits a `Doorbell`
/// that raises the interrupt that the other end waits for.
pub trait Wait<A: Atomics> {
    /// Whether ends that use this sleep, and wake sleepers. If it is `false`, publishing
    /// costs no fence and no look at the peer's announcement.
    const SLEEPS: bool;

    /// Called between two looks at the peer's word. `looks` is the number of looks since
    /// this wait began, from 1 on. Returns `true` to look again, or `false` to sleep, which
    /// it may only if [`SLEEPS`](Self::SLEEPS).
    fn pause(&mut self, looks: u32) -> bool;

    /// Whether to give up this wait: because its time is over, for example. Asked after each
    /// look that found too little, the `looks`-th of this wait, from 1 on, and before
    /// [`pause`](Self::pause). The wait then returns
    /// [`Error::TimedOut`](crate::Error::TimedOut), and leaves no announcement behind. By
    /// default, no wait is given up.
    #[inline(always)]
    fn gives_up(&mut self, _looks: u32) -> bool {
        false
    }

    /// Sleeps until a [`wake`](Self::wake) for `word` if `word` still holds `seen`.
    /// Otherwise returns at once. It may return early.
    ///
    /// Comparing and falling asleep must be one step with respect to
    /// [`wake`](Self::wake). The caller has made a SeqCst fence before, and the comparison
    /// must come after it.
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32);

    /// Wakes whoever sleeps on `word`.
    fn wake(&self, word: Watched<'_, A>);
}

/// A shared word to wait for and not to write: an index word or a seat word.
pub struct Watched<'w, A: Atomics>(&'w A::Word);

impl<A: Atomics> Clone for Watched<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Atomics> Copy for Watched<'_, A> {}

impl<'w, A: Atomics> Watched<'w, A> {
    /// Makes a value to wait for `word` with.
    #[inline(always)]
    pub fn new(word: &'w A::Word) -> Self {
        Self(word)
    }

    /// Whether the word holds `seen`. This is the comparison before sleeping.
    #[inline(always)]
    pub fn is(self, seen: u32) -> bool {
        self.value() == seen
    }

    /// What the word holds at this moment.
    #[inline(always)]
    pub fn value(self) -> u32 {
        A::load::<site::Compare>(self.0)
    }

    /// The word itself, for an implementation of [`Wait`] that needs more than its value.
    ///
    /// # Safety
    /// The caller stores nothing in it.
    #[inline(always)]
    pub unsafe fn word(self) -> &'w A::Word {
        self.0
    }
}

impl<A: InPlace> Watched<'_, A> {
    /// The address of the word, for a system call such as `futex(2)`.
    #[inline(always)]
    pub fn as_ptr(self) -> *const u32 {
        self.0.as_ptr()
    }
}

/// Waits by looking again (a spin loop): for two parties that run all the time, such as two
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
