//! Firmware of a Cortex-M3 that owns a page which its host can see, and serves talks there.
//!
//! It serves one talk after the other as [`service`](guests::service) says, and prints a
//! line for each.
//!
//! The page is a `static`. The linker script puts it into memory that the host can see. The
//! firmware takes the first seat, and is silent. When a talk is over, complete or not, and
//! the process has left its seat, the firmware initialises the page again for the next
//! talk.
//!
//! There is one more request: the line `stop`, and nothing after it. Then the firmware ends
//! its own stream as well, and the program with status 0.

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

/// A millisecond in cycles of this board's clock.
const MILLISECOND: u32 = 25_000;

/// How often an end looks again before it begins to sleep between two looks.
const LOOKS: u32 = 10_000;

#[repr(C, align(64))]
struct Shared(UnsafeCell<[u8; SIZE]>);
// SAFETY: the memory is used only through a `Page`, one at a time, which synchronises.
unsafe impl Sync for Shared {}

#[unsafe(link_section = ".shared")]
static SHARED: Shared = Shared(UnsafeCell::new([0; SIZE]));

/// The timer's handler. It has nothing to do: the interrupt itself ends a sleep.
#[unsafe(no_mangle)]
extern "C" fn tick() {}

/// Sleeps until the next interrupt, a millisecond at most.
fn sleep() {
    // SAFETY: `wfi` waits, and changes neither registers nor memory.
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
        // SAFETY: the memory lives for ever, and nobody else in this program uses it.
        let region = unsafe { RawRegion::new(NonNull::from(&SHARED).cast(), SIZE) };
        // SAFETY: the ends of the last talk are gone.
        let page = match unsafe { Page::initialise(region, Presence::DEVICE) } {
            Ok(page) => page,
            Err(error) => exit(Failure::from(error).status()),
        };
        while page.is_free(Seat::Second) {
            sleep();
        }
        page.begin();
        // If writing fails, there is nothing else to do.
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

/// A talk that is complete.
enum Talk {
    Served(Report),
    Stop,
}

fn talk(page: &Page<RawRegion>) -> Result<Talk, Failure> {
    // SAFETY: the page is new, and nobody else takes the first seat's ends.
    let (sender, mut receiver) = unsafe { page.ends(Seat::First, Idle(look_or_sleep)) };
    // The first byte tells `stop` from the service's requests.
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
