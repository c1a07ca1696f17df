//! [`Kernel`] on Linux: spin for a short while, then `futex(2)`.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use memtalk_ring::{InPlace, Seat, Watched};

use super::futex::{Futex, Kernel};
use super::nap;
use super::spin::{AdaptiveSpin, Next};
use crate::sys::crash_points::Accesses;
use crate::sys::map::Mapping;
use crate::sys::{self, cpu, crash_points, futex};

/// How the ends of a process wait.
pub(crate) type Sleep = Futex<Mapping<Accesses>, Linux>;

/// How they wait at a device.
pub(crate) type Naps = Futex<Mapping, Device>;

impl Futex<Mapping, Linux> {
    /// For a thread that wakes others and never waits.
    pub(crate) fn for_waking() -> Self {
        Self::without_peer(Linux::default())
    }
}

impl Sleep {
    /// Lets the thread that waits move to another processor, where it shares one with its
    /// peer: to another half of them from each seat.
    pub(crate) fn spread_threads(&mut self, seat: Seat) {
        self.kernel_mut().half = Some(seat);
    }
}

/// The time since this was first called.
pub(super) fn now() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// Linux, with [`AdaptiveSpin`] before each sleep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linux {
    spin: AdaptiveSpin,
    /// The seat whose half of the processors is ours. `None`: it does not move.
    half: Option<Seat>,
}

impl<A: InPlace> Kernel<A> for Linux {
    fn now(&self) -> Duration {
        now()
    }

    fn pause(&mut self, looks: u32) -> bool {
        if crash_points::COUNTED {
            return false;
        }
        match self.spin.next(looks, Instant::now) {
            Next::Look => std::hint::spin_loop(),
            Next::Yield => {
                std::thread::yield_now();
                let half = self.half;
                let moves = || half.is_some_and(|seat| cpu::move_to_half(seat == Seat::Second));
                self.spin.yielded(Instant::now(), moves);
            }
            Next::Sleep => return false,
        }
        true
    }

    fn wait(&self, word: Watched<'_, A>, seen: u32, timeout: Option<Duration>) {
        futex::wait(word, seen, timeout);
    }

    fn wake(&self, word: Watched<'_, A>) {
        futex::wake(word);
    }
}

/// Linux, for ends in the memory of a device, where no futex can be: they nap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device(Linux);

impl<A: InPlace> Kernel<A> for Device {
    const IS_WOKEN: bool = false;

    fn now(&self) -> Duration {
        now()
    }

    fn pause(&mut self, looks: u32) -> bool {
        Kernel::<A>::pause(&mut self.0, looks)
    }

    fn wait(&self, word: Watched<'_, A>, seen: u32, timeout: Option<Duration>) {
        if word.is(seen) {
            sys::nap(timeout.unwrap_or(nap::LONGEST).min(nap::LONGEST));
        }
    }

    fn wake(&self, _word: Watched<'_, A>) {}
}
