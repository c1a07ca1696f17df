//! All that can be asked of a page, while the peer writes its words.

use std::cell::RefCell;
use std::mem::{offset_of, size_of};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::identity::Snapshot;
use memtalk_ring::layout::{
    CLAIM, Header, LEFT, Line, MAGIC, OUTSIDE, RingHeader, SEATED, SILENT, VERSION,
    receiver_offset, seat_offset, sender_offset,
};
use memtalk_ring::{
    CLOSED, Departure, Error, FAILED, Native, Page, PageError, PageRing, Presence, RawRegion,
    Receiver, Seat, Sender, Wait, Watched,
};

use super::heap::Heap;
use super::peer::{Peer, Role, State};
use super::{Script, bytes_from};

/// Calls what the script says, of a page in `heap` whose words anybody may have written,
/// and compares each result, each wake-up, and all of the memory with what it has to be.
///
/// The bytes are: an operation with its arguments, and so on.
pub(super) fn drive(heap: &Heap, script: &Rc<Script>) {
    let Ok(page) = Page::over(heap.region()) else {
        return;
    };
    let mut table = Table {
        memory: Memory {
            bytes: heap.bytes(),
            capacity: page.capacity().bytes(),
        },
        heap,
        page,
        bell: Bell::default(),
        seated: None,
        script: Rc::clone(script),
    };
    while let Some(operation) = table.script.next() {
        table.run(operation);
        table.check();
    }
    table.get_up();
    table.check();
}

const INDEX: usize = offset_of!(Line<Native>, index);
const WANT: usize = offset_of!(Line<Native>, want);

/// What the memory has to hold.
struct Memory {
    bytes: Vec<u8>,
    capacity: u32,
}

impl Memory {
    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..][..4].try_into().unwrap())
    }

    fn set(&mut self, at: usize, word: u32) {
        self.bytes[at..][..4].copy_from_slice(&word.to_ne_bytes());
    }

    /// The lines that the party at `seat` writes: as a sender, and as a receiver.
    fn lines(&self, seat: Seat) -> [usize; 2] {
        [
            sender_offset(seat, self.capacity),
            receiver_offset(seat, self.capacity),
        ]
    }

    fn clear(&mut self, lines: impl IntoIterator<Item = usize>) {
        for line in lines {
            self.set(line + INDEX, 0);
            self.set(line + WANT, 0);
        }
    }

    /// All words but a slab's bytes.
    fn words(&self) -> Vec<usize> {
        let lines = SEATS.into_iter().flat_map(|seat| self.lines(seat));
        IDENTITY
            .into_iter()
            .chain(SEATS.map(seat_offset))
            .chain(lines.flat_map(|line| [line + INDEX, line + WANT]))
            .collect()
    }

    /// The same after the page was initialised.
    fn initialise(&mut self, first: Presence) {
        let size = u32::try_from(self.bytes.len()).unwrap();
        let claim = if first.outside { 0 } else { CLAIM };
        for (at, word) in IDENTITY
            .into_iter()
            .zip([MAGIC, claim, VERSION, size, self.capacity])
        {
            self.set(at, word);
        }
        self.set(seat_offset(Seat::First), first.word());
        self.set(seat_offset(Seat::Second), 0);
        self.clear(
            SEATS
                .into_iter()
                .flat_map(|seat| self.lines(seat))
                .collect::<Vec<_>>(),
        );
    }

    /// The same after somebody has joined.
    fn join(&mut self, presence: Presence) {
        self.clear(self.lines(Seat::Second));
        self.set(seat_offset(Seat::Second), presence.word());
    }

    /// Who sits at a seat.
    fn presence(&self, seat: Seat) -> Option<Presence> {
        let word = self.word(seat_offset(seat));
        (word & SEATED != 0).then_some(Presence {
            outside: word & OUTSIDE != 0,
            silent: word & SILENT != 0,
        })
    }

    /// Marks what the party at `seat` left open, and tells how it went.
    fn mourn(&mut self, seat: Seat) -> Departure {
        let left = self.lines(seat).map(|line| {
            let word = self.word(line + INDEX);
            let state = State::of(word);
            if state == State::Open {
                self.set(line + INDEX, word | FAILED);
            }
            state
        });
        match left {
            [State::Closed, State::Closed] => Departure::Complete,
            _ if left.contains(&State::Open) => Departure::Died,
            _ => Departure::GaveUp,
        }
    }
}

const SEATS: [Seat; 2] = [Seat::First, Seat::Second];

/// The words that say what the page is.
const IDENTITY: [usize; 5] = [
    offset_of!(Header<Native>, identity.magic),
    offset_of!(Header<Native>, identity.claim),
    offset_of!(Header<Native>, identity.version),
    offset_of!(Header<Native>, identity.size),
    offset_of!(Header<Native>, identity.capacity),
];

/// Notes who sleeps on which word, and who is woken. While our end sleeps, its peer dies.
#[derive(Clone, Default)]
struct Bell(Rc<RefCell<Vec<Rung<*const u32>>>>);

#[derive(Debug, PartialEq, Eq)]
enum Rung<At> {
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
struct Ring {
    peer: Peer,
    /// The line that our end writes.
    ours: usize,
    /// The line that the peer's writes.
    theirs: usize,
    slab: usize,
}

impl Ring {
    /// Our end looks at the peer's word, unless it is over.
    fn look(&self, memory: &Memory) {
        if self.peer.our_state.get() == State::Open {
            self.peer.hear(memory.word(self.theirs + INDEX));
        }
    }

    /// Our end waits for so many bytes: if they are not there, the peer dies of it.
    /// Returns what it slept on.
    fn wait(&self, want: usize, memory: &mut Memory) -> Vec<Rung<usize>> {
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

    /// Our end moves over `by` bytes, or is over. Returns whom that wakes.
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
    fn end(&self, how: State, memory: &mut Memory) -> Vec<Rung<usize>> {
        if self.peer.our_state.get() != State::Open {
            return vec![];
        }
        self.peer.we_end(how);
        self.publish(0, memory)
    }

    /// Where what is available to our end lies: up to the end of the slab, and on from
    /// its start.
    fn parts(&self) -> [(usize, usize); 2] {
        let (slot, len) = (
            self.peer.ours.get() % self.peer.capacity,
            self.peer.available(),
        );
        let first = len.min(self.peer.capacity - slot);
        [(self.slab + slot, first), (self.slab, len - first)]
    }
}

/// The two ends of a seat.
struct Seated {
    seat: Seat,
    sender: Sender<PageRing<RawRegion>, Bell>,
    outgoing: Ring,
    receiver: Receiver<PageRing<RawRegion>, Bell>,
    incoming: Ring,
}

/// A page, and who sits there.
struct Table<'h> {
    heap: &'h Heap,
    page: Page<RawRegion>,
    memory: Memory,
    bell: Bell,
    /// At one seat at a time: what is at the other is the peer's.
    seated: Option<Seated>,
    script: Rc<Script>,
}

impl Table<'_> {
    fn run(&mut self, operation: u8) {
        match operation % 16 {
            0 => self.overwrite(),
            1..4 => self.move_on(),
            4..7 => self.send(),
            7..10 => self.receive(),
            10 => {
                let seat = self.seat();
                self.sit(seat);
            }
            11 => {
                let (seat, presence) = (self.seat(), self.presence());
                self.page.say(seat, presence);
                self.memory.set(seat_offset(seat), presence.word());
            }
            12 => self.take_the_second_seat(),
            13 => self.mourn(),
            14 => self.begin(),
            _ => {
                let seat = self.seat();
                self.page.wake(seat, &self.bell);
                self.expect(
                    self.memory
                        .lines(seat)
                        .map(|line| Rung::Woke(line + INDEX))
                        .into(),
                );
            }
        }
    }

    fn seat(&self) -> Seat {
        SEATS[usize::from(self.script.byte() % 2)]
    }

    fn presence(&self) -> Presence {
        let byte = self.script.byte();
        Presence {
            outside: byte & 1 != 0,
            silent: byte & 2 != 0,
        }
    }

    /// The peer writes any word, ours among them.
    fn overwrite(&mut self) {
        let words = self.memory.words();
        let at = words[usize::from(self.script.byte()) % words.len()];
        let held = self.memory.word(at);
        let choice = self.script.byte();
        let size = u32::try_from(self.memory.bytes.len()).unwrap();
        let word = match choice % 12 {
            0 => self.script.word(),
            1 => 0,
            2 => held ^ CLOSED,
            3 => held ^ FAILED,
            4 => held.wrapping_add(1),
            5 => MAGIC,
            6 => VERSION,
            7 => size,
            8 => self.memory.capacity,
            9 => 2 * self.memory.capacity,
            10 => LEFT,
            _ => u32::from(choice / 12),
        };
        self.write(at, word);
    }

    /// The peer of one of our ends says something new.
    fn move_on(&mut self) {
        let choice = self.script.byte();
        let Some(Seated {
            outgoing, incoming, ..
        }) = &self.seated
        else {
            return;
        };
        let ring = if choice & 1 == 0 { outgoing } else { incoming };
        let line = ring.theirs;
        let word = ring.peer.speak(self.memory.word(line + INDEX));
        self.write(line + INDEX, word);
        if choice & 2 != 0 {
            self.write(line + WANT, u32::from(choice / 4));
        }
    }

    /// As another program does.
    fn write(&mut self, at: usize, word: u32) {
        // SAFETY: a word of the page, which is accessed as an atomic only.
        let shared = unsafe { AtomicU32::from_ptr(self.heap.at(at).cast()) };
        shared.store(word, Ordering::Relaxed);
        self.memory.set(at, word);
    }

    fn sit(&mut self, seat: Seat) {
        self.get_up();
        // SAFETY: nobody else in this program uses ends of this page.
        let (sender, receiver) = unsafe { self.page.ends(seat, self.bell.clone()) };
        let capacity = self.memory.capacity as usize;
        let [us, them] = [seat, seat.peer()].map(|seat| self.memory.lines(seat));
        let ring = |role, ours, theirs, sender| Ring {
            peer: Peer::new(role, capacity, &self.script),
            ours,
            theirs,
            slab: sender + size_of::<RingHeader<Native>>(),
        };
        self.seated = Some(Seated {
            seat,
            sender,
            outgoing: ring(Role::Sends, us[0], them[1], us[0]),
            receiver,
            incoming: ring(Role::Receives, us[1], them[0], them[0]),
        });
    }

    /// Our ends are dropped.
    fn get_up(&mut self) {
        let Some(seated) = self.seated.take() else {
            return;
        };
        drop((seated.sender, seated.receiver));
        let rings = [seated.outgoing, seated.incoming];
        let told = rings.map(|ring| ring.end(State::Failed, &mut self.memory));
        self.expect(told.into_iter().flatten().collect());
    }

    /// One call of our sender.
    fn send(&mut self) {
        let Some(Seated {
            sender,
            outgoing: ring,
            ..
        }) = &mut self.seated
        else {
            return;
        };
        let (peer, memory) = (&ring.peer, &mut self.memory);
        let rung = match self.script.byte() % 8 {
            call @ 0..4 => {
                let (part, commit) = (self.script.any_len(), self.script.any_len());
                let space = sender.space();
                ring.look(memory);
                peer.check(space.as_ref().map(|_| ()).map_err(|&error| error), false);
                let Ok(mut space) = space else { return };
                let (free, parts) = (peer.available(), ring.parts());
                assert_eq!((space.len(), space.is_empty()), (free, free == 0));
                assert_eq!(
                    space.parts(),
                    parts.map(|(at, len)| (self.heap.at(at), len))
                );
                let part = part.min(free + 1);
                let bytes = bytes_from(peer.ours.get(), part);
                if call == 0 {
                    let mut rest = &bytes[..part.min(free)];
                    for (to, len) in space.parts() {
                        let (piece, after) = rest.split_at(len.min(rest.len()));
                        // SAFETY: `parts` are valid for writes.
                        unsafe { to.copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
                        rest = after;
                    }
                } else {
                    assert_eq!(space.copy_from(&bytes), part.min(free));
                }
                let mut rest = &bytes[..part.min(free)];
                for (at, len) in parts {
                    let (piece, after) = rest.split_at(len.min(rest.len()));
                    memory.bytes[at..][..piece.len()].copy_from_slice(piece);
                    rest = after;
                }
                match call {
                    1 => return drop(space),
                    _ => space.commit(commit),
                }
                match commit.min(free) {
                    0 => vec![],
                    by => ring.publish(by, memory),
                }
            }
            4 => {
                let want = self.script.any_len();
                let free = sender.wait(want);
                let at_most = want.clamp(1, peer.capacity);
                let rung = match peer.our_state.get() {
                    State::Open => ring.wait(at_most, memory),
                    _ => vec![],
                };
                peer.check(free, false);
                assert!(free.is_err() || free == Ok(peer.available()));
                rung
            }
            5 => {
                sender.end();
                ring.end(State::Closed, memory)
            }
            6 => {
                sender.fail();
                ring.end(State::Failed, memory)
            }
            _ => {
                let waited = sender.wait_delivered();
                let mut rung = ring.end(State::Closed, memory);
                if peer.our_state.get() == State::Closed {
                    rung.extend(ring.wait(usize::MAX, memory));
                }
                assert_eq!(waited.map(|()| true), peer.delivered());
                rung
            }
        };
        self.expect(rung);
    }

    /// One call of our receiver.
    fn receive(&mut self) {
        let Some(Seated {
            receiver,
            incoming: ring,
            ..
        }) = &mut self.seated
        else {
            return;
        };
        let (peer, memory) = (&ring.peer, &mut self.memory);
        let at_end = peer.state.get() == State::Closed && peer.available() == 0;
        let rung = match self.script.byte() % 8 {
            call @ 0..5 => {
                let (part, release) = (self.script.any_len(), self.script.any_len());
                let filled = receiver.filled();
                ring.look(memory);
                peer.check(filled.as_ref().map(|_| ()).map_err(|&error| error), false);
                let Ok(filled) = filled else { return };
                let (used, parts) = (peer.available(), ring.parts());
                assert_eq!((filled.len(), filled.is_empty()), (used, used == 0));
                let there = parts.map(|(at, len)| (self.heap.at(at).cast_const(), len));
                assert_eq!(filled.parts(), there);
                let held: Vec<_> = parts
                    .into_iter()
                    .flat_map(|(at, len)| &memory.bytes[at..][..len])
                    .copied()
                    .collect();
                let mut bytes = vec![0; part.min(used + 1)];
                let copied = filled.copy_to(&mut bytes);
                assert_eq!(copied, bytes.len().min(used));
                assert_eq!(bytes[..copied], held[..copied]);
                match call {
                    0 => return drop(filled),
                    _ => filled.release(release),
                }
                match release.min(used) {
                    0 => vec![],
                    by => ring.publish(by, memory),
                }
            }
            5 => {
                let used = receiver.wait();
                let rung = match peer.our_state.get() {
                    State::Open => ring.wait(1, memory),
                    _ => vec![],
                };
                peer.check(used, false);
                assert!(used.is_err() || used == Ok(peer.available()));
                rung
            }
            6 => {
                let expected = match peer.our_state.get() {
                    State::Open if at_end => Ok(()),
                    State::Open => Err(Error::NotAtEnd),
                    _ => Err(Error::Ended),
                };
                assert_eq!(receiver.close(), expected);
                match expected {
                    Ok(()) => ring.end(State::Closed, memory),
                    Err(_) => vec![],
                }
            }
            _ => {
                receiver.fail();
                ring.end(State::Failed, memory)
            }
        };
        self.expect(rung);
    }

    fn take_the_second_seat(&mut self) {
        self.get_up();
        let presence = self.presence();
        if self.script.byte() % 2 == 0 {
            // SAFETY: our ends are gone.
            unsafe { self.page.join(presence) };
            self.memory.join(presence);
        } else {
            // SAFETY: as above.
            unsafe { self.page.clear_second() };
            self.memory.clear(self.memory.lines(Seat::Second));
        }
    }

    /// The peer of our ends is spoken for, or whoever sat anywhere.
    fn mourn(&mut self) {
        let seat = self.seat();
        if self
            .seated
            .as_ref()
            .is_some_and(|seated| seated.seat == seat)
        {
            self.get_up();
        }
        // SAFETY: we use no ends of that seat.
        let departure = unsafe { self.page.mourn(seat, &self.bell) };
        assert_eq!(departure, self.memory.mourn(seat));
        self.expect(
            self.memory
                .lines(seat)
                .map(|line| Rung::Woke(line + INDEX))
                .into(),
        );
    }

    /// Begins again: initialises the page, or sits down as a party outside does.
    fn begin(&mut self) {
        self.get_up();
        let (first, choice) = (self.presence(), self.script.byte());
        if choice % 2 == 0 {
            // SAFETY: our ends are gone.
            self.page = unsafe { Page::initialise(self.heap.region(), first) }.unwrap();
            self.memory.initialise(first);
        } else {
            self.sit_down(first.silent);
        }
    }

    fn sit_down(&mut self, silent: bool) {
        let us = Presence {
            outside: true,
            silent,
        };
        let said = Snapshot::from_bytes(&self.memory.bytes);
        let fresh = said.magic == 0 && said.claim == 0;
        let [first, second] = SEATS.map(|seat| self.memory.presence(seat));
        let ours = |seat: Option<Presence>| seat.is_some_and(|seat| seat.outside);
        let expected = match said.check(self.memory.bytes.len()) {
            Err(error) if !fresh => Err(error),
            _ if fresh || ours(first) => {
                self.memory.initialise(us);
                Ok(Seat::First)
            }
            _ if second.is_none() => {
                self.memory.join(us);
                Ok(Seat::Second)
            }
            _ => {
                if ours(second) {
                    self.memory.mourn(Seat::Second);
                }
                Err(PageError::Taken)
            }
        };
        // SAFETY: our ends are gone.
        let sat = unsafe { Page::sit_down(self.heap.region(), silent) };
        assert_eq!(sat.map(|(_, seat)| seat), expected);
    }

    /// These words were slept on and woken, in this order.
    fn expect(&self, rung: Vec<Rung<usize>>) {
        let at = |at: usize| self.heap.at(at).cast_const().cast();
        let rung: Vec<_> = rung
            .into_iter()
            .map(|rung| match rung {
                Rung::Slept(word) => Rung::Slept(at(word)),
                Rung::Woke(word) => Rung::Woke(at(word)),
            })
            .collect();
        assert_eq!(self.bell.0.take(), rung);
    }

    /// What the page says, and all that it holds.
    fn check(&self) {
        self.expect(vec![]);
        assert!(self.heap.bytes() == self.memory.bytes, "written elsewhere");
        for seat in SEATS {
            let word = self.memory.word(seat_offset(seat));
            assert_eq!(self.page.is_free(seat), word == 0);
            assert_eq!(self.page.presence(seat), self.memory.presence(seat));
            let watched = self.page.seat_word(seat);
            assert_eq!(
                watched.as_ptr(),
                self.heap.at(seat_offset(seat)).cast_const().cast()
            );
            assert!(watched.is(word) && !watched.is(!word));
        }
        let said = Snapshot::from_bytes(&self.memory.bytes);
        let attached = Page::attach(self.heap.region()).map(|page| page.capacity());
        assert_eq!(attached, said.check(self.memory.bytes.len()));
        assert_eq!(self.page.capacity().bytes(), self.memory.capacity);
    }
}
