//! The rings of a page, as an end has to see them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::{CLOSED, FAILED, Native, Wait, Watched};

use super::super::peer::{Peer, State};
use super::memory::{INDEX, Memory, WANT};

/// Notes who sleeps on which word, and who is woken. While our end sleeps, its peer dies.
#[derive(Clone, Default)]
pub(super) struct Bell(Rc<RefCell<Vec<Rung<*const u32>>>>);

impl Bell {
    /// What has come since this was called last.
    pub(super) fn take(&self) -> Vec<Rung<*const u32>> {
        self.0.take()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rung<At> {
    Slept(At),
    Woke(At),
}

impl Wait<Native> for Bell {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn sleep(&mut self, word: Watched<'_, Native>, seen: u32) {
        assert!(word.is(seen), "would sleep through what it has not seen");
        assert_eq!(
            State::of(seen),
            State::Open,
            "waits for a peer that is over"
        );
        let at = word.as_ptr();
        self.0.borrow_mut().push(Rung::Slept(at));
        // SAFETY: a word of the page, which is accessed as an atomic only.
        let word = unsafe { AtomicU32::from_ptr(at.cast_mut()) };
        word.store(seen | FAILED, Ordering::Relaxed);
    }

    fn wake(&self, word: Watched<'_, Native>) {
        self.0.borrow_mut().push(Rung::Woke(word.as_ptr()));
    }
}

/// A ring that one end of is ours: where its words are, and what is known of it.
pub(super) struct Ring {
    pub(super) peer: Peer,
    /// The line that our end writes.
    pub(super) ours: usize,
    /// The line that the peer's writes.
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

    /// Our end waits for so many bytes: if they are not there, the peer dies of it.
    /// Returns what it slept on.
    pub(super) fn wait(&self, want: usize, memory: &mut Memory) -> Vec<Rung<usize>> {
        self.peer.hear(memory.word(self.theirs + INDEX));
        if self.peer.available() >= want || self.peer.state.get() != State::Open {
            return vec![];
        }
        memory.set(self.ours + WANT, 0);
        let word = memory.word(self.theirs + INDEX) | FAILED;
        memory.set(self.theirs + INDEX, word);
        self.peer.hear(word);
        vec![Rung::Slept(self.theirs + INDEX)]
    }

    /// Our end moves over `by` bytes. Returns whom that wakes.
    pub(super) fn advance(&self, by: usize, memory: &mut Memory) -> Vec<Rung<usize>> {
        match by {
            0 => vec![],
            _ => self.publish(by, memory),
        }
    }

    fn publish(&self, by: usize, memory: &mut Memory) -> Vec<Rung<usize>> {
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
            true => vec![Rung::Woke(self.ours + INDEX)],
            false => vec![],
        }
    }

    /// The same for an end that is over now, unless it was.
    pub(super) fn end(&self, how: State, memory: &mut Memory) -> Vec<Rung<usize>> {
        if self.peer.our_state.get() != State::Open {
            return vec![];
        }
        self.peer.we_end(how);
        self.publish(0, memory)
    }

    /// Where what is available to our end lies: up to the end of the slab, and on from
    /// its start.
    pub(super) fn parts(&self) -> [(usize, usize); 2] {
        let (slot, len) = (
            self.peer.ours.get() % self.peer.capacity,
            self.peer.available(),
        );
        let first = len.min(self.peer.capacity - slot);
        [(self.slab + slot, first), (self.slab, len - first)]
    }
}
