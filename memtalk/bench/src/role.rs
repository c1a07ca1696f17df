//! What this program does as a second process of its own questions.

use crate::{Result, latency, sweep};

/// Plays the role that the bench has started us for.
pub(crate) fn play(role: &str, arguments: &[String]) -> Result {
    match role {
        "ping" | "pong" => latency::play(role, arguments),
        "write" => sweep::write(arguments),
        "read" => sweep::read(arguments),
        _ => Err(format!("no role is called {role}; the bench takes no arguments").into()),
    }
}
