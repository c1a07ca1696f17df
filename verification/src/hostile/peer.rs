//! What the peer says at one ring, and what our end must make of it.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use memtalk_ring::{CLOSED, Error, FAILED};

use super::Script;

/// Which end of a ring is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Sends,
    Receives,
}

/// The state of an end, as its index word states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Closed,
    Failed,
    /// A state that no honest peer states.
    Corrupt,
}

impl State {
    pub(super) fn of(word: u32) -> Self {
        match word & (CLOSED | FAILED) {
            0 => Self::Open,
            CLOSED => Self::Closed,
            FAILED => Self::Failed,
            _ => Self::Corrupt,
        }
    }
}

/// How far our end has come with a wait. For a thread, nothing is to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    None,
    Registered,
    /// It has asked for a wake-up.
    Asked,
    /// It has looked again since then.
    Looked,
}

/// The peer at one ring, and how far each end has honestly come.
pub(super) struct Peer {
    pub(super) script: Rc<Script>,
    /// Our role, not the peer's.
    pub(super) role: Role,
    pub(super) capacity: usize,
    /// Bytes that our end has moved over, according to what it has published.
    pub(super) ours: Cell<usize>,
    /// Our end's state. Never `Corrupt`.
    pub(super) our_state: Cell<State>,
    /// Bytes that the peer has moved over, according to the words that our end has loaded.
    /// If we send, at most a capacity less than `ours`; if we receive, at most a capacity
    /// more.
    pub(super) theirs: Cell<usize>,
    /// The peer's state, according to these words. Once it is not `Open`, it never changes.
    pub(super) state: Cell<State>,
    /// The number of bytes that our end may announce that it wants.
    wants: Cell<u32>,
    /// What its announcement has to say between two calls: 0 after a thread has slept, and
    /// after a task has found something; else what was announced last.
    pub(super) asks: Cell<u32>,
    /// How far it has come with its wait.
    pub(super) step: Cell<Step>,
    /// The state that our end has published last, if it has not looked since then what the
    /// peer wants.
    pub(super) untold: Cell<Option<State>>,
    /// Our end has seen that the peer waits for what was published.
    pub(super) owes_a_wake: Cell<bool>,
}

/// The numbers before a call.
pub(super) struct Moment {
    pub(super) ours: usize,
    pub(super) available: usize,
    pub(super) state: State,
}

impl Peer {
    /// The peer of an end with this role, in a ring whose indices are 0.
    pub(super) fn new(role: Role, capacity: usize, script: &Rc<Script>) -> Self {
        Self {
            script: Rc::clone(script),
            role,
            capacity,
            ours: Cell::new(0),
            our_state: Cell::new(State::Open),
            theirs: Cell::new(0),
            state: Cell::new(State::Open),
            wants: Cell::new(0),
            asks: Cell::new(0),
            step: Cell::new(Step::None),
            untold: Cell::new(None),
            owes_a_wake: Cell::new(false),
        }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            ours: self.ours.get(),
            available: self.available(),
            state: self.state.get(),
        }
    }

    /// How many bytes our end may move over: free ones for a sender, used ones
    /// for a receiver.
    pub(super) fn available(&self) -> usize {
        match self.role {
            Role::Sends => self.theirs.get() + self.capacity - self.ours.get(),
            Role::Receives => self.theirs.get() - self.ours.get(),
        }
    }

    /// How many bytes the peer may move over.
    pub(super) fn room(&self) -> usize {
        self.capacity - self.available()
    }

    pub(super) fn indices(&self) -> usize {
        2 * self.capacity
    }

    pub(super) fn index(&self, position: usize) -> u32 {
        u32::try_from(position % self.indices()).unwrap()
    }

    /// The next value of the peer's index word, which holds `held` now.
    pub(super) fn speak(&self, held: u32) -> u32 {
        if self.script.gone.get() {
            return held;
        }
        let Some(manner) = self.script.next() else {
            // The peer is dead, and a watcher has mourned it.
            let open = State::of(held) == State::Open;
            return if open { held | FAILED } else { held };
        };
        let choice = self.script.byte();
        let step = usize::from(choice) % (self.room() + 1);
        match manner % 16 {
            0..9 => self.index(self.theirs.get() + step),
            9 => self.index(self.theirs.get() + self.room()) | CLOSED,
            10 => self.index(self.theirs.get() + step) | CLOSED,
            11 => self.index(self.theirs.get() + step) | FAILED,
            12..15 => self.nearly(choice),
            _ => self.script.word(),
        }
    }

    /// A number near one that has a meaning, with any flags.
    pub(super) fn nearly(&self, choice: u8) -> u32 {
        let choice = u32::from(choice);
        let index = match choice % 5 {
            0 => 0,
            1 => self.index(self.capacity),
            // The first number that is no index.
            2 => 2 * self.index(self.capacity),
            3 => self.index(self.theirs.get()),
            _ => self.index(self.ours.get()),
        };
        let near = index.wrapping_add(choice / 5 % 7).wrapping_sub(3);
        near ^ ((choice / 35) << 30)
    }

    /// Takes note that our end is about to wait for so many bytes.
    pub(super) fn will_wait(&self, want: u32, step: Step) {
        self.wants.set(want);
        self.step.set(step);
    }

    /// What a task does to be woken.
    pub(super) fn register(&self) {
        assert_eq!(self.step.replace(Step::Registered), Step::None);
        assert!(!self.has_enough(), "registers although it need not wait");
    }

    /// Takes note that our end has stored `want` as what it wants.
    pub(super) fn we_ask(&self, want: u32) {
        if want != 0 {
            assert_eq!(want, self.wants.get());
            assert!(self.step.get() >= Step::Registered, "asks too early");
            self.step.set(Step::Asked);
            self.asks.set(want);
        }
    }

    /// Whether what our end waits for is there, or the peer is over.
    fn has_enough(&self) -> bool {
        self.state.get() != State::Open || self.available() >= self.wants.get() as usize
    }

    /// Takes note that our end has loaded `word` from the peer's index word.
    pub(super) fn hear(&self, word: u32) {
        if self.step.get() == Step::Asked {
            self.step.set(Step::Looked);
        }
        if self.state.get() != State::Open {
            return;
        }
        let state = State::of(word);
        let index = (word & !(CLOSED | FAILED)) as usize;
        let step = (index + self.indices() - self.theirs.get() % self.indices()) % self.indices();
        let confirms = self.role == Role::Sends && state == State::Closed;
        let may_confirm = self.our_state.get() == State::Closed && step == self.room();
        if index < self.indices()
            && step <= self.room()
            && (!confirms || may_confirm)
            && state != State::Corrupt
        {
            self.theirs.set(self.theirs.get() + step);
            self.state.set(state);
        } else {
            self.state.set(State::Corrupt);
        }
    }

    /// Takes note that our end has published `word`, and checks it.
    pub(super) fn we_publish(&self, word: u32) {
        let index = (word & !(CLOSED | FAILED)) as usize;
        assert!(index < self.indices(), "{index} is no index");
        let by = (index + self.indices() - self.ours.get() % self.indices()) % self.indices();
        assert!(by <= self.available(), "moved over more than was available");
        self.ours.set(self.ours.get() + by);
        self.untold.set(Some(State::of(word)));
    }

    /// Takes note that our end has loaded what the peer wants: this many bytes, or 0 if the
    /// peer is awake.
    pub(super) fn hear_want(&self, want: u32) {
        if let Some(state) = self.untold.take() {
            let there = self.room() >= want as usize || state != State::Open;
            self.owes_a_wake.set(want != 0 && there);
        }
    }

    /// Checks that the peer, if it sleeps, was woken for what was published.
    pub(super) fn check_told(&self) {
        assert_eq!(
            self.untold.get(),
            None,
            "published, but did not look what the peer wants"
        );
        assert!(!self.owes_a_wake.get(), "lets the peer sleep");
    }

    /// Takes note that our end is over, if it was open.
    pub(super) fn we_end(&self, how: State) {
        if self.our_state.get() == State::Open {
            self.our_state.set(how);
        }
    }

    /// Checks the result of a call that copies up to `len` bytes, against what our end has
    /// heard, and what it has published since `before`.
    pub(super) fn check_copy(&self, before: &Moment, len: usize, result: Result<usize, Error>) {
        let moved = self.ours.get() - before.ours;
        if moved == 0 {
            self.check(result, len <= before.available);
            assert!(result.is_err() || len == 0 || self.available() == 0);
            return;
        }
        // If the end has heard of a failure meanwhile, the next call reports it.
        assert_eq!(result, Ok(moved));
        assert_eq!(self.our_state.get(), State::Open);
        assert!(match before.state {
            State::Open => true,
            State::Corrupt => len <= before.available,
            State::Closed | State::Failed => self.role == Role::Receives,
        });
        let stopped = self.available() == 0 || self.state.get() == State::Corrupt;
        assert!(moved == len || moved < len && stopped);
    }

    /// Checks the result of a call that has moved nothing, against what our end has heard.
    /// A `blind` call does not have to look at the peer's word, and so need not report again
    /// that the peer is corrupt.
    pub(super) fn check<T>(&self, result: Result<T, Error>, blind: bool) {
        let nothing_left = self.role == Role::Sends || self.available() == 0;
        let expected = match (self.our_state.get(), self.state.get()) {
            (State::Open, State::Corrupt) if blind => return,
            (State::Open, State::Corrupt) => Some(Error::Corrupt),
            (State::Open, State::Failed) if nothing_left => Some(Error::PeerFailed),
            (State::Open, _) => None,
            _ => Some(Error::Ended),
        };
        assert_eq!(result.err(), expected);
    }

    /// Checks the result of a wait for bytes, free ones or used ones.
    pub(super) fn check_found(&self, found: Result<usize, Error>) {
        self.check(found, false);
        if let Ok(found) = found {
            assert_eq!(found, self.available());
            assert!(self.has_enough());
        }
    }

    /// The same of a poll.
    pub(super) fn check_polled(&self, polled: Poll<Result<usize, Error>>) {
        match polled {
            Poll::Ready(found) => self.check_found(found),
            Poll::Pending => {
                assert_eq!(self.our_state.get(), State::Open);
                assert!(!self.has_enough(), "waits for what is there");
            }
        }
    }

    /// What a sender must report about the delivery.
    pub(super) fn delivered(&self) -> Result<bool, Error> {
        match (self.our_state.get(), self.state.get()) {
            (State::Failed, _) => Err(Error::Ended),
            (_, State::Corrupt) => Err(Error::Corrupt),
            (_, State::Failed) => Err(Error::PeerFailed),
            (ours, theirs) => Ok((ours, theirs) == (State::Closed, State::Closed)),
        }
    }

    /// Whether our receiver has received all bytes of a stream that the peer has ended.
    pub(super) fn is_at_end(&self) -> bool {
        self.state.get() == State::Closed && self.available() == 0
    }

    /// What a receiver that closes must report.
    pub(super) fn closing(&self) -> Result<(), Error> {
        match self.our_state.get() {
            State::Open if self.is_at_end() => Ok(()),
            State::Open => Err(Error::NotAtEnd),
            _ => Err(Error::Ended),
        }
    }
}
