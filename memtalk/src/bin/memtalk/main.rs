//! The `memtalk` command: parses its arguments, runs the talk or looks, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod args;
mod command;
mod failure;
mod look;
mod program;
mod progress;
mod relay;
mod say;
mod serve;
mod signals;
mod stdio;
mod streams;
mod terminal;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use memtalk::Status;

use crate::args::{CommandLine, escaped};

fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(line) => ExitCode::from(match (line.look(), &line.talk) {
            (Some(what), _) => look::run(&what, line.json()),
            (None, Some(args)) => command::run(args),
            // There is a name then, or clap has refused the line.
            (None, None) => Status::Usage as u8,
        }),
        Err(error) if error.use_stderr() => {
            say::write(&escaped(error).render().to_string());
            ExitCode::from(Status::Usage as u8)
        }
        Err(help) => {
            // If this fails, there is nobody to tell.
            let _ = help.print();
            ExitCode::SUCCESS
        }
    }
}
