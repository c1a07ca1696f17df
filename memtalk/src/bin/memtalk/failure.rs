//! How a talk failed, with its message and exit status.

use std::fmt::{self, Display};
use std::io;

use memtalk::{Error, Status, sys};

use crate::advice::{Advised, Own};

/// How a talk failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard input could not be read.
    Input(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// With `--send`, the peer has sent something.
    Unexpected,
    /// This program could not be started.
    Program(String, io::Error),
    /// This program was killed by this signal, so its stream has no end.
    Killed(String, i32),
    /// The program does not read its input any more.
    Unread,
    /// The talk failed, or a system call for it.
    Talk(Error),
}

impl Failure {
    /// For `map_err` on a system call; `doing` is what it was for, as in "start a thread".
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Talk(Error::System { doing, source })
    }

    /// A failure of the talk, or of our own descriptor, which `own` makes of the error.
    pub(crate) fn of(error: io::Error, own: fn(io::Error) -> Self) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => Self::Talk(error),
            Err(error) => own(error),
        }
    }

    /// The exit status: that of the talk, or as shells have it for a program that could not
    /// be started.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Program(_, error) if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Program(..) => 126,
            Self::Talk(error) => Status::from(error) as u8,
            Self::Input(_)
            | Self::Output(_)
            | Self::Unexpected
            | Self::Killed(..)
            | Self::Unread => Status::Failed as u8,
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(
                f,
                "cannot read standard input: {}; what was read before was sent",
                Own(error)
            ),
            Self::Output(error) => write!(
                f,
                "cannot write standard output: {}; the peer's stream is incomplete here",
                Own(error)
            ),
            Self::Unexpected => f.write_str(
                "the peer sends, but this side takes nothing; start this side without --send, or the peer with --receive",
            ),
            Self::Program(name, error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::NotFound => "give its path, or install it in PATH",
                    _ => "see that it is a program that you may run",
                };
                write!(f, "cannot run {name}: {}; {remedy}", sys::reason(error))
            }
            Self::Killed(name, signal) => write!(
                f,
                "{name} was killed by signal {signal}; what it wrote before was sent, but its stream is incomplete"
            ),
            Self::Unread => f.write_str(
                "the program stopped reading before the end of the peer's stream; what it wrote was sent",
            ),
            Self::Talk(error) => Advised(error).fmt(f),
        }
    }
}
