//! The words that change under our hands.

use std::cell::Cell;
use std::rc::Rc;

use memtalk_ring::layout::{Line, RingHeader};
use memtalk_ring::order::Site;
use memtalk_ring::{
    Atomics, CLOSED, Capacity, Departure, Error, FAILED, Memory, Receiver, Sender, Wait, Watched,
};

use super::{Script, bytes_from};
use crate::oracle::byte;

/// Small, so that indices wrap all the time.
const MAX_CAPACITY: u32 = 16;

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
            let mut bytes = vec![0; peer.script.len()];
            let received = receiver.receive(&mut bytes);
            peer.check_copy(&before, bytes.len(), received);
            if let Ok(len) = received {
                ring.check_slab(before.ours, &bytes[..len]);
            }
        }
        9 | 10 => {
            let (mut bytes, release) = (vec![0; peer.script.len()], peer.script.any_len());
            let filled = receiver.filled();
            peer.check(filled.as_ref().map(|_| ()).map_err(|&error| error), false);
            if let Ok(filled) = filled {
                let used = peer.available();
                assert_eq!((filled.len(), filled.is_empty()), (used, used == 0));
                let before = peer.ours.get();
                let len = filled.copy_to(&mut bytes);
                assert_eq!(len, bytes.len().min(used));
                ring.check_slab(before, &bytes[..len]);
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

/// Which end of a ring is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sends,
    Receives,
}

/// What an index word says of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Failed,
    /// What no honest peer says.
    Corrupt,
}

impl State {
    fn of(word: u32) -> Self {
        match word & (CLOSED | FAILED) {
            0 => Self::Open,
            CLOSED => Self::Closed,
            FAILED => Self::Failed,
            _ => Self::Corrupt,
        }
    }
}

/// The peer at one ring, and how far either end has honestly come.
struct Peer {
    script: Rc<Script>,
    /// Our role, not the peer's.
    role: Role,
    capacity: usize,
    /// Bytes that our end has moved over, by what it has published.
    ours: Cell<usize>,
    /// Whether our end is over, and how: never `Corrupt`.
    our_state: Cell<State>,
    /// Bytes that the peer has moved over, by the words that our end has loaded:
    /// at most a capacity from `ours`, on the side that `role` says.
    theirs: Cell<usize>,
    /// The peer's state by these words. Once it is not `Open`, it stays so.
    state: Cell<State>,
    /// What our end may announce that it wants.
    wants: Cell<u32>,
    /// Our end has published this state, and not looked since what the peer wants.
    untold: Cell<Option<State>>,
    /// Our end has seen that the peer waits for what was published.
    owes_a_wake: Cell<bool>,
}

/// How things stood before a call.
struct Moment {
    ours: usize,
    available: usize,
    state: State,
}

impl Peer {
    fn moment(&self) -> Moment {
        Moment {
            ours: self.ours.get(),
            available: self.available(),
            state: self.state.get(),
        }
    }

    /// How many bytes our end may move over: free ones for a sender, used ones
    /// for a receiver.
    fn available(&self) -> usize {
        match self.role {
            Role::Sends => self.theirs.get() + self.capacity - self.ours.get(),
            Role::Receives => self.theirs.get() - self.ours.get(),
        }
    }

    /// How many bytes the peer may move over.
    fn room(&self) -> usize {
        self.capacity - self.available()
    }

    fn indices(&self) -> usize {
        2 * self.capacity
    }

    fn index(&self, position: usize) -> u32 {
        u32::try_from(position % self.indices()).unwrap()
    }

    /// What the peer's index word, which holds `held`, holds next.
    fn speak(&self, held: u32) -> u32 {
        if self.script.gone.get() {
            return held;
        }
        let Some(manner) = self.script.next() else {
            // Dead, and mourned for.
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

    /// A number near one that means something, with any flags.
    fn nearly(&self, choice: u8) -> u32 {
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

    /// Our end has loaded this from the peer's index word.
    fn hear(&self, word: u32) {
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

    /// Our end has published this: it has moved on.
    fn we_publish(&self, word: u32) {
        let index = (word & !(CLOSED | FAILED)) as usize;
        assert!(index < self.indices(), "{index} is no index");
        let by = (index + self.indices() - self.ours.get() % self.indices()) % self.indices();
        assert!(by <= self.available(), "moved over more than was available");
        self.ours.set(self.ours.get() + by);
        self.untold.set(Some(State::of(word)));
    }

    /// Our end looks whether the peer sleeps: it wants this many bytes, or is awake.
    fn hear_want(&self, want: u32) {
        if let Some(state) = self.untold.take() {
            let there = self.room() >= want as usize || state != State::Open;
            self.owes_a_wake.set(want != 0 && there);
        }
    }

    /// Whoever sleeps was told of all that was published.
    fn check_told(&self) {
        assert_eq!(self.untold.get(), None, "published, and did not look");
        assert!(!self.owes_a_wake.get(), "lets the peer sleep");
    }

    /// Our end is over, unless it was.
    fn we_end(&self, how: State) {
        if self.our_state.get() == State::Open {
            self.our_state.set(how);
        }
    }

    /// Compares what a call that copies up to `len` bytes returned with what was
    /// heard, and with what it has published since `before`.
    fn check_copy(&self, before: &Moment, len: usize, result: Result<usize, Error>) {
        let moved = self.ours.get() - before.ours;
        if moved == 0 {
            self.check(result, len <= before.available);
            assert!(result.is_err() || len == 0 || self.available() == 0);
            return;
        }
        // What it has heard meanwhile is for the next call to say.
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

    /// Compares what a call that has moved nothing returned with what was heard. A
    /// call that can do without a look at the peer's word is `blind`: it need not
    /// report again that the peer is corrupt.
    fn check<T>(&self, result: Result<T, Error>, blind: bool) {
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

    /// What a sender has to say of the delivery.
    fn delivered(&self) -> Result<bool, Error> {
        match (self.our_state.get(), self.state.get()) {
            (State::Failed, _) => Err(Error::Ended),
            (_, State::Corrupt) => Err(Error::Corrupt),
            (_, State::Failed) => Err(Error::PeerFailed),
            (ours, theirs) => Ok((ours, theirs) == (State::Closed, State::Closed)),
        }
    }
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
        let peer = Rc::new(Peer {
            script: Rc::clone(script),
            role,
            capacity: capacity as usize,
            ours: Cell::new(0),
            our_state: Cell::new(State::Open),
            theirs: Cell::new(0),
            state: Cell::new(State::Open),
            wants: Cell::new(0),
            untold: Cell::new(None),
            owes_a_wake: Cell::new(false),
        });
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

    /// These bytes lie in the slab from `position` on.
    fn check_slab(&self, position: usize, bytes: &[u8]) {
        let slots = (position..).map(|position| position % self.peer.capacity);
        assert!(slots.map(byte).zip(bytes).all(|(slot, &byte)| slot == byte));
    }
}
