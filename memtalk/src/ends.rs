//! The two ends of a channel.

pub(crate) mod receiver;
pub(crate) mod sender;
mod staging;
