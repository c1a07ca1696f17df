//! Watching a peer until it is gone, as a machine: what the watcher does.

use memtalk_ring::Seat;

use super::os::Os;
use super::step::{Awaited, Step};

/// Watching a peer until it is gone. Each variant is named after its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    /// The peer is a process: wait for a read lock on its seat. A read lock does not make
    /// the seat look taken.
    Await,
    /// Nobody sits there: give the lock back.
    GiveBack,
    /// The kernel has no lock to give us: does anybody sit there?
    LookAtSeat,
    /// The peer is outside, or we are: has it started again, or the memory gone?
    LookForRestart,
    /// Has anybody else the object open?
    LookForOthers,
}

impl Watch {
    /// The first step; `outside` says whether the peer is.
    #[must_use]
    pub fn begin(outside: bool) -> Self {
        match outside {
            true => Self::LookForRestart,
            false => Self::Await,
        }
    }

    /// Makes one step for the process at `seat`: one call to the operating system.
    pub fn step<S: Os>(self, os: &mut S, object: &S::Object, seat: Seat) -> Step<Self, ()> {
        let later = |machine| Step::Early(machine, Awaited::Peer);
        match self {
            Self::Await => match os.watch(object, seat.peer()) {
                Ok(true) => Step::Next(Self::GiveBack),
                Ok(false) => later(Self::Await),
                Err(_) => Step::Next(Self::LookAtSeat),
            },
            Self::GiveBack => {
                // If this fails, newcomers still find that nobody sits there.
                let _ = os.unwatch(object, seat.peer());
                Step::Done(())
            }
            Self::LookAtSeat => match os.is_seated(object, seat.peer()) {
                Ok(false) => Step::Done(()),
                Ok(true) | Err(_) => later(Self::LookAtSeat),
            },
            Self::LookForRestart => match os.is_restarted(object, seat) {
                true => Step::Done(()),
                false => Step::Next(Self::LookForOthers),
            },
            Self::LookForOthers => match os.is_alone(object) {
                true => Step::Done(()),
                false => later(Self::LookForRestart),
            },
        }
    }
}
