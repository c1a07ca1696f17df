//! [`Page::sit_down`]: taking a seat without an operating system, as a virtual machine's
//! guest, firmware or a device does.
//!
//! A process that sits down takes locks, and its kernel drops them when it dies. A party
//! outside that kernel has nothing but the memory, so it goes by what the page says:
//! [the table in `layout`](crate::page::layout#sitting-down) has what it does in each case.
//! Firmware that owns the memory does not need to look. It calls [`Page::initialise`]
//! whenever it starts, and so takes the first seat.
//!
//! Whoever has a seat waits until the talk [begins](Page::beginning), and sits down again if
//! that says that it never will. The party then talks, and [leaves](Page::stand) its seat. The
//! first party then
//! - waits until nobody sits at the second seat ([`Page::presence`] is `None`). By then a
//!   process that sat there has seen the end of its streams. If it was killed, the next
//!   process to come fails what it left open, and frees the seat in its name;
//! - initialises the page for the next talk.
//!
//! If the second party finds its own seat free ([`Page::was_restarted`]), somebody has
//! initialised the page again since it joined. It sits down again.
//!
//! # What it relies on
//! - At most one party outside uses a page at a time. So a seat word that says
//!   [`OUTSIDE`](crate::page::layout::OUTSIDE) is that party's own, from before a restart.
//! - A process and a party outside do not come to the second seat at the same moment.
//!
//! Without locks and without compare-and-swap, nobody could tell whether that is so.
//!
//! # Why initialising again is safe
//! Only the kind that initialised a page does so again: processes theirs, one after the other
//! behind a lock; the party outside its own. So it is never done twice at once. Whoever waits
//! for the other to do it needs the other anyway, to talk to.
//!
//! A page may be initialised again while a party still sits at its second seat, does
//! not know of it, and advances its own index. What this old party writes reaches nobody:
//! - The first party looks at the second's words only once somebody has come to the second
//!   seat ([`Page::is_free`]). Initialising has freed that seat.
//! - Whoever joins sets those words to 0 before it takes the seat ([`Page::join`]).
//! - Nobody joins before the old party has gone. A process holds the seat's lock until
//!   then. It goes when it sees that its seat is free. Where a party outside may still be, only
//!   a party outside joins ([`Page::renew`]), and there is one at a time.
//! - The old party marks its seat as left only if the seat word is still its own. A process
//!   compares and writes in one atomic step. (Processes run where compare-and-swap exists.) A
//!   party outside may be too late by that step: then its mark does not count, since the next
//!   talk has not begun.
//!
//! Nor does the old party take the next talk for its own. Initialising frees its seat
//! before it writes anything else but the magic number. The old party looks at its seat
//! after it has copied bytes, and before it does anything with them or believes the end
//! of a stream.

use super::Page;
use super::header::{PageError, Snapshot};
use super::layout::{CLAIM_OUTSIDE, LEFT, OUTSIDE, WAITING};
use super::region::PageMemory;
use super::seat::{Presence, Seat};
use crate::wait::Spin;

/// What a party outside does, given what it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Initialises the page, and takes the first seat.
    Initialise,
    /// Takes the second seat.
    Join,
    /// It was at the second seat before a restart: it fails the ends that it left open there,
    /// marks the seat as left, and looks again later.
    Leave,
    /// Takes no seat, for this reason.
    Refused(PageError),
}

impl Outcome {
    /// The rules for memory of `size` bytes whose header says `said`, and whose seats have
    /// these words: the [table](crate::page::layout#sitting-down) as code.
    #[must_use]
    pub fn of(said: Snapshot, size: usize, [first, second]: [u32; 2]) -> Self {
        let fresh = said == Snapshot::default() && [first, second] == [0, 0];
        if fresh || said.magic == 0 && said.claim == CLAIM_OUTSIDE {
            return Self::Initialise;
        }
        if let Err(reason) = said.check(size) {
            return Self::Refused(reason);
        }
        let (ours, left) = (first & OUTSIDE != 0, first & LEFT != 0);
        match Presence::from_word(second) {
            // The talk has ended in good order, and its process has yet to see that.
            Some(_) if ours && left => Self::Refused(PageError::Over),
            _ if ours => Self::Initialise,
            Some(second) if !second.outside => Self::Refused(PageError::Taken),
            _ if !left && first & WAITING != 0 => Self::Join,
            Some(_) => Self::Leave,
            None => Self::Refused(PageError::Over),
        }
    }
}

impl<R: PageMemory> Page<R> {
    /// Takes a seat in memory that a process shares with us, a party outside its operating
    /// system: initialises fresh memory or our own page from before a restart, and joins
    /// a process that waits. Returns the page and our seat.
    ///
    /// [`sit_down`](crate::page::sit_down) has the rules. If we are `silent`, we wake
    /// nobody, and the peer looks again by itself. Take your ends once the talk
    /// [begins](Self::beginning).
    ///
    /// # Errors
    /// Every [`PageError`]; among them:
    /// - [`PageError::Unfinished`] while a process initialises the page; [`PageError::Over`]
    ///   while it has yet to initialise it for the next talk, or has yet to leave our last
    ///   one. Try again. If our party had a talk there and was restarted in it, the ends that it
    ///   left open are marked as failed, and its seat as left.
    /// - [`PageError::Taken`] if two processes talk there.
    ///
    /// Nothing else is written after an error.
    ///
    /// # Safety
    /// As for [`initialise`](Self::initialise).
    pub unsafe fn sit_down(region: R, silent: bool) -> Result<(Self, Seat), PageError> {
        let us = Presence {
            outside: true,
            silent,
        };
        let page = Self::over(region)?;
        let said = Snapshot::load(page.header());
        let words = [Seat::First, Seat::Second].map(|seat| page.seat_value(seat));
        match Outcome::of(said, page.size(), words) {
            Outcome::Initialise => {
                // SAFETY: by contract.
                unsafe { page.write(us, false) };
                Ok((page, Seat::First))
            }
            Outcome::Join => {
                // SAFETY: by contract.
                unsafe { page.join(us) };
                Ok((page, Seat::Second))
            }
            Outcome::Leave => {
                // SAFETY: by contract, no end is used that was taken before.
                unsafe { page.mourn(Seat::Second, &Spin) };
                page.stand(Seat::Second, us);
                Err(PageError::Over)
            }
            Outcome::Refused(reason) => Err(reason),
        }
    }
}
