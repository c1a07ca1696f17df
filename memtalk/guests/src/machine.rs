//! What there is in the machine that a program runs on: the memory that somebody
//! shares with it, a console, a way to end.
//!
//! Each machine has the same items, for a program that has it for itself, and one
//! processor.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod window;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::{Console, exit, nap, shared_memory};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{Console, exit, nap, shared_memory};
