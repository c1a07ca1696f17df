//! A typical use of the ring, for `sizes` to measure: a party that sends back what comes.
//!
//! It takes both ends of one seat of a page. It is linked, and never run.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use memtalk_ring::{Error, Page, RawRegion, Seat, Spin};

/// The address and size of a page. The compiler must not know them.
const PAGE: (usize, usize) = (0x2000_0000, 4096);

/// Sends back what comes, until the peer's stream is at its end and ours is confirmed.
fn echo(page: &Page<RawRegion>) -> Result<(), Error> {
    // SAFETY: these are the only ends of this seat.
    let (mut sender, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
    let (sender, receiver) = black_box((&mut sender, &mut receiver));
    let mut bytes = [0; 64];
    while receiver.wait()? > 0 {
        let there = receiver.receive(&mut bytes)?;
        let mut rest = bytes.get(..there).unwrap_or_default();
        while !rest.is_empty() {
            sender.wait(1)?;
            let sent = sender.send(rest)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
    }
    receiver.close()?;
    sender.end();
    while !sender.delivered()? {}
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let (address, size) = black_box(PAGE);
    if let Some(base) = NonNull::new(with_exposed_provenance_mut(address)) {
        // SAFETY: the page is there for ever, and nobody else in this program uses it.
        let region = unsafe { RawRegion::new(base, size) };
        if let Ok(page) = Page::attach(region) {
            black_box(echo(&page)).ok();
        }
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Is linked only if something can panic.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
