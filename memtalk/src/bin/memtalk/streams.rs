//! Where our stream comes from, and where the peer's goes.

use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use memtalk::{Receiver, Sender};

use crate::failure::Failure;
use crate::program;
use crate::stdio;

/// Where the bytes that we send come from.
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// Nowhere: our stream is empty (`--receive`).
    Nothing,
    /// A program's standard output.
    Program(program::Output),
}

/// What a source is, as far as it says how our stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person ends it.
    Terminal,
    /// There is none.
    Nothing,
    /// It ends by itself, also if the peer's stream fails.
    Program,
    /// A file, or another program.
    Other,
}

impl Source {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Stdin if io::stdin().is_terminal() => Kind::Terminal,
            Self::Stdin => Kind::Other,
            Self::Nothing => Kind::Nothing,
            Self::Program(_) => Kind::Program,
        }
    }

    /// Reads once and sends what was read. Returns the number of bytes; 0 at the end of our
    /// stream.
    pub(crate) fn give_to(&mut self, sender: &mut Sender) -> Result<usize, Failure> {
        let given = match self {
            Self::Stdin => sender.read_from(io::stdin().as_fd()),
            Self::Nothing => Ok(0),
            Self::Program(output) => output.give_to(sender),
        };
        given.map_err(|error| Failure::of(error, Failure::Input))
    }

    /// Checks, at the end of our stream, that it is complete.
    pub(crate) fn check_end(&self) -> Result<(), Failure> {
        match self {
            Self::Stdin | Self::Nothing => Ok(()),
            Self::Program(output) => output.check_end(),
        }
    }
}

/// Where the bytes that we receive go.
pub(crate) enum Sink {
    /// Standard output, which is closed at the end of the stream.
    Stdout,
    /// Standard output, which stays open.
    KeptStdout,
    /// Nowhere: the peer is to send nothing (`--send`).
    Nothing,
    /// A program's standard input.
    Program(program::Input),
}

impl Sink {
    /// Receives once and writes what was received. Returns the number of bytes; 0 at the
    /// end of the peer's stream.
    pub(crate) fn take_from(&mut self, receiver: &mut Receiver) -> Result<usize, Failure> {
        match self {
            Self::Stdout | Self::KeptStdout => match receiver.write_to(io::stdout().as_fd()) {
                Ok(1..) if stdio::stdout_was_closed() => {
                    let closed = io::Error::from_raw_os_error(libc::EBADF);
                    Err(Failure::Output(closed))
                }
                Ok(count) => Ok(count),
                Err(error) => Err(Failure::of(error, Failure::Output)),
            },
            Self::Nothing => match receiver.read(&mut [0]) {
                Ok(0) => Ok(0),
                Ok(_) => Err(Failure::Unexpected),
                Err(error) => Err(Failure::of(error, Failure::Output)),
            },
            Self::Program(input) => input.take_from(receiver).map_err(|error| {
                let failure = Failure::of(error, |_| Failure::Unread);
                if matches!(failure, Failure::Unread) {
                    // It does not wait for an end that never comes.
                    input.close();
                }
                failure
            }),
        }
    }

    /// Ends the output: its reader gets end of file now, although we may still be sending.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        match self {
            Self::Stdout => stdio::close_stdout().map_err(Failure::Output),
            Self::KeptStdout | Self::Nothing => Ok(()),
            Self::Program(input) => {
                input.close();
                Ok(())
            }
        }
    }
}
