//! The content that the memory of a page has to have.

use std::mem::offset_of;

use memtalk_ring::layout::{
    CLAIM, CLAIM_OUTSIDE, Header, LEFT, Line, MAGIC, OUTSIDE, SEATED, SILENT, VERSION, WAITING,
    receiver_offset, seat_offset, sender_offset,
};
use memtalk_ring::{Capacity, Departure, FAILED, Native, Presence, Seat};

use super::super::peer::State;

pub(super) const SEATS: [Seat; 2] = [Seat::First, Seat::Second];

/// The offsets of the words that say what the page is.
pub(super) const IDENTITY: [usize; 5] = [
    offset_of!(Header<Native>, identity.magic),
    offset_of!(Header<Native>, identity.claim),
    offset_of!(Header<Native>, identity.version),
    offset_of!(Header<Native>, identity.size),
    offset_of!(Header<Native>, identity.capacity),
];

/// The offset of the index in a line.
pub(super) const INDEX: usize = offset_of!(Line<Native>, index);
/// The offset in a line of what its end wants.
pub(super) const WANT: usize = offset_of!(Line<Native>, want);

/// The content that the memory has to have.
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
    /// The capacity of each ring.
    pub(super) capacity: u32,
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>, capacity: Capacity) -> Self {
        let capacity = capacity.bytes();
        Self { bytes, capacity }
    }

    pub(super) fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..][..4].try_into().unwrap())
    }

    pub(super) fn set(&mut self, at: usize, word: u32) {
        self.bytes[at..][..4].copy_from_slice(&word.to_ne_bytes());
    }

    /// The offsets of the lines that the party at `seat` writes: as sender, as receiver.
    pub(super) fn lines(&self, seat: Seat) -> [usize; 2] {
        [
            sender_offset(seat, self.capacity),
            receiver_offset(seat, self.capacity),
        ]
    }

    pub(super) fn clear(&mut self, lines: impl IntoIterator<Item = usize>) {
        for line in lines {
            self.set(line + INDEX, 0);
            self.set(line + WANT, 0);
        }
    }

    /// The offsets of all words. The bytes of the slabs are none.
    pub(super) fn words(&self) -> Vec<usize> {
        let lines = SEATS.into_iter().flat_map(|seat| self.lines(seat));
        IDENTITY
            .into_iter()
            .chain(SEATS.map(seat_offset))
            .chain(lines.flat_map(|line| [line + INDEX, line + WANT]))
            .collect()
    }

    /// Makes the content that of a page just initialised by a party like `first`.
    pub(super) fn initialise(&mut self, first: Presence) {
        let size = u32::try_from(self.bytes.len()).unwrap();
        let claim = if first.outside { CLAIM_OUTSIDE } else { CLAIM };
        let identity = [MAGIC, claim, VERSION, size, self.capacity];
        for (at, word) in IDENTITY.into_iter().zip(identity) {
            self.set(at, word);
        }
        self.set(seat_offset(Seat::First), first.word() | WAITING);
        self.set(seat_offset(Seat::Second), 0);
        self.clear(SEATS.map(|seat| self.lines(seat)).concat());
    }

    /// Makes the changes of a party that joins.
    pub(super) fn join(&mut self, presence: Presence) {
        self.clear(self.lines(Seat::Second));
        self.set(seat_offset(Seat::Second), presence.word());
    }

    /// Makes the change of a process that leaves the second seat, if one sits there.
    pub(super) fn leave(&mut self) {
        if self.word(seat_offset(Seat::Second)) == Presence::PROCESS.word() {
            self.set(seat_offset(Seat::Second), LEFT);
        }
    }

    /// Makes the change of a party at the first seat that takes its ends.
    pub(super) fn begin(&mut self) {
        let at = seat_offset(Seat::First);
        self.set(at, self.word(at) & !WAITING);
    }

    /// Makes the change of a party outside that leaves the second seat.
    pub(super) fn stand(&mut self) {
        self.set(seat_offset(Seat::Second), LEFT | OUTSIDE);
    }

    /// Whether nobody has sat there since the page was initialised.
    pub(super) fn is_free(&self, seat: Seat) -> bool {
        let word = self.word(seat_offset(seat));
        word & SEATED == 0 && (word & LEFT == 0 || word & OUTSIDE != 0)
    }

    /// What the seat word says of the party at a seat.
    pub(super) fn presence(&self, seat: Seat) -> Option<Presence> {
        let word = self.word(seat_offset(seat));
        (word & SEATED != 0).then_some(Presence {
            outside: word & OUTSIDE != 0,
            silent: word & SILENT != 0,
        })
    }

    /// Marks as failed what the party at `seat` left open, and returns how it departed.
    pub(super) fn mourn(&mut self, seat: Seat) -> Departure {
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
