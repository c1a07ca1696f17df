//! [`memtalk`] for C: two processes on one machine exchange two byte streams through shared
//! memory.
//!
//! `memtalk.h` declares everything here, and has the contract for C programmers at the top.
//! A test generates it from these sources. The examples are in `examples/`.
//!
//! # Contract
//! - **No call is undefined for a wrong handle.** A handle is a number that never comes
//!   again. One that was freed, never opened, or inherited by a child without exec is an
//!   error (`table.rs`).
//! - **No call is undefined for a wrong thread.** A part of a talk that is in use is behind a
//!   lock that is tried, not awaited. A second thread gets [`memtalk_e::InUse`].
//! - **No panic crosses** (`call.rs`). The talk in which it happened can only be freed.
//! - **Errors are negative numbers**, each with one meaning: [`memtalk_e`]. The line that says
//!   what happened and what to do is kept for the thread: [`memtalk_message`].
//! - **A descriptor to poll loses no wake-up.** The proof is in `polled.rs`.
//! - What cannot be checked is in the header under "Your part".
//!
//! # How it is built
//! For a program in C, with the profile `library` of the workspace: `release` aborts on a
//! panic. `make install-c` does that, and gives the files their names.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract holds for all pointers: it is at the top of the header"
)]
#![allow(
    non_camel_case_types,
    reason = "the types have the names that they have in C"
)]

mod call;
mod cancel;
mod close;
mod error;
mod event;
mod open;
mod options;
#[cfg(feature = "panic-point")]
mod panic_point;
mod peer;
mod pointer;
mod polled;
mod read;
mod table;
mod talk;
mod write;

pub use cancel::{memtalk_cancel, memtalk_cancel_free, memtalk_cancel_new, memtalk_cancel_waits};
pub use close::{memtalk_close, memtalk_free, memtalk_give_up, memtalk_leave};
pub use error::{memtalk_e, memtalk_exit_status, memtalk_message, memtalk_text};
pub use open::{
    memtalk_create, memtalk_join, memtalk_open, memtalk_pair, memtalk_sit_down, memtalk_version,
    memtalk_wait_for_peer,
};
pub use options::{
    MEMTALK_ANYWHERE, MEMTALK_AS_CLIENT, MEMTALK_AT_OFFSET, memtalk_options, memtalk_options_init,
};
#[cfg(feature = "panic-point")]
pub use panic_point::memtalk_panic_point;
pub use peer::{
    memtalk_departure, memtalk_party, memtalk_peer, memtalk_peer_is_gone,
    memtalk_peer_wait_until_gone,
};
pub use read::{
    memtalk_confirm, memtalk_read, memtalk_read_fd, memtalk_set_read_timeout, memtalk_try_read,
};
pub use talk::memtalk_talk;
pub use write::{
    memtalk_capacity, memtalk_end, memtalk_is_delivered, memtalk_set_write_timeout,
    memtalk_try_write, memtalk_wait_delivered, memtalk_write, memtalk_write_all, memtalk_write_fd,
};
