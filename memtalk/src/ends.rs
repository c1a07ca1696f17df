//! The two ends of a channel, as `Read` and `Write`.

pub(crate) mod receiver;
pub(crate) mod sender;
mod staging;
