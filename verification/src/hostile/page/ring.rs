//! A ring of a page, as one of its ends has to see it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::{CLOSED, FAILED, Native, Wait, Watched};

use super::super::peer::{Peer, State};
use super::memory::{INDEX, Memory, WANT};

/// Waits and records it: on which words our ends sleep, and which words they wake. While
/// an end sleeps, its peer dies.
#[derive(Clone, Default)]
pub(super) struct Bell(Rc<RefCell<Vec<Event<*const u32>>>>);

impl Bell {
    /// What happened since the last call of this.
    pub(super) fn take(&self) -> Vec<Event<*const u32>> {
        self.0.take()
    }
}

/// A sleep or a wake-up, with its word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<At> {
    Slept(At),
    Woke(At),
}

impl Wait<Native> for Bell {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn sleep(&mut self, word: Watched<'_, Native>, seen: u32) {
        assert!(word.is(seen), "sleeps although the word has changed");
        assert_eq!(
            State::of(seen),
            State::Open,
            "waits for a peer that is over"
        );
        let at = word.as_ptr();
        self.0.borrow_mut().push(Event::Slept(at));
        // SAFETY: it is a word of the page, and all accesses to it are atomic.
        let word = unsafe { AtomicU32::from_ptr(at.cast_mut()) };
        word.store(seen | FAILED, Ordering::Relaxed);
    }

    fn wake(&self, word: Watched<'_, Native>) {
        self.0.borrow_mut().push(Event::Woke(word.as_ptr()));
    }
}

/// A ring with one end of ours: where its words are, and what is known of it. Places are
/// offsets in the page, in bytes.
pub(super) struct Ring {
    pub(super) peer: Peer,
    /// The line that our end writes.
    pub(super) ours: usize,
    /// The line that the peer's end writes.
    pub(super) theirs: usize,
    pub(super) slab: usize,
}

impl Ring {
    /// Our end looks at the peer's word, unless it is over.
    pub(super) fn look(&self, memory: &Memory) {
        if self.peer.our_state.get() == State::Open {
            self.peer.hear(memory.word(self.theirs + INDEX));
        }
    }

    /// Our end waits for `want` bytes. If they are not there, it sleeps, and the peer dies.
    /// Returns the word that it slept on.
    pub(super) fn wait(&self, want: usize, memory: &mut Memory) -> Vec<Event<usize>> {
        self.peer.hear(memory.word(self.theirs + INDEX));
        if self.peer.available() >= want || self.peer.state.get() != State::Open {
            return vec![];
        }
        memory.set(self.ours + WANT, 0);
        let word = memory.word(self.theirs + INDEX) | FAILED;
        memory.set(self.theirs + INDEX, word);
        self.peer.hear(word);
        vec![Event::Slept(self.theirs + INDEX)]
    }

    /// Our end moves over `by` bytes. Returns the word that this wakes.
    pub(super) fn advance(&self, by: usize, memory: &mut Memory) -> Vec<Event<usize>> {
        match by {
            0 => vec![],
            _ => self.publish(by, memory),
        }
    }

    fn publish(&self, by: usize, memory: &mut Memory) -> Vec<Event<usize>> {
        let flags = match self.peer.our_state.get() {
            State::Closed => CLOSED,
            State::Failed => FAILED,
            State::Open | State::Corrupt => 0,
        };
        let word = self.peer.index(self.peer.ours.get() + by) | flags;
        self.peer.we_publish(word);
        memory.set(self.ours + INDEX, word);
        self.peer.hear_want(memory.word(self.theirs + WANT));
        match self.peer.owes_a_wake.take() {
            true => vec![Event::Woke(self.ours + INDEX)],
            false => vec![],
        }
    }

    /// Our end is over now, if it was open. Returns the word that this wakes.
    pub(super) fn end(&self, how: State, memory: &mut Memory) -> Vec<Event<usize>> {
        if self.peer.our_state.get() != State::Open {
            return vec![];
        }
        self.peer.we_end(how);
        self.publish(0, memory)
    }

    /// The two places, each with its length, of the bytes that are available to our end: up
    /// to the end of the slab, and on from its start.
    pub(super) fn parts(&self) -> [(usize, usize); 2] {
        let (slot, len) = (
            self.peer.ours.get() % self.peer.capacity,
            self.peer.available(),
        );
        let first = len.min(self.peer.capacity - slot);
        [(self.slab + slot, first), (self.slab, len - first)]
    }
}
