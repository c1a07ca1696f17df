//! The `memtalk` command: parses its arguments, runs the talk or looks, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod args;
mod command;
mod look;
mod relay;
mod say;
mod signals;
mod stdio;
mod terminal;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser as _;
use memtalk::{Name, Status};

use crate::args::{Args, escaped};
use crate::relay::Failure;

fn main() -> ExitCode {
    let status = match Args::try_parse() {
        Ok(args) => match (args.look(), &args.file) {
            (Some(what), name) => ended(
                name.as_ref(),
                look::run(&what, args.json()),
                look::Failure::status,
            ),
            (None, Some(name)) => ended(Some(name), command::run(&args, name), Failure::status),
            // clap has refused this.
            (None, None) => Status::Usage,
        },
        Err(error) if error.use_stderr() => {
            say::write(&escaped(error).render().to_string());
            Status::Usage
        }
        Err(help) => {
            // If this fails, there is nobody to tell.
            let _ = help.print();
            Status::Complete
        }
    };
    ExitCode::from(status as u8)
}

/// The status of what came to this end; a failure is told.
fn ended<F: Display>(
    name: Option<&Name>,
    result: Result<(), F>,
    status: impl Fn(&F) -> Status,
) -> Status {
    match result {
        Ok(()) => Status::Complete,
        Err(failure) => {
            say::write(&say::line(name, &failure));
            status(&failure)
        }
    }
}
