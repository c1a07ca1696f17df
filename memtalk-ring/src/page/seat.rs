//! [`Seat`] and [`Presence`]: the two seats of a page, and what their words say.

/// Bit 0 of a seat word: somebody sits here.
pub const SEATED: u32 = 1;

/// Bit 1 of a seat word: the party here is outside the peer's operating system, a guest
/// or a device for example. It holds none of that system's locks.
pub const OUTSIDE: u32 = 2;

/// Bit 2 of a seat word: the party here is silent, it wakes nobody. Whoever waits for it
/// looks again after a while. The party may clear this bit during the talk, before the
/// first wake-up that it makes. It must not set the bit, because its peer may sleep already.
pub const SILENT: u32 = 4;

/// Bit 3 of a seat word, without bit 0: the party that sat here has left, and does not touch
/// the page any more. Of the other bits, only [`OUTSIDE`] may be set then.
pub const LEFT: u32 = 8;

/// Bit 4 of the first seat's word: the party here waits for the second, and clears this bit
/// once it has seen it. The talk begins with that. Where one of the two is
/// [outside](OUTSIDE), the second does not count on the first before.
pub const WAITING: u32 = 16;

/// One of the two seats of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seat {
    /// The seat of the party that initialises the page. It sends on the first ring.
    First,
    /// The seat of the party that joins. It sends on the second ring.
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

    /// 0 for the first seat, 1 for the second.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// What a seat word says of the party that sits there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Presence {
    /// The party is outside the peer's operating system, and holds none of its locks
    /// ([`OUTSIDE`]).
    pub outside: bool,
    /// The party wakes nobody, for now ([`SILENT`]).
    pub silent: bool,
}

impl Presence {
    /// A process that can wake its peer and holds the lock of its seat.
    pub const PROCESS: Self = Self {
        outside: false,
        silent: false,
    };

    /// A party outside that is silent: a guest or a device that has nothing but the memory.
    pub const DEVICE: Self = Self {
        outside: true,
        silent: true,
    };

    /// The seat word that says this.
    #[must_use]
    pub const fn word(self) -> u32 {
        let outside = if self.outside { OUTSIDE } else { 0 };
        let silent = if self.silent { SILENT } else { 0 };
        SEATED | outside | silent
    }

    /// The word of a seat that this party has left.
    #[must_use]
    pub(crate) const fn left(self) -> u32 {
        if self.outside { LEFT | OUTSIDE } else { LEFT }
    }

    /// What a seat word says. `None` if it says that nobody sits there: any word without
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
