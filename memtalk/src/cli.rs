//! The command line: options, messages, exit statuses.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ContextValue;

use crate::escape::Escaped;
use crate::place::PATIENCE;
use crate::pump::{self, Failure, Totals};
use crate::say::{self, Notes, Teller};
use crate::seat::Awaited;
use crate::sys::{
    self,
    signal::{self, Blocked},
};
use crate::{Error, Name, NameError, Options};

/// Talk to another process through a page of shared memory.
///
/// Run the same command twice, in either order. What one reads from its standard
/// input, the other writes to its standard output, both ways at once.
#[derive(Debug, Parser)]
#[command(name = "memtalk", bin_name = "memtalk", version, after_help = STATUSES, verbatim_doc_comment)]
struct Args {
    /// Shared memory object to talk through, like /words
    #[arg(short, long, value_name = "NAME", value_parser = name_parser())]
    file: Name,

    /// Pages to create the object with [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=262_144))]
    pages: Option<u32>,

    /// Talk with other users, by permissions like 660
    ///
    /// The object is created with these permissions, in octal: 600, 660, 606
    /// or 666. An object that another user created is accepted. Without this
    /// option the object has 600, and another user's is refused.
    #[arg(long, value_name = "MODE", value_parser = parse_mode, verbatim_doc_comment)]
    mode: Option<u32>,

    /// Where the page is, in the memory of a machine
    ///
    /// In bytes, a multiple of 64. The machine initialises the page, perhaps
    /// later. Nothing is created, initialised or removed here.
    #[arg(long, value_name = "BYTES", value_parser = parse_offset, conflicts_with_all = ["scan", "pages"], verbatim_doc_comment)]
    offset: Option<u64>,

    /// The same, and find the page by its magic number
    #[arg(long, conflicts_with = "pages")]
    scan: bool,

    /// Give up if no peer comes within this time
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,

    /// Say on standard error what happens, and the progress
    #[arg(short, long)]
    verbose: bool,
}

const STATUSES: &str = "\
Exit status:
  0    both streams complete: every byte was written at the other end
  1    this side failed: reading stdin, writing stdout, a system call
  3    no peer came within the --timeout
  4    the peer died or stopped early: a stream is incomplete
  5    two processes already talk through this object
  6    the object is not memtalk's, or of another version, layout or size
  255  usage: -f is missing or no valid name, unknown option
  INT, TERM, HUP: cleaned up, then the signal's default action";

/// How long to wait for others at the door when a signal has come. What is left behind
/// then, the next talk removes.
const BRIEFLY: Duration = Duration::from_millis(100);

fn name_parser() -> impl TypedValueParser<Value = Name> {
    OsStringValueParser::new()
        .try_map(|name: OsString| -> Result<Name, NameError> { Name::new(name) })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a number of seconds is expected, like 2 or 0.5".into())
}

fn parse_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| "an octal number is expected, like 660".into())
}

fn parse_offset(text: &str) -> Result<u64, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    u64::from_str_radix(digits, radix)
        .map_err(|_| "a number of bytes is expected, like 4096 or 0x1000".into())
}

/// How the command ends, as its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Complete = 0,
    Failed = 1,
    Timeout = 3,
    Incomplete = 4,
    Busy = 5,
    Foreign = 6,
    Usage = 255,
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Pages { .. } | Error::Mode | Error::Offset => Self::Usage,
            Error::Timeout(_) | Error::LeftBehind => Self::Timeout,
            Error::PeerDied | Error::PeerRestarted | Error::PeerStopped | Error::Corrupt => {
                Self::Incomplete
            }
            Error::Busy | Error::Stuck => Self::Busy,
            Error::Foreign(_)
            | Error::NotAnObject
            | Error::NotOurs
            | Error::ModesDiffer { .. }
            | Error::PagesDiffer { .. }
            | Error::SeveralPages(..)
            | Error::Truncated => Self::Foreign,
            Error::Ended | Error::NotAtEnd | Error::System { .. } => Self::Failed,
        }
    }
}

impl Failure {
    fn status(&self) -> Status {
        match self {
            Self::Input(_) | Self::Output(_) => Status::Failed,
            Self::Talk(error) => error.into(),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => {
                write!(
                    f,
                    "cannot read standard input: {error}; what was read before was sent"
                )
            }
            Self::Output(error) => {
                write!(
                    f,
                    "cannot write standard output: {error}; the peer's stream is incomplete here"
                )
            }
            Self::Talk(error) => error.fmt(f),
        }
    }
}

/// The whole program, which was started with standard output closed or not. Returns its
/// exit status.
#[must_use]
pub fn main(stdout_was_closed: bool) -> u8 {
    let status = match Args::try_parse() {
        Ok(args) => match run(&args, stdout_was_closed) {
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
            // Nothing is left to be told if this fails.
            let _ = help.print();
            Status::Complete
        }
    };
    status as u8
}

/// What was typed is repeated as a name is printed. All else is clap's own text, and
/// ours.
fn escaped(mut error: clap::Error) -> clap::Error {
    let typed = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, Escaped(text).to_string())),
        _ => None,
    });
    for (kind, text) in typed.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(text));
    }
    error
}

/// Talks, and waits until what was noted meanwhile is said.
fn run(args: &Args, stdout_was_closed: bool) -> Result<(), Failure> {
    signal::ignore_file_size_signal();
    signal::guard_against_truncation(say::line(&args.file, &Error::Truncated))
        .map_err(system("install a signal handler"))?;
    // Signals wait from here on, until there is something to clean up.
    let signals = signal::block().map_err(system("block signals"))?;
    let teller = args
        .verbose
        .then(|| Teller::start(args.file.clone(), say::write))
        .transpose()
        .map_err(system("start a thread"))?;
    let notes = teller.as_ref().map(Teller::notes);
    let result = talk(args, stdout_was_closed, signals, notes);
    if let Some(teller) = teller {
        teller.finish();
    }
    result
}

/// For `map_err` on a system call that was to do `doing`.
fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::Talk(Error::system(doing)(error))
}

/// The talk itself. Why it failed is said by the caller: by then, all is given up that a
/// peer may wait for.
fn talk(
    args: &Args,
    stdout_was_closed: bool,
    signals: Blocked,
    notes: Option<Notes>,
) -> Result<(), Failure> {
    let note = |what: &dyn Display| {
        if let Some(notes) = &notes {
            notes.note(what);
        }
    };
    let mut options = Options::new();
    if let Some(pages) = args.pages {
        options = options.pages(pages as usize);
    }
    if let Some(mode) = args.mode {
        options = options.mode(mode);
    }
    if let Some(timeout) = args.timeout {
        options = options.timeout(timeout);
    }
    if let Some(offset) = args.offset {
        options = options.at_offset(offset);
    }
    if args.scan {
        options = options.anywhere();
    }
    let mut told = None;
    let mut tell = |awaited: Option<Awaited>| {
        if awaited.is_none() || std::mem::replace(&mut told, awaited) == awaited {
            return;
        }
        match awaited {
            Some(Awaited::Owner) => {
                let line = say::line(&args.file, &format_args!("waiting: {}", Error::LeftBehind));
                // Not here, where perhaps nobody waits for signals.
                let _ = thread::Builder::new().spawn(move || say::write(&line));
            }
            _ => note(&"waiting for a machine to initialise its page"),
        }
    };
    let idle = |time, awaited| {
        tell(awaited);
        signals.nap(time);
    };
    let waiting = options
        .sit_down_idling(&args.file, idle)
        .map_err(Failure::Talk)?;
    let remover = waiting.name_remover();
    let guard = || {
        let talk = remover.talk();
        signal::remove_if_truncated(talk.and_then(|talk| talk.seated.named()));
    };
    guard();
    let on_signal = remover.clone();
    let wait_for_signal = move || {
        if let Ok(signal) = signals.wait() {
            // The next to come finds the name free, or an object that
            // nobody sits at.
            let _ = on_signal.remove(BRIEFLY);
            signals.die(signal)
        }
    };
    let thread = thread::Builder::new().name("memtalk-signal".into());
    sys::start(thread, wait_for_signal).map_err(system("start a thread"))?;

    note(&"waiting for a peer");
    let idle = |time, awaited| {
        tell(awaited);
        sys::nap(time);
    };
    let channel = match waiting.wait_for_peer_idling(idle, guard) {
        // A signal has removed the name, and is about to end this process.
        Err(Error::Ended) => loop {
            thread::park();
        },
        channel => channel.map_err(Failure::Talk)?,
    };
    note(&format_args!(
        "a peer is there; {} bytes fit under way in each direction",
        channel.sender.capacity()
    ));
    // The talk ends with this process, not with its ends: so it is we who remove the name,
    // and say if that fails.
    std::mem::forget(remover.talk());
    let began = Instant::now();
    let result = pump::run(channel, stdout_was_closed, notes.clone());
    // The ends may still be in use by threads that wait for their descriptors,
    // so the name is all that we remove; the end of the process does the rest.
    if result.is_err() {
        remover.give_up();
    }
    if let Err(error) = remover.remove(PATIENCE) {
        say::write(&say::line(
            &args.file,
            &format_args!("the object may stay: {error}"),
        ));
    }
    let Totals { sent, received } = result?;
    note(&format_args!(
        "sent {sent} bytes, received {received} bytes, in {:.3} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Args, parse_seconds};

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_help_fits_eighty_columns() {
        let help = Args::command().render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn seconds_are_non_negative_numbers() {
        assert_eq!(parse_seconds("0.5").unwrap().as_millis(), 500);
        for wrong in ["", "x", "-1", "nan", "inf", "1e300"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
