//! The way from reset to `main`.

use core::arch::global_asm;
use core::fmt::Write;

use super::semihosting::{Console, exit};
use crate::failure::Status;

// In assembly, because Rust assumes that nobody else writes its statics.
global_asm!(include_str!("reset.s"), options(raw));

/// The handler of every exception that should not occur.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    // Writing never fails.
    let _ = writeln!(Console, "the processor met a fault");
    exit(Status::Mistake)
}
