//! Ends that tasks poll, and the bell that wakes the tasks.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use std::future::poll_fn;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread;

use common::{bounded, fresh_memory, fresh_page};
use memtalk_ring::layout::{Line, receiver_offset};
use memtalk_ring::{
    Bell, Error, Native, Page, PageRing, Presence, RawRegion, Receiver, Region, Seat, Sender, Spin,
    Wait,
};
use tasks::{Rings, block_on, new_bell, waker};

type Ends<W> = (
    Sender<PageRing<RawRegion>, W>,
    Receiver<PageRing<RawRegion>, W>,
);

/// The two ends of the first ring of a page.
fn ends_of<W: Wait<Native> + Clone>(page: &Page<RawRegion>, wait: W) -> Ends<W> {
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, wait.clone()) };
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, wait) };
    (sender, receiver)
}

fn ends() -> Ends<Rings> {
    ends_of(&fresh_page(), Rings(new_bell()))
}

fn never(_seen: u32) {
    panic!("nothing to wait for");
}

#[test]
fn what_is_there_is_found_without_registering() {
    let (mut sender, mut receiver) = ends();
    let capacity = sender.capacity();
    assert_eq!(sender.poll_wait(1, never), Poll::Ready(Ok(capacity)));
    sender.send(b"abc").unwrap();
    assert_eq!(receiver.poll_wait(never), Poll::Ready(Ok(3)));
}

#[test]
fn the_end_of_the_stream_is_found_each_time() {
    let (mut sender, mut receiver) = ends();
    assert!(sender.poll_delivered(|_| ()).is_pending());
    for _ in 0..2 {
        assert_eq!(receiver.poll_wait(never), Poll::Ready(Ok(0)));
    }
    assert!(receiver.at_end());
    receiver.close().unwrap();
    for _ in 0..2 {
        assert_eq!(sender.poll_delivered(never), Poll::Ready(Ok(())));
    }
}

#[test]
fn an_end_that_is_over_says_so_at_once() {
    let (mut sender, mut receiver) = ends();
    sender.fail();
    receiver.fail();
    assert_eq!(sender.poll_wait(1, never), Poll::Ready(Err(Error::Ended)));
    assert_eq!(sender.poll_delivered(never), Poll::Ready(Err(Error::Ended)));
    assert_eq!(receiver.poll_wait(never), Poll::Ready(Err(Error::Ended)));
}

#[test]
fn a_failure_of_the_peer_comes_after_its_last_byte() {
    let (mut sender, mut receiver) = ends();
    sender.send(b"a").unwrap();
    drop(sender);
    assert_eq!(receiver.poll_wait(never), Poll::Ready(Ok(1)));
    assert_eq!(receiver.receive(&mut [0; 2]), Ok(1));
    let failed = Poll::Ready(Err(Error::PeerFailed));
    assert_eq!(receiver.poll_wait(never), failed);

    let (mut sender, receiver) = ends();
    drop(receiver);
    assert_eq!(
        sender.poll_wait(usize::MAX, never),
        Poll::Ready(Err(Error::PeerFailed))
    );
    assert_eq!(
        sender.poll_delivered(never),
        Poll::Ready(Err(Error::PeerFailed))
    );
}

#[test]
fn an_overwritten_page_is_an_error_at_once() {
    let memory = fresh_memory();
    // SAFETY: nobody has taken ends in fresh memory.
    let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
    let (mut sender, mut receiver) = ends_of(&page, Rings(new_bell()));
    assert!(receiver.poll_wait(|_| ()).is_pending());
    // SAFETY: this is the whole page, and no other thread uses it.
    unsafe { memory.base().write_bytes(0xff, memory.size()) };
    let corrupt = Poll::Ready(Err(Error::Corrupt));
    assert_eq!(receiver.poll_wait(never), corrupt);
    assert_eq!(sender.poll_wait(1, never), corrupt);
    assert_eq!(
        sender.poll_delivered(never),
        Poll::Ready(Err(Error::Corrupt))
    );
}

#[test]
fn a_task_that_wants_no_bytes_waits_for_one_and_none_waits_for_more_than_there_can_be() {
    let (mut sender, mut receiver) = ends();
    let capacity = sender.capacity();
    sender.send(&vec![0; capacity]).unwrap();
    assert!(sender.poll_wait(0, |_| ()).is_pending());
    receiver.receive(&mut [0]).unwrap();
    assert_eq!(sender.poll_wait(0, never), Poll::Ready(Ok(1)));
    assert!(sender.poll_wait(usize::MAX, |_| ()).is_pending());
    receiver.receive(&mut vec![0; capacity]).unwrap();
    assert_eq!(
        sender.poll_wait(usize::MAX, never),
        Poll::Ready(Ok(capacity))
    );
}

#[test]
fn whoever_registers_is_told_what_the_peers_word_held() {
    let page = fresh_page();
    let (mut sender, mut receiver) = ends_of(&page, Spin);
    let (mut free, mut there) = (None, None);
    let mut bytes = vec![0; sender.capacity()];
    sender.send(&bytes).unwrap();
    receiver.receive(&mut bytes).unwrap();
    assert!(receiver.poll_wait(|seen| there = Some(seen)).is_pending());
    let [head, tail] = page.peers_words(Seat::Second);
    assert!(tail.is(there.unwrap()) && !head.is(there.unwrap()));
    sender.send(&bytes).unwrap();
    assert!(sender.poll_wait(1, |seen| free = Some(seen)).is_pending());
    let [head, tail] = page.peers_words(Seat::First);
    assert!(head.is(free.unwrap()) && !tail.is(free.unwrap()));
}

/// The peer of such an end wakes nobody. So somebody else has to, and has the waker.
#[test]
fn an_end_that_does_not_sleep_registers_and_asks_for_nothing() {
    let page = fresh_page();
    let (_sender, mut receiver) = ends_of(&page, Spin);
    let mut registered = false;
    assert!(receiver.poll_wait(|_| registered = true).is_pending());
    assert!(registered);
    let at = receiver_offset(Seat::Second.peer(), page.capacity().bytes());
    // SAFETY: the offset lies in the page.
    let want = unsafe {
        page.region()
            .base()
            .add(at + offset_of!(Line<Native>, want))
    };
    // SAFETY: the word is aligned, lives as long as the page, and is accessed as an atomic
    // only.
    let want = unsafe { AtomicU32::from_ptr(want.as_ptr().cast()) };
    assert_eq!(want.load(Ordering::Relaxed), 0);
}

#[test]
fn a_doorbell_wakes_the_tasks_of_both_ends_once() {
    let bell = new_bell();
    let [(sender, sends), (receiver, receives)] = [waker(), waker()];
    bell.register_sender(&sender);
    bell.register_receiver(&receiver);
    for _ in 0..2 {
        bell.on_doorbell();
        assert_eq!((sends.times(), receives.times()), (1, 1));
    }
    bell.register_receiver(&receiver);
    bell.on_doorbell();
    assert_eq!((sends.times(), receives.times()), (1, 2));
}

#[test]
fn a_bell_forgets_a_waker_for_the_next_one() {
    let bell = new_bell();
    let [(first, forgotten), (second, woken)] = [waker(), waker()];
    bell.register_receiver(&first);
    drop(first);
    assert_eq!(Arc::strong_count(&forgotten), 2);
    bell.register_receiver(&second);
    assert_eq!(Arc::strong_count(&forgotten), 1, "it is kept");
    bell.on_doorbell();
    assert_eq!((forgotten.times(), woken.times()), (0, 1));
    assert_eq!(Arc::strong_count(&woken), 2, "it is kept");
}

/// A waker may do anything, and use the bell that wakes it.
struct Registers(&'static Bell, Waker);

impl Wake for Registers {
    fn wake(self: Arc<Self>) {
        self.0.register_sender(&self.1);
        self.0.on_doorbell();
    }
}

#[test]
fn a_waker_may_use_the_bell_that_wakes_it() {
    bounded(|| {
        let bell = new_bell();
        let (waker, woken) = waker();
        bell.register_receiver(&Arc::new(Registers(bell, waker)).into());
        bell.on_doorbell();
        assert_eq!(woken.times(), 1);
    });
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        // A panic that is meant: `FAIL_FAST` does not see it.
        resume_unwind(Box::new("a waker panics"));
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_asleep() {
    bounded(|| {
        let bell = new_bell();
        for panics_first in [true, false] {
            let (waker, woken) = waker();
            let (one, other) = match panics_first {
                true => (Waker::from(Arc::new(Panics)), waker),
                false => (waker, Waker::from(Arc::new(Panics))),
            };
            bell.register_sender(&one);
            bell.register_receiver(&other);
            catch_unwind(AssertUnwindSafe(|| bell.on_doorbell())).unwrap_err();
            assert_eq!(woken.times(), 1);
            bell.on_doorbell();
        }
    });
}

#[test]
fn a_bell_can_be_seen() {
    assert_eq!(format!("{:?}", new_bell()), "Bell { .. }");
}

/// A party of one task sends and receives at once, each when it can.
async fn talks(sender: &mut Ends<Rings>, bell: &'static Bell, bytes: &[u8]) -> Vec<u8> {
    let (sender, receiver) = (&mut sender.0, &mut sender.1);
    let (mut sent, mut received) = (0, Vec::new());
    poll_fn(|task| {
        loop {
            let mut moved = false;
            while sent < bytes.len() {
                match sender.poll_wait(1, |_| bell.register_sender(task.waker())) {
                    Poll::Ready(free) => drop(free.unwrap()),
                    Poll::Pending => break,
                }
                sent += sender.send(&bytes[sent..]).unwrap();
                moved = true;
            }
            while !receiver.at_end() {
                match receiver.poll_wait(|_| bell.register_receiver(task.waker())) {
                    Poll::Ready(there) => drop(there.unwrap()),
                    Poll::Pending => break,
                }
                let mut some = [0; 700];
                let len = receiver.receive(&mut some).unwrap();
                received.extend_from_slice(&some[..len]);
                moved |= len > 0;
            }
            if sent == bytes.len() {
                sender.end();
                if receiver.at_end() {
                    return Poll::Ready(());
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
    receiver.close().unwrap();
    poll_fn(|task| sender.poll_delivered(|_| bell.register_sender(task.waker())))
        .await
        .unwrap();
    received
}

#[test]
fn two_tasks_on_threads_exchange_streams() {
    bounded(|| {
        let page = fresh_page();
        let bells = [new_bell(), new_bell()];
        let talks = [Seat::First, Seat::Second].map(|seat| {
            let (ours, theirs) = (bells[seat.index()], bells[seat.peer().index()]);
            // SAFETY: the page is fresh, and each seat is taken once.
            let mut ends = unsafe { page.ends(seat, Rings(theirs)) };
            thread::spawn(move || {
                let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
                assert!(block_on(talks(&mut ends, ours, &bytes)) == bytes);
            })
        });
        for talk in talks {
            talk.join().unwrap();
        }
    });
}
