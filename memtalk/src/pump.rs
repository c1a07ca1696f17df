//! Standard input to the sender, the receiver to standard output, both at once.
//!
//! Each direction has a thread, and ends by itself: sending at end of file, once
//! the peer has confirmed all of it; receiving at the peer's end of stream, once
//! standard output is closed without an error.
//!
//! A direction that fails ends the talk, but not before everything that the
//! peer has sent is delivered. The failed end tells the peer, which fails in
//! turn, so this takes no longer than the peer needs to see it.

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::say::Notes;
use crate::sys::{self, stdio};
use crate::{Channel, Departure, Error, Receiver, Sender};

/// How a talk failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard input could not be read.
    Input(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// The talk itself.
    Talk(Error),
}

/// Bytes moved in each direction.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Counts the bytes of one direction, and notes them now and then, if somebody wants
/// to know. It does so only while bytes move, so that nobody wakes for it.
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

/// Talks until both streams are complete, or one has failed. Notes how it goes, at
/// most once a second each way, if `notes` are wanted.
///
/// Where `stdout_was_closed`, standard output takes nothing, whatever is there now.
pub(crate) fn run(
    channel: Channel,
    stdout_was_closed: bool,
    notes: Option<Notes>,
) -> Result<Totals, Failure> {
    let Channel {
        sender,
        receiver,
        peer,
    } = channel;
    let (report, events) = mpsc::channel();
    let sending = Meter::new("sent", notes.clone());
    let receiving = Meter::new("received", notes);
    // First: so no talk is complete where one of the three cannot start.
    spawn("memtalk-peer", &report, move || {
        Event::PeerGone(peer.wait_until_gone())
    })?;
    spawn("memtalk-send", &report, || {
        Event::Sent(send(sender, sending))
    })?;
    spawn("memtalk-receive", &report, move || {
        Event::Received(receive(receiver, stdout_was_closed, receiving))
    })?;

    let mut sent = None;
    let mut received = None;
    let mut failure = None;
    while let Ok(event) = events.recv() {
        match event {
            Event::Sent(Ok(bytes)) => sent = Some(bytes),
            Event::Received(Ok(bytes)) => received = Some(bytes),
            // All that can be delivered has been.
            Event::Received(Err(error)) => return Err(failure.unwrap_or(error)),
            Event::Sent(Err(error)) => {
                sent = Some(0);
                failure.get_or_insert(error);
            }
            // The sending thread may be waiting for input, and would not notice.
            Event::PeerGone(Some(departure)) if sent.is_none() => {
                let error = match departure {
                    // It has confirmed our stream: the thread is about to end.
                    Departure::Complete => continue,
                    Departure::GaveUp => Error::PeerStopped,
                    Departure::Died => Error::PeerDied,
                    Departure::Restarted => Error::PeerRestarted,
                };
                sent = Some(0);
                failure.get_or_insert(Failure::Talk(error));
            }
            Event::PeerGone(_) => {}
        }
        if let (Some(sent), Some(received)) = (sent, received) {
            return match failure {
                Some(failure) => Err(failure),
                None => Ok(Totals { sent, received }),
            };
        }
    }
    // Not reached: the peer's thread reports, or the talk has ended above.
    Err(Failure::Talk(Error::PeerStopped))
}

fn spawn(
    name: &str,
    report: &mpsc::Sender<Event>,
    work: impl FnOnce() -> Event + Send + 'static,
) -> Result<(), Failure> {
    let report = report.clone();
    let run = move || {
        // Nobody listens any more if the talk has failed otherwise.
        let _ = report.send(work());
    };
    sys::start(thread::Builder::new().name(name.into()), run)
        .map(drop)
        .map_err(|e| Failure::Talk(Error::system("start a thread")(e)))
}

fn send(mut sender: Sender, mut meter: Meter) -> Result<u64, Failure> {
    let input = io::stdin();
    loop {
        match sender.read_from(input.as_fd()) {
            Ok(0) => {
                let confirmed = sender.close().map_err(Failure::Talk);
                return confirmed.map(|()| meter.total);
            }
            Ok(count) => meter.moved(count),
            Err(error) => return Err(sort(error, Failure::Input)),
        }
    }
}

fn receive(
    mut receiver: Receiver,
    stdout_was_closed: bool,
    mut meter: Meter,
) -> Result<u64, Failure> {
    let output = io::stdout();
    loop {
        match receiver.write_to(output.as_fd()) {
            Ok(0) => break,
            Ok(_) if stdout_was_closed => {
                return Err(Failure::Output(io::Error::from_raw_os_error(libc::EBADF)));
            }
            Ok(count) => meter.moved(count),
            Err(error) => return Err(sort(error, Failure::Output)),
        }
    }
    // Half-close: whoever reads our output sees its end now, although we may
    // still be sending.
    stdio::close_stdout().map_err(Failure::Output)?;
    receiver.close().map_err(Failure::Talk)?;
    Ok(meter.total)
}

/// Tells a failure of the talk from one of our own descriptor.
fn sort(error: io::Error, own: fn(io::Error) -> Failure) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => Failure::Talk(error),
        Err(error) => own(error),
    }
}
