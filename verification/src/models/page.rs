//! Parties at one page: how they sit down, wait and get up.

mod guest;
mod process;
mod seats;

use std::mem::ManuallyDrop;

use memtalk_ring::{Idle, Page, PageRing, Presence, Receiver, Seat, Sender, Wait};

use crate::backend::{Backend, SharedPage, page};

pub use self::guest::{
    guest_joins, guest_offers_a_page, guest_starts_again, guest_that_joined_starts_again,
};
pub use self::process::{
    byte_arrives, newcomer_wakes_the_first, peer_begins_to_wake, peer_dies, peer_says_nothing,
    stream,
};
pub use self::seats::{
    hand_over, late_leaver_marks_nothing, leaver_has_read, restart_is_noticed,
    restart_is_noticed_by_bytes, seat_is_taken,
};

/// The ends of a seat. They are never dropped, since that would tell the peer that they
/// have given up.
type Ends<B, W> = (
    ManuallyDrop<Sender<PageRing<SharedPage<B>>, W>>,
    ManuallyDrop<Receiver<PageRing<SharedPage<B>>, W>>,
);

/// The smallest page: 64 bytes each way.
const BYTES: usize = 512;

/// A page that a party like `first` has initialised, in memory with other words before.
fn initialised<B: Backend>(first: Presence) -> Page<SharedPage<B>> {
    let memory = page::<B>(BYTES, B::word_of_many);
    memory.litter(1);
    // SAFETY: nobody has taken ends in this memory.
    unsafe { Page::initialise(memory, first) }.unwrap()
}

/// Takes the ends of a seat. In one life of a page, nobody takes them twice.
fn ends<B: Backend, W: Wait<B> + Clone>(
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
fn idle<B: Backend>() -> Idle<fn(u32)> {
    Idle(|_| B::give_way())
}
