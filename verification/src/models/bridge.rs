//! Tasks at the ends of a process: the library's own bridge on a modelled kernel.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use memtalk::wait::bridge::{self, Id, Kernel, Which, Word};
use memtalk_ring::{Page, Presence, Seat, Wait, Watched};

use super::page::setup::{Ends, ends, initialised};
use super::task::Signal;
use crate::backend::{Backend, Bridging, SharedPage};
use crate::models::way::{Way, receive_all, send_all};
use crate::oracle::Stream;

/// The modelled kernel of a bridge.
struct Modelled<B: Backend> {
    control: B::Word,
    /// Whether kicks arrive. With a mistake, they do not.
    kicks: bool,
}

impl<B: Bridging> Kernel<SharedPage<B>> for Modelled<B> {
    type Lock = B::Lock<bridge::Ends<SharedPage<B>>>;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn most(&self) -> usize {
        usize::MAX
    }

    fn wait(&self, kicks: u32, words: &[(Word<SharedPage<B>>, u32)], timeout: Option<Duration>) {
        if timeout.is_some() {
            return B::give_way();
        }
        let words = words.iter().map(|(word, seen)| (word.watched(), *seen));
        let control = (
            Watched::new(&self.control),
            if self.kicks { kicks } else { 0 },
        );
        B::sleep_any(&words.chain([control]).collect::<Vec<_>>());
    }

    fn kick(&self, kicks: u32, _word: Watched<'_, B>) {
        if self.kicks {
            B::set(&self.control, kicks);
            B::Futex::default().wake(Watched::new(&self.control));
        }
    }

    fn wake(&self, waker: Waker) {
        waker.wake();
    }
}

type Bridge<B> = bridge::Bridge<SharedPage<B>, Modelled<B>>;

/// A task at one end. Dropping it removes the end from its bridge.
struct Task<B: Bridging> {
    bridge: Arc<Bridge<B>>,
    id: Id,
    woken: Arc<Signal<B>>,
    taken: u32,
}

impl<B: Bridging> Task<B> {
    fn new(bridge: &Arc<Bridge<B>>, page: &Page<SharedPage<B>>, seat: Seat, which: Which) -> Self {
        Self {
            bridge: Arc::clone(bridge),
            id: bridge.add(Word::new(page.clone(), seat, which)).unwrap(),
            woken: Signal::new(),
            taken: 0,
        }
    }

    /// Polls once.
    fn poll<T>(&self, poll: impl FnOnce(&mut dyn FnMut(u32)) -> Poll<T>) -> Poll<T> {
        let waker = Arc::clone(&self.woken).into();
        poll(&mut |seen| self.bridge.register(self.id, seen, &waker))
    }

    /// Polls until it is ready, each time after the task was woken.
    fn wait<T>(&mut self, mut poll: impl FnMut(&mut dyn FnMut(u32)) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(done) = self.poll(&mut poll) {
                return done;
            }
            self.taken = self.woken.take(self.taken);
        }
    }
}

impl<B: Bridging> Drop for Task<B> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.bridge.remove(self.id);
        }
    }
}

fn new_bridge<B: Bridging>(kicks: bool) -> Arc<Bridge<B>> {
    let control = B::word();
    Arc::new(bridge::Bridge::new(Modelled { control, kicks }))
}

/// The ends of a seat of a process.
type Seated<B> = Ends<B, <B as Backend>::Futex>;

/// A page, the ends of the first party, which blocks, and those of the second, with a task
/// at its receiver.
struct Talk<B: Bridging> {
    bridge: Arc<Bridge<B>>,
    first: Seated<B>,
    second: Seated<B>,
    task: Task<B>,
}

fn talk<B: Bridging>(kicks: bool) -> Talk<B> {
    let page = initialised::<B>(Presence::PROCESS);
    let bridge = new_bridge::<B>(kicks);
    let [first, second] =
        [Seat::First, Seat::Second].map(|seat| ends(&page, seat, B::Futex::default()));
    Talk {
        task: Task::new(&bridge, &page, Seat::Second, Which::Receiver),
        bridge,
        first,
        second,
    }
}

/// Runs the bridge's thread beside both functions, until the last task is dropped.
fn beside<B: Bridging, T: Send + 'static, U: Send + 'static>(
    bridge: Arc<Bridge<B>>,
    one: impl FnOnce() -> T + Send + 'static,
    other: impl FnOnce() -> U + Send + 'static,
) -> (T, U) {
    B::both(move || bridge.run(), move || B::both(one, other)).1
}

/// A task that waits for `bytes` bytes gets one after the other, although the sender does no
/// more. If not `kicks`, a mistake: the thread is not told of what the task registers.
pub fn bytes_arrive<B: Bridging>(bytes: usize, kicks: bool) {
    let Talk {
        bridge,
        first: (mut sender, _),
        second: (_, mut receiver),
        mut task,
        ..
    } = talk::<B>(kicks);
    beside(
        bridge,
        move || send_all(&mut sender, Way::Copied, bytes, 1).unwrap(),
        move || {
            let mut received = Stream::default();
            while received.position() < bytes {
                let there = task.wait(|register| receiver.poll_wait(register));
                assert!(there.unwrap() > 0);
                Way::Copied
                    .receive(&mut receiver, &mut received, 1)
                    .unwrap();
            }
        },
    );
}

/// A task is polled, and then gives up waiting. It is woken once at most, and the thread
/// ends, although it may sleep at that moment.
pub fn waiting_is_given_up<B: Bridging>() {
    let Talk {
        bridge,
        first: (mut sender, _),
        second: (_, mut receiver),
        task,
        ..
    } = talk::<B>(true);
    let woken = Arc::clone(&task.woken);
    let ((), mut receiver) = beside(
        bridge,
        move || {
            send_all(&mut sender, Way::Copied, 2, 1).unwrap();
            sender.end();
        },
        move || {
            let _ = task.poll(|register| receiver.poll_wait(register));
            drop(task);
            receiver
        },
    );
    assert_eq!(receive_all(&mut receiver, Way::Copied, 3), Ok(2));
    assert!(woken.given.load(Ordering::Relaxed) <= 1);
}

/// The receiver's task gives up a wait at the first index, and waits again when half of all
/// indices have passed. Then the sender comes round to the first index, and no further.
pub fn an_index_comes_round<B: Bridging>() {
    let Talk {
        bridge,
        first: (mut sender, _),
        second: (_, mut receiver),
        mut task,
        ..
    } = talk::<B>(true);
    let capacity = sender.capacity();
    beside(
        bridge,
        move || {
            send_all(&mut sender, Way::Copied, 2 * capacity, capacity).unwrap();
        },
        move || {
            let mut received = Stream::default();
            let _ = task.poll(|register| receiver.poll_wait(register));
            while received.position() < 2 * capacity {
                let there = match received.position() {
                    0 => receiver.wait(),
                    _ => task.wait(|register| receiver.poll_wait(register)),
                };
                assert!(there.unwrap() > 0);
                Way::Copied
                    .receive(&mut receiver, &mut received, capacity)
                    .unwrap();
            }
        },
    );
}

/// A stream of `total` bytes between two tasks with a bridge each, up to the certificate.
pub fn stream<B: Bridging>(total: usize, piece: usize) {
    let page = initialised::<B>(Presence::PROCESS);
    page.region().set_second(Presence::PROCESS.word());
    let [senders, receivers] = [(); 2].map(|()| new_bridge::<B>(true));
    let (mut sender, _) = ends(&page, Seat::First, B::Futex::default());
    let (_, mut receiver) = ends(&page, Seat::Second, B::Futex::default());
    let mut sends = Task::new(&senders, &page, Seat::First, Which::Sender);
    let mut receives = Task::new(&receivers, &page, Seat::Second, Which::Receiver);
    let send = move || {
        let mut sent = Stream::default();
        while sent.position() < total {
            let bytes = sent.next(piece.min(total - sent.position()));
            match sender.send(&bytes).unwrap() {
                0 => drop(
                    sends
                        .wait(|register| sender.poll_wait(1, register))
                        .unwrap(),
                ),
                count => sent.advance(count),
            }
        }
        sends.wait(|register| sender.poll_delivered(register))
    };
    let receive = move || {
        let mut received = Stream::default();
        while receives
            .wait(|register| receiver.poll_wait(register))
            .unwrap()
            > 0
        {
            Way::Copied
                .receive(&mut receiver, &mut received, piece)
                .unwrap();
        }
        receiver.close().unwrap();
        received.position()
    };
    let (delivered, received) = B::both(
        move || B::both(move || senders.run(), send).1,
        move || B::both(move || receivers.run(), receive).1,
    );
    assert_eq!((delivered, received), (Ok(()), total));
}
