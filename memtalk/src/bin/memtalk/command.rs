//! One run of the command: sits down, relays, gets up, and reports what happens.

use std::thread;

use memtalk::{Address, Error, Status, TalkHandle, sys};

use crate::args::Args;
use crate::failure::Failure;
use crate::program::{GRACE, Program};
use crate::say::{self, Teller};
use crate::serve;
use crate::signals::{self, Blocked};
use crate::talk::{Report, Running, SIGNALLED_DOOR_WAIT, relay};

/// Runs the talk, reports how it ended, and returns the exit status.
pub(crate) fn run(args: &Args) -> u8 {
    let (program, address) = (Running::default(), args.address());
    let result = prepare_and_talk(args, &address, &program);
    if let Err(failure) = &result {
        say::write(&say::line(&address, failure));
    }
    let own = program.get().map(|program| program.finish(result.is_err()));
    match own {
        Some(status @ 1..) => status,
        _ => result.map_or_else(|failure| failure.status(), |()| Status::Complete as u8),
    }
}

/// The most threads that a talk has at once, with every option.
const THREADS: usize = 8;

/// Runs the talk, then waits until all notes are written to standard error.
fn prepare_and_talk(args: &Args, address: &Address, program: &Running) -> Result<(), Failure> {
    if let Some(program) = args.program.first() {
        Program::look_up(program)?;
    }
    // A thread that lacks memory once it runs would end the process with no word to the peer.
    sys::check_room_for(THREADS).map_err(Failure::system("start a thread"))?;
    signals::ignore_file_size_signal();
    signals::guard_against_truncation(say::line(address, &Error::Truncated))
        .map_err(Failure::system("install a signal handler"))?;
    // From here on signals stay pending, until a thread waits for them.
    let blocked = signals::block().map_err(Failure::system("block signals"))?;
    let teller = args
        .verbose
        .then(|| Teller::start(address.clone(), say::write))
        .transpose()
        .map_err(Failure::system("start a thread"))?;
    let report = Report::new(address, teller.as_ref().map(Teller::notes));
    let result = match args.keep {
        true => serve::serve(args, blocked, &report),
        false => talk_once(args, blocked, program, &report),
    };
    if let Some(teller) = teller {
        teller.finish();
    }
    result
}

/// Runs the talk. By the time it returns, everything that a peer may wait for is given up.
/// So the caller may take its time to say why it failed.
fn talk_once(
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
        .sit_down_with(report.address, idle)
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
        Err(Error::Ended) => signals::wait_to_be_ended(),
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
    if let Err(Failure::Talk(Error::Ended)) = result {
        signals::wait_to_be_ended();
    }
    // Threads that wait for their descriptors may still use the ends. So we only remove
    // the name; the end of the process does the rest.
    if result.is_err() {
        handle.give_up();
    }
    if let Err(error) = handle.remove_name(TalkHandle::DOOR_WAIT) {
        say::write(&say::line(
            report.address,
            &format_args!("the object may be left behind: {error}"),
        ));
    }
    result
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
