//! How a process waits at a page: the command's own code on a modelled kernel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use memtalk::wait::futex::{Futex, Kernel, sleep_until_taken};
use memtalk_ring::{Departure, Error, Page, Presence, Seat, Wait, Watched};

use super::setup::{ends, idle, initialised};
use crate::backend::{Backend, SharedPage};
use crate::models::way::{Way, receive_all, send_all};
use crate::oracle::byte;

/// The modelled kernel of a process.
#[derive(Clone)]
pub(super) struct Modelled<F> {
    futex: F,
    limits: Limits,
    /// The time, in nanoseconds. Not a word of the checker's: one thread uses it.
    clock: Arc<AtomicU64>,
}

/// What becomes of a sleep with a time limit.
#[derive(Clone, Copy)]
pub(super) enum Limits {
    /// It is a nap, which ends by itself.
    Nap,
    /// Nothing but a wake-up ends it.
    Never,
    /// Its time passes. What others do meanwhile, they may as well do before or after.
    Pass,
}

pub(super) fn modelled<B: Backend>(limits: Limits) -> Modelled<B::Futex> {
    Modelled {
        futex: B::Futex::default(),
        limits,
        clock: Arc::default(),
    }
}

impl<B: Backend> Kernel<B> for Modelled<B::Futex> {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.load(Ordering::Relaxed))
    }

    fn pause(&mut self, looks: u32) -> bool {
        self.futex.pause(looks)
    }

    fn wait(&self, word: Watched<'_, B>, seen: u32, timeout: Option<Duration>) {
        match (timeout, self.limits) {
            (Some(time), Limits::Nap) => {
                assert!(time <= Duration::from_millis(5), "naps for {time:?}");
                B::give_way();
            }
            (Some(time), Limits::Pass) => {
                let passed = u64::try_from(time.as_nanos()).unwrap();
                self.clock.fetch_add(passed, Ordering::Relaxed);
            }
            (None, _) | (_, Limits::Never) => self.futex.clone().sleep(word, seen),
        }
    }

    fn wake(&self, word: Watched<'_, B>) {
        self.futex.wake(word);
    }
}

/// The way in which the ends of a process at `page` wait for the peer at seat `peer`.
pub(super) fn futex<B: Backend>(
    page: &Page<SharedPage<B>>,
    peer: Seat,
) -> Futex<SharedPage<B>, Modelled<B::Futex>> {
    Futex::new(page.clone(), peer, modelled::<B>(Limits::Nap))
}

/// Joins as a process does: marks the second seat and wakes the first party in one step.
pub(super) fn join<B: Backend>(page: &Page<SharedPage<B>>) {
    // SAFETY: nobody has taken the second seat's ends.
    unsafe {
        page.join_by(|_| {
            page.say(Seat::Second, Presence::PROCESS);
            modelled::<B>(Limits::Nap).wake(page.seat_word(Seat::Second));
        });
    }
}

/// Waits for a byte as the process at the first seat.
pub(super) fn waits_at_first<B: Backend>(page: &Page<SharedPage<B>>) -> Result<usize, Error> {
    let (_, mut receiver) = ends(page, Seat::First, futex(page, Seat::Second));
    receiver.wait()
}

/// A process at the first seat sleeps until a newcomer has joined and woken it.
pub fn newcomer_wakes_the_first<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    let theirs = page.clone();
    B::both(
        move || join(&theirs),
        move || {
            let kernel = modelled::<B>(Limits::Never);
            while page.presence(Seat::Second).is_none() {
                sleep_until_taken(&page, Seat::Second, &kernel, Duration::MAX);
            }
        },
    );
}

/// Two processes: the second sends one byte and does no more. The first, which sleeps,
/// gets it.
pub fn byte_arrives<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    let theirs = page.clone();
    B::both(
        move || {
            let (mut sender, _) = ends(&theirs, Seat::Second, futex(&theirs, Seat::First));
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || assert_eq!(waits_at_first(&page), Ok(1)),
    );
}

/// Two processes: a whole stream from the second to the first, in pieces of at most
/// `piece` bytes, up to its certificate.
pub fn stream<B: Backend>([sending, receiving]: [Way; 2], total: usize, piece: usize) {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    let theirs = page.clone();
    let (delivered, received) = B::both(
        move || {
            let (mut sender, _) = ends(&theirs, Seat::Second, futex(&theirs, Seat::First));
            send_all(&mut *sender, sending, total, piece)?;
            sender.wait_delivered()
        },
        move || {
            let (_, mut receiver) = ends(&page, Seat::First, futex(&page, Seat::Second));
            let received = receive_all(&mut *receiver, receiving, piece)?;
            receiver.close().map(|()| received)
        },
    );
    assert_eq!(delivered, Ok(()));
    assert_eq!(received, Ok(total));
}

/// A silent peer sends a byte, says that it wakes from now on, and does no more. A
/// process does not sleep while that byte is there.
pub fn peer_begins_to_wake<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    // SAFETY: nobody has taken this seat's ends.
    unsafe { page.join(Presence::DEVICE) };
    let theirs = page.clone();
    B::both(
        move || {
            let (mut sender, _) = ends(&theirs, Seat::Second, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
            let waking = Presence {
                silent: false,
                ..Presence::DEVICE
            };
            theirs.say(Seat::Second, waking);
        },
        move || assert_eq!(waits_at_first(&page), Ok(1)),
    );
}

/// A peer whose seat word makes no sense sends a byte and wakes nobody. A process gets
/// the byte.
pub fn peer_says_nothing<B: Backend>(word: u32) {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    page.region().set_second(word);
    let theirs = page.clone();
    B::both(
        move || {
            let (mut sender, _) = ends(&theirs, Seat::Second, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || assert_eq!(waits_at_first(&page), Ok(1)),
    );
}

/// A process dies, and its peer's watcher speaks for it. The survivor's receiver, which
/// sleeps, learns of the death.
pub fn peer_dies<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    let theirs = page.clone();
    let (departure, there) = B::both(
        // SAFETY: the dead process never used its ends.
        move || unsafe { theirs.mourn(Seat::Second, &futex(&theirs, Seat::First)) },
        move || waits_at_first(&page),
    );
    assert_eq!(departure, Departure::Died);
    assert_eq!(there, Err(Error::PeerFailed));
}
