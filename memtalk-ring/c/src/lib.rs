//! [`memtalk_ring`] for C: firmware, and programs in other languages, can take part in a
//! talk.
//!
//! `memtalk_ring.h` declares everything here, and has the contract for C programmers at
//! the top. A test generates it from these sources. `examples/echo.c` is a program for
//! Linux, `examples/firmware.c` one without an operating system.
//!
//! # Contract
//! - **No heap, no operating system.** The caller provides the memory of pages and
//!   ends. That a value fits its C type is checked when this is compiled.
//! - **Nothing waits.** Each call returns at once, and wakes nobody. So a program that uses
//!   this takes its seat as [`MEMTALK_SILENT`], and looks again whenever it likes.
//! - **Errors are negative numbers**, each with one meaning: [`memtalk_error`].
//!   What can be checked of an argument is checked.
//! - **Nothing panics**, whatever the peer writes into the page.
//!
//! # For a microcontroller
//! ```console
//! $ rustup target add thumbv6m-none-eabi
//! $ cargo build -p memtalk-ring-c --release --target thumbv6m-none-eabi
//! $ arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -Imemtalk-ring/c -Wl,--gc-sections \
//!       firmware.c target/thumbv6m-none-eabi/release/libmemtalk_ring_c.a
//! ```
//!
//! The library refers to no other symbols than `memcpy` and its like, which every C
//! compiler needs as well. The page needs memory that both sides see coherently, by
//! 32-bit loads and stores: uncached, if the chip has a data cache that the peer does not
//! look into. On Linux the library contains Rust's standard library. The linker leaves out
//! what a program does not use of it.

#![no_std]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract holds for all pointers: it is at the top of the header"
)]
#![allow(
    non_camel_case_types,
    reason = "the types have the names that they have in C"
)]

// Provides the panic handler where there is an operating system.
#[cfg(not(target_os = "none"))]
extern crate std;

mod error;
mod opaque;
mod page;
mod receiver;
mod sender;

pub use error::{memtalk_error, memtalk_error_text};
pub use page::{
    MEMTALK_ALIGNMENT, MEMTALK_FIRST, MEMTALK_LEFT, MEMTALK_MAX_SIZE, MEMTALK_MIN_SIZE,
    MEMTALK_OUTSIDE, MEMTALK_SEATED, MEMTALK_SECOND, MEMTALK_SILENT, memtalk_page,
    memtalk_page_attach, memtalk_page_initialise, memtalk_page_join, memtalk_page_open,
    memtalk_page_seat, memtalk_page_sit_down,
};
pub use receiver::{
    memtalk_receiver, memtalk_receiver_at_end, memtalk_receiver_close, memtalk_receiver_fail,
    memtalk_receiver_receive,
};
pub use sender::{
    memtalk_sender, memtalk_sender_capacity, memtalk_sender_delivered, memtalk_sender_end,
    memtalk_sender_fail, memtalk_sender_send,
};

/// Never called. A program on bare metal must have a panic handler.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
