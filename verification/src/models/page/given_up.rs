//! Waits with a time limit: they may be given up at any moment, and the next one works.

use std::time::Duration;

use memtalk::wait::futex::Futex;
use memtalk_ring::{Error, Page, Presence, Seat};

use super::process::{Limits, join, modelled};
use super::setup::{Ends, ends, initialised};
use crate::backend::{Backend, SharedPage};
use crate::oracle::byte;

/// How long a wait may take. It is over after one sleep.
const LIMIT: Option<Duration> = Some(Duration::from_millis(1));

/// The way in which an end waits that has a limit until it is given up for the first time.
type Limited<B> = Futex<SharedPage<B>, super::process::Modelled<<B as Backend>::Futex>>;

/// A page at which two processes sit.
fn talk<B: Backend>() -> Page<SharedPage<B>> {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    page
}

fn limited_ends<B: Backend>(page: &Page<SharedPage<B>>, seat: Seat) -> Ends<B, Limited<B>> {
    let wait = Futex::new(page.clone(), seat.peer(), modelled::<B>(Limits::Pass));
    ends(page, seat, wait)
}

/// Waits with a limit; and, if that is over, without one.
fn twice<B: Backend, E, T>(
    end: &mut E,
    limits: fn(&mut E) -> &mut Limited<B>,
    wait: fn(&mut E) -> Result<T, Error>,
) -> Result<T, Error> {
    limits(end).set_limit(LIMIT);
    let first = wait(end);
    limits(end).set_limit(None);
    match first {
        Err(Error::TimedOut) => wait(end),
        first => first,
    }
}

/// A byte arrives at a receiver, which may have given up a wait for it before. The sender
/// does no more.
pub fn byte_arrives_late<B: Backend>() {
    let page = talk::<B>();
    let theirs = page.clone();
    B::both(
        move || {
            let (mut sender, _) = limited_ends(&theirs, Seat::Second);
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || {
            let (_, mut receiver) = limited_ends(&page, Seat::First);
            let there = twice::<B, _, _>(&mut *receiver, |it| it.wait_mut(), |it| it.wait());
            assert_eq!(there, Ok(1));
            let mut bytes = [0; 2];
            assert_eq!(receiver.receive(&mut bytes), Ok(1));
            assert_eq!(bytes[0], byte(0));
        },
    );
}

/// A sender whose ring is full gets room for a byte, although it may have given up a wait for
/// it before. The receiver takes some bytes, and does no more.
pub fn byte_is_taken_late<B: Backend>() {
    const FULL: [u8; 64] = [7; 64];
    let page = talk::<B>();
    let theirs = page.clone();
    let (mut sender, _) = limited_ends(&page, Seat::First);
    assert_eq!(sender.send(&FULL), Ok(FULL.len()));
    B::both(
        move || {
            let (_, mut receiver) = limited_ends(&theirs, Seat::Second);
            let mut bytes = [0; 2];
            assert_eq!(receiver.receive(&mut bytes), Ok(2));
            assert_eq!(bytes, FULL[..2]);
        },
        move || {
            let free = twice::<B, _, _>(&mut *sender, |it| it.wait_mut(), |it| it.wait(2));
            assert_eq!(free, Ok(2));
            assert_eq!(sender.send(&[1, 2, 3]), Ok(2));
        },
    );
}

/// A confirmation arrives at a sender, which may have given up a wait for it before.
pub fn confirmation_comes_late<B: Backend>() {
    let page = talk::<B>();
    let theirs = page.clone();
    let (mut sender, _) = limited_ends(&page, Seat::First);
    sender.end();
    B::both(
        move || {
            let (_, mut receiver) = limited_ends(&theirs, Seat::Second);
            assert_eq!(receiver.wait(), Ok(0));
            assert_eq!(receiver.close(), Ok(()));
        },
        move || {
            let delivered =
                twice::<B, _, _>(&mut *sender, |it| it.wait_mut(), |it| it.wait_delivered());
            assert_eq!(delivered, Ok(()));
        },
    );
}
