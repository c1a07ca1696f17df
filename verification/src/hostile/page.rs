//! All calls of a page, while the peer writes the page's words between them.

use std::mem::size_of;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{
    CLAIM_OUTSIDE, LEFT, MAGIC, OUTSIDE, RingHeader, VERSION, WAITING, seat_offset,
};
use memtalk_ring::{CLOSED, FAILED, Native, Page, PageError, Presence, RawRegion, Seat};

use super::Script;
use super::heap::Heap;
use super::peer::{Peer, Role, State};

mod memory;
mod ring;
mod seated;

use memory::{INDEX, Memory, SEATS, WANT};
use ring::{Bell, Event, Ring};
use seated::Seated;

/// A page whose words may hold anything, and our ends at one of its seats. Each result, each
/// wake-up and the whole memory are compared with what they have to be.
pub(super) struct Table<'h> {
    heap: &'h Heap,
    page: Page<RawRegion>,
    /// What the heap has to hold.
    memory: Memory,
    bell: Bell,
    /// Our ends, at one seat at a time. The other seat is the peer's.
    seated: Option<Seated>,
    script: Rc<Script>,
}

impl<'h> Table<'h> {
    /// A table in `heap`, or `None` if that cannot hold a page.
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

    /// Makes the calls that the script asks for. Its bytes are, for each operation, its
    /// number and its arguments.
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

    /// The peer writes any word. It may be one of ours.
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

    /// The peer of one of our ends moves on, ends, or breaks a rule.
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

    /// Writes a word as another program does.
    fn write(&mut self, at: usize, word: u32) {
        // SAFETY: it is a word of the page, and all accesses to it are atomic.
        let shared = unsafe { AtomicU32::from_ptr(self.heap.at(at).cast()) };
        shared.store(word, Ordering::Relaxed);
        self.memory.set(at, word);
    }

    /// Takes the ends of a seat.
    fn sit(&mut self, seat: Seat) {
        self.get_up();
        // SAFETY: nobody else in this program uses ends of this page.
        let (sender, receiver) = unsafe { self.page.ends(seat, self.bell.clone()) };
        if seat == Seat::First {
            self.page.begin();
            self.memory.begin();
        }
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
        let Some(seated) = &mut self.seated else {
            return;
        };
        let events = seated.send(&self.script, self.heap, &mut self.memory);
        self.expect(events);
    }

    /// One call of our receiver.
    fn receive(&mut self) {
        let Some(seated) = &mut self.seated else {
            return;
        };
        let events = seated.receive(&self.script, self.heap, &mut self.memory);
        self.expect(events);
    }

    /// Joins at the second seat in one of the two ways, or leaves it as a process does.
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

    /// Mourns the party at either seat. If that is our own seat, we get up before.
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

    /// Begins again: initialises the page, or sits down as an outside party does.
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

    /// Sits down as an outside party, `silent` or not, and checks what comes of it.
    pub(super) fn sit_down(&mut self, silent: bool) {
        let us = Presence {
            outside: true,
            silent,
        };
        let said = Snapshot::from_bytes(&self.memory.bytes);
        let words = SEATS.map(|seat| self.memory.word(seat_offset(seat)));
        let fresh = said == Snapshot::default() && words == [0, 0];
        let begun = said.magic == 0 && said.claim == CLAIM_OUTSIDE;
        let [first, second] = [
            words[0],
            self.memory.presence(Seat::Second).map_or(0, Presence::word),
        ];
        let expected = match said.check(self.memory.bytes.len()) {
            Err(error) if !fresh && !begun => Err(error),
            Ok(_) if first & (OUTSIDE | LEFT) == OUTSIDE | LEFT && second != 0 => {
                Err(PageError::Over)
            }
            _ if fresh || begun || first & OUTSIDE != 0 => {
                self.memory.initialise(us);
                Ok(Seat::First)
            }
            _ if second != 0 && second & OUTSIDE == 0 => Err(PageError::Taken),
            _ if first & (WAITING | LEFT) == WAITING => {
                self.memory.join(us);
                Ok(Seat::Second)
            }
            _ => {
                if second != 0 {
                    self.memory.mourn(Seat::Second);
                    self.memory.stand();
                }
                Err(PageError::Over)
            }
        };
        // SAFETY: our ends are gone.
        let sat = unsafe { Page::sit_down(self.heap.region(), silent) };
        assert_eq!(sat.map(|(_, seat)| seat), expected);
    }

    /// Checks that both ends that sleep on words of the party at `seat` were woken.
    fn expect_both_woken(&self, seat: Seat) {
        let lines = self.memory.lines(seat);
        self.expect(lines.map(|line| Event::Woke(line + INDEX)).into());
    }

    /// Checks that these words were slept on and woken, in this order.
    fn expect(&self, events: Vec<Event<usize>>) {
        let at = |at: usize| self.heap.at(at).cast_const().cast();
        let events: Vec<_> = events
            .into_iter()
            .map(|event| match event {
                Event::Slept(word) => Event::Slept(at(word)),
                Event::Woke(word) => Event::Woke(at(word)),
            })
            .collect();
        assert_eq!(self.bell.take(), events);
    }

    /// Checks what the page says of itself, and all that the memory holds.
    pub(super) fn check(&self) {
        self.expect(vec![]);
        assert!(
            self.heap.holds(&self.memory.bytes),
            "a call wrote a word that it is not for"
        );
        for seat in SEATS {
            let word = self.memory.word(seat_offset(seat));
            assert_eq!(self.page.seat_value(seat), word);
            assert_eq!(self.page.is_free(seat), self.memory.is_free(seat));
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
