//! Calls of two ends while the peer changes any word between any two accesses.

use std::rc::Rc;
use std::task::Poll;

use memtalk_ring::{Departure, Error, Receiver, Sender};

use super::peer::{Peer, Role, State, Step};
use super::{Script, bytes_from};

mod ring;

use ring::Ring;

/// In bytes. Small, so that indices wrap all the time.
const MAX_CAPACITY: u32 = 16;

/// The bytes of a buffer to which nothing was copied. No stream has this byte.
const UNTOUCHED: u8 = u8::MAX;

/// Uses the sender of one ring and the receiver of another. The other two ends are the
/// peer's.
///
/// The bytes are: the capacity; then, for each operation, its number, its lengths, and what
/// the words hold that it loads. The next bit of a number says of a call that waits whether it
/// is a task's.
///
/// # Panics
/// If a promise is broken.
pub fn ends(data: &[u8]) {
    let script = Rc::new(Script::new(data));
    let capacity = 1 + u32::from(script.byte()) % MAX_CAPACITY;
    let outgoing = &Ring::new(Role::Sends, capacity, &script);
    let incoming = &Ring::new(Role::Receives, capacity, &script);
    // SAFETY: the ring is new, and this is its only sender.
    let mut sender = unsafe { Sender::new(outgoing, &*outgoing.peer) };
    // SAFETY: the ring is new, and this is its only receiver.
    let mut receiver = unsafe { Receiver::new(incoming, &*incoming.peer) };
    while let Some(operation) = script.next() {
        let task = operation & 16 != 0;
        match operation % 16 {
            call @ 0..7 => use_sender(&mut sender, outgoing, call, task),
            call @ 7..15 => use_receiver(&mut receiver, incoming, call, task),
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

/// The peer dies, and a watcher speaks for it.
fn mourn(sent: &Ring, received: &Ring) {
    // SAFETY: the peer has no ends in this program.
    let departure = unsafe { Departure::mourn(&sent, &received, &&*sent.peer) };
    sent.peer.script.gone.set(true);
    let left = [sent, received].map(|ring| State::of(ring.theirs().index.held.get()));
    let complete = left == [State::Closed; 2];
    assert_eq!(departure == Departure::Complete, complete, "{left:?}");
    assert!(!left.contains(&State::Open), "{departure:?}, but left open");
}

/// One call of a sender, compared with what `ring` knows of its peer.
fn use_sender<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, ring: &'a Ring, call: u8, task: bool) {
    let peer = &*ring.peer;
    match call {
        0 => send(sender, peer),
        1 => send_in_place(sender, peer),
        2 if task => poll_for_space(sender, peer),
        2 => wait_for_space(sender, peer),
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
            let delivered = if task {
                polled(peer, u32::MAX, |peer| {
                    sender.poll_delivered(|_| peer.register())
                })
            } else {
                peer.will_wait(u32::MAX, Step::Registered);
                Poll::Ready(sender.wait_delivered())
            };
            match delivered {
                Poll::Ready(delivered) => assert_eq!(delivered.map(|()| true), peer.delivered()),
                Poll::Pending => assert_eq!(peer.delivered(), Ok(false)),
            }
        }
    }
}

/// Polls once, as a task that wants so many bytes, and checks what its end has announced.
fn polled<T>(
    peer: &Peer,
    want: u32,
    poll: impl FnOnce(&Peer) -> Poll<Result<T, Error>>,
) -> Poll<Result<T, Error>> {
    peer.will_wait(want, Step::None);
    let polled = poll(peer);
    let step = peer.step.get();
    match &polled {
        Poll::Pending => assert_eq!(step, Step::Looked, "a task that nobody wakes"),
        // It has found something, and has taken back what it may have asked for.
        Poll::Ready(Ok(_) | Err(Error::PeerFailed)) => peer.asks.set(0),
        Poll::Ready(_) => {}
    }
    polled
}

fn send<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, peer: &Peer) {
    let before = peer.moment();
    let bytes = bytes_from(before.ours, peer.script.len());
    let sent = sender.send(&bytes);
    peer.check_copy(&before, bytes.len(), sent);
}

fn send_in_place<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, peer: &Peer) {
    let (part, commit) = (peer.script.len(), peer.script.any_len());
    let space = sender.space();
    peer.check(space.as_ref().map(|_| ()).map_err(|&error| error), false);
    let Ok(mut space) = space else { return };
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

/// How much a sender waits for, and how much of that there can be.
fn any_want(peer: &Peer) -> (usize, u32) {
    let want = peer.script.any_len();
    let possible = want.clamp(1, peer.capacity);
    (want, u32::try_from(possible).unwrap())
}

fn wait_for_space<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, peer: &Peer) {
    let (want, possible) = any_want(peer);
    peer.will_wait(possible, Step::Registered);
    peer.check_found(sender.wait(want));
}

fn poll_for_space<'a>(sender: &mut Sender<&'a Ring, &'a Peer>, peer: &Peer) {
    let (want, possible) = any_want(peer);
    let polled = polled(peer, possible, |peer| {
        sender.poll_wait(want, |_| peer.register())
    });
    peer.check_polled(polled);
}

/// One call of a receiver, compared with what `ring` knows of its peer.
fn use_receiver<'a>(
    receiver: &mut Receiver<&'a Ring, &'a Peer>,
    ring: &'a Ring,
    call: u8,
    task: bool,
) {
    let peer = &*ring.peer;
    match call {
        7 | 8 => receive(receiver, ring),
        9 | 10 => receive_in_place(receiver, ring),
        11 if task => {
            let polled = polled(peer, 1, |peer| receiver.poll_wait(|_| peer.register()));
            peer.check_polled(polled);
        }
        11 => {
            peer.will_wait(1, Step::Registered);
            peer.check_found(receiver.wait());
        }
        12 | 13 => close(receiver, peer),
        _ => {
            receiver.fail();
            peer.we_end(State::Failed);
        }
    }
    assert_eq!(receiver.at_end(), peer.is_at_end());
}

fn receive<'a>(receiver: &mut Receiver<&'a Ring, &'a Peer>, ring: &Ring) {
    let peer = &*ring.peer;
    let before = peer.moment();
    let mut bytes = vec![UNTOUCHED; peer.script.len()];
    let received = receiver.receive(&mut bytes);
    peer.check_copy(&before, bytes.len(), received);
    ring.check_copied(before.ours, &bytes, received.unwrap_or(0));
}

fn receive_in_place<'a>(receiver: &mut Receiver<&'a Ring, &'a Peer>, ring: &Ring) {
    let peer = &*ring.peer;
    let (part, release) = (peer.script.len(), peer.script.any_len());
    let filled = receiver.filled();
    peer.check(filled.as_ref().map(|_| ()).map_err(|&error| error), false);
    let Ok(filled) = filled else { return };
    let used = peer.available();
    assert_eq!((filled.len(), filled.is_empty()), (used, used == 0));
    let before = peer.ours.get();
    for len in [part, used + 1] {
        let mut bytes = vec![UNTOUCHED; len];
        let copied = filled.copy_to(&mut bytes);
        assert_eq!(copied, len.min(used));
        ring.check_copied(before, &bytes, copied);
    }
    filled.release(release);
    assert_eq!(peer.ours.get() - before, release.min(used));
}

fn close<'a>(receiver: &mut Receiver<&'a Ring, &'a Peer>, peer: &Peer) {
    let expected = peer.closing();
    assert_eq!(receiver.close(), expected);
    if expected.is_ok() {
        peer.we_end(State::Closed);
    }
}
