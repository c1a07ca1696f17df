//! The words that change under our hands.

use std::cell::Cell;
use std::rc::Rc;

use memtalk_ring::layout::{Line, RingHeader};
use memtalk_ring::order::Site;
use memtalk_ring::{
    Atomics, CLOSED, Capacity, Departure, Error, FAILED, Memory, Receiver, Sender, Wait, Watched,
};

use super::peer::{Peer, Role, State};
use super::{Script, bytes_from};
use crate::oracle::byte;

/// Small, so that indices wrap all the time.
const MAX_CAPACITY: u32 = 16;

/// What a buffer holds before anything is copied to it: no byte of any stream.
const UNTOUCHED: u8 = u8::MAX;

/// Uses an end of each of two rings whose other ends are the peer's.
///
/// The bytes are: the capacity; then an operation with its lengths, and what the
/// words hold that it loads; and so on.
///
/// # Panics
/// If a promise is broken.
pub fn ends(data: &[u8]) {
    let script = Rc::new(Script::new(data));
    let capacity = 1 + u32::from(script.byte()) % MAX_CAPACITY;
    let outgoing = &Ring::new(Role::Sends, capacity, &script);
    let incoming = &Ring::new(Role::Receives, capacity, &script);
    // SAFETY: a new ring, and its only sender.
    let mut sender = unsafe { Sender::new(outgoing, &*outgoing.peer) };
    // SAFETY: a new ring, and its only receiver.
    let mut receiver = unsafe { Receiver::new(incoming, &*incoming.peer) };
    while let Some(operation) = script.next() {
        match operation % 16 {
            call @ 0..7 => use_sender(&mut sender, outgoing, call),
            call @ 7..15 => use_receiver(&mut receiver, incoming, call),
            _ => mourn(incoming, outgoing),
        }
        outgoing.check();
        incoming.check();
        assert_eq!(sender.capacity(), outgoing.slab.len());
        assert_eq!(receiver.capacity(), incoming.slab.len());
    }
    drop((sender, receiver));
    for ring in [outgoing, incoming] {
        ring.peer.we_end(State::Failed);
        ring.check();
    }
}

/// The peer dies, and is spoken for.
fn mourn(sent: &Ring, received: &Ring) {
    // SAFETY: the peer has no ends in this program.
    let departure = unsafe { Departure::mourn(&sent, &received, &&*sent.peer) };
    sent.peer.script.gone.set(true);
    let left = [sent, received].map(|ring| State::of(ring.theirs().index.held.get()));
    let complete = left == [State::Closed; 2];
    assert_eq!(departure == Departure::Complete, complete, "{left:?}");
    assert!(!left.contains(&State::Open), "{departure:?}, and left open");
}

/// One call of a sender, compared with what `ring` knows of its peer.
fn use_sender<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, ring: &'a Ring, call: u8) {
    let peer = &*ring.peer;
    match call {
        0 => {
            let before = peer.moment();
            let bytes = bytes_from(before.ours, peer.script.len());
            let sent = sender.send(&bytes);
            peer.check_copy(&before, bytes.len(), sent);
        }
        1 => {
            let (part, commit) = (peer.script.len(), peer.script.any_len());
            let space = sender.space();
            peer.check(space.as_ref().map(|_| ()).map_err(|&error| error), false);
            if let Ok(mut space) = space {
                let free = peer.available();
                assert_eq!((space.len(), space.is_empty()), (free, free == 0));
                let before = peer.ours.get();
                for len in [part, free + 1] {
                    let bytes = bytes_from(before, len);
                    assert_eq!(space.copy_from(&bytes), len.min(free));
                }
                space.commit(commit);
                assert_eq!(peer.ours.get() - before, commit.min(free));
            }
        }
        2 => {
            let want = peer.script.any_len();
            let at_most = want.clamp(1, peer.capacity);
            peer.wants.set(u32::try_from(at_most).unwrap());
            let free = sender.wait(want);
            peer.check(free, false);
            if let Ok(free) = free {
                assert_eq!(free, peer.available());
                assert!(free >= at_most);
            }
        }
        3 => {
            sender.end();
            peer.we_end(State::Closed);
        }
        4 => {
            sender.fail();
            peer.we_end(State::Failed);
        }
        5 => {
            let delivered = sender.delivered();
            assert_eq!(delivered, peer.delivered());
        }
        _ => {
            peer.we_end(State::Closed);
            peer.wants.set(u32::MAX);
            let waited = sender.wait_delivered();
            assert_eq!(waited.map(|()| true), peer.delivered());
        }
    }
}

/// One call of a receiver, compared with what `ring` knows of its peer.
fn use_receiver<'a>(receiver: &mut Receiver<&'a Ring, &'a Peer>, ring: &'a Ring, call: u8) {
    let peer = &*ring.peer;
    let at_end = |peer: &Peer| peer.state.get() == State::Closed && peer.available() == 0;
    match call {
        7 | 8 => {
            let before = peer.moment();
            let mut bytes = vec![UNTOUCHED; peer.script.len()];
            let received = receiver.receive(&mut bytes);
            peer.check_copy(&before, bytes.len(), received);
            ring.check_slab(before.ours, &bytes, received.unwrap_or(0));
        }
        9 | 10 => {
            let (part, release) = (peer.script.len(), peer.script.any_len());
            let filled = receiver.filled();
            peer.check(filled.as_ref().map(|_| ()).map_err(|&error| error), false);
            if let Ok(filled) = filled {
                let used = peer.available();
                assert_eq!((filled.len(), filled.is_empty()), (used, used == 0));
                let before = peer.ours.get();
                for len in [part, used + 1] {
                    let mut bytes = vec![UNTOUCHED; len];
                    let copied = filled.copy_to(&mut bytes);
                    assert_eq!(copied, len.min(used));
                    ring.check_slab(before, &bytes, copied);
                }
                filled.release(release);
                assert_eq!(peer.ours.get() - before, release.min(used));
            }
        }
        11 => {
            peer.wants.set(1);
            let used = receiver.wait();
            peer.check(used, false);
            if let Ok(used) = used {
                assert_eq!(used, peer.available());
                assert!(used > 0 || at_end(peer));
            }
        }
        12 | 13 => {
            let expected = match peer.our_state.get() {
                State::Open if at_end(peer) => Ok(()),
                State::Open => Err(Error::NotAtEnd),
                _ => Err(Error::Ended),
            };
            assert_eq!(receiver.close(), expected);
            if expected.is_ok() {
                peer.we_end(State::Closed);
            }
        }
        _ => {
            receiver.fail();
            peer.we_end(State::Failed);
        }
    }
    assert_eq!(receiver.at_end(), at_end(peer));
}

/// Words that the peer writes whenever it likes, and bytes.
enum Hostile {}

/// A word of a ring.
struct Word {
    held: Cell<u32>,
    kind: Kind,
    peer: Rc<Peer>,
}

/// Whose word it is. All of them are in memory that the peer can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OurIndex,
    OurWant,
    TheirIndex,
    TheirWant,
}

// SAFETY: all is one thread's, so that no ordering is needed, and bytes are cells.
unsafe impl Atomics for Hostile {
    type Word = Word;
    type Byte = Cell<u8>;

    fn load<S: Site>(word: &Word) -> u32 {
        let peer = &word.peer;
        if word.kind != Kind::TheirIndex {
            // Our own words too, should we ever believe what they hold.
            let choices = [0, 1, peer.index(peer.capacity), u32::MAX];
            let said = choices[usize::from(peer.script.byte() % 4)];
            if word.kind == Kind::TheirWant {
                peer.hear_want(said);
            }
            return said;
        }
        word.held.set(peer.speak(word.held.get()));
        // It is not our end that mourns.
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
            Kind::OurWant => assert!([0, word.peer.wants.get()].contains(&value)),
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

/// Waits without sleeping: the peer says something new, or dies.
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
        // SAFETY: nothing is stored in it.
        let word = unsafe { word.word() };
        assert_eq!(
            word.kind,
            Kind::TheirIndex,
            "sleeps on a word that nobody changes"
        );
        assert_eq!(
            word.held.get(),
            seen,
            "would sleep through what it has not seen"
        );
        self.check_told();
    }

    fn wake(&self, word: Watched<'_, Hostile>) {
        // SAFETY: nothing is stored in it.
        let word = unsafe { word.word() };
        // Who mourns wakes our own end.
        if word.kind == Kind::OurIndex {
            assert!(self.owes_a_wake.replace(false), "wakes in vain");
        }
    }
}

/// A ring that one end of is ours. Each byte of its slab is a cell.
struct Ring {
    peer: Rc<Peer>,
    header: RingHeader<Hostile>,
    slab: Box<[Cell<u8>]>,
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
    fn new(role: Role, capacity: u32, script: &Rc<Script>) -> Self {
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

    fn theirs(&self) -> &Line<Hostile> {
        match self.peer.role {
            Role::Sends => &self.header.receiver,
            Role::Receives => &self.header.sender,
        }
    }

    /// Between two calls, our line says what we have done, and that we are awake.
    /// The slab holds what we have sent and the peer has not released, or is as
    /// it was if we receive.
    fn check(&self) {
        let (peer, word) = (&self.peer, self.ours().index.held.get());
        assert_eq!(State::of(word), peer.our_state.get());
        assert_eq!(word & !(CLOSED | FAILED), peer.index(peer.ours.get()));
        assert_eq!(self.ours().want.held.get(), 0, "awake, and wants something");
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

    /// The first `len` of these bytes lie in the slab from `position` on, and no others
    /// were written.
    fn check_slab(&self, position: usize, bytes: &[u8], len: usize) {
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
