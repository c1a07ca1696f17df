//! A service: one peer after the other (`--keep`).
//!
//! INT, TERM and HUP end it: at once if it waits for a peer, otherwise after the talk; a
//! second signal, at once. Whoever waits for its turn then waits for the next service.

use std::fmt::Display;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use memtalk::{Address, Channel, Error, Service, TalkHandle, sys};

use crate::args::Args;
use crate::failure::Failure;
use crate::say;
use crate::signals::{self, Blocked};
use crate::talk::{Report, Running, SIGNALLED_DOOR_WAIT, relay};

/// How often the thread that has got a signal looks whether the talk is over.
const LOOK: Duration = Duration::from_millis(20);

/// Serves peers until a signal ends the process.
///
/// # Errors
/// Nobody can come any more, or nothing can be written any more.
pub(crate) fn serve(args: &Args, signals: Blocked, report: &Report<'_>) -> Result<(), Failure> {
    let moved = |handle: &TalkHandle| signals::remove_if_truncated(handle.named_object());
    let Address::Name(name) = report.address else {
        // Clap has seen to it that there is one.
        return Err(Failure::Talk(Error::NotAnObject));
    };
    let service = Service::open_with(&args.options(), name, moved).map_err(Failure::Talk)?;
    let service = Arc::new(service);
    end_on_signal(signals, Arc::clone(&service))?;
    loop {
        report.note(&"waiting for a peer");
        let channel = match service.accept() {
            Err(Error::Ended) => signals::wait_to_be_ended(),
            channel => channel.map_err(Failure::Talk)?,
        };
        match talk(args, channel, report) {
            Ok(()) => {}
            Err(Failure::Output(error)) => return Err(Failure::Output(error)),
            Err(failure) => tell(report, &failure),
        }
    }
}

fn talk(args: &Args, channel: Channel, report: &Report<'_>) -> Result<(), Failure> {
    report.note(&"a peer is there");
    let (program, handle) = (Running::default(), channel.handle());
    report.note_peer(&handle);
    let result = relay(args, channel, &program, report);
    if result.is_err() {
        handle.give_up();
    }
    if let Some(program) = program.get() {
        match program.finish(result.is_err()) {
            0 => {}
            status => report.note(&format_args!("the program ended with status {status}")),
        }
    }
    result
}

fn tell(report: &Report<'_>, failure: &dyn Display) {
    say::write_aside(say::line(
        report.address,
        &format_args!("a talk failed: {failure}; the service goes on"),
    ));
}

/// Starts the thread that waits for signals.
fn end_on_signal(signals: Blocked, service: Arc<Service>) -> Result<(), Failure> {
    let wait_for_signal = move || {
        if let Ok(signal) = signals.wait() {
            // If this fails, the next process finds an object with free seats, and
            // replaces it.
            let _ = service.stop(SIGNALLED_DOOR_WAIT);
            while !service.is_idle() {
                if signals.wait_within(LOOK).is_some() {
                    break;
                }
            }
            signals.die(signal.number)
        }
    };
    let thread = thread::Builder::new().name("memtalk-signal".into());
    sys::start(thread, wait_for_signal).map_err(Failure::system("start a thread"))?;
    Ok(())
}
