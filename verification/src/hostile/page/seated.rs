//! Calls of our two ends at a seat.

use memtalk_ring::{PageRing, RawRegion, Receiver, Seat, Sender};

use super::super::heap::Heap;
use super::super::peer::State;
use super::super::{Script, bytes_from};
use super::memory::Memory;
use super::ring::{Bell, Event, Ring};

/// The two ends of a seat.
pub(super) struct Seated {
    pub(super) seat: Seat,
    pub(super) sender: Sender<PageRing<RawRegion>, Bell>,
    pub(super) outgoing: Ring,
    pub(super) receiver: Receiver<PageRing<RawRegion>, Bell>,
    pub(super) incoming: Ring,
}

/// Each call checks its result, writes to `memory` what the heap has to hold afterwards,
/// and returns which words it should have slept on and woken.
impl Seated {
    /// One call of the sender.
    pub(super) fn send(
        &mut self,
        script: &Script,
        heap: &Heap,
        memory: &mut Memory,
    ) -> Vec<Event<usize>> {
        match script.byte() % 8 {
            call @ 0..4 => self.send_in_place(call, script, heap, memory),
            4 => self.wait_for_space(script.any_len(), memory),
            5 => {
                self.sender.end();
                self.outgoing.end(State::Closed, memory)
            }
            6 => {
                self.sender.fail();
                self.outgoing.end(State::Failed, memory)
            }
            _ => self.wait_delivered(memory),
        }
    }

    /// Fills the space and commits some of it. Call 0 writes through pointers, call 1 drops
    /// the space and commits nothing.
    fn send_in_place(
        &mut self,
        call: u8,
        script: &Script,
        heap: &Heap,
        memory: &mut Memory,
    ) -> Vec<Event<usize>> {
        let (ring, peer) = (&self.outgoing, &self.outgoing.peer);
        let (part, commit) = (script.any_len(), script.any_len());
        let space = self.sender.space();
        ring.look(memory);
        peer.check(space.as_ref().map(|_| ()).map_err(|&error| error), false);
        let Ok(mut space) = space else { return vec![] };
        let (free, parts) = (peer.available(), ring.parts());
        assert_eq!((space.len(), space.is_empty()), (free, free == 0));
        assert_eq!(space.parts(), parts.map(|(at, len)| (heap.at(at), len)));
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
        match call {
            1 => vec![],
            _ => {
                space.commit(commit);
                ring.advance(commit.min(free), memory)
            }
        }
    }

    fn wait_for_space(&mut self, want: usize, memory: &mut Memory) -> Vec<Event<usize>> {
        let (ring, peer) = (&self.outgoing, &self.outgoing.peer);
        let free = self.sender.wait(want);
        let at_most = want.clamp(1, peer.capacity);
        let events = match peer.our_state.get() {
            State::Open => ring.wait(at_most, memory),
            _ => vec![],
        };
        peer.check(free, false);
        assert!(free.is_err() || free == Ok(peer.available()));
        events
    }

    fn wait_delivered(&mut self, memory: &mut Memory) -> Vec<Event<usize>> {
        let (ring, peer) = (&self.outgoing, &self.outgoing.peer);
        let waited = self.sender.wait_delivered();
        let mut events = ring.end(State::Closed, memory);
        if peer.our_state.get() == State::Closed {
            events.extend(ring.wait(usize::MAX, memory));
        }
        assert_eq!(waited.map(|()| true), peer.delivered());
        events
    }

    /// One call of the receiver.
    pub(super) fn receive(
        &mut self,
        script: &Script,
        heap: &Heap,
        memory: &mut Memory,
    ) -> Vec<Event<usize>> {
        match script.byte() % 8 {
            call @ 0..5 => self.receive_in_place(call, script, heap, memory),
            5 => self.wait_for_bytes(memory),
            6 => self.close(memory),
            _ => {
                self.receiver.fail();
                self.incoming.end(State::Failed, memory)
            }
        }
    }

    /// Copies what is filled and releases some of it. Call 0 drops it and releases nothing.
    fn receive_in_place(
        &mut self,
        call: u8,
        script: &Script,
        heap: &Heap,
        memory: &mut Memory,
    ) -> Vec<Event<usize>> {
        let (ring, peer) = (&self.incoming, &self.incoming.peer);
        let (part, release) = (script.any_len(), script.any_len());
        let filled = self.receiver.filled();
        ring.look(memory);
        peer.check(filled.as_ref().map(|_| ()).map_err(|&error| error), false);
        let Ok(filled) = filled else { return vec![] };
        let (used, parts) = (peer.available(), ring.parts());
        assert_eq!((filled.len(), filled.is_empty()), (used, used == 0));
        let there = parts.map(|(at, len)| (heap.at(at).cast_const(), len));
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
            0 => vec![],
            _ => {
                filled.release(release);
                ring.advance(release.min(used), memory)
            }
        }
    }

    fn wait_for_bytes(&mut self, memory: &mut Memory) -> Vec<Event<usize>> {
        let (ring, peer) = (&self.incoming, &self.incoming.peer);
        let used = self.receiver.wait();
        let events = match peer.our_state.get() {
            State::Open => ring.wait(1, memory),
            _ => vec![],
        };
        peer.check(used, false);
        assert!(used.is_err() || used == Ok(peer.available()));
        events
    }

    fn close(&mut self, memory: &mut Memory) -> Vec<Event<usize>> {
        let expected = self.incoming.peer.closing();
        assert_eq!(self.receiver.close(), expected);
        match expected {
            Ok(()) => self.incoming.end(State::Closed, memory),
            Err(_) => vec![],
        }
    }
}

/// Divides bytes over two parts. The first part gets as many as it has room for.
fn spread<At: Copy>(bytes: &[u8], parts: [(At, usize); 2]) -> [(At, &[u8]); 2] {
    let [(first, len), (second, _)] = parts;
    let (head, tail) = bytes.split_at(bytes.len().min(len));
    [(first, head), (second, tail)]
}
