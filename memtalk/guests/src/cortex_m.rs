//! What a program on a Cortex-M has in place of an operating system.
//!
//! It defines `main`, which is called with memory as Rust expects it, and `tick`,
//! which is called by the timer, if it starts that.

mod reset;
pub mod semihosting;
pub mod timer;
