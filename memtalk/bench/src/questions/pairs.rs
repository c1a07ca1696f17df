//! Throughput of many pairs at once, one way each, all together.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, Ends, Traffic, Way};
use crate::{Bench, Result};

/// The numbers of pairs.
const PAIRS: [usize; 6] = [1, 2, 4, 8, 16, 32];

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes;
    let ways = peers::present(bench, &[1], &[Way::Socat, Way::Fifos]);
    let inputs = PAIRS.map(|pairs| bench.scratch.file(bytes / pairs));
    let inputs = inputs.into_iter().collect::<Result<Vec<_>>>()?;
    let mut contestants = Vec::new();
    for cell in 0..PAIRS.len() {
        contestants.extend(ways.iter().map(|&way| (way, cell)));
    }
    let samples = bench.rounds(&contestants, |&(way, cell)| {
        let time = run(bench, way, PAIRS[cell], inputs[cell].path())?;
        Ok(gigabytes_per_second(bytes, time))
    })?;

    let title = format!(
        "N pairs at once, files to /dev/null, {} MiB in all",
        bytes >> 20
    );
    let mut answer = Answer::new(title, Unit::GB_PER_S, peers::rows(&ways, &samples));
    answer.cells = PAIRS.map(|pairs| pairs.to_string()).into();
    answer.over = Some("pairs");
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    let socat = Way::Socat.to_string();
    for (cell, pairs) in PAIRS.into_iter().enumerate() {
        if [2, 8, 32].contains(&pairs) {
            answer.judge(0, cell, Some(&socat), Target::AtLeast(1.0));
        }
    }
    answer.judge_before(Target::AtLeast(0.9));
}

/// The time from the start of the second sides to the end of all processes.
pub(super) fn run(bench: &Bench, way: Way, pairs: usize, input: &Path) -> Result<Duration> {
    let first = || {
        let ends = Ends::new(Stdio::null(), Stdio::null());
        way.first(bench, Traffic::OneWay, ends)
    };
    let firsts = (0..pairs).map(|_| first()).collect::<Result<Vec<_>>>()?;
    peers::settle(&firsts);
    let began = Instant::now();
    let mut talks = Vec::new();
    for first in firsts {
        talks.push(first.second(Ends::new(File::open(input)?, Stdio::null()))?);
    }
    for talk in talks {
        talk.finish()?;
    }
    Ok(began.elapsed())
}
