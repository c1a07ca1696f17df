//! The relay: standard input to the sender, the receiver to standard output, both at once.
//!
//! Each direction has a thread, and ends by itself. Sending ends at end of file, once the
//! peer has confirmed all of it. Receiving ends at the end of the peer's stream, once
//! standard output is closed without an error.
//!
//! A direction that fails ends the talk, but not before everything that the peer has sent
//! is delivered. The failed end tells the peer, and the peer fails in turn. So this takes
//! no longer than the peer needs to notice.

use std::fmt::{self, Display};
use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Channel, Departure, Error, Receiver, Sender, Status, sys};

use crate::say::Notes;
use crate::stdio;

/// How a talk failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard input could not be read.
    Input(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// The talk failed, or a system call for it.
    Talk(Error),
}

impl Failure {
    /// For `map_err` on a system call; `doing` is what it was for, as in "start a thread".
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Talk(Error::System { doing, source })
    }

    /// The exit status.
    pub(crate) fn status(&self) -> Status {
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

/// Bytes moved in each direction.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Counts the bytes of one direction, and notes the count now and then if there are
/// `notes`. It does so only when bytes move, so that no thread wakes up for it.
struct Meter {
    total: u64,
    what: &'static str,
    noted: Instant,
    notes: Option<Notes>,
}

/// The least time between two notes.
const INTERVAL: Duration = Duration::from_secs(1);

impl Meter {
    fn new(what: &'static str, notes: Option<Notes>) -> Self {
        Self {
            total: 0,
            what,
            noted: Instant::now(),
            notes,
        }
    }

    fn moved(&mut self, count: usize) {
        self.total += count as u64;
        if let Some(notes) = &self.notes
            && self.noted.elapsed() >= INTERVAL
        {
            self.noted = Instant::now();
            notes.note(&format_args!("{} {} bytes so far", self.what, self.total));
        }
    }
}

enum Event {
    Sent(Result<u64, Failure>),
    Received(Result<u64, Failure>),
    PeerGone(Option<Departure>),
}

/// What became of the stream that we send.
enum Sending {
    Open,
    /// The peer has confirmed so many bytes.
    Complete(u64),
    Failed(Failure),
}

impl Sending {
    /// Marks the stream as failed, unless it is over already.
    fn fail(&mut self, failure: Failure) {
        if matches!(self, Self::Open) {
            *self = Self::Failed(failure);
        }
    }
}

/// Relays until both streams are complete, or one has failed. If there are `notes`, notes
/// the progress at most once a second each way.
pub(crate) fn run(channel: Channel, notes: Option<Notes>) -> Result<Totals, Failure> {
    let Channel {
        sender,
        receiver,
        peer,
    } = channel;
    let (report, events) = mpsc::channel();
    let sending = Meter::new("sent", notes.clone());
    let receiving = Meter::new("received", notes);
    // The peer's thread first. If one of the three threads cannot start, no talk may be
    // complete: the sender and the receiver that were not started fail.
    spawn("memtalk-peer", &report, move || {
        (Event::PeerGone(peer.wait_until_gone()), ())
    })?;
    spawn("memtalk-send", &report, || send(sender, sending))?;
    spawn("memtalk-receive", &report, || receive(receiver, receiving))?;

    let mut sending = Sending::Open;
    let mut received = None;
    while let Ok(event) = events.recv() {
        match event {
            Event::Sent(Ok(bytes)) => sending = Sending::Complete(bytes),
            Event::Sent(Err(failure)) => sending.fail(failure),
            // The sending thread may be waiting for input, and so not notice.
            Event::PeerGone(departure) => {
                if let Some(error) = departure.and_then(failure_of) {
                    sending.fail(Failure::Talk(error));
                }
            }
            Event::Received(Ok(bytes)) => received = Some(bytes),
            // All that can be delivered has been.
            Event::Received(Err(failure)) => {
                return Err(match sending {
                    Sending::Failed(earlier) => earlier,
                    Sending::Open | Sending::Complete(_) => failure,
                });
            }
        }
        match (sending, received) {
            (Sending::Complete(sent), Some(received)) => return Ok(Totals { sent, received }),
            (Sending::Failed(failure), Some(_)) => return Err(failure),
            (open, _) => sending = open,
        }
    }
    // Not reached: the peer's thread always reports, unless the talk has ended above.
    Err(Failure::Talk(Error::PeerStopped))
}

/// The error of a stream that is not over when the peer goes this way.
fn failure_of(departure: Departure) -> Option<Error> {
    match departure {
        // It has confirmed our stream: the sending thread is about to report that.
        Departure::Complete => None,
        Departure::Died => Some(Error::PeerDied),
        Departure::Restarted => Some(Error::PeerRestarted),
        _ => Some(Error::PeerStopped),
    }
}

/// Starts a thread that does `work`, reports the event, and then drops the rest of what
/// `work` returns: an end that has failed. Dropping it tells the peer, whose departure must
/// not be reported before our own failure.
fn spawn<T>(
    name: &str,
    report: &mpsc::Sender<Event>,
    work: impl FnOnce() -> (Event, T) + Send + 'static,
) -> Result<(), Failure> {
    let report = report.clone();
    let run = move || {
        let (event, _end) = work();
        // If the talk has failed already, nobody receives this.
        let _ = report.send(event);
    };
    sys::start(thread::Builder::new().name(name.into()), run)
        .map(drop)
        .map_err(Failure::system("start a thread"))
}

/// Sends standard input, and waits until the peer has confirmed all of it.
fn send(mut sender: Sender, mut meter: Meter) -> (Event, Option<Sender>) {
    match send_input(&mut sender, &mut meter) {
        Ok(()) => {
            let confirmed = sender.close().map_err(Failure::Talk);
            (Event::Sent(confirmed.map(|()| meter.total)), None)
        }
        Err(failure) => (Event::Sent(Err(failure)), Some(sender)),
    }
}

fn send_input(sender: &mut Sender, meter: &mut Meter) -> Result<(), Failure> {
    let input = io::stdin();
    loop {
        match sender.read_from(input.as_fd()) {
            Ok(0) => return Ok(()),
            Ok(count) => meter.moved(count),
            Err(error) => return Err(classify(error, Failure::Input)),
        }
    }
}

/// Receives until the end of the peer's stream, closes standard output, and confirms.
fn receive(mut receiver: Receiver, mut meter: Meter) -> (Event, Option<Receiver>) {
    match receive_output(&mut receiver, &mut meter) {
        Ok(()) => {
            let confirmed = receiver.close().map_err(Failure::Talk);
            (Event::Received(confirmed.map(|()| meter.total)), None)
        }
        Err(failure) => (Event::Received(Err(failure)), Some(receiver)),
    }
}

fn receive_output(receiver: &mut Receiver, meter: &mut Meter) -> Result<(), Failure> {
    let output = io::stdout();
    loop {
        match receiver.write_to(output.as_fd()) {
            Ok(0) => break,
            Ok(_) if stdio::stdout_was_closed() => {
                return Err(Failure::Output(io::Error::from_raw_os_error(libc::EBADF)));
            }
            Ok(count) => meter.moved(count),
            Err(error) => return Err(classify(error, Failure::Output)),
        }
    }
    // Half-close: the reader of our output gets end of file now, although we may still be
    // sending.
    stdio::close_stdout().map_err(Failure::Output)
}

/// A failure of the talk, or of our own descriptor, which `own` makes of the error.
fn classify(error: io::Error, own: fn(io::Error) -> Failure) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => Failure::Talk(error),
        Err(error) => own(error),
    }
}
