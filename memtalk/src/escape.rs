//! Text from others, made safe to print in one line: [`Escaped`].

use std::fmt::{self, Display, Write};

/// Prints text with its control characters escaped. Otherwise they would break the line,
/// or command the terminal.
#[derive(Debug)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}
