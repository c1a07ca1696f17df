//! One ring: a stream of bytes one way, from a sender to a receiver.
//!
//! [`protocol`] has the protocol and its proof.

mod ahead;
pub(crate) mod capacity;
pub(crate) mod departure;
pub(crate) mod header;
mod lag;
pub(crate) mod memory;
pub(crate) mod protocol;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod word;
