//! The `memtalk` command: parses its arguments, runs the talk, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod args;
mod command;
mod relay;
mod say;
mod signals;
mod stdio;

use std::process::ExitCode;

use clap::Parser as _;
use memtalk::Status;

use crate::args::{Args, escaped};

fn main() -> ExitCode {
    let status = match Args::try_parse() {
        Ok(args) => match command::run(&args) {
            Ok(()) => Status::Complete,
            Err(failure) => {
                say::write(&say::line(&args.file, &failure));
                failure.status()
            }
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
