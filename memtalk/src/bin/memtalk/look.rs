//! A look inside: `--list` and `--status`. Nothing here takes part in a talk.

mod args;
mod json;
mod list;
mod paint;
mod picture;
mod rates;
mod watch;

use std::fmt::{self, Display};
use std::io::{self, Write};

use memtalk::look::{self, Onlooker, Seen, State};
use memtalk::{Error, Status};

pub(crate) use self::args::{Look, LookArgs};
use self::paint::Paint;
use crate::advice::{Advised, Own};
use crate::{say, stdio, terminal};

/// Why there is nothing to be seen.
enum Failure {
    /// There is no such object.
    Missing,
    Look(Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// For `map_err` on a system call; `doing` is what it was for.
    fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Look(Error::System { doing, source })
    }

    fn status(&self) -> Status {
        match self {
            // As of a process that finds no peer.
            Self::Missing => Status::Timeout,
            Self::Look(error) => error.into(),
            Self::Output(_) => Status::Failed,
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "there is no such object: nobody waits or talks there; see --list for those that there are",
            ),
            Self::Look(error) => Advised(error).fmt(f),
            Self::Output(error) => write!(f, "cannot write standard output: {}", Own(error)),
        }
    }
}

/// Looks, prints what is there or why there is nothing to be seen, and returns the exit status.
pub(crate) fn run(look: &Look<'_>, json: bool) -> u8 {
    let name = match *look {
        Look::List => None,
        Look::Status { name, .. } => Some(name),
    };
    let status = match look_and_print(look, json) {
        Ok(()) => Status::Complete,
        Err(failure) => {
            say::write(&say::line(name, &failure));
            failure.status()
        }
    };
    status as u8
}

fn look_and_print(look: &Look<'_>, json: bool) -> Result<(), Failure> {
    match *look {
        Look::List => list(json),
        Look::Status {
            name,
            offset,
            watch,
        } => {
            let mut onlooker = Onlooker::new(name.clone());
            if let Some(offset) = offset {
                onlooker = onlooker.at_offset(offset).map_err(Failure::Look)?;
            }
            match watch {
                true => watch::run(onlooker, json),
                false => status(&mut onlooker, json),
            }
        }
    }
}

fn list(json: bool) -> Result<(), Failure> {
    let all = look::list().map_err(Failure::Look)?;
    if json {
        return print(&json::list(&all));
    }
    if all.is_empty() {
        say::write("memtalk: nobody waits or talks, and nothing is left behind\n");
        return Ok(());
    }
    print(&list::table(&all, width(), Paint::for_stdout()))
}

fn status(onlooker: &mut Onlooker, json: bool) -> Result<(), Failure> {
    let seen = see(onlooker)?.ok_or(Failure::Missing)?;
    print(&match json {
        true => json::one(&seen, None),
        false => picture::of(&seen, None, width(), Paint::for_stdout()),
    })
}

/// How long a line may be: as long as it likes, where it does not go to a terminal.
fn width() -> usize {
    match terminal::is_output() {
        true => terminal::size().columns,
        false => usize::MAX,
    }
}

/// Looks. An object that is not memtalk's is a failure.
fn see(onlooker: &mut Onlooker) -> Result<Option<Seen>, Failure> {
    match onlooker.look().map_err(Failure::Look)? {
        Some(Seen {
            state: State::Foreign(reason),
            ..
        }) => Err(Failure::Look(Error::Foreign(reason))),
        seen => Ok(seen),
    }
}

/// Writes `text` to standard output. If its reader has gone, as `head` does, nobody wants more:
/// that is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match write(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::Output),
    }
}

fn write(text: &str) -> io::Result<()> {
    if stdio::stdout_was_closed() {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
