//! What a program on a Cortex-M has in place of an operating system.
//!
//! The program defines `main` and `tick`. `main` is called once the memory is as Rust
//! expects it. The timer calls `tick`, if the program starts it. A program that uses
//! [`doorbells`] also defines their handlers.

#[cfg(feature = "embassy")]
pub mod clock;
pub mod doorbells;
mod reset;
pub mod semihosting;
pub mod timer;
