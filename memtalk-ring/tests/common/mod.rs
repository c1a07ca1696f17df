//! Fresh pages, and talks on them that have a time limit.

// Each test program uses only a part of this.
#![allow(dead_code)]

mod bound;

use std::ptr::NonNull;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bound::bound_the_whole;
use memtalk_ring::{Native, Page, Presence, RawRegion, Receiver, Seat, Sender, Wait};

#[repr(align(64))]
struct Memory([u8; 4096]);

/// Memory that lives for ever.
pub(crate) fn fresh_memory() -> RawRegion {
    bound_the_whole();
    let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096]))));
    // SAFETY: the memory lives for ever, and nobody else uses it.
    unsafe { RawRegion::new(memory.cast(), 4096) }
}

/// A page that lives for ever.
pub(crate) fn fresh_page() -> Page<RawRegion> {
    // SAFETY: nobody has taken ends in fresh memory.
    unsafe { Page::initialise(fresh_memory(), Presence::DEVICE) }.unwrap()
}

/// Runs `test` in a thread of its own. Fails if it panics or takes longer than a minute.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let running = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    if wait.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test takes longer than a minute");
    }
    running.join().unwrap();
}

/// Two threads send each other more bytes than the rings hold, and confirm the streams.
pub(crate) fn exchange<W>(wait: impl Fn() -> W + Send + 'static)
where
    W: Wait<Native> + Clone + Send + 'static,
{
    bounded(move || {
        let page = fresh_page();
        let [first, second] = [Seat::First, Seat::Second].map(|seat| {
            // SAFETY: the page is fresh, and each seat is taken once.
            let (mut sender, mut receiver) = unsafe { page.ends(seat, wait()) };
            thread::spawn(move || {
                let to_send: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
                let mut received = Vec::new();
                let mut sent = 0;
                while sent < to_send.len() || !receiver.at_end() {
                    if sent < to_send.len() {
                        sent += send_some(&mut sender, &to_send[sent..]);
                    } else {
                        sender.end();
                    }
                    receive_some(&mut receiver, &mut received);
                }
                assert!(received == to_send);
                receiver.close().unwrap();
                sender.wait_delivered().unwrap();
            })
        });
        first.join().unwrap();
        second.join().unwrap();
    });
}

type Ring = memtalk_ring::PageRing<RawRegion>;

fn send_some<W: Wait<Native>>(sender: &mut Sender<Ring, W>, bytes: &[u8]) -> usize {
    sender.wait(1).unwrap();
    sender.send(bytes).unwrap()
}

fn receive_some<W: Wait<Native>>(receiver: &mut Receiver<Ring, W>, to: &mut Vec<u8>) {
    let mut bytes = [0; 700];
    receiver.wait().unwrap();
    let len = receiver.receive(&mut bytes).unwrap();
    to.extend_from_slice(&bytes[..len]);
}
