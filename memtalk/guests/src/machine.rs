//! The virtual machine that a program runs on: shared memory, a console, a way to end.
//!
//! The items are the same for each kind of machine. The program is the only one on the
//! machine, which has one processor.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod window;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::{Console, exit, nap, shared_memory};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{Console, exit, nap, shared_memory};
