//! Progress, as `pv` shows it (`--progress`): how much has passed each way, how fast, and how
//! long it may still take.
//!
//! On a terminal this is one line, drawn again at each interval. Elsewhere it is a line at
//! each interval. A thread of its own writes it, so the talk never waits for standard error.

use std::fs::File;
use std::io::{self, IsTerminal, Seek};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use memtalk::{Address, sys};

use crate::failure::Failure;
use crate::say;
use crate::text;

/// The bytes that have passed so far, each way.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

impl Counters {
    /// Sent, and received.
    pub(crate) fn read(&self) -> [u64; 2] {
        [&self.sent, &self.received].map(|count| count.load(Ordering::Relaxed))
    }
}

/// How many bytes a stream will have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Sent(u64),
    Received(u64),
}

impl Expected {
    /// What is left in standard input, if that is a file.
    pub(crate) fn of_input() -> Option<Self> {
        let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
        let data = input.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let at = input.stream_position().ok()?;
        Some(Self::Sent(data.len().saturating_sub(at)))
    }
}

/// The thread that shows the progress.
pub(crate) struct Progress {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Shows the progress from now on. Where a person reads or types the streams at a
    /// terminal, and standard error is one, too, nothing is shown.
    pub(crate) fn start(
        address: Address,
        interval: Duration,
        expected: Option<Expected>,
        counters: Arc<Counters>,
    ) -> Result<Self, Failure> {
        let on_terminal = io::stderr().is_terminal();
        let among_streams = io::stdout().is_terminal() || io::stdin().is_terminal();
        let (stop, stopped) = mpsc::sync_channel(1);
        let show = move || {
            let mut course = Course::new(Instant::now(), expected);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                let line = course.line(counters.read(), Instant::now());
                match (on_terminal, among_streams) {
                    (true, true) => {}
                    (true, false) => say::draw(&address, &line),
                    (false, _) => say::write(&say::line(&address, &line)),
                }
            }
        };
        let thread = thread::Builder::new().name("memtalk-show".into());
        let thread = sys::start(thread, show).map_err(Failure::system("start a thread"))?;
        Ok(Self { stop, thread })
    }

    /// Shows no more.
    pub(crate) fn finish(self) {
        // The thread receives this in any case: nothing else ends it.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// What has passed in all, and how fast.
pub(crate) fn total([sent, received]: [u64; 2], elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let speed = rate(sent + received, elapsed);
    format!("sent {sent} bytes, received {received} bytes, in {seconds:.3} s, {speed}")
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn rate(bytes: u64, time: Duration) -> String {
    text::bytes(bytes as f64 / time.as_secs_f64().max(1e-9)) + "/s"
}

/// What was shown last, and when.
struct Course {
    began: Instant,
    shown: Instant,
    counts: [u64; 2],
    expected: Option<Expected>,
}

impl Course {
    fn new(now: Instant, expected: Option<Expected>) -> Self {
        Self {
            began: now,
            shown: now,
            counts: [0; 2],
            expected,
        }
    }

    /// The line for these counts at this moment.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn line(&mut self, counts: [u64; 2], now: Instant) -> String {
        let (elapsed, since) = (now - self.began, now - self.shown);
        let mut parts = vec![text::clock(elapsed)];
        for (way, what) in ["sent", "received"].into_iter().enumerate() {
            let (count, before) = (counts[way], self.counts[way]);
            let mut part = format!("{what} {}", text::bytes(count as f64));
            if count > 0 {
                let current = rate(count.saturating_sub(before), since);
                part += &format!(", {current} (average {})", rate(count, elapsed));
            }
            parts.push(part);
        }
        let expected = match self.expected {
            Some(Expected::Sent(size)) => Some((counts[0], size)),
            Some(Expected::Received(size)) => Some((counts[1], size)),
            None => None,
        };
        if let Some((count, size @ 1..)) = expected {
            let part = count.min(size) as f64 / size as f64;
            parts.push(format!("{:.0} %", (part * 100.0).floor()));
            if part > 0.0 {
                let left = elapsed.mul_f64((1.0 - part) / part);
                parts.push(format!("{} left", text::clock(left)));
            }
        }
        (self.counts, self.shown) = (counts, now);
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Expected, total};
    use std::time::{Duration, Instant};

    #[test]
    fn a_line_tells_both_ways_the_rates_and_what_is_left() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut course = Course::new(began, Some(Expected::Sent(10_000_000)));
        assert_eq!(
            course.line([0, 0], after(1)),
            "0:00:01; sent 0 B; received 0 B; 0 %"
        );
        assert_eq!(
            course.line([4_000_000, 0], after(2)),
            "0:00:02; sent 4.00 MB, 4.00 MB/s (average 2.00 MB/s); received 0 B; 40 %; 0:00:03 left"
        );
        let mut course = Course::new(began, Some(Expected::Received(100)));
        assert_eq!(
            course.line([1000, 200], after(10)),
            "0:00:10; sent 1.00 kB, 100 B/s (average 100 B/s); \
             received 200 B, 20 B/s (average 20 B/s); 100 %; 0:00:00 left"
        );
        // Of nothing, there is no part.
        let mut course = Course::new(began, Some(Expected::Sent(0)));
        assert_eq!(
            course.line([0, 0], after(1)),
            "0:00:01; sent 0 B; received 0 B"
        );
    }

    #[test]
    fn the_total_is_exact() {
        assert_eq!(
            total([1_234_567, 1], Duration::from_millis(500)),
            "sent 1234567 bytes, received 1 bytes, in 0.500 s, 2.47 MB/s"
        );
    }
}
