//! How the ends of a process wait.

pub mod futex;
pub(crate) mod linux;
mod spin;
