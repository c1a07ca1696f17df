//! Text of others, made fit for a line of ours.

use std::fmt::{self, Display, Write};

/// Prints text with its control characters escaped: they would tear the line, or
/// command the terminal.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}
