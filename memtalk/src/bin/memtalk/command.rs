//! One run of the command: sits down, relays, gets up, and reports what happens.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::escape::Escaped;
use memtalk::look::Process;
use memtalk::{Awaited, Channel, Error, Name, Status, TalkHandle, sys};

use crate::args::Args;
use crate::failure::Failure;
use crate::program::{GRACE, Program};
use crate::progress::{self, Counters, Expected, Progress};
use crate::relay;
use crate::say::{self, Notes, Teller};
use crate::serve;
use crate::signals::{self, Blocked};
use crate::streams::{Sink, Source};
use crate::text;

/// How long to wait after a signal for other processes to free the door. A name that is left
/// behind is removed by the next talk.
pub(crate) const SIGNALLED_DOOR_WAIT: Duration = Duration::from_millis(100);

/// Runs the talk, reports how it ended, and returns the exit status.
pub(crate) fn run(args: &Args) -> u8 {
    let program = Running::default();
    let result = prepare_and_talk(args, &program);
    if let Err(failure) = &result {
        say::write(&say::line(&args.file, failure));
    }
    let own = program.get().map(|program| program.finish(result.is_err()));
    match own {
        Some(status @ 1..) => status,
        _ => result.map_or_else(|failure| failure.status(), |()| Status::Complete as u8),
    }
}

/// The program that we run, once it has started.
pub(crate) type Running = Arc<OnceLock<Program>>;

/// Runs the talk, then waits until all notes are written to standard error.
fn prepare_and_talk(args: &Args, program: &Running) -> Result<(), Failure> {
    if let Some(program) = args.program.first() {
        Program::look_up(program)?;
    }
    signals::ignore_file_size_signal();
    signals::guard_against_truncation(say::line(&args.file, &Error::Truncated))
        .map_err(Failure::system("install a signal handler"))?;
    // From here on signals stay pending, until a thread waits for them.
    let blocked = signals::block().map_err(Failure::system("block signals"))?;
    let teller = args
        .verbose
        .then(|| Teller::start(args.file.clone(), say::write))
        .transpose()
        .map_err(Failure::system("start a thread"))?;
    let report = Report {
        name: &args.file,
        notes: teller.as_ref().map(Teller::notes),
        awaited: Cell::new(None),
    };
    let result = match args.keep {
        true => serve::serve(args, blocked, &report),
        false => talk(args, blocked, program, &report),
    };
    if let Some(teller) = teller {
        teller.finish();
    }
    result
}

/// Runs the talk. By the time it returns, everything that a peer may wait for is given up.
/// So the caller may take its time to say why it failed.
fn talk(
    args: &Args,
    signals: Blocked,
    program: &Running,
    report: &Report<'_>,
) -> Result<(), Failure> {
    let idle = |time, awaited| {
        report.note_awaited(awaited);
        signals.nap(time);
    };
    let waiting = args
        .options()
        .sit_down_with(&args.file, idle)
        .map_err(Failure::Talk)?;
    let handle = waiting.handle();
    let guard = || signals::remove_if_truncated(handle.named_object());
    guard();
    end_on_signal(signals, handle.clone(), program.clone())?;

    report.note(&"waiting for a peer");
    let idle = |time, awaited| {
        report.note_awaited(awaited);
        sys::nap(time);
    };
    let channel = match waiting.wait_for_peer_with(idle, guard) {
        // The thread that waits for signals has removed the name, and is about to end this
        // process.
        Err(Error::Ended) => loop {
            thread::park();
        },
        channel => channel.map_err(Failure::Talk)?,
    };
    report.note(&format_args!(
        "a peer is there; up to {} bytes can be under way in each direction",
        channel.sender.capacity()
    ));
    // Keep our seat until this process ends. So removing the name is left to us, below,
    // and we can report it if that fails.
    handle.keep();
    report.note_peer(&handle);
    let result = relay(args, channel, program, report);
    // Threads that wait for their descriptors may still use the ends. So we only remove
    // the name; the end of the process does the rest.
    if result.is_err() {
        handle.give_up();
    }
    if let Err(error) = handle.remove_name(TalkHandle::DOOR_WAIT) {
        say::write(&say::line(
            &args.file,
            &format_args!("the object may be left behind: {error}"),
        ));
    }
    result
}

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
        Progress::start(args.file.clone(), interval, expected, Arc::clone(&counters))
    });
    let progress = progress.transpose()?;
    let result = streams(args, program).and_then(|(source, sink)| {
        let hints = io::stderr().is_terminal() && !args.keep;
        let hint = hints.then_some(|awaited: &str| {
            say::write_aside(say::line(&args.file, &awaited));
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
            say::write(&say::line(&args.file, &total));
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

/// Starts the thread that waits for signals, and ends the process when one comes. If a
/// program runs, it gets the signal, too, and [some time](GRACE) to end; another signal
/// ends both at once.
fn end_on_signal(signals: Blocked, handle: TalkHandle, program: Running) -> Result<(), Failure> {
    let wait_for_signal = move || {
        if let Ok(signal) = signals.wait() {
            if let Some(program) = program.get() {
                if !signal.to_all {
                    program.signal(signal.number);
                }
                signals.wait_within(GRACE);
            }
            // If this fails, the next process finds an object with free seats, and
            // replaces it.
            let _ = handle.leave(SIGNALLED_DOOR_WAIT);
            signals.die(signal.number)
        }
    };
    let thread = thread::Builder::new().name("memtalk-signal".into());
    sys::start(thread, wait_for_signal).map_err(Failure::system("start a thread"))?;
    Ok(())
}

/// What the command reports while the talk goes on.
pub(crate) struct Report<'a> {
    name: &'a Name,
    /// `None` without `--verbose`.
    pub(crate) notes: Option<Notes>,
    /// Whom we wait for, as last reported.
    awaited: Cell<Option<Awaited>>,
}

impl Report<'_> {
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
    fn note_awaited(&self, awaited: Option<Awaited>) {
        if awaited.is_none() || self.awaited.replace(awaited) == awaited {
            return;
        }
        match awaited {
            Some(Awaited::Owner) => {
                let line = say::line(self.name, &format_args!("waiting: {}", Error::LeftBehind));
                // Writing may block, and perhaps no thread waits for signals yet.
                say::write_aside(line);
            }
            Some(Awaited::Turn) => self.note(&"waiting for our turn"),
            _ => self.note(&"waiting for a machine to initialise its page"),
        }
    }
}
