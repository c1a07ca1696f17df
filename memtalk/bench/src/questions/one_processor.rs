//! Throughput where all processes share one processor, as under `taskset -c N`.
//!
//! No two of them ever run at once. So what counts is how much a process moves in its turn.

use std::path::Path;
use std::time::Duration;

use super::{pairs, pipes};
use crate::answer::{Answer, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, Traffic, Way};
use crate::sys::{self, Pinned};
use crate::{Bench, Result, carry};

/// What is carried: the questions that have one processor here.
struct Load {
    name: &'static str,
    /// How often the file is carried.
    streams: usize,
    run: fn(&Bench, Way, &Path) -> Result<Duration>,
}

const LOADS: [Load; 6] = [
    Load {
        name: "one way",
        streams: 1,
        run: |bench, way, input| carry::timed(bench, way, Traffic::OneWay, input),
    },
    Load {
        name: "pipes",
        streams: 1,
        run: pipes::run,
    },
    Load {
        name: "both ways",
        streams: 2,
        run: |bench, way, input| carry::timed(bench, way, Traffic::BothWays, input),
    },
    Load {
        name: "2 pairs",
        streams: 2,
        run: |bench, way, input| pairs::run(bench, way, 2, input),
    },
    Load {
        name: "8 pairs",
        streams: 8,
        run: |bench, way, input| pairs::run(bench, way, 8, input),
    },
    Load {
        name: "32 pairs",
        streams: 32,
        run: |bench, way, input| pairs::run(bench, way, 32, input),
    },
];

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes / 8;
    let processor = *sys::processors()?.first().ok_or("no processor")?;
    // nc loses bytes both ways.
    let ways = peers::present(bench, &[1], &[Way::Socat, Way::Fifos]);
    let mut contestants = Vec::new();
    for load in &LOADS {
        contestants.extend(ways.iter().map(|&way| (way, load)));
    }
    let samples = bench.rounds(&contestants, |&(way, load)| {
        let input = bench.scratch.file(bytes / load.streams)?;
        let _pinned = Pinned::to(processor)?;
        let time = (load.run)(bench, way, input.path())?;
        Ok(gigabytes_per_second(bytes, time))
    })?;

    let title = format!(
        "all processes on one processor, {} MiB in all to /dev/null",
        bytes >> 20
    );
    let mut answer = Answer::new(title, Unit::GB_PER_S, peers::rows(&ways, &samples));
    answer.cells = LOADS.map(|load| load.name.into()).into();
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    answer.judge_before(Target::AtLeast(0.9));
}
