//! The `memtalk` command: parses its arguments, runs the talk, and ends with a status.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

use std::process::ExitCode;

use clap::Parser as _;
use memtalk::Status;

use crate::args::{Args, escaped};

fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => ExitCode::from(command::run(&args)),
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
