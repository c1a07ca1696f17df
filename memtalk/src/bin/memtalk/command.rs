//! One run of the command: sits down, relays, gets up, and reports what happens.

use std::cell::Cell;
use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Awaited, Error, Name, TalkHandle, sys};

use crate::args::Args;
use crate::relay::{self, Failure, Totals};
use crate::say::{self, Notes, Teller};
use crate::signals::{self, Blocked};

/// How long to wait after a signal for other processes to free the door. A name that is left
/// behind is removed by the next talk.
const SIGNALLED_DOOR_WAIT: Duration = Duration::from_millis(100);

/// Runs the talk, then waits until all notes are written to standard error.
pub(crate) fn run(args: &Args, name: &Name) -> Result<(), Failure> {
    signals::ignore_file_size_signal();
    signals::guard_against_truncation(say::line(name, &Error::Truncated))
        .map_err(Failure::system("install a signal handler"))?;
    // From here on signals stay pending, until a thread waits for them.
    let blocked = signals::block().map_err(Failure::system("block signals"))?;
    let teller = args
        .verbose
        .then(|| Teller::start(name.clone(), say::write))
        .transpose()
        .map_err(Failure::system("start a thread"))?;
    let progress = Progress {
        name,
        notes: teller.as_ref().map(Teller::notes),
        awaited: Cell::new(None),
    };
    let result = talk(args, blocked, &progress);
    if let Some(teller) = teller {
        teller.finish();
    }
    result
}

/// Runs the talk. By the time it returns, everything that a peer may wait for is given up.
/// So the caller may take its time to say why it failed.
fn talk(args: &Args, signals: Blocked, progress: &Progress<'_>) -> Result<(), Failure> {
    let idle = |time, awaited| {
        progress.note_awaited(awaited);
        signals.nap(time);
    };
    let waiting = args
        .options()
        .sit_down_with(progress.name, idle)
        .map_err(Failure::Talk)?;
    let handle = waiting.handle();
    let guard = || signals::remove_if_truncated(handle.named_object());
    guard();
    end_on_signal(signals, handle.clone())?;

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
    let result = relay::run(channel, progress.notes.clone());
    // Threads that wait for their descriptors may still use the ends. So we only remove
    // the name; the end of the process does the rest.
    if result.is_err() {
        handle.give_up();
    }
    if let Err(error) = handle.remove_name(TalkHandle::DOOR_WAIT) {
        say::write(&say::line(
            progress.name,
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

/// Starts the thread that waits for signals, and ends the process when one comes.
fn end_on_signal(signals: Blocked, handle: TalkHandle) -> Result<(), Failure> {
    let wait_for_signal = move || {
        if let Ok(signal) = signals.wait() {
            // If this fails, the next process finds an object with free seats, and
            // replaces it.
            let _ = handle.remove_name(SIGNALLED_DOOR_WAIT);
            signals.die(signal)
        }
    };
    let thread = thread::Builder::new().name("memtalk-signal".into());
    sys::start(thread, wait_for_signal).map_err(Failure::system("start a thread"))?;
    Ok(())
}

/// What the command reports while the talk goes on.
struct Progress<'a> {
    name: &'a Name,
    /// `None` without `--verbose`.
    notes: Option<Notes>,
    /// Whom we wait for, as last reported.
    awaited: Cell<Option<Awaited>>,
}

impl Progress<'_> {
    fn note(&self, what: &dyn Display) {
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
                // In another thread: writing may block, and perhaps no thread waits for
                // signals yet.
                let _ = thread::Builder::new().spawn(move || say::write(&line));
            }
            _ => self.note(&"waiting for a machine to initialise its page"),
        }
    }
}
