//! [`Doorbell`]: the peer raises an interrupt by writing to a device register.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example doorbell
//! ```
//!
//! One thread plays the hardware: a register is a word of memory, and the other core runs
//! while ours waits for its interrupt.

mod parties;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::ptr::NonNull;

use memtalk_ring::{Doorbell, Sender};
use parties::{Ring, message, receive, report, ring};

/// What the other core has to send.
struct OtherCore {
    sender: Sender<Ring, Doorbell<fn()>>,
    rest: Vec<u8>,
}

impl OtherCore {
    /// Runs until the ring is full, or all is sent.
    fn run(&mut self) {
        let sent = self.sender.send(&self.rest).unwrap_or(0);
        self.rest.drain(..sent);
        if self.rest.is_empty() {
            self.sender.end();
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let [our_register, their_register] =
        [0, 0].map(|word| NonNull::from(Box::leak(Box::new(word))));
    let other_core = RefCell::new(None::<OtherCore>);
    let interrupts = Cell::new(0);

    // On hardware: execute `wfi`, then clear the pending interrupt. It is enabled, so that it
    // ends `wfi`, and masked, so that it stays pending if it came before.
    let wait_for_interrupt = || {
        other_core.borrow_mut().iter_mut().for_each(OtherCore::run);
        // SAFETY: only this thread uses the register.
        interrupts.set(interrupts.get() + unsafe { our_register.replace(0) });
    };
    // SAFETY: a write to their register is sound at any time.
    let ours = unsafe { Doorbell::new(their_register, 1, wait_for_interrupt) };
    // SAFETY: as above. The other core never waits.
    let theirs = unsafe { Doorbell::new(our_register, 1, (|| ()) as fn()) };

    let (sender, receiver) = ring(theirs, ours)?;
    let rest = message();
    other_core.replace(Some(OtherCore { sender, rest }));
    report(&receive(receiver)?)?;
    println!("{} interrupts", interrupts.get());
    Ok(())
}
