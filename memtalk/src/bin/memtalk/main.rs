//! The `memtalk` command: parses its arguments, runs the talk or looks, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advice;
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
mod talk;
mod terminal;
mod text;
mod usage;
mod values;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use memtalk::Status;

use crate::advice::Own;
use crate::args::CommandLine;

fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(line) => ExitCode::from(match (line.look(), &line.talk) {
            (Some(what), _) => look::run(&what, line.json()),
            (None, Some(args)) => command::run(args),
            // There is a name then, or clap has refused the line.
            (None, None) => Status::Usage as u8,
        }),
        Err(error) if error.use_stderr() => {
            say::write(&usage::line(error));
            ExitCode::from(Status::Usage as u8)
        }
        Err(help) => ExitCode::from(print(&help) as u8),
    }
}

/// Prints the help or the version: coloured if standard output is a terminal and the
/// environment does not say otherwise.
fn print(help: &clap::Error) -> Status {
    let printed = match stdio::stdout_was_closed() {
        true => Err(io::Error::from_raw_os_error(libc::EBADF)),
        false => help.print().and_then(|()| io::stdout().flush()),
    };
    match printed {
        // The reader has seen enough (`| head -1`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Complete,
        Err(error) => {
            say::write(&format!(
                "memtalk: cannot write standard output: {}\n",
                Own(&error)
            ));
            Status::Failed
        }
        Ok(()) => Status::Complete,
    }
}
