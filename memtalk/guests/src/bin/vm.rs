//! A virtual machine that serves its host through a page in memory that QEMU shares.
//!
//! QEMU shares it with `-device ivshmem-plain`. The guest serves one talk as
//! [`service`](guests::service) says, prints a line on its console, and ends with a
//! [`Status`](guests::failure::Status). If the memory holds something that is not memtalk's,
//! the guest leaves it alone. The guest never sleeps: its processor is busy while it waits.

#![no_std]
#![no_main]

use core::fmt::{self, Write};
use core::hint::spin_loop;
use core::panic::PanicInfo;

use guests::failure::{Failure, Status};
use guests::machine::{self, Console};
use guests::service::{self, Report};
use memtalk_ring::{Beginning, Page, PageError, Presence, RawRegion, Seat, Spin};

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(include_str!("../machine/x86_64.s"), main = sym main);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(include_str!("../machine/aarch64.s"), main = sym main);

/// How often the guest tries to sit down at a page that another party is initialising, with
/// 10 ms between two tries.
const TRIES: u32 = 200;

/// The boot code calls this once.
extern "C" fn main() -> ! {
    // SAFETY: nobody else calls this function.
    let region = unsafe { machine::shared_memory() };
    let status = match region.and_then(talk) {
        Ok(report) => {
            say(format_args!("complete, {report}"));
            Status::Complete
        }
        Err(failure) => {
            say(format_args!("{failure}"));
            failure.status()
        }
    };
    machine::exit(status)
}

fn say(what: fmt::Arguments<'_>) {
    // If writing fails, there is nobody to tell.
    let _ = writeln!(Console, "vm: {what}");
}

fn talk(region: RawRegion) -> Result<Report, Failure> {
    loop {
        let (page, seat) = sit_down(region)?;
        // A process that we joined may be dead. Then the next one initialises the page, and we
        // start over.
        while page.beginning(seat) == Beginning::Awaited {
            spin_loop();
        }
        if page.beginning(seat) == Beginning::Begun {
            if seat == Seat::First {
                page.begin();
            }
            // SAFETY: we have just sat down at the page, and take our ends once.
            let (sender, receiver) = unsafe { page.ends(seat, Spin) };
            let served = service::serve(sender, receiver);
            page.stand(seat, Presence::DEVICE);
            return served;
        }
    }
}

fn sit_down(region: RawRegion) -> Result<(Page<RawRegion>, Seat), PageError> {
    // SAFETY: we have dropped the ends of the last try.
    let once = || unsafe { Page::sit_down(region, true) };
    for _ in 1..TRIES {
        match once() {
            Err(PageError::Unfinished | PageError::Over) => machine::nap(),
            done => return done,
        }
    }
    once()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say(format_args!("{info}"));
    machine::exit(Status::Mistake)
}
