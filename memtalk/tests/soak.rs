//! Load: much data, many pairs at once, every kind of descriptor, talk after talk.
//!
//! It is small by default. `make soak` runs it for long, and prints what it measured.

mod support;

use std::error::Error;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::{Name, Options};
use support::lines::{Kind, Lines};
use support::{BOUND, Object, Side, eventually, noise, setting};

/// The bytes that the soak moves each way, in all rounds together.
fn bytes() -> usize {
    setting("BYTES", 200_000_000)
}

const PAGE: usize = 4096;

/// A process has less resident memory than this, besides the object's pages, in bytes. The
/// binary and libc take about 3 MiB of it. A stream goes through the pages and nowhere
/// else, so its length adds nothing.
const OWN_MEMORY: u64 = 8 << 20;

/// The largest chunk that is written or read at once, in bytes.
const LARGEST: usize = 256 * 1024;

/// Every stream repeats this many bytes of noise. It is a prime number. So if a page or a
/// capacity of bytes is lost or repeated, once or many times, the comparison fails.
const PERIOD: usize = (1 << 20) + 7;

/// The noise, and its beginning once more, so that every chunk of it is one slice.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = noise(PERIOD, 1);
    bytes.extend_from_within(..LARGEST);
    bytes
});

/// A stream that goes one way, and how much of it has arrived.
struct Stream {
    /// The offset in the noise at which it begins. No two streams of a test are the same.
    start: usize,
    len: usize,
    arrived: AtomicUsize,
}

impl Stream {
    fn new(seed: usize, len: usize) -> Arc<Self> {
        Arc::new(Self {
            start: seed * 7919,
            len,
            arrived: AtomicUsize::new(0),
        })
    }

    /// The bytes from `at` on: `most` bytes, or as many as are left.
    fn piece(&self, at: usize, most: usize) -> &'static [u8] {
        let from = (self.start + at) % PERIOD;
        &NOISE[from..][..most.min(self.len.saturating_sub(at))]
    }

    fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }

    fn is_complete(&self) -> bool {
        self.arrived() == self.len
    }

    fn write_to(&self, mut line: File, mut pace: Pace) -> io::Result<()> {
        let mut at = 0;
        while at < self.len {
            let piece = self.piece(at, pace.next());
            line.write_all(piece)?;
            at += piece.len();
        }
        Ok(())
    }

    /// Reads to the end of file, and compares every byte.
    fn read_from(&self, mut line: impl Read, mut pace: Pace) -> io::Result<()> {
        let mut buffer = vec![0; LARGEST];
        let mut at = 0;
        loop {
            let count = line.read(&mut buffer[..pace.next()])?;
            if count == 0 {
                break;
            }
            if buffer[..count] != *self.piece(at, count) {
                let what = format!("not what was sent, in {count} bytes from byte {at} on");
                return Err(io::Error::other(what));
            }
            at += count;
            self.arrived.store(at, Ordering::Relaxed);
        }
        match at == self.len {
            true => Ok(()),
            false => Err(io::Error::other(format!("ends after {at} bytes"))),
        }
    }
}

/// The sizes of one end's chunks, and its pauses.
struct Pace {
    state: u64,
    /// Sizes at which a ring, a pipe or a page is full or half full.
    edges: [usize; 5],
}

impl Pace {
    fn new(seed: usize, pages: usize) -> Self {
        let capacity = (pages * PAGE - 384) / 2 / 64 * 64;
        let pipe = 16 * PAGE;
        Self {
            state: 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed as u64 + 1),
            edges: [capacity / 2, capacity, 2 * capacity, PAGE, pipe],
        }
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let high = (self.state >> 32) as u32;
        high as usize % end
    }

    /// The size of the next chunk, now and then after a pause. The pause is long enough for
    /// everything before this end to fill up, and for everything after it to run dry.
    ///
    /// Half of the chunks have a random order of magnitude, so most of them are small. The
    /// others are about as long as one of the `edges`.
    fn next(&mut self) -> usize {
        if self.below(1000) == 0 {
            thread::sleep(Duration::from_micros(self.below(4000) as u64));
        }
        let size = match self.below(2) {
            0 => {
                let power = 1 << self.below(18);
                power + self.below(power)
            }
            _ => self.edges[self.below(self.edges.len())] + self.below(5) - 2,
        };
        size.clamp(1, LARGEST)
    }
}

/// Two processes that talk, with lines on all four ends and a thread at each.
struct Talk {
    object: Object,
    sides: [Side; 2],
    streams: [Arc<Stream>; 2],
    /// Inputs that are held open until everything has arrived. The second side's is, so that
    /// both processes are still there. The first side's is closed while the other direction
    /// goes on, if this kind of line allows that.
    held: Vec<File>,
    /// What went wrong at a line. Disconnected when all four threads have ended.
    failures: mpsc::Receiver<String>,
}

impl Talk {
    /// Starts a talk with blocking pipes, or with non-blocking descriptors of `kind`.
    fn start(pages: usize, len: usize, seed: usize, kind: Option<Kind>) -> Self {
        let object = Object::new();
        let side = || {
            let lines = kind.map_or_else(Lines::pipes, Lines::non_blocking);
            let lines = lines.expect("descriptors");
            let pages = pages.to_string();
            let mut command = object.memtalk();
            let command = command.args(["--pages", &pages]).stdin(lines.stdin);
            let side = Side::start_with(command, lines.stdout);
            (side, lines.to, lines.from)
        };
        let (one, to_one, from_one) = side();
        let (other, to_other, from_other) = side();
        let mut held = vec![to_other.try_clone().expect("a descriptor")];
        if kind.is_some_and(Kind::loses_what_was_not_read) {
            held.push(to_one.try_clone().expect("a descriptor"));
        }
        let streams = [2 * seed, 2 * seed + 1].map(|seed| Stream::new(seed, len));
        let pace = |end| Pace::new(4 * seed + end, pages);
        let sides = [one, other];

        let (failed, failures) = mpsc::channel();
        if kind.is_some() {
            // At first there is nothing to read.
            for side in &sides {
                side.wait_until_polling("memtalk-send");
            }
        }
        for (i, (stream, to)) in streams.iter().zip([to_one, to_other]).enumerate() {
            let (sent, pace) = (Arc::clone(stream), pace(2 * i));
            work(&failed, "writing", move || sent.write_to(to, pace));
        }
        if kind.is_some() {
            // Nobody reads before both outputs are full.
            for side in &sides {
                side.wait_until_its_output_is_full();
            }
        }
        for (i, (stream, from)) in streams.iter().zip([from_other, from_one]).enumerate() {
            let (received, pace) = (Arc::clone(stream), pace(2 * i + 1));
            work(&failed, "reading", move || received.read_from(from, pace));
        }
        Self {
            object,
            sides,
            streams,
            held,
            failures,
        }
    }

    /// Waits until both streams have arrived and both processes have ended with status 0.
    /// Returns the most memory that each had resident, in bytes.
    fn finish(mut self) -> [u64; 2] {
        let mut moved = [(0, Instant::now()); 2];
        while !self.streams.iter().all(|stream| stream.is_complete()) {
            match self.failures.recv_timeout(Duration::from_millis(5)) {
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Ok(failure) => self.fail(&failure),
                Err(mpsc::RecvTimeoutError::Disconnected) => self.fail("a thread panicked"),
            }
            let mut overdue = false;
            for (stream, (last, at)) in self.streams.iter().zip(&mut moved) {
                let arrived = stream.arrived();
                if arrived > *last || stream.is_complete() {
                    (*last, *at) = (arrived, Instant::now());
                }
                overdue |= at.elapsed() > BOUND;
            }
            if overdue {
                self.fail("a stream hangs");
            }
        }
        let resident = self.sides.each_ref().map(Side::most_resident);
        let mapped = self.object.path().metadata().expect("it is in use").len();
        let most = OWN_MEMORY + mapped;
        if resident.iter().any(|&bytes| bytes > most) {
            self.fail(&format!("{resident:?} bytes are resident, not {most}"));
        }
        self.held.clear();
        match self.failures.recv_timeout(BOUND) {
            Err(mpsc::RecvTimeoutError::Disconnected) => {}
            Ok(failure) => self.fail(&failure),
            Err(mpsc::RecvTimeoutError::Timeout) => self.fail("an output does not end"),
        }
        for side in self.sides {
            side.finish().assert_complete(b"");
        }
        assert!(!self.object.exists(), "the object is left behind");
        resident
    }

    fn fail(self, what: &str) -> ! {
        let arrived = self.streams.each_ref().map(|stream| stream.arrived());
        let threads = self.sides.each_ref().map(Side::threads);
        let ends = self.sides.map(|mut side| {
            side.kill();
            side.finish_with_open_input()
        });
        panic!("{what}; arrived: {arrived:?} bytes; then: {threads:#?}; in the end: {ends:#?}")
    }
}

/// Starts a thread at one end of a line.
fn work(
    failed: &mpsc::Sender<String>,
    doing: &'static str,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) {
    let failed = failed.clone();
    thread::spawn(move || {
        if let Err(error) = run() {
            // Nobody listens if the test has failed already.
            let _ = failed.send(format!("{doing}: {error}"));
        }
    });
}

/// Bytes per nanosecond.
fn speed(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_nanos() as f64
}

#[test]
fn streams_go_both_ways_at_any_pace_in_flat_memory() {
    // Numbers of pages, and how many sixteenths of all bytes each gets: small rings are
    // slower.
    const ROUNDS: [(usize, usize); 4] = [(1, 1), (2, 2), (16, 5), (256, 8)];
    println!("\n pages    bytes each way    seconds   GB/s in all   peak resident, KiB");
    let (mut all, mut total) = (0, Duration::ZERO);
    for (seed, (pages, share)) in ROUNDS.into_iter().enumerate() {
        let len = bytes() / 16 * share;
        let began = Instant::now();
        let [one, other] = Talk::start(pages, len, seed, None).finish();
        let time = began.elapsed();
        all += len;
        total += time;
        print_round(&pages, len, time);
        println!("{:13} {:7}", one / 1024, other / 1024);
    }
    print_round(&"all", all, total);
    println!();
}

fn print_round(pages: &dyn Display, len: usize, time: Duration) {
    let (seconds, speed) = (time.as_secs_f64(), speed(2 * len, time));
    print!("{pages:>6} {len:17} {seconds:10.2} {speed:13.2}");
}

#[test]
fn non_blocking_descriptors_of_every_kind_are_waited_for() {
    // With 1 page through private memory, with 4 too for pipes and sockets, with 40
    // straight: see `memtalk/src/ends/staging.rs`.
    const PAGES: [usize; 3] = [1, 4, 40];
    // More bytes than everything between a writer and a reader holds.
    const LEAST: usize = 400_000;
    println!("\n pages   non-blocking    bytes each way    seconds   GB/s in all");
    let talks = Kind::ALL
        .into_iter()
        .flat_map(|kind| PAGES.map(|pages| (kind, pages)));
    for (seed, (kind, pages)) in talks.enumerate() {
        // Terminals are a tenth as fast as the others.
        let share = match kind {
            Kind::Terminal => 5000,
            _ => 500,
        };
        let len = (bytes() / share).max(LEAST);
        let began = Instant::now();
        Talk::start(pages, len, seed, Some(kind)).finish();
        let kind = format!("{pages:>6} {:>14}", format!("{kind:?}"));
        print_round(&kind, len, began.elapsed());
        println!();
    }
    println!();
}

#[test]
fn many_pairs_can_talk_at_once() {
    const PAIRS: usize = 32;
    // Together they move a twentieth of the soak's bytes.
    let len = bytes() / 20 / PAIRS;
    let began = Instant::now();
    let talks: Vec<_> = (0..PAIRS)
        .map(|seed| Talk::start(1, len, seed, None))
        .collect();
    let resident = talks.into_iter().flat_map(Talk::finish).max();
    let time = began.elapsed();
    println!(
        "{PAIRS} pairs at once, {len} bytes each way: {:.1} s, {:.2} GB/s, peak resident {} KiB",
        time.as_secs_f64(),
        speed(2 * len * PAIRS, time),
        resident.unwrap_or(0) / 1024
    );
}

/// What this process holds: descriptors and mappings of objects, and watcher threads.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    mappings: usize,
    watchers: usize,
}

impl Held {
    fn now() -> Self {
        // An object that had no name when it was opened is called by its number there.
        let name = "/dev/shm/";
        let entries = |directory| fs::read_dir(directory).expect("proc is mounted").flatten();
        Self {
            descriptors: entries("/proc/self/fd")
                .filter_map(|entry| fs::read_link(entry.path()).ok())
                .filter(|path| path.to_string_lossy().contains(name))
                .count(),
            mappings: fs::read_to_string("/proc/self/maps")
                .expect("proc is mounted")
                .lines()
                .filter(|line| line.contains(name))
                .count(),
            watchers: entries("/proc/self/task")
                .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
                .filter(|thread| thread.trim_end() == "memtalk-watch")
                .count(),
        }
    }
}

/// One side of one of many talks: sends its number, and receives the same.
fn exchange(name: &Name, number: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::new().timeout(BOUND);
    let mut channel = options.open(name)?;
    // Every second channel is dropped at once.
    if number % 2 == 1 {
        return Ok(());
    }
    channel.sender.write_all(&number.to_ne_bytes())?;
    channel.sender.end();
    let mut heard = Vec::new();
    channel.receiver.read_to_end(&mut heard)?;
    channel.receiver.close()?;
    channel.sender.close()?;
    match heard == number.to_ne_bytes() {
        true => Ok(()),
        false => Err(format!("{heard:?} in talk {number}").into()),
    }
}

/// This is the only test of this program that opens channels itself. So every watcher
/// belongs to it.
#[test]
fn nothing_leaks_over_many_talks() {
    let talks = setting("TALKS", 1000);
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();

    let one = Options::new().sit_down(&name).unwrap();
    let other = Options::new().open(&name).unwrap();
    let one = one.wait_for_peer().unwrap();
    let expected = Held {
        descriptors: 2,
        mappings: 2,
        watchers: 2,
    };
    // A thread sets its own name, after it has started. So wait.
    eventually("what they hold is seen", || Held::now() == expected);
    drop((one, other));

    // Neither thread waits for the other before its next talk.
    let began = Instant::now();
    let (report, reports) = mpsc::channel();
    for _ in 0..2 {
        let (name, report) = (name.clone(), report.clone());
        thread::spawn(move || (0..talks).try_for_each(|i| report.send(exchange(&name, i))));
    }
    for _ in 0..2 * talks {
        let result = reports.recv_timeout(BOUND).expect("talks go on");
        result.unwrap();
    }
    println!(
        "{talks} talks in one process: {:.1} s",
        began.elapsed().as_secs_f64()
    );

    // A watcher stays until its peer has left, and keeps the object open.
    eventually("all is closed", || Held::now().descriptors == 0);
    eventually("the watchers end", || Held::now().watchers == 0);
    let alone = Options::new().timeout(Duration::ZERO).open(&name);
    assert!(matches!(alone, Err(memtalk::Error::Timeout(_))));
    assert_eq!(Held::now(), Held::default());
    assert!(!object.exists());
}
