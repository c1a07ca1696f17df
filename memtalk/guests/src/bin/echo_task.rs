//! What `both_ends` does, as an asynchronous task: for `sizes` to
//! measure.
//!
//! With the feature `embassy`, Embassy's executor runs the task. Otherwise a loop polls it, so
//! that the program is little more than the ring's code. It is linked, and never run.

#![no_std]
#![no_main]

use core::future::poll_fn;
use core::hint::{black_box, spin_loop};
use core::panic::PanicInfo;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use embedded_io_async::{Read, Write};
use memtalk_ring::{Bell, Doorbell, Error, Page, RawRegion, Seat};

/// The address and size of a page. The compiler must not know them.
const PAGE: (usize, usize) = (0x2000_0000, 4096);

/// The address of a device's register that could be.
const REGISTER: usize = 0x4005_0000;

/// A bell that could be.
// SAFETY: the program is never run.
static BELL: Bell = unsafe { Bell::new(executor::alone) };

/// Sends back what comes, until the peer's stream is at its end and ours is confirmed.
async fn echo(page: &Page<RawRegion>, doorbell: Doorbell<fn()>) -> Result<(), Error> {
    // SAFETY: these are the only ends of this seat.
    let (mut sender, mut receiver) = unsafe { page.ends(Seat::Second, BELL.with(doorbell)) };
    let mut bytes = [0; 64];
    loop {
        let there = receiver.read(&mut bytes).await?;
        if there == 0 {
            break;
        }
        sender
            .write_all(bytes.get(..there).unwrap_or_default())
            .await?;
    }
    receiver.close()?;
    sender.end();
    poll_fn(|task| sender.poll_delivered(|_| BELL.register_sender(task.waker()))).await
}

/// Finds the page, and echoes.
async fn run() {
    let (address, size) = black_box(PAGE);
    let base = NonNull::new(with_exposed_provenance_mut(address));
    let register = NonNull::new(with_exposed_provenance_mut(black_box(REGISTER)));
    if let (Some(base), Some(register)) = (base, register) {
        // SAFETY: the program is never run.
        let region = unsafe { RawRegion::new(base, size) };
        // SAFETY: the program is never run.
        let doorbell = unsafe { Doorbell::new(register, black_box(1), (|| ()) as fn()) };
        if let Ok(page) = Page::attach(region) {
            black_box(echo(&page, doorbell).await).ok();
        }
    }
}

#[cfg(not(feature = "embassy"))]
mod executor {
    use core::pin::pin;
    use core::task::{Context, Waker};

    pub(super) fn alone(section: &mut dyn FnMut()) {
        section();
    }

    /// Polls the task until it is ready.
    pub(super) fn start() {
        let mut task = pin!(super::run());
        let mut context = Context::from_waker(Waker::noop());
        while task.as_mut().poll(&mut context).is_pending() {
            super::BELL.on_doorbell();
        }
    }
}

#[cfg(feature = "embassy")]
mod executor {
    // It defines critical sections.
    use cortex_m as _;
    use embassy_executor::Executor;

    pub(super) fn alone(section: &mut dyn FnMut()) {
        critical_section::with(|_| section());
    }

    #[embassy_executor::task]
    async fn task() {
        super::run().await;
    }

    pub(super) fn start() {
        let mut executor = Executor::new();
        // SAFETY: `run` never returns, so the executor lives for ever.
        let executor: &'static mut Executor = unsafe { &mut *&raw mut executor };
        executor.run(|spawner| {
            super::BELL.on_doorbell();
            if let Ok(task) = task() {
                spawner.spawn(task);
            }
        })
    }
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    executor::start();
    loop {
        spin_loop();
    }
}

/// Is linked only if something can panic.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        spin_loop();
    }
}
