//! How the ends of a process wait for the peer: spin, then sleep on a futex.

pub mod futex;
pub(crate) mod linux;
mod spin;
