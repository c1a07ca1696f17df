//! Sitting down without an operating system: a virtual machine, firmware, a device.
//!
//! A process that sits down takes locks, which its kernel drops when it dies. A
//! party outside that kernel has nothing but the memory. It goes by what the page
//! says ([`Page::sit_down`]):
//!
//! | the memory | first seat | second seat | what it does |
//! | --- | --- | --- | --- |
//! | magic number and claim are 0 | | | initialises a page, and sits first |
//! | a page | its own, before a restart | any | initialises it again, and sits first |
//! | a page | a process | free | joins: sits second |
//! | a page | a process | its own, before a restart | tells the process that its peer is gone |
//! | a page | a process | a process | leaves it alone |
//! | anything else | | | leaves it alone |
//!
//! Firmware that provides the memory itself does not ask: it calls
//! [`Page::initialise`] whenever it starts, and sits first.
//!
//! Who sits first waits until somebody has come to the second seat
//! ([`Page::is_free`]), talks, waits until nobody sits there ([`Page::presence`]), which
//! is when a process has seen the end of its streams as well, and initialises the page
//! for the next talk. If the process was killed, the next to come frees the seat in its
//! name, and fails what it left open.
//!
//! Who sits second, and finds its own seat free, has joined a page that somebody has
//! initialised since. It sits down again.
//!
//! # What it relies on
//! At most one party outside uses a page at a time: a seat that says
//! [`OUTSIDE`](crate::page::layout::OUTSIDE) is its own, from an earlier life. And a
//! process and a party outside do not come to the second seat at the same moment.
//! Without locks and without compare-and-swap nobody could tell.
//!
//! # Why starting again is safe
//! A page may be initialised again while a process still sits at its second seat,
//! knows nothing of it, and moves its own index. That reaches nobody:
//! - Who sits first looks at the second's words only once somebody has come to that
//!   seat ([`Page::is_free`]), and initialising has freed it.
//! - Who joins sets those words to 0 before it takes the seat ([`Page::join`]).
//! - Nobody joins before the old process has gone, which holds the seat's lock
//!   until then. It goes when it sees that its seat is free.
//! - The old process frees its seat only if the word is still its own, in one step,
//!   which processes can make.
//!
//! Nor does the old process take the next talk for its own: initialising frees its seat
//! before anything else, and it looks at its seat after it has copied bytes, and before
//! it does anything with them or believes the end of a stream.
//!
//! A page that is being initialised has a magic number of 0, and a claim of 0, which
//! no process leaves: so no process takes it for a dead process's and initialises
//! it as well.

use super::Page;
use super::header::{PageError, Snapshot};
use super::region::PageMemory;
use super::seat::{Presence, Seat};
use crate::wait::Spin;

impl<R: PageMemory> Page<R> {
    /// Sits down in memory that a process shares with us, who are outside its
    /// operating system: see [`sit_down`](crate::page::sit_down) for what is done when.
    ///
    /// Who sits first waits until the second seat is not [free](Self::is_free) any more
    /// before it takes its ends.
    ///
    /// # Errors
    /// Every [`PageError`]. [`PageError::Unfinished`] while a process initialises the
    /// page: try again. [`PageError::Taken`] if two sit there, or if one of them was
    /// us: that talk has been declared over then, and there is no other on this page.
    /// Otherwise nothing was written.
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
