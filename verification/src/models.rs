//! What the two ends do under a checker, written once for all checkers.
//!
//! Each model is one execution: it makes a ring, runs the ends in threads, and
//! asserts what must hold in every execution. Only the code that is checked accesses
//! shared words through the ring's sites. What a model adds of its own
//! ([`Backend::get`], [`Backend::set`]) is no site, so it cannot be what refutes a weaker
//! ordering.

mod doorbell;
mod failure;
pub mod page;
mod parts;
mod stream;
mod way;
mod without_waiting;

use memtalk_ring::{Idle, Receiver, Sender, Wait};

use crate::backend::{Backend, Shared, ring};

pub use self::doorbell::{Rung, death_is_heard, doorbells};
pub use self::failure::{peer_dies, receiver_gives_up, sender_gives_up};
pub use self::parts::{
    nothing_is_moved, parts_are_taken_over_the_wrap, parts_arrive_over_the_wrap,
};
pub use self::stream::{
    both_ways, both_ways_in_four_threads, byte_and_end_arrive, byte_arrives, byte_arrives_with,
    byte_is_confirmed, byte_is_taken, stream, stream_with,
};
pub use self::way::Way;
pub use self::without_waiting::{give_up_without_waiting, try_without_waiting};

/// The two ends of one ring.
type Ends<B, W> = (Sender<Shared<B>, W>, Receiver<Shared<B>, W>);

/// A new ring of `capacity` bytes whose ends wait alike.
fn ends<B: Backend, W: Wait<B> + Clone>(capacity: u32, wait: &W) -> Ends<B, W> {
    ends_with(capacity, [wait.clone(), wait.clone()])
}

/// A new ring of `capacity` bytes whose ends wait as given.
fn ends_with<B: Backend, W: Wait<B>>(capacity: u32, [sends, receives]: [W; 2]) -> Ends<B, W> {
    let memory = ring(capacity);
    // SAFETY: the ring is new, and this is its only sender.
    let sender = unsafe { Sender::new(memory.clone(), sends) };
    // SAFETY: this is its only receiver.
    let receiver = unsafe { Receiver::new(memory, receives) };
    (sender, receiver)
}

/// Two ends' way to wait that neither sleeps nor wakes.
#[must_use]
pub fn idle<B: Backend>() -> [Idle<fn(u32)>; 2] {
    [Idle(|_| B::give_way()); 2]
}
