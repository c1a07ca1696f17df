//! The two ends that the models run.

use memtalk_ring::{Idle, Receiver, Sender, Wait};

use crate::backend::{Backend, Shared, ring};

/// The two ends of one ring.
pub(super) type Ends<B, W> = (Sender<Shared<B>, W>, Receiver<Shared<B>, W>);

/// A new ring of `capacity` bytes whose ends wait alike.
pub(super) fn ends<B: Backend, W: Wait<B> + Clone>(capacity: u32, wait: &W) -> Ends<B, W> {
    ends_with(capacity, [wait.clone(), wait.clone()])
}

/// A new ring of `capacity` bytes whose ends wait as given.
pub(super) fn ends_with<B: Backend, W: Wait<B>>(
    capacity: u32,
    [sends, receives]: [W; 2],
) -> Ends<B, W> {
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
