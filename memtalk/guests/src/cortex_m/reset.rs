//! From reset to `main`.

use core::arch::global_asm;
use core::fmt::Write;

use super::semihosting::{Console, exit};
use crate::failure::Status;

// No Rust, which takes it that nobody else writes its statics.
global_asm!(include_str!("reset.s"), options(raw));

/// An exception that nobody expects.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    // Writing does not fail.
    let _ = writeln!(Console, "the processor met a fault");
    exit(Status::Mistake)
}
