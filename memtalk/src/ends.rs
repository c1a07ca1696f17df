//! The two ends of a channel, as `Read` and `Write`.

use std::io;
use std::time::Duration;

pub(crate) mod receiver;
pub(crate) mod ring;
pub(crate) mod sender;
mod staging;

/// A timeout as the standard library has them: `None` for none, and zero is an error.
fn checked_timeout(timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    match timeout {
        Some(Duration::ZERO) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a timeout of zero: use None for no timeout, or a call that never waits",
        )),
        timeout => Ok(timeout),
    }
}
