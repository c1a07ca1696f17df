//! The ends of the ring, in memory of either kind: ordinary memory, or a device's. Each kind
//! has code of its own, chosen once for each call.

use std::fmt;
use std::task::Poll;
use std::time::Duration;

use memtalk_ring::{Error, Filled, Page, PageRing, Seat, Space};

use crate::sys::crash_points::{Accesses, Careful};
use crate::sys::map::{self, Mapping};
use crate::wait::linux::{Device, Linux, Naps, Sleep};

/// One value for each kind of memory.
pub(crate) enum Either<O, D> {
    Ordinary(O),
    Device(D),
}

type Ring<A> = PageRing<Mapping<A>>;

/// The sending end.
pub(crate) type Sender =
    Either<memtalk_ring::Sender<Ring<Accesses>, Sleep>, memtalk_ring::Sender<Ring<Careful>, Naps>>;

/// The receiving end.
pub(crate) type Receiver = Either<
    memtalk_ring::Receiver<Ring<Accesses>, Sleep>,
    memtalk_ring::Receiver<Ring<Careful>, Naps>,
>;

/// Calls the same of either.
macro_rules! either {
    ($either:expr, $end:ident => $call:expr) => {
        match $either {
            Either::Ordinary($end) => $call,
            Either::Device($end) => $call,
        }
    };
}

impl<O: fmt::Debug, D: fmt::Debug> fmt::Debug for Either<O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(self, end => end.fmt(f))
    }
}

impl<O, D> Either<O, D> {
    pub(super) fn is_device(&self) -> bool {
        matches!(self, Self::Device(_))
    }
}

/// Taking the ends.
impl Either<(), ()> {
    /// The two ends of `seat`. `None` if ends were taken in this mapping before.
    pub(crate) fn ends(page: &Page<Mapping>, seat: Seat) -> Option<(Sender, Receiver)> {
        if seat == Seat::First {
            page.begin();
        }
        if map::is_device(page) {
            let wait = Naps::new(page.clone(), seat.peer(), Device::default());
            let (sender, receiver) = map::ends(page, seat, wait)?;
            return Some((Either::Device(sender), Either::Device(receiver)));
        }
        let page = map::accessed_by::<_, Accesses>(page).ok()?;
        let wait = Sleep::new(page.clone(), seat.peer(), Linux::default());
        let (sender, receiver) = map::ends(&page, seat, wait)?;
        Some((Either::Ordinary(sender), Either::Ordinary(receiver)))
    }
}

// Each is that of `memtalk_ring::Sender`.
impl Sender {
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        either!(self, end => end.capacity())
    }

    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        either!(self, end => end.wait_mut().set_limit(limit));
    }

    /// As [`Sleep::spread_threads`]. At a device, nobody yields.
    pub(super) fn spread_threads(&mut self, seat: Seat) {
        if let Self::Ordinary(end) = self {
            end.wait_mut().spread_threads(seat);
        }
    }

    #[inline]
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        either!(self, end => end.send(bytes))
    }

    #[inline]
    pub(super) fn wait(&mut self, wanted: usize) -> Result<usize, Error> {
        either!(self, end => end.wait(wanted))
    }

    /// `None` at a device: the kernel must not copy to it.
    #[inline]
    pub(super) fn space(&mut self) -> Option<Result<Space<'_, Ring<Accesses>, Sleep>, Error>> {
        match self {
            Self::Ordinary(end) => Some(end.space()),
            Self::Device(_) => None,
        }
    }

    #[inline]
    pub(super) fn end(&mut self) {
        either!(self, end => end.end());
    }

    pub(super) fn delivered(&mut self) -> Result<bool, Error> {
        either!(self, end => end.delivered())
    }

    pub(super) fn wait_delivered(&mut self) -> Result<(), Error> {
        either!(self, end => end.wait_delivered())
    }

    #[inline]
    pub(super) fn poll_wait(
        &mut self,
        wanted: usize,
        register: impl FnOnce(u32),
    ) -> Poll<Result<usize, Error>> {
        either!(self, end => end.poll_wait(wanted, register))
    }

    pub(super) fn poll_delivered(&mut self, register: impl FnOnce(u32)) -> Poll<Result<(), Error>> {
        either!(self, end => end.poll_delivered(register))
    }
}

// Each is that of `memtalk_ring::Receiver`.
impl Receiver {
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        either!(self, end => end.capacity())
    }

    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        either!(self, end => end.wait_mut().set_limit(limit));
    }

    /// As [`Sleep::spread_threads`]. At a device, nobody yields.
    pub(super) fn spread_threads(&mut self, seat: Seat) {
        if let Self::Ordinary(end) = self {
            end.wait_mut().spread_threads(seat);
        }
    }

    #[inline]
    pub(super) fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        either!(self, end => end.receive(bytes))
    }

    #[inline]
    pub(super) fn at_end(&self) -> bool {
        either!(self, end => end.at_end())
    }

    #[inline]
    pub(super) fn wait(&mut self) -> Result<usize, Error> {
        either!(self, end => end.wait())
    }

    pub(super) fn is_empty(&mut self) -> bool {
        either!(self, end => end.filled().is_ok_and(|filled| filled.is_empty()))
    }

    /// `None` at a device: the kernel must not copy from it.
    #[inline]
    pub(super) fn filled(&mut self) -> Option<Result<Filled<'_, Ring<Accesses>, Sleep>, Error>> {
        match self {
            Self::Ordinary(end) => Some(end.filled()),
            Self::Device(_) => None,
        }
    }

    #[inline]
    pub(super) fn poll_wait(&mut self, register: impl FnOnce(u32)) -> Poll<Result<usize, Error>> {
        either!(self, end => end.poll_wait(register))
    }

    pub(super) fn close(&mut self) -> Result<(), Error> {
        either!(self, end => end.close())
    }
}
