//! What the examples share: a ring, and the two parties that use it. They are the same
//! whatever the way to wait.

#![allow(dead_code, reason = "some examples use only a part of this")]

use std::error::Error;
use std::ptr::NonNull;
use std::thread;

use memtalk_ring::{
    Error as RingError, Native, Page, PageError, PageRing, Presence, RawRegion, Receiver, Seat,
    Sender, Wait,
};

pub(crate) type Ring = PageRing<RawRegion>;
pub(crate) type Ends<S, R> = (Sender<Ring, S>, Receiver<Ring, R>);

#[repr(align(64))]
struct Memory([u8; 4096]);

/// The two ends of a new ring, and how each waits. Here both are in one program. Elsewhere,
/// one party initialises the page, the other [attaches](Page::attach) to it, and each takes
/// the ends of its own seat.
pub(crate) fn ring<S: Wait<Native> + Clone, R: Wait<Native> + Clone>(
    sends: S,
    receives: R,
) -> Result<Ends<S, R>, PageError> {
    let memory = NonNull::from(Box::leak(Box::new(Memory([0; 4096]))));
    // SAFETY: the memory lives for ever, and only this page uses it.
    let region = unsafe { RawRegion::new(memory.cast(), 4096) };
    // SAFETY: nobody has taken ends in it.
    let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
    // SAFETY: the page is fresh, and each seat is taken once.
    let (sender, _) = unsafe { page.ends(Seat::First, sends) };
    // SAFETY: as above.
    let (_, receiver) = unsafe { page.ends(Seat::Second, receives) };
    Ok((sender, receiver))
}

/// More bytes than the ring holds.
pub(crate) fn message() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(10_000).collect()
}

/// Sends the message, and returns once the receiver has confirmed all of it.
pub(crate) fn send<W: Wait<Native>>(mut sender: Sender<Ring, W>) -> Result<(), RingError> {
    let message = message();
    let mut rest = &message[..];
    while !rest.is_empty() {
        // Half of the ring at once: fewer waits than for each byte.
        sender.wait(sender.capacity() / 2)?;
        let sent = sender.send(rest)?;
        rest = &rest[sent..];
    }
    sender.wait_delivered()
}

/// Receives a whole stream, and confirms it.
pub(crate) fn receive<W: Wait<Native>>(
    mut receiver: Receiver<Ring, W>,
) -> Result<Vec<u8>, RingError> {
    let mut received = Vec::new();
    let mut bytes = [0; 512];
    while receiver.wait()? > 0 {
        let len = receiver.receive(&mut bytes)?;
        received.extend_from_slice(&bytes[..len]);
    }
    receiver.close()?;
    Ok(received)
}

/// Lets both parties run, each in a thread.
pub(crate) fn run<W: Wait<Native> + Send + 'static>(
    (sender, receiver): Ends<W, W>,
) -> Result<(), Box<dyn Error>> {
    let receives = thread::spawn(move || receive(receiver));
    send(sender)?;
    let received = receives.join().map_err(|_| "the receiver panicked")??;
    report(&received)
}

/// Says what has arrived.
pub(crate) fn report(received: &[u8]) -> Result<(), Box<dyn Error>> {
    if received != message() {
        return Err("this is not what was sent".into());
    }
    println!("{} bytes arrived", received.len());
    Ok(())
}
