//! Ends that tasks use: they are polled, and woken by a doorbell's handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Wake, Waker};

use memtalk_ring::{Bell, Departure, Error, Receiver, Sender, Wait, Watched};

use super::ends::ends_with;
use super::way::Way;
use crate::backend::{Backend, Shared, ring};
use crate::oracle::Stream;

/// A word that one context counts up, and another sleeps on: a pending interrupt, a waker.
pub(super) struct Signal<B: Backend> {
    word: B::Word,
    /// The same number. Not a word of the checker's, so that counting orders nothing.
    pub(super) given: AtomicU32,
}

impl<B: Backend> Signal<B> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            word: B::word(),
            given: AtomicU32::new(0),
        })
    }

    fn give(&self) {
        let given = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        B::set(&self.word, given);
        B::Futex::default().wake(Watched::new(&self.word));
    }

    /// Sleeps until it was given again since `taken`, the number that this returned last.
    pub(super) fn take(&self, taken: u32) -> u32 {
        while B::get(&self.word) == taken {
            B::Futex::default().sleep(Watched::new(&self.word), taken);
        }
        B::get(&self.word)
    }
}

impl<B: Backend> Wake for Signal<B> {
    fn wake(self: Arc<Self>) {
        self.give();
    }
}

/// How an end wakes the task at the other end.
enum Rings<B: Backend> {
    /// By the other party's bell: whoever rings runs the handler.
    Bell(Arc<Bell>),
    /// By an interrupt, whose handler runs in a context of its own.
    Interrupt(Arc<Signal<B>>),
}

impl<B: Backend> Wait<B> for Rings<B> {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        unreachable!("a task does not block");
    }

    fn sleep(&mut self, _word: Watched<'_, B>, _seen: u32) {
        unreachable!("a task does not block");
    }

    fn wake(&self, _word: Watched<'_, B>) {
        match self {
            Self::Bell(bell) => bell.on_doorbell(),
            Self::Interrupt(interrupt) => interrupt.give(),
        }
    }
}

type TaskSender<B> = Sender<Shared<B>, Rings<B>>;
type TaskReceiver<B> = Receiver<Shared<B>, Rings<B>>;

/// A task, and the bell of its party.
struct Task<B: Backend> {
    bell: Arc<Bell>,
    woken: Arc<Signal<B>>,
    taken: u32,
}

impl<B: Backend> Task<B> {
    fn new(bell: &Arc<Bell>) -> Self {
        Self {
            bell: Arc::clone(bell),
            woken: Signal::new(),
            taken: 0,
        }
    }

    /// Polls once.
    fn poll<T>(&self, poll: &mut dyn FnMut(&Bell, &Waker) -> Poll<T>) -> Poll<T> {
        poll(&self.bell, &Arc::clone(&self.woken).into())
    }

    /// Polls until it is ready, each time after the task was woken.
    fn wait<T>(&mut self, mut poll: impl FnMut(&Bell, &Waker) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(done) = self.poll(&mut poll) {
                return done;
            }
            self.taken = self.woken.take(self.taken);
        }
    }
}

fn bell<B: Backend>() -> Arc<Bell> {
    // SAFETY: a checker runs these functions one at a time.
    Arc::new(unsafe { Bell::new(B::alone) })
}

/// An end, and the task that uses it.
type With<E, B> = (E, Task<B>);

/// The ends of a new ring, with a task at each.
fn ends<B: Backend>(capacity: u32) -> (With<TaskSender<B>, B>, With<TaskReceiver<B>, B>) {
    let [senders, receivers] = [bell::<B>(), bell::<B>()];
    let [sends, receives] = [Task::new(&senders), Task::new(&receivers)];
    let rings = [Rings::Bell(receivers), Rings::Bell(senders)];
    let (sender, receiver) = ends_with::<B, _>(capacity, rings);
    ((sender, sends), (receiver, receives))
}

fn poll_room<B: Backend>(
    sender: &mut TaskSender<B>,
    bell: &Bell,
    waker: &Waker,
) -> Poll<Result<usize, Error>> {
    sender.poll_wait(1, |_| bell.register_sender(waker))
}

fn poll_bytes<B: Backend>(
    receiver: &mut TaskReceiver<B>,
    bell: &Bell,
    waker: &Waker,
) -> Poll<Result<usize, Error>> {
    receiver.poll_wait(|_| bell.register_receiver(waker))
}

/// Sends the first `total` bytes of the stream, `piece` bytes at most at a time.
fn send_all<B: Backend>(
    sender: &mut TaskSender<B>,
    task: &mut Task<B>,
    total: usize,
    piece: usize,
) -> Result<(), Error> {
    let mut sent = Stream::default();
    while sent.position() < total {
        let bytes = sent.next(piece.min(total - sent.position()));
        match Way::Copied.send(sender, &bytes)? {
            0 => drop(task.wait(|bell, waker| poll_room(sender, bell, waker))?),
            count => sent.advance(count),
        }
    }
    Ok(())
}

/// Receives up to the end of the stream, `piece` bytes at most at a time.
fn receive_all<B: Backend>(
    receiver: &mut TaskReceiver<B>,
    task: &mut Task<B>,
    received: &mut Stream,
    piece: usize,
) -> Result<(), Error> {
    while task.wait(|bell, waker| poll_bytes(receiver, bell, waker))? > 0 {
        Way::Copied.receive(receiver, received, piece)?;
    }
    Ok(())
}

/// A task that waits for one byte gets it, although the sender does no more.
pub fn byte_arrives<B: Backend>() {
    let ((mut sender, _), (mut receiver, mut task)) = ends::<B>(1);
    B::both(
        move || {
            assert_eq!(sender.send(&Stream::default().next(1)), Ok(1));
            std::mem::forget(sender);
        },
        move || {
            let there = task.wait(|bell, waker| poll_bytes(&mut receiver, bell, waker));
            assert_eq!(there, Ok(1));
            let mut received = Stream::default();
            assert_eq!(Way::Copied.receive(&mut receiver, &mut received, 1), Ok(1));
        },
    );
}

/// As [`byte_arrives`], with a mistake: the task registers its waker after the second look,
/// and not before it.
pub fn registered_too_late<B: Backend>() {
    let ((mut sender, _), (mut receiver, mut task)) = ends::<B>(1);
    B::both(
        move || {
            assert_eq!(sender.send(&[0]), Ok(1));
            std::mem::forget(sender);
        },
        move || {
            let there = task.wait(|bell, waker| {
                let polled = receiver.poll_wait(|_| ());
                if polled.is_pending() {
                    bell.register_receiver(waker);
                }
                polled
            });
            assert_eq!(there, Ok(1));
        },
    );
}

/// As [`byte_arrives`], but the doorbell's handler runs in a context of its own, at any
/// moment after the interrupt.
pub fn byte_arrives_by_interrupt<B: Backend>() {
    let bell = bell::<B>();
    let mut task = Task::<B>::new(&bell);
    let interrupt = Signal::<B>::new();
    let waits = [(); 2].map(|()| Rings::Interrupt(Arc::clone(&interrupt)));
    let (mut sender, mut receiver) = ends_with::<B, _>(1, waits);
    let handled = Arc::clone(&interrupt);
    B::both(
        move || {
            let mut taken = 0;
            while taken != u32::MAX {
                taken = handled.take(taken);
                bell.on_doorbell();
            }
        },
        move || {
            let (_, there) = B::both(
                move || {
                    assert_eq!(sender.send(&[0]), Ok(1));
                    std::mem::forget(sender);
                },
                move || {
                    let there = task.wait(|bell, waker| poll_bytes(&mut receiver, bell, waker));
                    std::mem::forget(receiver);
                    there
                },
            );
            assert_eq!(there, Ok(1));
            // The handler is not needed any more.
            interrupt.given.store(u32::MAX - 1, Ordering::Relaxed);
            interrupt.give();
        },
    );
}

/// A task that waits on a full ring of one byte can send once the receiver has taken that
/// byte, although the receiver does no more.
pub fn byte_is_taken<B: Backend>() {
    let ((mut sender, mut task), (mut receiver, _)) = ends::<B>(1);
    assert_eq!(sender.send(&[0]), Ok(1));
    B::both(
        move || {
            assert_eq!(receiver.receive(&mut [0]), Ok(1));
            std::mem::forget(receiver);
        },
        move || {
            let free = task.wait(|bell, waker| poll_room(&mut sender, bell, waker));
            assert_eq!(free, Ok(1));
            assert_eq!(sender.send(&[0]), Ok(1));
        },
    );
}

/// A whole stream of `total` bytes between two tasks, in pieces of at most `piece` bytes, up
/// to the certificate of delivery.
pub fn stream<B: Backend>(capacity: u32, total: usize, piece: usize) {
    let ((mut sender, mut sends), (mut receiver, mut receives)) = ends::<B>(capacity);
    let (delivered, received) = B::both(
        move || {
            send_all(&mut sender, &mut sends, total, piece)?;
            sends.wait(|bell, waker| sender.poll_delivered(|_| bell.register_sender(waker)))
        },
        move || {
            let mut received = Stream::default();
            receive_all(&mut receiver, &mut receives, &mut received, piece)?;
            receiver.close().map(|()| received.position())
        },
    );
    assert_eq!(delivered, Ok(()));
    assert_eq!(received, Ok(total));
}

/// A sender gives up after a byte. The task gets that byte, and then the failure.
pub fn sender_gives_up<B: Backend>() {
    let ((mut sender, mut sends), (mut receiver, mut receives)) = ends::<B>(1);
    let (sent, received) = B::both(
        move || send_all(&mut sender, &mut sends, 1, 1),
        move || {
            let mut received = Stream::default();
            let over = receive_all(&mut receiver, &mut receives, &mut received, 1);
            (received.position(), over)
        },
    );
    assert_eq!(sent, Ok(()));
    assert_eq!(received, (1, Err(Error::PeerFailed)));
}

/// A receiver gives up. The task that waits for the certificate gets the failure.
pub fn receiver_gives_up<B: Backend>() {
    let ((mut sender, mut task), (receiver, _)) = ends::<B>(1);
    let ((), delivered) = B::both(
        move || drop(receiver),
        move || task.wait(|bell, waker| sender.poll_delivered(|_| bell.register_sender(waker))),
    );
    assert_eq!(delivered, Err(Error::PeerFailed));
}

/// A task hears of its peer's death from the party that speaks for the dead.
pub fn death_is_heard<B: Backend>() {
    let bell = bell::<B>();
    let mut task = Task::<B>::new(&bell);
    let [waits, speaks] = [(); 2].map(|()| Rings::Bell(Arc::clone(&bell)));
    let (from_dead, to_dead) = (ring::<B>(1), ring::<B>(1));
    // SAFETY: the ring is new, and this is its only receiver.
    let mut receiver = unsafe { Receiver::new(from_dead.clone(), waits) };
    let (departure, received) = B::both(
        // SAFETY: the dead peer took no ends.
        move || unsafe { Departure::mourn(&from_dead, &to_dead, &speaks) },
        move || task.wait(|bell, waker| poll_bytes(&mut receiver, bell, waker)),
    );
    assert_eq!(departure, Departure::Died);
    assert_eq!(received, Err(Error::PeerFailed));
}

/// A task is polled, and then gives up waiting. Whoever uses its end afterwards gets every
/// byte all the same. The task is woken once at most, although two bytes come, and the end.
/// If `again`, another task waits for them.
pub fn waiting_is_given_up<B: Backend>(again: bool) {
    let ((mut sender, mut sends), (mut receiver, gives_up)) = ends::<B>(2);
    let mut other = Task::new(&gives_up.bell);
    let woken = Arc::clone(&gives_up.woken);
    let (sent, (mut receiver, mut received)) = B::both(
        move || {
            send_all(&mut sender, &mut sends, 2, 1)?;
            sender.end();
            Ok::<_, Error>(sender)
        },
        move || {
            let _ = gives_up.poll(&mut |bell, waker| poll_bytes(&mut receiver, bell, waker));
            drop(gives_up);
            let mut received = Stream::default();
            if again {
                receive_all(&mut receiver, &mut other, &mut received, 1).unwrap();
            }
            (receiver, received)
        },
    );
    assert!(sent.is_ok());
    Way::Copied
        .receive(&mut receiver, &mut received, 3)
        .unwrap();
    assert_eq!(received.position(), 2);
    assert!(woken.given.load(Ordering::Relaxed) <= 1);
}
