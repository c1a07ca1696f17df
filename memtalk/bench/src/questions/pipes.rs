//! Throughput one way with pipes on both ends: `cat file | X`, and `X | cat >/dev/null`.
//!
//! These are four processes. What one does while it waits takes processor time from the
//! others.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::answer::{Answer, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, Ends, OTHERS, Traffic, Way};
use crate::process::Process;
use crate::{Bench, Result};

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes / 2;
    let input = bench.scratch.file(bytes)?;
    let ways = peers::present(bench, &[1, 16, 256], &OTHERS);
    let samples = bench.rounds(&ways, |way| {
        Ok(gigabytes_per_second(bytes, run(bench, *way, input.path())?))
    })?;

    let mib = bytes >> 20;
    let title = format!("one way, pipe in and pipe out (cat file | X, X | cat), {mib} MiB");
    Ok(Answer::new(
        title,
        Unit::GB_PER_S,
        peers::rows(&ways, &samples),
    ))
}

pub(crate) fn judge(answer: &mut Answer) {
    answer.judge_best(0, 0, Target::AtLeast(1.0));
    answer.judge_best(1, 0, Target::AtLeast(1.3));
    answer.judge_best(2, 0, Target::AtLeast(1.5));
    answer.judge_before(Target::AtLeast(0.9));
}

/// The time from the start of the second side to the end of all processes.
pub(super) fn run(bench: &Bench, way: Way, input: &Path) -> Result<Duration> {
    let (from_first, to_drain) = io::pipe()?;
    let mut drain = Command::new("cat");
    drain.stdin(from_first).stdout(Stdio::null());
    let drain = Process::start(drain)?;
    let first = way.first(bench, Traffic::OneWay, Ends::new(Stdio::null(), to_drain))?;
    peers::settle([&first]);

    let began = Instant::now();
    let (from_source, to_second) = io::pipe()?;
    let mut source = Command::new("cat");
    source.arg(input).stdin(Stdio::null()).stdout(to_second);
    let source = Process::start(source)?;
    let talk = first.second(Ends::new(from_source, Stdio::null()))?;
    source.finish()?;
    talk.finish()?;
    drain.finish()?;
    Ok(began.elapsed())
}
