//! Throughput of many pairs at once, compared with one pair alone.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Row, Target, Unit, Verdict};
use crate::measure::{Spread, gigabytes_per_second, of_contestant};
use crate::peers::{self, Ends, Traffic, Way};
use crate::{Bench, Result};

/// The numbers of pairs.
const PAIRS: [usize; 6] = [1, 2, 4, 8, 16, 32];

pub(crate) fn ask(bench: &Bench) -> Result<Answer> {
    let bytes = 2 * bench.settings.bytes;
    let ways = peers::present([Way::Memtalk { pages: 1 }, Way::Socat]);
    let inputs = PAIRS.map(|pairs| bench.scratch.file(bytes / pairs));
    let inputs = inputs.into_iter().collect::<Result<Vec<_>>>()?;
    let mut contestants = Vec::new();
    for cell in 0..PAIRS.len() {
        contestants.extend(ways.iter().map(|&way| (way, cell)));
    }
    let samples = bench.some_rounds("pairs", &contestants, |&(way, cell)| {
        let time = run(bench, way, PAIRS[cell], inputs[cell].path())?;
        Ok(gigabytes_per_second(bytes, time))
    })?;

    let rows = ways.iter().enumerate().map(|(which, way)| Row {
        name: way.to_string(),
        ours: way.is_ours(),
        samples: of_contestant(&samples, which, ways.len()),
    });
    let title = format!(
        "N pairs at once, files to /dev/null, {} MiB in all",
        bytes >> 20
    );
    let mut answer = Answer::new(title, Unit::GB_PER_S, rows.collect());
    answer.cells = PAIRS.map(|pairs| pairs.to_string()).into();
    answer.over = Some("pairs");
    let ours = &answer.rows[0].samples;
    let verdicts = [
        lowest(0.8, "N = 1", 1, |cell| Some(ours[cell].ratio_to(&ours[0]))),
        lowest(1.0, "socat", 0, |cell| {
            let socat = answer.rows.get(1)?;
            Some(ours[cell].ratio_to(&socat.samples[cell]))
        }),
    ];
    answer.verdicts = verdicts.into();
    Ok(answer)
}

/// The verdict on the lowest ratio of all cells from `first` on.
fn lowest(
    bound: f64,
    beside: &str,
    first: usize,
    ratio: impl Fn(usize) -> Option<Spread>,
) -> Verdict {
    let ratios = (first..PAIRS.len()).filter_map(|cell| Some((cell, ratio(cell)?)));
    let lowest = ratios.min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
    Verdict {
        what: match lowest {
            Some((cell, _)) => format!("lowest, at N = {}", PAIRS[cell]),
            None => "lowest".into(),
        },
        target: Target::AtLeast(bound),
        of: format!("times {beside}"),
        measured: lowest.map(|(_, spread)| spread),
    }
}

/// The time from the start of the second sides to the end of all processes.
fn run(bench: &Bench, way: Way, pairs: usize, input: &Path) -> Result<Duration> {
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
