//! How the ends of a process wait for the peer. One that blocks a thread spins, and then sleeps
//! on a futex. One that a task polls has a bridging thread.

pub mod bridge;
pub(crate) mod bridges;
pub mod futex;
mod hold;
pub(crate) mod linux;
pub mod nap;
pub(crate) mod patience;
mod placement;
mod spin;
