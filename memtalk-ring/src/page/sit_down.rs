//! [`Page::sit_down`]: taking a seat without an operating system, as a virtual machine's
//! guest, firmware or a device does.
//!
//! A process that sits down takes locks, and its kernel drops them when it dies. A party
//! outside that kernel has nothing but the memory, so it goes by what the page says:
//! [the table in `layout`](crate::page::layout#sitting-down) has what it does in each case.
//! Firmware that owns the memory does not need to look. It calls [`Page::initialise`]
//! whenever it starts, and so takes the first seat.
//!
//! The first party then
//! 1. waits until somebody has come to the second seat ([`Page::is_free`] is `false`);
//! 2. talks;
//! 3. waits until nobody sits at the second seat ([`Page::presence`] is `None`). By then a
//!    process that sat there has seen the end of its streams. If it was killed, the next
//!    process to come fails what it left open, and frees the seat in its name;
//! 4. initialises the page for the next talk.
//!
//! If the second party finds its own seat free, somebody has initialised the page again
//! since it joined. It sits down again.
//!
//! # What it relies on
//! - At most one party outside uses a page at a time. So a seat word that says
//!   [`OUTSIDE`](crate::page::layout::OUTSIDE) is that party's own, from before a restart.
//! - A process and a party outside do not come to the second seat at the same moment.
//!
//! Without locks and without compare-and-swap, nobody could tell whether that is so.
//!
//! # Why initialising again is safe
//! A page may be initialised again while a process still sits at its second seat, does
//! not know of it, and advances its own index. What this old process writes reaches nobody:
//! - The first party looks at the second's words only once somebody has come to the second
//!   seat ([`Page::is_free`]). Initialising has freed that seat.
//! - Whoever joins sets those words to 0 before it takes the seat ([`Page::join`]).
//! - Nobody joins before the old process has gone, because it holds the seat's lock until
//!   then. It goes when it sees that its seat is free.
//! - The old process marks its seat as left only if the seat word is still its own. It
//!   compares and writes in one atomic step. (Processes run where compare-and-swap exists.)
//!
//! Nor does the old process take the next talk for its own. Initialising frees its seat
//! before it writes anything else but the magic number. The old process looks at its seat
//! after it has copied bytes, and before it does anything with them or believes the end
//! of a stream.
//!
//! While a page is being initialised here, its magic number and its claim are 0. No process
//! leaves both 0. So no process takes the page for one that a dead process left
//! unfinished, and initialises it as well.

use super::Page;
use super::header::{PageError, Snapshot};
use super::region::PageMemory;
use super::seat::{Presence, Seat};
use crate::wait::Spin;

impl<R: PageMemory> Page<R> {
    /// Takes a seat in memory that a process shares with us, a party outside its operating
    /// system: initialises fresh memory or our own page from before a restart, and joins
    /// a process that waits. Returns the page and our seat.
    ///
    /// [`sit_down`](crate::page::sit_down) has the rules. If we are `silent`, we wake
    /// nobody, and the peer looks again by itself. At the first seat, wait until the second
    /// is not [free](Self::is_free) any more before you take your ends.
    ///
    /// # Errors
    /// Every [`PageError`]; among them:
    /// - [`PageError::Unfinished`] while a process initialises the page. Try again.
    /// - [`PageError::Taken`] if a process has the first seat, and the second is taken by
    ///   another process, or was ours before a restart. In the last case the ends that we
    ///   left open are marked as failed, so that the process learns that we are gone. No
    ///   other talk takes place on this page.
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
        let fresh = said.magic == 0 && said.claim == 0;
        if !fresh {
            said.check(page.size())?;
        }
        let [first, second] = [Seat::First, Seat::Second].map(|seat| page.presence(seat));
        match (fresh, first, second) {
            (true, ..) | (_, Some(Presence { outside: true, .. }), _) => {
                // SAFETY: by contract.
                unsafe { page.write(us) };
                Ok((page, Seat::First))
            }
            (_, _, None) => {
                // SAFETY: by contract.
                unsafe { page.join(us) };
                Ok((page, Seat::Second))
            }
            (_, _, Some(second)) => {
                if second.outside {
                    // SAFETY: by contract, no end is used that was taken before.
                    unsafe { page.mourn(Seat::Second, &Spin) };
                }
                Err(PageError::Taken)
            }
        }
    }
}
