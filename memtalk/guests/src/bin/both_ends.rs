//! A typical use of the ring, for `sizes` to measure: one seat of a page, with both
//! of its ends, sends back what comes. To be linked, not to be run.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use memtalk_ring::{Error, Page, RawRegion, Seat, Spin};

/// What the compiler must not know: a page, where the linker script put it.
const PAGE: (usize, usize) = (0x2000_0000, 4096);

/// Until the other side's stream is at its end and ours is confirmed.
fn echo(page: &Page<RawRegion>) -> Result<(), Error> {
    // SAFETY: the only ends of this seat.
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
        // SAFETY: the page is there, for ever, and nobody else here uses it.
        let region = unsafe { RawRegion::new(base, size) };
        if let Ok(page) = Page::attach(region) {
            black_box(echo(&page)).ok();
        }
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Linked only if something can panic.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
