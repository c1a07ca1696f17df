//! One run of the command: sits down, relays, gets up, and reports what happens.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Awaited, Error, Name, Status, TalkHandle, sys};

use crate::args::Args;
use crate::failure::Failure;
use crate::program::{GRACE, Program};
use crate::relay::{self, Totals};
use crate::say::{self, Notes, Teller};
use crate::serve;
use crate::signals::{self, Blocked};
use crate::streams::{Sink, Source};

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
    let progress = Progress {
        name: &args.file,
        notes: teller.as_ref().map(Teller::notes),
        awaited: Cell::new(None),
    };
    let result = match args.keep {
        true => serve::serve(args, blocked, &progress),
        false => talk(args, blocked, program, &progress),
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
    progress: &Progress<'_>,
) -> Result<(), Failure> {
    let idle = |time, awaited| {
        progress.note_awaited(awaited);
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

    progress.note(&"waiting for a peer");
    let idle = |time, awaited| {
        progress.note_awaited(awaited);
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
    progress.note(&format_args!(
        "a peer is there; up to {} bytes can be under way in each direction",
        channel.sender.capacity()
    ));
    // Keep our seat until this process ends. So removing the name is left to us, below,
    // and we can report it if that fails.
    handle.keep();
    let began = Instant::now();
    let result = streams(args, program).and_then(|(source, sink)| {
        let hint = io::stderr().is_terminal().then_some(|awaited: &str| {
            say::write_aside(say::line(&args.file, &awaited));
        });
        relay::run(channel, source, sink, progress.notes.clone(), hint)
    });
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
    let Totals { sent, received } = result?;
    progress.note(&format_args!(
        "sent {sent} bytes, received {received} bytes, in {:.3} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Our stream's source and the sink of the peer's. Starts the program, if there is one.
pub(crate) fn streams(args: &Args, running: &Running) -> Result<(Source, Sink), Failure> {
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
pub(crate) struct Progress<'a> {
    name: &'a Name,
    /// `None` without `--verbose`.
    pub(crate) notes: Option<Notes>,
    /// Whom we wait for, as last reported.
    awaited: Cell<Option<Awaited>>,
}

impl Progress<'_> {
    pub(crate) fn note(&self, what: &dyn Display) {
        if let Some(notes) = &self.notes {
            notes.note(what);
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
