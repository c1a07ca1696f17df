//! A ring whose words change between any two accesses.

use std::cell::Cell;
use std::rc::Rc;

use memtalk_ring::layout::{Line, RingHeader};
use memtalk_ring::order::Site;
use memtalk_ring::{Atomics, CLOSED, Capacity, FAILED, Memory, Wait, Watched};

use super::super::Script;
use super::super::peer::{Peer, Role, State};
use super::UNTOUCHED;
use crate::oracle::byte;

/// Words that the peer may change before any access, and bytes.
pub(super) enum Hostile {}

/// A word of a ring.
pub(super) struct Word {
    pub(super) held: Cell<u32>,
    kind: Kind,
    peer: Rc<Peer>,
}

/// Whose word it is, and which. The peer can write all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OurIndex,
    OurWant,
    TheirIndex,
    TheirWant,
}

// SAFETY: there is only one thread, so no ordering is needed; and bytes are cells.
unsafe impl Atomics for Hostile {
    type Word = Word;
    type Byte = Cell<u8>;

    fn load<S: Site>(word: &Word) -> u32 {
        let peer = &word.peer;
        if word.kind != Kind::TheirIndex {
            // Our own words as well: our end must not believe what they hold.
            let choices = [0, 1, peer.index(peer.capacity), u32::MAX];
            let said = choices[usize::from(peer.script.byte() % 4)];
            if word.kind == Kind::TheirWant {
                peer.hear_want(said);
            }
            return said;
        }
        word.held.set(peer.speak(word.held.get()));
        // Our end does not make this load: a watcher mourns.
        if S::ROW.name != "MournLoad" {
            peer.hear(word.held.get());
        }
        word.held.get()
    }

    fn store<S: Site>(word: &Word, value: u32) {
        match word.kind {
            Kind::OurIndex => {
                assert_ne!(value, word.held.get(), "publishes nothing new");
                word.peer.we_publish(value);
            }
            Kind::OurWant => word.peer.we_ask(value),
            Kind::TheirIndex | Kind::TheirWant => {
                assert_eq!(S::ROW.name, "MournStore", "writes to the peer's cache line")
            }
        }
        word.held.set(value);
    }

    fn fence<S: Site>() {}

    unsafe fn write(to: *const Cell<u8>, bytes: &[u8]) {
        for (i, &byte) in bytes.iter().enumerate() {
            // SAFETY: valid for that many bytes, by contract.
            let to = unsafe { to.add(i) };
            // SAFETY: as above.
            unsafe { &*to }.set(byte);
        }
    }

    unsafe fn read(from: *const Cell<u8>, bytes: &mut [u8]) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: valid for that many bytes, by contract.
            let from = unsafe { from.add(i) };
            // SAFETY: as above.
            *byte = unsafe { &*from }.get();
        }
    }
}

/// Waits without sleeping: at the next load the peer says something new, or is dead.
impl Wait<Hostile> for &Peer {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        assert_eq!(
            self.state.get(),
            State::Open,
            "waits for a peer that is over"
        );
        self.script.byte().is_multiple_of(2)
    }

    fn sleep(&mut self, word: Watched<'_, Hostile>, seen: u32) {
        // SAFETY: nothing is stored in the word.
        let word = unsafe { word.word() };
        assert_eq!(
            word.kind,
            Kind::TheirIndex,
            "sleeps on a word that nobody changes"
        );
        assert_eq!(
            word.held.get(),
            seen,
            "sleeps although the word has changed"
        );
        self.check_told();
        assert_ne!(self.asks.take(), 0, "sleeps, and asked nobody to wake it");
    }

    fn wake(&self, word: Watched<'_, Hostile>) {
        // SAFETY: nothing is stored in the word.
        let word = unsafe { word.word() };
        // A wake-up on the peer's word is for our own end: the watcher that mourns makes it.
        if word.kind == Kind::OurIndex {
            assert!(
                self.owes_a_wake.replace(false),
                "wakes a peer that does not want what is there"
            );
        }
    }
}

/// A ring with one end of ours. Each byte of its slab is a cell.
pub(super) struct Ring {
    pub(super) peer: Rc<Peer>,
    header: RingHeader<Hostile>,
    pub(super) slab: Box<[Cell<u8>]>,
}

// SAFETY: words and slab stay where they are while the ring is borrowed.
unsafe impl Memory for &Ring {
    type Atomics = Hostile;

    unsafe fn header(&self) -> &RingHeader<Hostile> {
        &self.header
    }

    fn slab(&self) -> *const Cell<u8> {
        self.slab.as_ptr()
    }

    fn capacity(&self) -> Capacity {
        Capacity::new(self.peer.index(self.peer.capacity)).unwrap()
    }
}

impl Ring {
    /// A ring whose indices are 0. The slab holds a stream's first bytes.
    pub(super) fn new(role: Role, capacity: u32, script: &Rc<Script>) -> Self {
        let peer = Rc::new(Peer::new(role, capacity as usize, script));
        let word = |kind| Word {
            held: Cell::new(0),
            kind,
            peer: Rc::clone(&peer),
        };
        let [ours, theirs] = [
            [Kind::OurIndex, Kind::OurWant],
            [Kind::TheirIndex, Kind::TheirWant],
        ]
        .map(|kinds| kinds.map(word))
        .map(|[index, want]| Line { index, want });
        let (sender, receiver) = match role {
            Role::Sends => (ours, theirs),
            Role::Receives => (theirs, ours),
        };
        Self {
            slab: (0..peer.capacity)
                .map(|slot| Cell::new(byte(slot)))
                .collect(),
            header: RingHeader { sender, receiver },
            peer,
        }
    }

    fn ours(&self) -> &Line<Hostile> {
        match self.peer.role {
            Role::Sends => &self.header.sender,
            Role::Receives => &self.header.receiver,
        }
    }

    pub(super) fn theirs(&self) -> &Line<Hostile> {
        match self.peer.role {
            Role::Sends => &self.header.receiver,
            Role::Receives => &self.header.sender,
        }
    }

    /// Checks the ring between two calls. Our line says what we have done, and what a task of
    /// ours that was told to wait has asked for. If we send, the slab holds what we have sent
    /// and the peer has not released. If we receive, the slab is as it was.
    pub(super) fn check(&self) {
        let (peer, word) = (&self.peer, self.ours().index.held.get());
        assert_eq!(State::of(word), peer.our_state.get());
        assert_eq!(word & !(CLOSED | FAILED), peer.index(peer.ours.get()));
        assert_eq!(
            self.ours().want.held.get(),
            peer.asks.get(),
            "a thread is awake, or a task was told to wait"
        );
        peer.check_told();
        let held = match peer.role {
            Role::Sends => peer.ours.get() - peer.room()..peer.ours.get(),
            Role::Receives => 0..peer.capacity,
        };
        for position in held {
            let slot = position % peer.capacity;
            assert_eq!(self.slab[slot].get(), byte(position), "in slot {slot}");
        }
    }

    /// Checks a buffer after a copy from the slab: its first `len` bytes are those of the
    /// slab from `position` on, and the others are untouched.
    pub(super) fn check_copied(&self, position: usize, bytes: &[u8], len: usize) {
        let (copied, rest) = bytes.split_at(len);
        let slots = (position..).map(|position| position % self.peer.capacity);
        assert!(
            slots
                .map(byte)
                .zip(copied)
                .all(|(slot, &byte)| slot == byte)
        );
        assert!(rest.iter().all(|&byte| byte == UNTOUCHED));
    }
}
