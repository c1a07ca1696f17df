//! The latency of eight bytes there and back between two processes.
//!
//! Each process has a processor of its own. There are two questions:
//!
//! - *Looking*: round trips follow each other at once. The library has no mode for this. Its
//!   ends look for a while before they sleep, and in such a ping-pong they should never
//!   sleep.
//! - *Sleeping*: each side sleeps for a while before it sends, so that the other has surely
//!   stopped looking. A message is the time at which it was sent. What counts is the time
//!   until it is received, there and back together.

use std::env;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Row, Target, Unit};
use crate::links::{Atomics, End, Futex, Iceoryx2, Kind, Link, Memtalk, Streams};
use crate::measure::median;
use crate::peers::Ends;
use crate::process::Process;
use crate::{Bench, Result, sys};

/// The time that a side sleeps before it sends: five times as long as the library looks.
const PAUSE: Duration = Duration::from_millis(1);

/// How the two sides wait for each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Looking,
    Sleeping,
}

pub(crate) fn measure_polling(bench: &Bench) -> Result<Answer> {
    let count = bench.settings.round_trips;
    let title = format!("8 bytes there and back between processes, both looking, {count} times");
    let kinds = [Kind::Memtalk, Kind::Atomics, Kind::Iceoryx2];
    let mut answer = measure(bench, title, Unit::NS, &kinds, count, Pace::Looking)?;
    if !answer.rows.is_empty() {
        answer.notes.push(
            "memtalk has no polling mode: its ends look for a while before they sleep, long enough \
             for a ping-pong"
                .into(),
        );
    }
    Ok(answer)
}

pub(crate) fn judge_polling(answer: &mut Answer) {
    for (kind, target) in [(Kind::Atomics, 1.25), (Kind::Iceoryx2, 0.333)] {
        answer.judge(0, 0, Some(&kind.to_string()), Target::AtMost(target));
    }
}

pub(crate) fn measure_sleeping(bench: &Bench) -> Result<Answer> {
    let count = (bench.settings.round_trips / 1000).max(10);
    let title = format!("8 bytes there and back between processes, both sleeping, {count} times");
    let kinds = [Kind::Memtalk, Kind::Pipes, Kind::Sockets, Kind::Futex];
    measure(bench, title, Unit::US, &kinds, count, Pace::Sleeping)
}

pub(crate) fn judge_sleeping(answer: &mut Answer) {
    answer.judge(0, 0, Some(&Kind::Futex.to_string()), Target::AtMost(1.0));
}

fn measure(
    bench: &Bench,
    title: String,
    unit: Unit,
    kinds: &[Kind],
    count: usize,
    pace: Pace,
) -> Result<Answer> {
    let Some(cpus) = bench.settings.cpus else {
        return Ok(Answer::none(&title, "this needs two processors"));
    };
    let scale = match pace {
        Pace::Looking => 1.0,
        Pace::Sleeping => 1e-3,
    };
    let samples = bench.rounds(kinds, |kind| {
        Ok(run(bench, *kind, cpus, count, pace)? * scale)
    })?;
    let rows = kinds.iter().zip(samples).map(|(kind, samples)| Row {
        name: kind.to_string(),
        ours: *kind == Kind::Memtalk,
        samples: vec![samples],
    });
    Ok(Answer::new(title, unit, rows.collect()))
}

/// The nanoseconds there and back.
fn run(bench: &Bench, kind: Kind, cpus: [usize; 2], count: usize, pace: Pace) -> Result<f64> {
    let place = bench.scratch.place();
    let results = [bench.scratch.place(), bench.scratch.place()];
    let [ping_ends, pong_ends] = ends(kind)?;
    let kind = Kind::ALL
        .iter()
        .position(|k| *k == kind)
        .unwrap_or_default();
    let start = |role: &str, i: usize, ends: Ends| -> Result<Process> {
        let mut command = Command::new(env::current_exe()?);
        command.stdin(ends.stdin).stdout(ends.stdout);
        command.arg(role).arg(place.path()).arg(place.object());
        command.arg(results[i].path()).args([
            kind.to_string(),
            cpus[i].to_string(),
            count.to_string(),
            u8::from(pace == Pace::Sleeping).to_string(),
        ]);
        Process::start(command)
    };
    let pong = start("pong", 1, pong_ends)?;
    let ping = start("ping", 0, ping_ends)?;
    ping.finish()?;
    pong.finish()?;
    let mut sum = 0.0;
    for result in &results {
        sum += fs::read_to_string(result.path())?.parse::<f64>()?;
    }
    Ok(sum)
}

/// Standard input and output of both processes, for the links that use them.
fn ends(kind: Kind) -> Result<[Ends; 2]> {
    Ok(match kind {
        Kind::Pipes => {
            let (to_pong, from_ping) = io::pipe()?;
            let (to_ping, from_pong) = io::pipe()?;
            [Ends::new(to_ping, from_ping), Ends::new(to_pong, from_pong)]
        }
        Kind::Sockets => {
            let (one, other) = UnixStream::pair()?;
            let ends = |socket: UnixStream| -> Result<Ends> {
                let copy = socket.try_clone()?;
                Ok(Ends::new(OwnedFd::from(socket), OwnedFd::from(copy)))
            };
            [ends(one)?, ends(other)?]
        }
        _ => [(); 2].map(|()| Ends::new(Stdio::null(), Stdio::null())),
    })
}

/// The roles `ping` and `pong`, with PATH OBJECT RESULT KIND CPU COUNT SLEEPING. Each writes
/// its part of a round trip to the file RESULT, in nanoseconds.
pub(crate) fn play(role: &str, arguments: &[String]) -> Result {
    let [path, object, result, kind, cpu, count, sleeping] = arguments else {
        return Err(format!("{role} takes seven arguments").into());
    };
    sys::pin(cpu.parse()?)?;
    let end = match role {
        "ping" => End::Ping,
        _ => End::Pong,
    };
    let pace = match sleeping.as_str() {
        "0" => Pace::Looking,
        _ => Pace::Sleeping,
    };
    let (path, count) = (Path::new(path), count.parse()?);
    let kind = Kind::ALL
        .get(kind.parse::<usize>()?)
        .ok_or("no such link")?;
    let time = match kind {
        Kind::Memtalk => talk(Memtalk::open(object)?, end, pace, count),
        Kind::Atomics => talk(Atomics::open(path, end)?, end, pace, count),
        Kind::Iceoryx2 => talk(Iceoryx2::open(path, object, end)?, end, pace, count),
        Kind::Pipes | Kind::Sockets => talk(Streams::open()?, end, pace, count),
        Kind::Futex => talk(Futex::open(path, end)?, end, pace, count),
    }?;
    fs::write(result, time.to_string())?;
    Ok(())
}

fn talk(link: impl Link, end: End, pace: Pace, count: usize) -> Result<f64> {
    match pace {
        Pace::Looking => look(link, end, count),
        Pace::Sleeping => sleep(link, end, count),
    }
}

/// The nanoseconds of a round trip while both look. Ping measures all of it, pong returns 0.
fn look(mut link: impl Link, end: End, count: usize) -> Result<f64> {
    let warm_up = count / 10;
    let mut began = Instant::now();
    for number in 1..=warm_up + count {
        let number = number as u64;
        match end {
            End::Ping => {
                link.send(number)?;
                if link.receive()? != number {
                    return Err("another number came back".into());
                }
                if number == warm_up as u64 {
                    began = Instant::now();
                }
            }
            End::Pong => {
                let number = link.receive()?;
                link.send(number)?;
            }
        }
    }
    Ok(match end {
        End::Ping => began.elapsed().as_secs_f64() * 1e9 / count as f64,
        End::Pong => 0.0,
    })
}

/// The median of the nanoseconds from the peer's sending to our receiving, while both sleep.
fn sleep(mut link: impl Link, end: End, count: usize) -> Result<f64> {
    let mut times = Vec::with_capacity(count);
    let send = |link: &mut _| {
        thread::sleep(PAUSE);
        Link::send(link, sys::nanoseconds())
    };
    for _ in 0..count {
        if end == End::Ping {
            send(&mut link)?;
        }
        let sent = link.receive()?;
        times.push((sys::nanoseconds() - sent) as f64);
        if end == End::Pong {
            send(&mut link)?;
        }
    }
    Ok(median(times))
}
