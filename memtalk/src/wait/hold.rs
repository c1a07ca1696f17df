//! How often a waiting end looks before it yields.
//!
//! While the peer runs at the same time, on another processor, its next bytes come soon.
//! Yielding would end that: any thread that is ready gets our processor, and the two ends
//! run at the same time again only by chance. So after a wait that ended while looking, the
//! next looks longer: up to twice as long as such waits took of late. But if the peer is not
//! running, looking keeps another thread from running, perhaps the peer itself. So longer
//! looks live on credit: one that pays earns one, one that does not costs four.

/// Looks that every wait makes. A look takes some 40 ns, most of it the processor's pause
/// instruction. All of them together take as long as a peer is busy with one piece.
const FEWEST: u32 = 25;

/// Most looks: some 15 µs, as long as a peer reads or writes what it has gathered.
const MOST: u32 = 400;

/// Credit at first, and at most.
const FIRST_CREDIT: u32 = 4;
const MOST_CREDIT: u32 = 16;

/// What longer looks cost that did not pay.
const COST: u32 = 4;

/// Without credit, one of so many waits that may look longer does.
const TRY: u32 = 32;

/// Over about so many waits, the longest of them is forgotten.
const WAITS: u32 = 64;

/// What one end has learnt of looking.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    /// How often the present wait looks: from [`FEWEST`] to [`MOST`].
    looks: u32,
    /// The looks of the longest wait of late that ended while looking.
    longest: u32,
    /// At most [`MOST_CREDIT`].
    credit: u32,
    /// Waits that ended while looking, modulo [`TRY`].
    waits: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            looks: FEWEST,
            longest: 0,
            credit: FIRST_CREDIT,
            waits: 0,
        }
    }
}

impl Hold {
    /// How often the present wait looks before it yields.
    #[inline]
    pub(super) fn looks(&self) -> u32 {
        self.looks
    }

    /// The wait has ended after so many looks, and did not yield.
    #[inline]
    pub(super) fn paid(&mut self, looked: u32) {
        if looked > FEWEST {
            self.credit = MOST_CREDIT.min(self.credit + 1);
            self.longest = looked.max(self.longest - self.longest / WAITS);
        }
        self.waits = (self.waits + 1) % TRY;
        self.looks = match self.credit > 0 || self.waits == 0 {
            true => MOST.min(2 * (self.longest + FEWEST)),
            false => FEWEST,
        };
    }

    /// The wait has ended, and did yield.
    pub(super) fn in_vain(&mut self) {
        if self.looks > FEWEST {
            self.credit = self.credit.saturating_sub(COST);
        }
        self.looks = FEWEST;
    }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST, FIRST_CREDIT, Hold, MOST, MOST_CREDIT, TRY};

    #[test]
    fn after_a_wait_that_ended_while_looking_the_next_looks_twice_as_long() {
        let mut hold = Hold::default();
        assert_eq!(hold.looks(), FEWEST);
        hold.paid(FEWEST);
        assert_eq!(hold.looks(), 2 * FEWEST);
        hold.paid(2 * FEWEST);
        assert_eq!(hold.looks(), 6 * FEWEST);
        for _ in 0..10 {
            hold.paid(hold.looks());
        }
        assert_eq!(hold.looks(), MOST);
    }

    #[test]
    fn after_a_wait_that_yielded_the_next_looks_no_longer() {
        let mut hold = Hold::default();
        hold.paid(FEWEST);
        hold.in_vain();
        assert_eq!(hold.looks(), FEWEST);
    }

    #[test]
    fn long_waits_are_forgotten() {
        let mut hold = Hold::default();
        hold.paid(MOST);
        for _ in 0..1000 {
            hold.paid(FEWEST + 1);
        }
        assert!(hold.looks() < 8 * FEWEST, "{hold:?}");
    }

    /// How many of so many waits look longer, if none of these pays.
    fn longer(hold: &mut Hold, waits: u32) -> u32 {
        let mut longer = 0;
        for _ in 0..waits {
            hold.paid(1);
            longer += u32::from(hold.looks() > FEWEST);
            hold.in_vain();
        }
        longer
    }

    #[test]
    fn where_longer_looks_do_not_pay_one_wait_in_some_tries() {
        let mut hold = Hold::default();
        assert!(longer(&mut hold, TRY) <= FIRST_CREDIT);
        assert_eq!(longer(&mut hold, 10 * TRY), 10);
    }

    #[test]
    fn where_longer_looks_pay_a_few_that_do_not_change_nothing() {
        let mut hold = Hold::default();
        for _ in 0..MOST_CREDIT {
            hold.paid(FEWEST + 1);
        }
        assert_eq!(longer(&mut hold, 3), 3);
        // The credit has a limit.
        assert!(longer(&mut hold, TRY) < 4);
    }
}
