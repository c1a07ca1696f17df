//! What the two ends do under a checker, written once for all checkers.
//!
//! Each model is one execution: it makes a ring, runs the ends in threads, and
//! asserts what must hold in every execution. Only the code that is checked accesses
//! shared words through the ring's sites. What a model adds of its own
//! ([`Backend::get`](crate::backend::Backend::get) and `set`) is no site, so it cannot be what refutes a weaker
//! ordering.

pub mod bridge;
mod doorbell;
mod ends;
mod failure;
pub mod page;
mod parts;
mod stream;
pub mod task;
mod way;
mod without_waiting;

pub use self::doorbell::{Rung, death_is_heard, doorbells};
pub use self::ends::idle;
pub use self::failure::{peer_dies, receiver_gives_up, sender_gives_up};
pub use self::parts::{
    nothing_is_moved, parts_are_taken_over_the_wrap, parts_arrive_over_the_wrap,
};
pub use self::stream::{
    both_ways, both_ways_in_four_threads, byte_and_end_arrive, byte_arrives, byte_arrives_with,
    byte_is_confirmed, byte_is_taken, stream, stream_with,
};
pub use self::way::Way;
pub use self::without_waiting::{give_up_without_waiting, try_without_waiting};
