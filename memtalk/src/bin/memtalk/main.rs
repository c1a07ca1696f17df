//! The `memtalk` command: parses its arguments, runs the talk, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advice;
mod args;
mod command;
mod failure;
mod program;
mod relay;
mod say;
mod serve;
mod signals;
mod stdio;
mod streams;
mod usage;
mod values;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use memtalk::Status;

use crate::advice::Own;
use crate::args::Args;

fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => ExitCode::from(command::run(&args)),
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
