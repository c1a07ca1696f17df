//! The command: sits down, relays, gets up, and says what happens.

use std::cell::Cell;
use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Awaited, Error, Name, TalkHandle, sys};

use crate::args::Args;
use crate::relay::{self, Failure, Totals};
use crate::say::{self, Notes, Teller};
use crate::signals::{self, Blocked};

/// How long to wait for others at the door at the end. They hold it for some tens of
/// microseconds, unless somebody has stopped them.
const DOOR_WAIT: Duration = Duration::from_secs(10);

/// The same when a signal has come. What is left behind then, the next talk removes.
const SIGNALLED_DOOR_WAIT: Duration = Duration::from_millis(100);

/// Talks, and waits until what was noted meanwhile is said.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    signals::ignore_file_size_signal();
    signals::guard_against_truncation(say::line(&args.file, &Error::Truncated))
        .map_err(Failure::system("install a signal handler"))?;
    // Signals wait from here on, until there is something to clean up.
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
    let result = talk(args, blocked, &progress);
    if let Some(teller) = teller {
        teller.finish();
    }
    result
}

/// The talk itself. The caller says why it failed: by then, all is given up that a
/// peer may wait for.
fn talk(args: &Args, signals: Blocked, progress: &Progress<'_>) -> Result<(), Failure> {
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
    end_on_signal(signals, handle.clone())?;

    progress.note(&"waiting for a peer");
    let idle = |time, awaited| {
        progress.note_awaited(awaited);
        sys::nap(time);
    };
    let channel = match waiting.wait_for_peer_with(idle, guard) {
        // A signal has removed the name, and is about to end this process.
        Err(Error::Ended) => loop {
            thread::park();
        },
        channel => channel.map_err(Failure::Talk)?,
    };
    progress.note(&format_args!(
        "a peer is there; {} bytes fit under way in each direction",
        channel.sender.capacity()
    ));
    // Our part ends with this process: so it is we who remove the name, and say if that
    // fails.
    handle.keep();
    let began = Instant::now();
    let result = relay::run(channel, progress.notes.clone());
    // The ends may still be in use by threads that wait for their descriptors,
    // so the name is all that we remove; the end of the process does the rest.
    if result.is_err() {
        handle.give_up();
    }
    if let Err(error) = handle.remove_name(DOOR_WAIT) {
        say::write(&say::line(
            &args.file,
            &format_args!("the object may stay: {error}"),
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
            // The next to come finds the name free, or an object that
            // nobody sits at.
            let _ = handle.remove_name(SIGNALLED_DOOR_WAIT);
            signals.die(signal)
        }
    };
    let thread = thread::Builder::new().name("memtalk-signal".into());
    sys::start(thread, wait_for_signal).map_err(Failure::system("start a thread"))?;
    Ok(())
}

/// What is said of the talk while it goes on.
struct Progress<'a> {
    name: &'a Name,
    /// With `--verbose`.
    notes: Option<Notes>,
    /// Whom it was last said that this waits for.
    awaited: Cell<Option<Awaited>>,
}

impl Progress<'_> {
    fn note(&self, what: &dyn Display) {
        if let Some(notes) = &self.notes {
            notes.note(what);
        }
    }

    /// Says once whom this waits for, if not just for a process on its way in or out.
    fn note_awaited(&self, awaited: Option<Awaited>) {
        if awaited.is_none() || self.awaited.replace(awaited) == awaited {
            return;
        }
        match awaited {
            Some(Awaited::Owner) => {
                let line = say::line(self.name, &format_args!("waiting: {}", Error::LeftBehind));
                // Not here, where perhaps nobody waits for signals.
                let _ = thread::Builder::new().spawn(move || say::write(&line));
            }
            _ => self.note(&"waiting for a machine to initialise its page"),
        }
    }
}
