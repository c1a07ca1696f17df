//! [`Bell`]: asynchronous tasks, on any executor. The handler of the peer's interrupt wakes
//! whoever waits.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example bell
//! ```
//!
//! With the feature `embedded-io-async`, the ends have `read`, `write` and the like, and this
//! is shorter.

mod parties;

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use memtalk_ring::{Atomics, Bell, Error as RingError, Receiver, Sender, Wait, Watched};
use parties::{Ring, message, report, ring};

/// Runs a section while no other one runs. On a microcontroller, this masks interrupts: use
/// the crate `critical-section`.
fn alone(section: &mut dyn FnMut()) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _held = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    section();
}

/// A bell for each seat.
// SAFETY: a section holds the lock.
static SENDERS: Bell = unsafe { Bell::new(alone) };
// SAFETY: as above.
static RECEIVERS: Bell = unsafe { Bell::new(alone) };

/// Wakes the peer by an interrupt, whose handler rings the peer's bell.
#[derive(Clone)]
struct Interrupt(&'static Bell);

impl<A: Atomics> Wait<A> for Interrupt {
    const SLEEPS: bool = true;

    fn wake(&self, _word: Watched<'_, A>) {
        // On hardware, this is the handler.
        self.0.on_doorbell();
    }

    // A task does not block, so nobody calls these.
    fn pause(&mut self, _looks: u32) -> bool {
        true
    }

    fn sleep(&mut self, _word: Watched<'_, A>, _seen: u32) {}
}

async fn send(mut sender: Sender<Ring, Interrupt>) -> Result<(), RingError> {
    let message = message();
    let mut rest = &message[..];
    while !rest.is_empty() {
        let half = sender.capacity() / 2;
        poll_fn(|task| sender.poll_wait(half, |_| SENDERS.register_sender(task.waker()))).await?;
        let sent = sender.send(rest)?;
        rest = &rest[sent..];
    }
    poll_fn(|task| sender.poll_delivered(|_| SENDERS.register_sender(task.waker()))).await
}

async fn receive(mut receiver: Receiver<Ring, Interrupt>) -> Result<Vec<u8>, RingError> {
    let mut received = Vec::new();
    let mut bytes = [0; 512];
    loop {
        let register = |task: &mut Context<'_>| RECEIVERS.register_receiver(task.waker());
        match poll_fn(|task| receiver.poll_wait(|_| register(task))).await? {
            0 => break,
            _ => {
                let len = receiver.receive(&mut bytes)?;
                received.extend_from_slice(&bytes[..len]);
            }
        }
    }
    receiver.close()?;
    Ok(received)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (sender, receiver) = ring(Interrupt(&RECEIVERS), Interrupt(&SENDERS))?;
    let receives = thread::spawn(|| block_on(receive(receiver)));
    block_on(send(sender))?;
    let received = receives.join().map_err(|_| "the receiver panicked")??;
    report(&received)
}

/// A small executor, for one task: polls it whenever its waker was woken.
fn block_on<T>(task: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Arc::new(Unpark(thread::current())).into();
    let mut task = pin!(task);
    loop {
        if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}
