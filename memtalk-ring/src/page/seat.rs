//! The two seats of a page, and who sits there.

/// Bit 0 of a seat word: somebody sits here.
pub const SEATED: u32 = 1;

/// Bit 1 of a seat word: who sits here is outside the operating system that the
/// other side runs on, a guest or a device. It holds none of that system's locks.
pub const OUTSIDE: u32 = 2;

/// Bit 2 of a seat word: who sits here wakes nobody. Whoever waits for it looks
/// again after a while. It may clear this bit during the talk, before the first
/// wake-up that it makes; it must not set it, since the other may sleep already.
pub const SILENT: u32 = 4;

/// Bit 3 of the second's seat word, alone: a process that sat here has left, and
/// touches the page no more. Written where the first is [outside](OUTSIDE), which may
/// then initialise the page again.
pub const LEFT: u32 = 8;

/// One of the two places in a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seat {
    /// The instance that created the page; it sends on the first ring.
    First,
    /// The instance that joined; it sends on the second ring.
    Second,
}

impl Seat {
    /// The other seat.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// 0 for the first, 1 for the second.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// Who sits at a seat, as the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Presence {
    /// It is outside the operating system that the other side runs on, and holds
    /// none of its locks ([`OUTSIDE`]).
    pub outside: bool,
    /// It wakes nobody, for now ([`SILENT`]).
    pub silent: bool,
}

impl Presence {
    /// A process that sleeps, wakes, and holds its seat's lock.
    pub const PROCESS: Self = Self {
        outside: false,
        silent: false,
    };

    /// A guest or a device that has nothing but the memory.
    pub const DEVICE: Self = Self {
        outside: true,
        silent: true,
    };

    /// As a seat word.
    #[must_use]
    pub const fn word(self) -> u32 {
        let outside = if self.outside { OUTSIDE } else { 0 };
        let silent = if self.silent { SILENT } else { 0 };
        SEATED | outside | silent
    }

    /// From a seat word; `None` if nobody sits there, which is any word without
    /// [`SEATED`].
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        if word & SEATED == 0 {
            return None;
        }
        Some(Self {
            outside: word & OUTSIDE != 0,
            silent: word & SILENT != 0,
        })
    }
}
