//! A page for a model, and the ends of its seats.

use std::mem::ManuallyDrop;

use memtalk_ring::{Idle, Page, PageRing, Presence, Receiver, Seat, Sender, Wait};

use crate::backend::{Backend, SharedPage, page};

/// The ends of a seat. They are never dropped, since that would tell the peer that they
/// have given up.
pub(in crate::models) type Ends<B, W> = (
    ManuallyDrop<Sender<PageRing<SharedPage<B>>, W>>,
    ManuallyDrop<Receiver<PageRing<SharedPage<B>>, W>>,
);

/// The smallest page: 64 bytes each way.
pub(in crate::models) const BYTES: usize = 512;

/// A page that a party like `first` has initialised, in memory with other words before.
pub(in crate::models) fn initialised<B: Backend>(first: Presence) -> Page<SharedPage<B>> {
    let memory = page::<B>(BYTES, B::word_of_many);
    memory.litter(1);
    // SAFETY: nobody has taken ends in this memory.
    unsafe { Page::initialise(memory, first) }.unwrap()
}

/// Takes the ends of a seat. In one life of a page, nobody takes them twice.
pub(in crate::models) fn ends<B: Backend, W: Wait<B> + Clone>(
    page: &Page<SharedPage<B>>,
    seat: Seat,
    wait: W,
) -> Ends<B, W> {
    // SAFETY: each thread has a seat of its own. Where the page is initialised again under
    // ends that are in use, the checker sees whether they race.
    let (sender, receiver) = unsafe { page.ends(seat, wait) };
    (ManuallyDrop::new(sender), ManuallyDrop::new(receiver))
}

/// How a party waits that neither sleeps nor wakes.
pub(in crate::models) fn idle<B: Backend>() -> Idle<fn(u32)> {
    Idle(|_| B::give_way())
}
