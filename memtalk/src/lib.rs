//! x
#![deny(unsafe_code)]
#![cfg(target_os = "linux")]

mod channel;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod error;
mod futex;
mod name;
mod object;
#[cfg(feature = "cli")]
mod pump;
#[doc(hidden)]
pub mod seat;
mod sys;

pub use channel::{Channel, NameRemover, Options, Receiver, Sender, Waiting};
pub use error::Error;
pub use name::{Name, NameError};
