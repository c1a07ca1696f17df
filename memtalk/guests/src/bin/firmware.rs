//! Firmware of a Cortex-M3 whose memory a host can see: it owns the page, and serves
//! talk after talk as [`service`](guests::service) says, with a line for each.
//!
//! The page is a `static` that the linker script puts somewhere into that memory. The
//! firmware sits first, and wakes nobody. When a talk is over, complete or not, and
//! the process has left its seat, it initialises the page again for the next one.
//!
//! One more request, the line `stop` and nothing else: the firmware ends its own
//! stream as well, and then the program, with status 0.

#![no_std]
#![no_main]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::fmt::Write;
use core::panic::PanicInfo;
use core::ptr::NonNull;

use guests::cortex_m::semihosting::{Console, exit};
use guests::cortex_m::timer;
use guests::failure::{Failure, Status};
use guests::service::{self, Report};
use memtalk_ring::{Idle, Memory, Native, Page, Presence, RawRegion, Receiver, Seat, Sender, Wait};

/// The size of the page.
const SIZE: usize = 4096;

/// A millisecond, in cycles of this board's clock.
const MILLISECOND: u32 = 25_000;

/// How often an end looks again before it sleeps until the next millisecond.
const LOOKS: u32 = 10_000;

#[repr(C, align(64))]
struct Shared(UnsafeCell<[u8; SIZE]>);
// SAFETY: it is used through one page at a time, and that takes care of it.
unsafe impl Sync for Shared {}

#[unsafe(link_section = ".shared")]
static SHARED: Shared = Shared(UnsafeCell::new([0; SIZE]));

/// The timer's handler. That it interrupts is all: it ends a sleep.
#[unsafe(no_mangle)]
extern "C" fn tick() {}

/// Sleeps until the next interrupt, a millisecond at most.
fn sleep() {
    // SAFETY: waits, and touches neither registers nor memory.
    unsafe { asm!("wfi", options(nostack, preserves_flags)) };
}

fn look_or_sleep(looks: u32) {
    if looks > LOOKS {
        sleep();
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    timer::start(MILLISECOND);
    loop {
        // SAFETY: it lives for ever, and nobody else here uses it.
        let region = unsafe { RawRegion::new(NonNull::from(&SHARED).cast(), SIZE) };
        // SAFETY: the ends of the last talk are gone.
        let page = match unsafe { Page::initialise(region, Presence::DEVICE) } {
            Ok(page) => page,
            Err(error) => exit(Failure::from(error).status()),
        };
        while page.is_free(Seat::Second) {
            sleep();
        }
        // Whoever reads the lines sees it; nothing else could be done.
        let _ = match talk(&page) {
            Ok(Talk::Served(report)) => writeln!(Console, "firmware: complete, {report}"),
            Ok(Talk::Stop) => exit(Status::Complete),
            Err(failure) => writeln!(Console, "firmware: {failure}"),
        };
        while page.presence(Seat::Second).is_some() {
            sleep();
        }
    }
}

/// How a talk was complete.
enum Talk {
    Served(Report),
    Stop,
}

fn talk(page: &Page<RawRegion>) -> Result<Talk, Failure> {
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, mut receiver) = unsafe { page.ends(Seat::First, Idle(look_or_sleep)) };
    // A request of ours, or of the service's?
    let mut first = [0];
    receiver.wait()?;
    receiver.filled()?.copy_to(&mut first);
    match first {
        [b's'] => stop(sender, receiver).map(|()| Talk::Stop),
        _ => service::serve(sender, receiver).map(Talk::Served),
    }
}

fn stop<M: Memory<Atomics = Native>, W: Wait<Native>>(
    mut sender: Sender<M, W>,
    mut receiver: Receiver<M, W>,
) -> Result<(), Failure> {
    for expected in *b"stop\n" {
        let mut byte = [0];
        receiver.wait()?;
        if receiver.receive(&mut byte)? == 0 || byte != [expected] {
            return Err(Failure::Request);
        }
    }
    sender.end();
    if receiver.wait()? > 0 {
        return Err(Failure::Request);
    }
    receiver.close()?;
    Ok(sender.wait_delivered()?)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "firmware: {info}");
    exit(Status::Mistake)
}
