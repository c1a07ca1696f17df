//! All that can be asked of a page, while the peer writes its words.

use std::mem::size_of;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{LEFT, MAGIC, RingHeader, VERSION, seat_offset};
use memtalk_ring::{
    CLOSED, Error, FAILED, Native, Page, PageError, PageRing, Presence, RawRegion, Receiver, Seat,
    Sender,
};

use super::heap::Heap;
use super::peer::{Peer, Role, State};
use super::{Script, bytes_from};

mod memory;
mod ring;

use memory::{INDEX, Memory, SEATS, WANT};
use ring::{Bell, Ring, Rung};

/// Bytes over two parts, which are as long as they are or longer.
fn spread<At: Copy>(bytes: &[u8], parts: [(At, usize); 2]) -> [(At, &[u8]); 2] {
    let [(first, len), (second, _)] = parts;
    let (head, tail) = bytes.split_at(bytes.len().min(len));
    [(first, head), (second, tail)]
}

/// The two ends of a seat.
struct Seated {
    seat: Seat,
    sender: Sender<PageRing<RawRegion>, Bell>,
    outgoing: Ring,
    receiver: Receiver<PageRing<RawRegion>, Bell>,
    incoming: Ring,
}

/// A page whose words anybody may have written, and who sits there. Each result, each
/// wake-up, and all of the memory is compared with what it has to be.
pub(super) struct Table<'h> {
    heap: &'h Heap,
    page: Page<RawRegion>,
    memory: Memory,
    bell: Bell,
    /// At one seat at a time: what is at the other is the peer's.
    seated: Option<Seated>,
    script: Rc<Script>,
}

impl<'h> Table<'h> {
    /// The table in `heap`, if that can hold a page.
    pub(super) fn over(heap: &'h Heap, script: Script) -> Option<Self> {
        let page = Page::over(heap.region()).ok()?;
        Some(Self {
            memory: Memory::new(heap.bytes(), page.capacity()),
            heap,
            page,
            bell: Bell::default(),
            seated: None,
            script: Rc::new(script),
        })
    }

    /// Calls what the script says. Its bytes are: an operation with its arguments, and
    /// so on.
    pub(super) fn run(&mut self) {
        while let Some(operation) = self.script.next() {
            self.step(operation);
            self.check();
        }
        self.get_up();
        self.check();
    }

    fn step(&mut self, operation: u8) {
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
                self.expect_both_woken(seat);
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
                let bytes = bytes_from(peer.ours.get(), part.min(free + 1));
                let fits = &bytes[..bytes.len().min(free)];
                match call {
                    0 => {
                        for (to, piece) in spread(fits, space.parts()) {
                            // SAFETY: `parts` are valid for writes.
                            unsafe { to.copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
                        }
                    }
                    _ => assert_eq!(space.copy_from(&bytes), fits.len()),
                }
                for (at, piece) in spread(fits, parts) {
                    memory.bytes[at..][..piece.len()].copy_from_slice(piece);
                }
                // Or it is dropped.
                match call {
                    1 => vec![],
                    _ => {
                        space.commit(commit);
                        ring.advance(commit.min(free), memory)
                    }
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
                // Or it is dropped.
                match call {
                    0 => vec![],
                    _ => {
                        filled.release(release);
                        ring.advance(release.min(used), memory)
                    }
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

    /// Or leaves it, if a process sits there.
    fn take_the_second_seat(&mut self) {
        self.get_up();
        let presence = self.presence();
        match self.script.byte() % 4 {
            0 | 2 => {
                // SAFETY: our ends are gone.
                unsafe { self.page.join(presence) };
                self.memory.join(presence);
            }
            1 => {
                // SAFETY: as above.
                unsafe { self.page.join_by(|_| ()) };
                self.memory.clear(self.memory.lines(Seat::Second));
            }
            _ => {
                self.page.leave();
                self.memory.leave();
            }
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
        self.expect_both_woken(seat);
    }

    /// Begins again: initialises the page, or sits down as a party outside does.
    fn begin(&mut self) {
        self.get_up();
        let (first, choice) = (self.presence(), self.script.byte());
        if choice.is_multiple_of(2) {
            // SAFETY: our ends are gone.
            self.page = unsafe { Page::initialise(self.heap.region(), first) }.unwrap();
            self.memory.initialise(first);
        } else {
            self.sit_down(first.silent);
        }
    }

    pub(super) fn sit_down(&mut self, silent: bool) {
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

    /// Whoever sleeps on what the party at `seat` writes was woken.
    fn expect_both_woken(&self, seat: Seat) {
        let lines = self.memory.lines(seat);
        self.expect(lines.map(|line| Rung::Woke(line + INDEX)).into());
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
        assert_eq!(self.bell.take(), rung);
    }

    /// Compares what the page says, and all that it holds.
    pub(super) fn check(&self) {
        self.expect(vec![]);
        assert!(self.heap.holds(&self.memory.bytes), "written elsewhere");
        for seat in SEATS {
            let word = self.memory.word(seat_offset(seat));
            assert_eq!(self.page.seat_value(seat), word);
            assert_eq!(self.page.is_free(seat), word == 0);
            assert_eq!(self.page.presence(seat), self.memory.presence(seat));
            let watched = self.page.seat_word(seat);
            assert_eq!(
                watched.as_ptr(),
                self.heap.at(seat_offset(seat)).cast_const().cast()
            );
            assert!(watched.is(word) && !watched.is(!word));
        }
        assert_eq!(self.page.was_restarted(), self.page.is_free(Seat::Second));
        let said = Snapshot::from_bytes(&self.memory.bytes);
        let attached = Page::attach(self.heap.region()).map(|page| page.capacity());
        assert_eq!(attached, said.check(self.memory.bytes.len()));
        assert_eq!(self.page.capacity().bytes(), self.memory.capacity);
    }
}
