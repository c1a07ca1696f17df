//! A page: handed over, joined, left, initialised again; and how its ends wait in a
//! process, which is the command's own code with a modelled kernel.

use std::mem::ManuallyDrop;
use std::time::Duration;

use memtalk::wait::futex::{Futex, Kernel, sleep_until_taken};
use memtalk_ring::layout::LEFT;
use memtalk_ring::{
    Departure, Error, Idle, Page, PageError, PageRing, Presence, Receiver, Seat, Sender, Wait,
    Watched,
};

use super::{Way, receive_all, send_all};
use crate::backend::{Backend, SharedPage, page};
use crate::oracle::byte;

/// The ends of a seat. They are not dropped: that would say that they have given up.
type Ends<B, W> = (
    ManuallyDrop<Sender<PageRing<SharedPage<B>>, W>>,
    ManuallyDrop<Receiver<PageRing<SharedPage<B>>, W>>,
);

/// The smallest page: 64 bytes each way.
const BYTES: usize = 512;

/// A page that `first` has initialised in memory in which somebody was before.
fn initialised<B: Backend>(first: Presence) -> Page<SharedPage<B>> {
    let memory = page::<B>(BYTES, B::word_of_many);
    memory.litter(1);
    // SAFETY: nobody has taken ends in it.
    unsafe { Page::initialise(memory, first) }.unwrap()
}

/// Takes the ends of a seat; nobody takes them twice in one life of a page.
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

/// How those wait who neither sleep nor wake.
fn idle<B: Backend>() -> Idle<fn(u32)> {
    Idle(|_| B::give_way())
}

/// The kernel of a process.
#[derive(Clone)]
struct Modelled<F> {
    futex: F,
    /// Whether a sleep with a limit ends by itself.
    limits: bool,
}

fn modelled<B: Backend>() -> Modelled<B::Futex> {
    Modelled {
        futex: B::Futex::default(),
        limits: true,
    }
}

impl<B: Backend> Kernel<B> for Modelled<B::Futex> {
    fn pause(&mut self, looks: u32) -> bool {
        self.futex.pause(looks)
    }

    fn wait(&self, word: Watched<'_, B>, seen: u32, timeout: Option<Duration>) {
        match timeout {
            Some(time) if self.limits => {
                assert!(time <= Duration::from_millis(5), "naps for {time:?}");
                B::give_way();
            }
            _ => self.futex.clone().sleep(word, seen),
        }
    }

    fn wake(&self, word: Watched<'_, B>) {
        self.futex.wake(word);
    }
}

/// How the ends of a process at `page` wait for the peer at `peer`.
fn futex<B: Backend>(
    page: &Page<SharedPage<B>>,
    peer: Seat,
) -> Futex<SharedPage<B>, Modelled<B::Futex>> {
    Futex::new(page.clone(), peer, modelled::<B>())
}

/// Joins as a process does: marks the seat and wakes the first in one step.
fn join<B: Backend>(page: &Page<SharedPage<B>>) {
    // SAFETY: nobody has taken this seat's ends.
    unsafe {
        page.join_by(|_| {
            page.say(Seat::Second, Presence::PROCESS);
            modelled::<B>().wake(page.seat_word(Seat::Second));
        });
    }
}

/// A device that is first sends the byte of this number as the first of a talk.
fn send_from_first<B: Backend>(page: &Page<SharedPage<B>>, number: usize) {
    let (mut sender, _) = ends(page, Seat::First, idle::<B>());
    assert_eq!(sender.send(&[byte(number)]), Ok(1));
}

/// A device that is first begins another talk in memory in which it offered one before.
fn begin_again<B: Backend>(memory: SharedPage<B>) {
    // SAFETY: the device has no other ends any more.
    let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
    send_from_first(&page, 1);
}

/// Whoever sees that memory is a page finds nothing in it of what was there before.
pub fn hand_over<B: Backend>() {
    let memory = page::<B>(BYTES, B::word);
    memory.litter(1);
    let theirs = memory.clone();
    let ((), found) = B::both(
        move || {
            // SAFETY: nobody has taken ends in it.
            let page = unsafe { Page::initialise(memory, Presence::PROCESS) };
            assert_eq!(page.map(|page| page.capacity().bytes()).unwrap(), 64);
        },
        move || {
            let page = Page::attach(theirs)?;
            assert_eq!(page.presence(Seat::First), Some(Presence::PROCESS));
            assert!(page.is_free(Seat::Second));
            let (mut sender, mut receiver) = ends(&page, Seat::Second, idle::<B>());
            assert_eq!(receiver.filled().map(|filled| filled.len()), Ok(0));
            assert_eq!(sender.space().map(|space| space.len()), Ok(64));
            Ok(())
        },
    );
    assert!(matches!(
        found,
        Ok(()) | Err(PageError::Unfinished | PageError::NotAPage)
    ));
}

/// Somebody takes the second seat of a page on which another left its words: whoever
/// sits first sees the seat taken, and then no more than the newcomer has sent.
pub fn seat_is_taken<B: Backend>() {
    let memory = page::<B>(BYTES, B::word);
    // SAFETY: nobody has taken ends in it.
    let page = unsafe { Page::initialise(memory.clone(), Presence::PROCESS) }.unwrap();
    memory.litter(1);
    let theirs = page.clone();
    B::both(
        move || {
            // SAFETY: nobody has taken this seat's ends.
            unsafe { theirs.join(Presence::DEVICE) };
            let (mut sender, _) = ends(&theirs, Seat::Second, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || {
            if page.is_free(Seat::Second) {
                return;
            }
            let (mut sender, mut receiver) = ends(&page, Seat::First, idle::<B>());
            let mut received = [0; 2];
            match receiver.receive(&mut received) {
                Ok(count) => assert!(count <= 1 && received[..count] == [byte(0)][..count]),
                Err(error) => panic!("{error}"),
            }
            assert_eq!(sender.space().map(|space| space.len()), Ok(64));
        },
    );
}

/// A process that sits first sleeps until somebody has joined, and a byte arrives.
pub fn newcomer_wakes_who_waits<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    let theirs = page.clone();
    B::both(
        move || join(&theirs),
        move || {
            let kernel = Modelled {
                limits: false,
                ..modelled::<B>()
            };
            while page.presence(Seat::Second).is_none() {
                sleep_until_taken(&page, Seat::Second, &kernel, Duration::MAX);
            }
        },
    );
}

/// A page is initialised again under a process that still sits at its second seat, and
/// has `received` a byte there or not: once it has read anything new, it finds that out.
pub fn restart_is_noticed<B: Backend>(received: bool) {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    if received {
        send_from_first(&page, 0);
    }
    join(&page);
    B::both(
        move || begin_again(memory),
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            // Their number only: they are read, on the real machine, from memory that
            // whoever is outside may write to.
            let there = receiver.filled().map(|filled| filled.len());
            let restarted = theirs.was_restarted();
            let expected = there == Ok(usize::from(received));
            assert!(expected || restarted, "{there:?} is believed");
        },
    );
}

/// The same, for one who has seen that a byte of the old talk is there, and copies it when
/// it may be one of the next: it believes it only if it is the old one. To be run where
/// bytes may be read while they are written.
pub fn restart_is_noticed_by_bytes<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    send_from_first(&page, 0);
    join(&page);
    B::both(
        move || begin_again(memory),
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            let mut received = [0];
            let count = receiver.receive(&mut received);
            let restarted = theirs.was_restarted();
            let expected = (count, received) == (Ok(1), [byte(0)]);
            assert!(
                expected || restarted,
                "{count:?} of {received:?} are believed"
            );
        },
    );
}

/// A process leaves: whoever is first, and outside, sends over what it has read.
pub fn who_leaves_has_read<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    send_from_first(&page, 0);
    join(&page);
    B::both(
        move || {
            while page.seat_value(Seat::Second) != LEFT {
                B::give_way();
            }
            begin_again(memory);
        },
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            let mut received = [0];
            assert_eq!(receiver.filled().unwrap().copy_to(&mut received), 1);
            assert_eq!(received, [byte(0)]);
            theirs.leave();
        },
    );
}

/// A process leaves while the page is initialised again: the seat is free afterwards, for
/// somebody else.
pub fn who_leaves_late_marks_nothing<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    join(&page);
    let (free, ()) = B::both(
        move || {
            // SAFETY: the device has no ends.
            let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
            page.is_free(Seat::Second)
        },
        move || theirs.leave(),
    );
    assert!(free && page.is_free(Seat::Second));
}

/// A peer that wakes nobody sends a byte, says that it wakes from now on, and says no
/// more: a process does not sleep over that byte.
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

/// A peer whose seat word says nothing that makes sense sends a byte and wakes nobody.
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

/// Waits for a byte as the process that sits first.
fn waits_at_first<B: Backend>(page: &Page<SharedPage<B>>) -> Result<usize, Error> {
    let (_, mut receiver) = ends(page, Seat::First, futex(page, Seat::Second));
    receiver.wait()
}

/// Two processes: a byte arrives at one that sleeps, and says no more.
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

/// Somebody outside finds a process that waits, sits down, and sends it a byte.
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

/// Somebody outside finds memory of zeros, and offers a page there to a process.
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
            Err(error) => assert_eq!(error, PageError::NotAPage),
        },
    );
}

/// Whoever sits first and outside starts again, finds the page that it once made, and
/// begins another talk: the process that still sits there finds that out.
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

/// Whoever sits second and outside starts again: the process that waits for it learns
/// that it has gone.
pub fn guest_that_joined_starts_again<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    // SAFETY: nobody has taken this seat's ends.
    unsafe { page.join(Presence::DEVICE) };
    let memory = page.region().clone();
    B::both(
        move || assert_eq!(sit_down(memory).err(), Some(PageError::Taken)),
        move || assert_eq!(waits_at_first(&page), Err(Error::PeerFailed)),
    );
}

fn sit_down<B: Backend>(memory: SharedPage<B>) -> Result<(Page<SharedPage<B>>, Seat), PageError> {
    // SAFETY: whoever is outside has no ends there in this life.
    unsafe { Page::sit_down(memory, true) }
}

/// A process dies. Its peer's watcher speaks for it, and both ends of the survivor, which
/// sleep, learn of it.
pub fn peer_dies<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    join(&page);
    let theirs = page.clone();
    let (departure, there) = B::both(
        // SAFETY: the dead one's ends were never used.
        move || unsafe { theirs.mourn(Seat::Second, &futex(&theirs, Seat::First)) },
        move || waits_at_first(&page),
    );
    assert_eq!(departure, Departure::Died);
    assert_eq!(there, Err(Error::PeerFailed));
}
