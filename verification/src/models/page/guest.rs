//! A guest that sits down at the page of a process, or offers one to a process.

use memtalk_ring::{Error, Page, PageError, Presence, Seat};

use super::process::{futex, join, waits_at_first};
use super::setup::{BYTES, ends, idle, initialised};
use crate::backend::{Backend, SharedPage, page};
use crate::oracle::byte;

/// A guest finds the page of a process that waits, sits down at it, and sends a byte.
pub fn guest_joins<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    let memory = page.region().clone();
    B::both(
        move || {
            let (page, seat) = sit_down(memory).unwrap();
            assert_eq!(seat, Seat::Second);
            let (mut sender, _) = ends(&page, seat, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || {
            if page.presence(Seat::Second).is_none() {
                return;
            }
            let (_, mut receiver) = ends(&page, Seat::First, futex(&page, Seat::Second));
            assert!(receiver.filled().is_ok_and(|filled| filled.len() <= 1));
        },
    );
}

/// A guest finds memory of zeros, initialises a page there, and offers it to a process.
pub fn guest_offers_a_page<B: Backend>() {
    let memory = page::<B>(BYTES, B::word_of_many);
    let theirs = memory.clone();
    B::both(
        move || {
            let (page, seat) = sit_down(memory).unwrap();
            assert_eq!(seat, Seat::First);
            if page.is_free(Seat::Second) {
                return;
            }
            let (_, mut receiver) = ends(&page, seat, idle::<B>());
            assert_eq!(receiver.filled().map(|filled| filled.len()), Ok(0));
        },
        move || match Page::attach(theirs) {
            Ok(page) => {
                assert_eq!(page.presence(Seat::First), Some(Presence::DEVICE));
                join(&page);
                let (_, mut receiver) = ends(&page, Seat::Second, futex(&page, Seat::First));
                assert_eq!(receiver.filled().map(|filled| filled.len()), Ok(0));
            }
            Err(error) => assert!(matches!(error, PageError::NotAPage | PageError::Unfinished)),
        },
    );
}

/// A guest at the first seat starts again, finds the page that it once made, and begins
/// another talk. The process that still sits at the second seat finds the restart.
pub fn guest_starts_again<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let memory = page.region().clone();
    join(&page);
    B::both(
        move || {
            let (page, seat) = sit_down(memory).unwrap();
            assert_eq!(seat, Seat::First);
            let (mut sender, _) = ends(&page, seat, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || {
            let (_, mut receiver) = ends(&page, Seat::Second, futex(&page, Seat::First));
            let there = receiver.filled().map(|filled| filled.len());
            let restarted = page.was_restarted();
            assert!(there == Ok(0) || restarted, "{there:?} is believed");
        },
    );
}

/// A guest at the second seat starts again. The process that waits for it learns that it
/// is gone.
pub fn guest_that_joined_starts_again<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    // SAFETY: nobody has taken this seat's ends.
    unsafe { page.join(Presence::DEVICE) };
    page.begin();
    let memory = page.region().clone();
    B::both(
        move || assert_eq!(sit_down(memory).err(), Some(PageError::Over)),
        move || assert_eq!(waits_at_first(&page), Err(Error::PeerFailed)),
    );
}

/// Sits down as a guest that has just started.
fn sit_down<B: Backend>(memory: SharedPage<B>) -> Result<(Page<SharedPage<B>>, Seat), PageError> {
    // SAFETY: a guest that starts again has no ends yet.
    unsafe { Page::sit_down(memory, true) }
}
