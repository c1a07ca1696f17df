//! One talk, once its peer is there: its streams, its progress, and what is reported of it.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::escape::Escaped;
use memtalk::look::{Onlooker, Process};
use memtalk::{Address, Awaited, Channel, Error, TalkHandle};

use crate::args::Args;
use crate::failure::Failure;
use crate::program::Program;
use crate::progress::{self, Counters, Expected, Progress};
use crate::relay;
use crate::say::{self, Notes};
use crate::streams::{Sink, Source};
use crate::text;

/// How long to wait after a signal for other processes to free the door. A name that is left
/// behind is removed by the next talk.
pub(crate) const SIGNALLED_DOOR_WAIT: Duration = Duration::from_millis(100);

/// The program that we run, once it has started.
pub(crate) type Running = Arc<OnceLock<Program>>;

/// Relays the streams, shows the progress if that is asked for, and tells the total.
pub(crate) fn relay(
    args: &Args,
    channel: Channel,
    program: &Running,
    report: &Report<'_>,
) -> Result<(), Failure> {
    let (counters, began) = (Arc::new(Counters::default()), Instant::now());
    let progress = args.progress.then(|| {
        let expected = match (args.size, args.receive) {
            (Some(size), true) => Some(Expected::Received(size)),
            (Some(size), false) => Some(Expected::Sent(size)),
            (None, false) if args.program.is_empty() => Expected::of_input(),
            (None, _) => None,
        };
        let interval = args.interval.unwrap_or(INTERVAL);
        Progress::start(
            report.address.clone(),
            interval,
            expected,
            Arc::clone(&counters),
        )
    });
    let progress = progress.transpose()?;
    let result = streams(args, program).and_then(|(source, sink)| {
        let hints = io::stderr().is_terminal() && !args.keep;
        let hint = hints.then_some(|awaited: &str| {
            say::write_aside(say::line(report.address, &awaited));
        });
        relay::run(
            channel,
            source,
            sink,
            &counters,
            report.notes.as_ref(),
            hint,
        )
    });
    let total = progress::total(counters.read(), began.elapsed());
    if let Some(progress) = progress {
        progress.finish();
        if !args.verbose {
            say::write(&say::line(report.address, &total));
        }
    }
    report.note(&total);
    result
}

/// How often to show the progress, if nobody says.
const INTERVAL: Duration = Duration::from_secs(1);

/// Our stream's source and the sink of the peer's. Starts the program, if there is one.
fn streams(args: &Args, running: &Running) -> Result<(Source, Sink), Failure> {
    if !args.program.is_empty() {
        let (program, input, output) = Program::start(&args.program)?;
        let _ = running.set(program);
        return Ok((Source::Program(output), Sink::Program(input)));
    }
    let source = match args.receive {
        true => Source::Nothing,
        false => Source::Stdin,
    };
    let sink = match (args.send, args.keep) {
        (true, _) => Sink::Nothing,
        (false, true) => Sink::KeptStdout,
        (false, false) => Sink::Stdout,
    };
    Ok((source, sink))
}

/// What the command reports while the talk goes on.
pub(crate) struct Report<'a> {
    pub(crate) address: &'a Address,
    /// `None` without `--verbose`.
    notes: Option<Notes>,
    /// Whom we wait for, as last reported.
    awaited: Cell<Option<Awaited>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(address: &'a Address, notes: Option<Notes>) -> Self {
        Self {
            address,
            notes,
            awaited: Cell::new(None),
        }
    }

    pub(crate) fn note(&self, what: &dyn Display) {
        if let Some(notes) = &self.notes {
            notes.note(what);
        }
    }

    /// Reports who the peer is. That takes a while, so another thread does it.
    pub(crate) fn note_peer(&self, handle: &TalkHandle) {
        if let Some(notes) = self.notes.clone() {
            let handle = handle.clone();
            let tell = move || {
                if let Ok(Some(peer)) = handle.peer() {
                    let whose = |process: &Process| {
                        let name = Escaped(&process.name);
                        format!("({name}) of {}", text::user(process.user))
                    };
                    notes.note(&format_args!("the peer is {}", text::party(&peer, whose)));
                }
            };
            let _ = thread::Builder::new().spawn(tell);
        }
    }

    /// Reports once whom we wait for. A process that is only on its way to or from a seat
    /// (`None`) is not worth a report.
    pub(crate) fn note_awaited(&self, awaited: Option<Awaited>) {
        if awaited.is_none() || self.awaited.replace(awaited) == awaited {
            return;
        }
        match awaited {
            Some(Awaited::Owner) => {
                let seen = match self.address {
                    Address::Name(name) => Onlooker::new(name.clone()).look().ok().flatten(),
                    _ => None,
                };
                let owner = seen.map(|seen| seen.owner);
                let why = Error::LeftBehind { owner };
                let line = say::line(self.address, &format_args!("waiting: {why}"));
                // Writing may block, and perhaps no thread waits for signals yet.
                say::write_aside(line);
            }
            Some(Awaited::Turn) => self.note(&"waiting for our turn"),
            Some(Awaited::Survivor) => self.note(&"waiting for a process of the last talk to end"),
            Some(Awaited::Host) => self.note(&"waiting for the other side of the device"),
            _ => self.note(&"waiting for a machine to initialise its page"),
        }
    }
}
