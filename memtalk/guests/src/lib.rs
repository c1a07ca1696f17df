//! The common parts of the programs for machines without an operating system.

#![no_std]

#[cfg(target_arch = "arm")]
pub mod cortex_m;
pub mod failure;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod machine;
pub mod noise;
pub mod pci;
pub mod service;
pub mod tally;
