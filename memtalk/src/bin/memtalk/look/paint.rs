//! Colours, where they are wanted: on a terminal, unless `NO_COLOR` is set.

use std::env;

use memtalk::look::State;

use crate::terminal;

/// Whether to paint.
#[derive(Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    pub(super) fn for_stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Self(terminal::is_output() && !refused && !dumb)
    }

    /// Text in the colour of that state.
    pub(super) fn state(self, state: State, text: &str) -> String {
        self.with(
            match state {
                State::Talking => "32",
                State::Waiting | State::Over => "33",
                State::Machine => "36",
                _ => "31",
            },
            text,
        )
    }

    /// Bold text.
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, style: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{style}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}
