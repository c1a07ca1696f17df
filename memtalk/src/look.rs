//! A look inside: which objects there are, who sits where, and how full the rings are.
//!
//! ```
//! use memtalk::look::{self, Onlooker, State};
//! use memtalk::{Name, Options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = Name::new(format!("/memtalk-look-{}", std::process::id()))?;
//! assert!(Onlooker::new(name.clone()).look()?.is_none(), "there is no such object");
//!
//! let waiting = Options::new().sit_down(&name)?;
//! let seen = Onlooker::new(name.clone()).look()?.ok_or("it is there")?;
//! assert_eq!(seen.state, State::Waiting);
//! assert!(look::list()?.iter().any(|seen| seen.name == name));
//! # drop(waiting);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does to a talk
//! Nothing. A look reads some 400 bytes of the object, never a stream's, and asks the kernel
//! who holds the locks. It writes nothing, takes no lock and maps nothing. It has the object
//! open for some microseconds, as a newcomer has, and opens nothing but regular files.
//! A process that asks the kernel meanwhile who else has the object open asks again.
//! (If the onlooker is stopped by SIGSTOP in these microseconds, it counts as somebody who
//! has the object open, until it is continued.)
//!
//! # What it can know
//! - A look is a moment. Two words of a talk that moves are read one after the other.
//!   [`State::Corrupt`] is what was impossible in look after look, over some milliseconds.
//! - The kernel says which seats are locked, but not by whom. That is looked up in `/proc`,
//!   which shows the processes of this user, or all of them to root. A party whose process is not
//!   shown is [`Party::Hidden`].
//! - A party outside holds no lock. Whether it is still there cannot be seen without asking for
//!   a lease, which would be noticed.
//! - Nobody vouches for what a page says. Whatever it holds, a look returns a value or an
//!   error. Names and commands are texts of others: print them through something that
//!   escapes control characters, as [`Name`]'s `Display` does.

mod hands;
mod page;
mod process;
mod state;

use std::time::{Duration, SystemTime};

pub use memtalk_ring::look::{End, EndState, Ring, THE_END};
use memtalk_ring::{PageError, Seat};

use self::hands::{Copied, Hands};
#[doc(hidden)]
pub use self::page::{Bytes, Page, START};
use self::process::{FileId, Holders};
pub use self::process::{Process, Traffic};
pub use self::state::{Party, State};
use crate::address::checked_offset;
use crate::error::Error;
use crate::lifecycle::look::{Look, Sight};
use crate::lifecycle::object::{Object, seat_byte};
use crate::lifecycle::retry::Retry;
use crate::lifecycle::step::Step;
use crate::name::Name;
use crate::sys::{self, shm};

/// How long to try to open an object while others ask for leases, which takes them some
/// microseconds.
const OPEN_WAIT: Duration = Duration::from_millis(100);

/// The pauses between two looks at an object whose words do not fit together.
const AGAIN: [Duration; 8] = {
    let [short, long] = [Duration::from_micros(100), Duration::from_millis(1)];
    [short, short, short, short, long, long, long, long]
};

/// An object as it was at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The name that leads to it.
    pub name: Name,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions, such as 0o600.
    pub mode: u32,
    /// The user that it belongs to.
    pub owner: u32,
    /// The time since it was created, or since the last change of its permissions or name where
    /// the file system does not record its creation.
    pub age: Duration,
    /// What goes on there.
    pub state: State,
    /// Who sits at the first seat, and at the second.
    pub parties: [Party; 2],
    /// The ring that the first party sends on, and the second's. `None` if there is no page, or
    /// if it is corrupt.
    pub rings: Option<[Ring; 2]>,
    /// How many bytes each ring holds when it is full; 0 if there is no page.
    pub capacity: u32,
}

impl Seen {
    /// The size in pages of memory; one that is not full counts.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.size.div_ceil(shm::page_size() as u64)
    }

    fn new(name: Name, sight: Sight<Copied>, mut find: impl FnMut(&Copied, Seat) -> Party) -> Self {
        let Sight { words, locked } = sight;
        let page = words.page();
        let age = words.metadata.created().or_else(|_| words.changed());
        let parties = [Seat::First, Seat::Second].map(|seat| match locked[seat.index()] {
            true => find(&words, seat),
            false => Party::of_word(page.seat_words[seat.index()]),
        });
        Self {
            name,
            size: words.metadata.len(),
            mode: words.mode(),
            owner: words.owner(),
            age: age.map_or(Duration::ZERO, |age: SystemTime| {
                age.elapsed().unwrap_or_default()
            }),
            state: page.state(locked),
            parties: match page.is_page() {
                true => parties,
                false => [Party::Nobody, Party::Nobody],
            },
            rings: page.rings,
            capacity: page.capacity,
        }
    }
}

/// Looks at one object, as often as it is asked to.
#[derive(Clone, Debug)]
pub struct Onlooker {
    name: Name,
    offset: Option<u64>,
    /// The processes that were found at the last look, by their seats.
    known: [Option<Process>; 2],
}

impl Onlooker {
    /// Looks at the object `name`.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self {
            name,
            offset: None,
            known: [None, None],
        }
    }

    /// Looks at the page at this offset in bytes of a machine's memory.
    ///
    /// # Errors
    /// [`Error::Offset`] if it is not a multiple of 64, or too large.
    pub fn at_offset(mut self, offset: u64) -> Result<Self, Error> {
        self.offset = Some(checked_offset(offset)?);
        Ok(self)
    }

    /// Looks. `None` if there is no such object.
    ///
    /// # Errors
    /// - [`Error::NotAnObject`] if the name leads to a directory, a symbolic link or a device,
    ///   for example. It is not opened.
    /// - [`Error::Unreadable`] if this user may not read the object.
    /// - [`Error::Stuck`] if somebody keeps a lease on it.
    /// - [`Error::System`] if a system call fails.
    pub fn look(&mut self) -> Result<Option<Seen>, Error> {
        let Some(sight) = look_at(&self.name, self.offset)? else {
            return Ok(None);
        };
        let (holders, known) = (Holders::default(), &mut self.known);
        let find = |words: &Copied, seat: Seat| {
            let (file, byte) = (words.file(), words.at + seat_byte(seat));
            let known = &mut known[seat.index()];
            if !known.as_ref().is_some_and(|it| it.holds(file, byte)) {
                *known = holders.find(file, byte);
            }
            known.clone().map_or(Party::Hidden, Party::Process)
        };
        Ok(Some(Seen::new(self.name.clone(), sight, find)))
    }
}

/// All objects that carry a sign of memtalk and that this user may read, by their names. An
/// object that appears or disappears meanwhile may be among them or not.
///
/// A machine's memory is among them only if its page is at the beginning. A talk that has lost
/// its name, or never had one, is not among them.
///
/// # Errors
/// [`Error::System`] if the directory of the objects cannot be read.
pub fn list() -> Result<Vec<Seen>, Error> {
    let mut names = shm::names().map_err(Error::system("list the objects"))?;
    names.sort();
    let holders = Holders::default();
    let find = |words: &Copied, seat: Seat| {
        let found = holders.find(words.file(), words.at + seat_byte(seat));
        found.map_or(Party::Hidden, Party::Process)
    };
    let mut all = Vec::new();
    for name in names.into_iter().filter_map(|name| Name::new(name).ok()) {
        // What cannot be looked at is not listed.
        let Ok(Some(sight)) = look_at(&name, None) else {
            continue;
        };
        let seen = Seen::new(name, sight, find);
        if !matches!(
            seen.state,
            State::Blank | State::Foreign(PageError::NotAPage)
        ) {
            all.push(seen);
        }
    }
    Ok(all)
}

/// Who sits at a seat of an object that is open, and whose word there is this.
pub(crate) fn party_at(object: &Object, seat: Seat, word: u32) -> Result<Party, Error> {
    if !object.is_seated(seat)? {
        return Ok(Party::of_word(word));
    }
    let file = FileId::from(&object.metadata()?);
    let found = Holders::default().find(file, object.at + seat_byte(seat));
    Ok(found.map_or(Party::Hidden, Party::Process))
}

/// Looks, and again while the words do not fit together or the name leads elsewhere by now.
fn look_at(name: &Name, offset: Option<u64>) -> Result<Option<Sight<Copied>>, Error> {
    let is_clear =
        |sight: &Sight<Copied>| Ok(!sight.words.page().is_corrupt() && sight.words.is_named(name)?);
    until_clear(|| look_once(name, offset), is_clear)
}

/// Looks until what is seen is clear, or there is nothing; but no longer than some
/// milliseconds.
fn until_clear<T>(
    mut look: impl FnMut() -> Result<Option<T>, Error>,
    is_clear: impl Fn(&T) -> Result<bool, Error>,
) -> Result<Option<T>, Error> {
    let mut again = AGAIN.into_iter();
    loop {
        let Some(seen) = look()? else {
            return Ok(None);
        };
        let clear = is_clear(&seen)?;
        match again.next() {
            Some(pause) if !clear => sys::nap(pause),
            _ => return Ok(Some(seen)),
        }
    }
}

fn look_once(name: &Name, offset: Option<u64>) -> Result<Option<Sight<Copied>>, Error> {
    let mut retry = Retry::within(OPEN_WAIT);
    let mut hands = Hands { name, offset };
    let mut machine = Look::Open;
    loop {
        machine = match machine.step(&mut hands)? {
            Step::Next(next) => next,
            Step::Blocked(next) | Step::Early(next, _) => {
                retry.pause(sys::nap)?;
                next
            }
            Step::Done(sight) => return Ok(sight),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, until_clear};

    /// Looks with `until_clear`; the look of this number is clear, and the one after it finds
    /// nothing. Returns the number of the look that counts.
    fn looks(clear: usize) -> Option<usize> {
        let mut count = 0;
        let look = || {
            count += 1;
            Ok((count <= clear).then_some(count))
        };
        until_clear(look, |&look| Ok(look == clear)).unwrap()
    }

    #[test]
    fn what_was_unclear_is_looked_at_again() {
        assert_eq!(looks(1), Some(1));
        assert_eq!(looks(5), Some(5));
        assert_eq!(looks(0), None, "it is gone");
    }

    #[test]
    fn what_stays_unclear_is_told_after_some_looks() {
        assert_eq!(looks(1000), Some(1 + AGAIN.len()));
    }
}
