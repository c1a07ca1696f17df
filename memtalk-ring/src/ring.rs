//! One ring: bytes one way, between two ends.
//!
//! The proof is in [`protocol`].

pub(crate) mod capacity;
pub(crate) mod departure;
pub(crate) mod header;
pub(crate) mod memory;
pub(crate) mod protocol;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod word;
