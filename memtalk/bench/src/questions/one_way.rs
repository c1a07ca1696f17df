//! Throughput one way, the main job: a file in tmpfs to `/dev/null`.
//!
//! It is also compared with the limit, one copy: `dd` makes one of the same file, with large
//! blocks.

use std::fmt::{self, Display};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::answer::{Answer, Row, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, OTHERS, Traffic, Way};
use crate::process::Process;
use crate::{Bench, Result, carry};

/// A way through two processes, or the limit.
enum Contestant {
    Through(Way),
    OneCopy,
}

impl Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Through(way) => way.fmt(f),
            Self::OneCopy => f.write_str(LIMIT),
        }
    }
}

/// The name of the limit.
const LIMIT: &str = "dd bs=64k (one copy)";

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes;
    let ways = peers::present(bench, &[1, 16, 256], &OTHERS);
    let (ways, notes) = carry::check(bench, ways, Traffic::OneWay)?;
    let input = bench.scratch.file(bytes)?;
    let mut contestants: Vec<_> = ways.into_iter().map(Contestant::Through).collect();
    contestants.push(Contestant::OneCopy);
    let samples = bench.rounds(&contestants, |contestant| {
        let time = match contestant {
            Contestant::Through(way) => carry::timed(bench, *way, Traffic::OneWay, input.path()),
            Contestant::OneCopy => copy(input.path()),
        };
        Ok(gigabytes_per_second(bytes, time?))
    })?;

    let rows = contestants.iter().zip(samples).map(|(who, samples)| Row {
        name: who.to_string(),
        ours: matches!(who, Contestant::Through(way) if way.is_ours()),
        samples: vec![samples],
    });
    let title = format!("one way, a file of {} MiB to /dev/null", bytes >> 20);
    let mut answer = Answer::new(title, Unit::GB_PER_S, rows.collect());
    answer.notes = notes;
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    // The limit is not among the others that we have to beat.
    let limit = answer.rows.pop();
    answer.judge_best(0, 0, Target::AtLeast(1.5));
    answer.judge_best(1, 0, Target::AtLeast(3.5));
    answer.rows.extend(limit);
    answer.judge(2, 0, Some(LIMIT), Target::AtLeast(0.95));
    answer.judge_before(Target::AtLeast(0.9));
}

/// The time that `dd` takes for one copy of the file.
fn copy(input: &Path) -> Result<Duration> {
    let mut command = Command::new("dd");
    command
        .arg("bs=64k")
        .arg("status=none")
        .arg(format!("if={}", input.display()))
        .arg("of=/dev/null")
        .stdin(Stdio::null());
    let began = Instant::now();
    Process::start(command)?.finish()?;
    Ok(began.elapsed())
}
