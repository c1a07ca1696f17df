//! The roles that this program plays as another process of its own questions.

use crate::Result;
use crate::questions::{busy, idle, latency, sweep, tokio};

/// Plays the role for which the bench has started this process.
pub(crate) fn play(role: &str, arguments: &[String]) -> Result {
    match role {
        "ping" | "pong" => latency::play(role, arguments),
        "tokio-first" | "tokio-second" => tokio::play(role, arguments),
        "talks" => idle::talk(arguments),
        "write" => sweep::write(arguments),
        "read" => sweep::read(arguments),
        "compute" => busy::compute(),
        _ => Err(format!("no role is called {role}; the bench takes no arguments").into()),
    }
}
