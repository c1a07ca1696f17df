//! The library's ends for tokio, beside tokio's own socket and beside the same two used by
//! threads that block.
//!
//! Two processes, each with a runtime of one thread, or with no runtime, and with a processor
//! of its own. There are two questions:
//!
//! - *Round trips* of eight bytes follow each other at once.
//! - *Throughput*, one way, in writes and reads of 64 KiB.

use std::env;
use std::fmt::{self, Display};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use memtalk::Options;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::answer::{Answer, Row, Target, Unit};
use crate::links::End;
use crate::process::Process;
use crate::{Bench, Result, sys};

/// What a writer writes and a reader reads at once.
const CHUNK: usize = 64 * 1024;

/// A contestant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With this number of pages.
    Tasks(usize),
    Threads(usize),
    SocketOfTasks,
    SocketOfThreads,
}

impl Way {
    /// With 128 pages a ring has 256 KiB, about as much as a socket.
    const ALL: [Self; 7] = [
        Self::Tasks(1),
        Self::Tasks(16),
        Self::Tasks(128),
        Self::Threads(1),
        Self::Threads(128),
        Self::SocketOfTasks,
        Self::SocketOfThreads,
    ];
}

impl Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tasks(1) => f.write_str("memtalk, tokio, 1 page"),
            Self::Tasks(pages) => write!(f, "memtalk, tokio, {pages} pages"),
            Self::Threads(1) => f.write_str("memtalk, blocking, 1 page"),
            Self::Threads(pages) => write!(f, "memtalk, blocking, {pages} pages"),
            Self::SocketOfTasks => f.write_str("tokio's UnixStream"),
            Self::SocketOfThreads => f.write_str("UnixStream, blocking"),
        }
    }
}

pub(crate) fn measure_trips(bench: &Bench) -> Result<Answer> {
    let count = bench.settings.round_trips / 20;
    let title = format!("8 bytes there and back between tasks of two processes, {count} times");
    let ways = [
        Way::Tasks(1),
        Way::Threads(1),
        Way::SocketOfTasks,
        Way::SocketOfThreads,
    ];
    let measure = |way: &Way, cpus| Ok(run(bench, *way, cpus, count, false)? * 1e6 / count as f64);
    self::measure(bench, &ways, title, Unit::US, measure)
}

pub(crate) fn measure_flow(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes / 4 / CHUNK * CHUNK;
    let title = format!("{} MiB one way between tasks of two processes", bytes >> 20);
    let measure = |way: &Way, cpus| Ok(bytes as f64 / run(bench, *way, cpus, bytes, true)? / 1e9);
    self::measure(bench, &Way::ALL, title, Unit::GB_PER_S, measure)
}

fn measure(
    bench: &Bench,
    ways: &[Way],
    title: String,
    unit: Unit,
    measure: impl Fn(&Way, [usize; 2]) -> Result<f64>,
) -> Result<Answer> {
    let Some(cpus) = bench.settings.cpus else {
        return Ok(Answer::none(&title, "this needs two processors"));
    };
    let samples = bench.rounds(ways, |way| measure(way, cpus))?;
    let rows = ways.iter().zip(samples).map(|(way, samples)| Row {
        name: way.to_string(),
        ours: matches!(way, Way::Tasks(_)),
        samples: vec![samples],
    });
    Ok(Answer::new(title, unit, rows.collect()))
}

pub(crate) fn judge_trips(answer: &mut Answer) {
    let socket = Way::SocketOfTasks.to_string();
    answer.judge(0, 0, Some(&socket), Target::AtMost(0.1));
}

pub(crate) fn judge_flow(answer: &mut Answer) {
    let socket = Way::SocketOfTasks.to_string();
    answer.judge(2, 0, Some(&socket), Target::AtLeast(1.0));
}

/// The seconds that it takes to carry `amount` round trips, or bytes.
fn run(bench: &Bench, way: Way, cpus: [usize; 2], amount: usize, flows: bool) -> Result<f64> {
    let place = bench.scratch.place();
    let result = bench.scratch.place();
    let number = Way::ALL.iter().position(|w| *w == way).unwrap_or_default();
    let (one, other) = UnixStream::pair()?;
    let start = |role: &str, cpu: usize, socket: UnixStream| -> Result<Process> {
        let mut command = Command::new(env::current_exe()?);
        command.stdin(OwnedFd::from(socket)).stdout(Stdio::null());
        command.arg(role).arg(place.object()).arg(result.path());
        command.args([number, cpu, amount, usize::from(flows)].map(|n| n.to_string()));
        Process::start(command)
    };
    let second = start("tokio-second", cpus[1], other)?;
    let first = start("tokio-first", cpus[0], one)?;
    first.finish()?;
    second.finish()?;
    Ok(fs::read_to_string(result.path())?.parse()?)
}

/// The roles `tokio-first` and `tokio-second`, with OBJECT RESULT WAY CPU AMOUNT FLOWS. The
/// first writes its time to the file RESULT, in seconds.
pub(crate) fn play(role: &str, arguments: &[String]) -> Result {
    let [object, result, way, cpu, amount, flows] = arguments else {
        return Err(format!("{role} takes six arguments").into());
    };
    sys::pin(cpu.parse()?)?;
    let end = match role {
        "tokio-first" => End::Ping,
        _ => End::Pong,
    };
    let (amount, flows) = (amount.parse()?, flows == "1");
    let way = *Way::ALL.get(way.parse::<usize>()?).ok_or("no such way")?;
    let seconds = match way {
        Way::Threads(pages) => {
            let mut channel = Options::new().pages(pages).open(object.as_str())?;
            let (sender, receiver) = (&mut channel.sender, &mut channel.receiver);
            let seconds = block(sender, receiver, end, amount, flows)?;
            channel.close()?;
            seconds
        }
        Way::SocketOfThreads => {
            let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            let mut copy = socket.try_clone()?;
            block(&mut socket, &mut copy, end, amount, flows)?
        }
        Way::Tasks(pages) => {
            let channel = Options::new().pages(pages).open(object.as_str())?;
            let mut channel = channel.into_async();
            runtime()?.block_on(async {
                let (sender, receiver) = (&mut channel.sender, &mut channel.receiver);
                let seconds = poll(sender, receiver, end, amount, flows).await?;
                channel.close().await?;
                Result::Ok(seconds)
            })?
        }
        Way::SocketOfTasks => runtime()?.block_on(async {
            let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            socket.set_nonblocking(true)?;
            let (mut receiver, mut sender) = tokio::net::UnixStream::from_std(socket)?.into_split();
            poll(&mut sender, &mut receiver, end, amount, flows).await
        })?,
    };
    if end == End::Ping {
        fs::write(result, seconds.to_string())?;
    }
    Ok(())
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
}

/// The seconds that ping takes, when tasks are polled. In the end nobody has anything to read
/// but the end of the stream.
async fn poll(
    sender: &mut (impl AsyncWrite + Unpin),
    receiver: &mut (impl AsyncRead + Unpin),
    end: End,
    amount: usize,
    flows: bool,
) -> Result<f64> {
    let mut message = [7; 8];
    let mut chunk = vec![7; CHUNK];
    // Both are there, and warm.
    for _ in 0..100 {
        exchange(sender, receiver, end, &mut message).await?;
    }
    let began = Instant::now();
    match flows {
        false => {
            for _ in 0..amount {
                exchange(sender, receiver, end, &mut message).await?;
            }
        }
        true if end == End::Pong => {
            for _ in 0..amount / CHUNK {
                sender.write_all(&chunk).await?;
            }
        }
        true => {
            let mut rest = amount;
            while rest > 0 {
                rest -= receiver.read(&mut chunk).await?.min(rest);
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    // A word of thanks, so that nobody closes before all is read.
    exchange(sender, receiver, end, &mut message).await?;
    Ok(seconds)
}

/// Ping sends a message and gets it back.
async fn exchange(
    sender: &mut (impl AsyncWrite + Unpin),
    receiver: &mut (impl AsyncRead + Unpin),
    end: End,
    message: &mut [u8],
) -> io::Result<()> {
    if end == End::Ping {
        sender.write_all(message).await?;
    }
    receiver.read_exact(message).await?;
    if end == End::Pong {
        sender.write_all(message).await?;
    }
    Ok(())
}

/// As [`poll`], when threads block.
fn block(
    sender: &mut impl Write,
    receiver: &mut impl Read,
    end: End,
    amount: usize,
    flows: bool,
) -> Result<f64> {
    let mut message = [7; 8];
    let mut chunk = vec![7; CHUNK];
    let mut exchange = |sender: &mut dyn Write, receiver: &mut dyn Read| -> io::Result<()> {
        if end == End::Ping {
            sender.write_all(&message)?;
        }
        receiver.read_exact(&mut message)?;
        if end == End::Pong {
            sender.write_all(&message)?;
        }
        Ok(())
    };
    for _ in 0..100 {
        exchange(sender, receiver)?;
    }
    let began = Instant::now();
    match flows {
        false => {
            for _ in 0..amount {
                exchange(sender, receiver)?;
            }
        }
        true if end == End::Pong => {
            for _ in 0..amount / CHUNK {
                sender.write_all(&chunk)?;
            }
        }
        true => {
            let mut rest = amount;
            while rest > 0 {
                rest -= receiver.read(&mut chunk)?.min(rest);
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    exchange(sender, receiver)?;
    Ok(seconds)
}
