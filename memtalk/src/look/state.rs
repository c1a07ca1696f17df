//! What goes on at an object, and who sits at a seat: [`State`] and [`Party`].

use std::fmt;

use memtalk_ring::{PageError, Presence};

use super::process::Process;
use crate::lifecycle::os::Content;

/// What goes on at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// A process waits for a peer.
    Waiting,
    /// Two parties talk.
    Talking,
    /// The talk is over: one of two processes has got up, and the other is about to. Or the
    /// object stays for the next talk with a machine.
    Over,
    /// The processes that talked here, or waited, have died. The next one removes the object.
    LeftBehind,
    /// The page belongs to a machine: a virtual machine, firmware, or another party that holds
    /// no lock. No process talks to it now.
    Machine,
    /// There is no page, nor anything else: nothing, or zeros. A machine may be about to
    /// initialise it.
    Blank,
    /// The page's words are impossible: something overwrote them.
    Corrupt,
    /// The object is not memtalk's, or of another version, for this reason.
    Foreign(PageError),
}

impl State {
    /// What goes on at an object that holds `content`, and of whose seats those are locked.
    #[doc(hidden)]
    #[must_use]
    pub fn of(content: Content, locked: [bool; 2]) -> Self {
        match (content, locked) {
            (Content::Foreign(reason), _) => Self::Foreign(reason),
            (Content::Unclaimed(_), _) => Self::Blank,
            (Content::Unfinished { outside: true }, _) => Self::Machine,
            (Content::Unfinished { outside: false }, _) => Self::LeftBehind,
            (Content::Page { first, .. }, [_, true]) if first.outside => Self::Talking,
            (Content::Page { first, .. }, [_, false]) if first.outside => Self::Machine,
            (Content::Page { over: true, .. }, _) => Self::Over,
            (Content::Page { second, .. }, locked) => match (second, locked) {
                (_, [false, false]) => Self::LeftBehind,
                (_, [true, true]) => Self::Talking,
                (None, [true, false]) => Self::Waiting,
                (Some(Presence { outside: true, .. }), [true, false]) => Self::Talking,
                _ => Self::Over,
            },
        }
    }
}

/// A word or two.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` honours a width.
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Talking => "talking",
            Self::Over => "over",
            Self::LeftBehind => "left behind",
            Self::Machine => "a machine's",
            Self::Blank => "blank",
            Self::Corrupt => "corrupt",
            Self::Foreign(_) => "foreign",
        })
    }
}

/// Who sits at a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Party {
    /// Nobody, so far.
    Nobody,
    /// A process.
    Process(Process),
    /// A process that is not shown to this user: another user's, or one in another PID
    /// namespace. Or there is no `/proc`.
    Hidden,
    /// A party outside, as the page says: it holds no lock, and may be gone.
    Outside,
    /// Nobody any more: a process that sat here has left or died.
    Gone,
}

impl Party {
    /// Who sits at a seat that is not locked, and whose word is this.
    pub(super) fn of_word(word: u32) -> Self {
        match (word, Presence::from_word(word)) {
            (0, _) => Self::Nobody,
            (_, Some(Presence { outside: true, .. })) => Self::Outside,
            _ => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::lifecycle::os::Content;
    use memtalk_ring::{PageError, Presence};

    const PROCESS: Presence = Presence::PROCESS;
    const DEVICE: Presence = Presence::DEVICE;

    fn page(first: Presence, second: Option<Presence>) -> Content {
        Content::Page {
            first,
            over: false,
            second,
            left: false,
            kept: false,
        }
    }

    #[test]
    fn locks_and_words_say_what_goes_on() {
        let process = page(PROCESS, None);
        let two = page(PROCESS, Some(PROCESS));
        for (content, locked, state) in [
            (process, [true, false], State::Waiting),
            // The second sits down at this moment.
            (process, [true, true], State::Talking),
            (process, [false, false], State::LeftBehind),
            (two, [true, true], State::Talking),
            (two, [true, false], State::Over),
            (two, [false, true], State::Over),
            (two, [false, false], State::LeftBehind),
            (page(PROCESS, Some(DEVICE)), [true, false], State::Talking),
            (
                page(PROCESS, Some(DEVICE)),
                [false, false],
                State::LeftBehind,
            ),
            (page(DEVICE, None), [false, false], State::Machine),
            (page(DEVICE, Some(PROCESS)), [false, false], State::Machine),
            (page(DEVICE, Some(PROCESS)), [false, true], State::Talking),
            (
                Content::Unfinished { outside: false },
                [false, false],
                State::LeftBehind,
            ),
        ] {
            assert_eq!(State::of(content, locked), state, "{content:?} {locked:?}");
        }
        let reason = PageError::NotAPage;
        let blank = State::of(Content::Unclaimed(reason), [false, false]);
        assert_eq!(blank, State::Blank);
        let foreign = State::of(Content::Foreign(reason), [true, true]);
        assert_eq!(foreign, State::Foreign(reason));
    }
}
