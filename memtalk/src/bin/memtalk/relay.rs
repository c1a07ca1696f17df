//! The relay: a source to the sender, the receiver to a sink, both at once.
//!
//! Each direction has a thread, and ends by itself. Sending ends at the end of the source,
//! once the peer has confirmed all of it. Receiving ends at the end of the peer's stream,
//! once the sink is closed without an error.
//!
//! A direction that fails ends the talk, but not before everything that the peer has sent
//! is delivered. The failed end tells the peer, and the peer fails in turn. So this takes
//! no longer than the peer needs to notice. If the sink fails, what a program wrote before
//! it ends is sent as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use memtalk::{Channel, Departure, Error, Receiver, Sender, sys};

use crate::failure::Failure;
use crate::progress::Counters;
use crate::say::Notes;
use crate::streams::{Kind, Sink, Source};

enum Event {
    /// The source has ended. The peer has still to confirm.
    InputEnded,
    Sent(Result<(), Failure>),
    Received(Result<(), Failure>),
    PeerGone(Option<Departure>),
}

impl Event {
    /// What a user may want to know of it.
    fn describe(&self) -> Option<&'static str> {
        match self {
            Self::InputEnded => Some("our stream has ended; the peer has still to confirm it"),
            Self::Sent(Ok(())) => Some("our stream is complete: the peer has written all of it"),
            Self::Received(Ok(())) => Some("the peer's stream is complete: all of it is written"),
            _ => None,
        }
    }
}

/// What became of a stream.
#[derive(Clone, Copy)]
enum Stream {
    Open,
    Complete,
    Failed,
}

/// What became of both streams.
struct Course {
    ours: Stream,
    theirs: Stream,
    /// Our input has ended.
    input_ended: bool,
    /// What our source is.
    source: Kind,
    /// The first failure.
    failure: Option<Failure>,
}

impl Course {
    fn take(&mut self, event: Event) {
        match event {
            Event::InputEnded => self.input_ended = true,
            Event::Sent(Ok(())) => self.ours = Stream::Complete,
            Event::Sent(Err(failure)) => self.fail_ours(failure),
            // The sending thread may be waiting for input, and so not notice.
            Event::PeerGone(departure) => {
                if let Some(error) = departure.and_then(failure_of) {
                    self.fail_ours(Failure::Talk(error));
                }
            }
            Event::Received(Ok(())) => self.theirs = Stream::Complete,
            // All that can be delivered has been.
            Event::Received(Err(failure)) => {
                self.theirs = Stream::Failed;
                if matches!(failure, Failure::Talk(_)) || self.source != Kind::Program {
                    self.ours = Stream::Failed;
                }
                self.failure.get_or_insert(failure);
            }
        }
    }

    /// Marks our stream as failed, unless it is over already.
    fn fail_ours(&mut self, failure: Failure) {
        if matches!(self.ours, Stream::Open) {
            self.ours = Stream::Failed;
            self.failure.get_or_insert(failure);
        }
    }

    /// How the talk ended, once both streams are over.
    fn result(&mut self) -> Option<Result<(), Failure>> {
        match (self.ours, self.theirs) {
            (Stream::Open, _) | (_, Stream::Open) => None,
            (Stream::Complete, Stream::Complete) => Some(Ok(())),
            _ => self.failure.take().map(Err),
        }
    }

    /// What we wait for, if our own part is done, and how that ends.
    fn awaited(&self) -> Option<&'static str> {
        match (self.ours, self.theirs) {
            (Stream::Complete, Stream::Open) if self.source != Kind::Nothing => Some(
                "everything was delivered; the peer has not ended its stream (Ctrl-D there, or --receive)",
            ),
            (Stream::Open, _) if self.input_ended => {
                Some("everything was sent; the peer has not yet written all of it")
            }
            (Stream::Open, Stream::Complete) if self.source == Kind::Terminal => {
                Some("the peer has ended its stream; Ctrl-D ends yours")
            }
            _ => None,
        }
    }
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

/// How long our own part has been done before a hint.
const HINT_AFTER: Duration = Duration::from_secs(1);

/// Relays until both streams are over, and counts their bytes. If there are `notes`, notes
/// when a stream is complete. If our own part is done and the talk goes on, tells `hint` once
/// what we wait for.
pub(crate) fn run(
    mut channel: Channel,
    source: Source,
    sink: Sink,
    counters: &Arc<Counters>,
    notes: Option<&Notes>,
    mut hint: Option<impl FnOnce(&str)>,
) -> Result<(), Failure> {
    channel.spread_threads();
    let Channel {
        sender,
        receiver,
        peer,
    } = channel;
    let (report, events) = mpsc::channel();
    let mut course = Course {
        ours: Stream::Open,
        theirs: Stream::Open,
        input_ended: false,
        source: source.kind(),
        failure: None,
    };
    let (sent, received) = (Arc::clone(counters), Arc::clone(counters));
    // The peer's thread first. If one of the three threads cannot start, no talk may be
    // complete: the sender and the receiver that were not started fail.
    spawn("memtalk-peer", &report, move |_| {
        (Event::PeerGone(peer.wait_until_gone()), ())
    })?;
    spawn("memtalk-send", &report, move |report| {
        send(sender, source, &sent.sent, report)
    })?;
    spawn("memtalk-receive", &report, move |_| {
        receive(receiver, sink, &received.received)
    })?;
    drop(report);

    loop {
        if let Some(result) = course.result() {
            return result;
        }
        let awaited = course.awaited().filter(|_| hint.is_some());
        let event = match awaited {
            Some(_) => events.recv_timeout(HINT_AFTER),
            None => events.recv().map_err(Into::into),
        };
        match (event, awaited) {
            (Ok(event), _) => {
                if let (Some(notes), Some(what)) = (notes, event.describe()) {
                    notes.note(&what);
                }
                course.take(event);
            }
            (Err(RecvTimeoutError::Timeout), Some(awaited)) => {
                hint.take().into_iter().for_each(|tell| tell(awaited));
            }
            // Not reached: each thread reports.
            (Err(_), _) => return Err(Failure::Talk(Error::PeerStopped)),
        }
    }
}

/// Starts a thread that does `work`, reports the event, and then drops the rest of what
/// `work` returns: an end that has failed. Dropping it tells the peer, whose departure must
/// not be reported before our own failure.
fn spawn<T>(
    name: &str,
    report: &mpsc::Sender<Event>,
    work: impl FnOnce(&mpsc::Sender<Event>) -> (Event, T) + Send + 'static,
) -> Result<(), Failure> {
    let report = report.clone();
    let run = move || {
        let (event, _end) = work(&report);
        // If the talk has failed already, nobody receives this.
        let _ = report.send(event);
    };
    sys::start(thread::Builder::new().name(name.into()), run)
        .map(drop)
        .map_err(Failure::system("start a thread"))
}

/// Sends the whole source, and waits until the peer has confirmed all of it.
fn send(
    mut sender: Sender,
    mut source: Source,
    count: &AtomicU64,
    report: &mpsc::Sender<Event>,
) -> (Event, Option<Sender>) {
    let mut send = || loop {
        match source.give_to(&mut sender)? {
            0 => return source.check_end(),
            bytes => add(count, bytes),
        }
    };
    match send() {
        Ok(()) => {
            let _ = report.send(Event::InputEnded);
            let confirmed = sender.close().map_err(Failure::Talk);
            (Event::Sent(confirmed), None)
        }
        Err(failure) => (Event::Sent(Err(failure)), Some(sender)),
    }
}

/// Receives until the end of the peer's stream, closes the sink, and confirms.
fn receive(
    mut receiver: Receiver,
    mut sink: Sink,
    count: &AtomicU64,
) -> (Event, Option<(Receiver, Sink)>) {
    let mut receive = || loop {
        match sink.take_from(&mut receiver)? {
            0 => return sink.close(),
            bytes => add(count, bytes),
        }
    };
    match receive() {
        Ok(()) => {
            let confirmed = receiver.close().map_err(Failure::Talk);
            (Event::Received(confirmed), None)
        }
        Err(failure) => (Event::Received(Err(failure)), Some((receiver, sink))),
    }
}

/// Only one thread adds to each count.
fn add(count: &AtomicU64, bytes: usize) {
    let before = count.load(Ordering::Relaxed);
    count.store(before + bytes as u64, Ordering::Relaxed);
}
