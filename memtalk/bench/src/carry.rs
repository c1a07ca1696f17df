//! Carries a file from one process to another, or one each way, timed or compared.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::peers::{self, Ends, Traffic, Way};
use crate::{Bench, Result, guard};

/// Carries `input` to `/dev/null`. Returns the time from the start of the second side to the
/// end of both.
pub(crate) fn timed(bench: &Bench, way: Way, traffic: Traffic, input: &Path) -> Result<Duration> {
    run(bench, way, traffic, input, [Stdio::null(), Stdio::null()])
}

/// The trials in which each way has to show that it delivers.
const TRIALS: usize = 10;

/// Carries a few megabytes and compares what arrives, before anything is timed. A way that
/// loses bytes is no contestant. Returns the ways that never lost any, and a note for each
/// of the others.
pub(crate) fn check(
    bench: &Bench,
    ways: Vec<Way>,
    traffic: Traffic,
) -> Result<(Vec<Way>, Vec<String>)> {
    let input = bench.scratch.file(5_000_000)?;
    let expected = fs::read(input.path())?;
    let (mut honest, mut notes) = (Vec::new(), Vec::new());
    for way in ways {
        guard::begin(format!("a small file through {way}"));
        let mut lost = 0;
        for _ in 0..TRIALS {
            lost += usize::from(!delivers(bench, way, traffic, input.path(), &expected)?);
        }
        match (lost, way.is_ours()) {
            (0, _) => honest.push(way),
            (_, false) => notes.push(format!(
                "{way} is left out: it lost bytes in some of {TRIALS} trials"
            )),
            (_, true) => return Err(format!("{way} lost bytes").into()),
        }
    }
    Ok((honest, notes))
}

/// Whether every byte arrives.
fn delivers(
    bench: &Bench,
    way: Way,
    traffic: Traffic,
    input: &Path,
    expected: &[u8],
) -> Result<bool> {
    let outputs = [bench.scratch.place(), bench.scratch.place()];
    let [one, other] = [
        File::create(outputs[0].path())?,
        File::create(outputs[1].path())?,
    ];
    run(bench, way, traffic, input, [one.into(), other.into()])?;
    let complete = |i: usize| Ok::<_, std::io::Error>(fs::read(outputs[i].path())? == expected);
    Ok(complete(0)? && (traffic == Traffic::OneWay || complete(1)?))
}

fn run(
    bench: &Bench,
    way: Way,
    traffic: Traffic,
    input: &Path,
    [first_output, second_output]: [Stdio; 2],
) -> Result<Duration> {
    let first_input = match traffic {
        Traffic::OneWay => Stdio::null(),
        Traffic::BothWays => File::open(input)?.into(),
    };
    let first = way.first(bench, traffic, Ends::new(first_input, first_output))?;
    peers::settle([&first]);
    let second = Ends::new(File::open(input)?, second_output);
    let began = Instant::now();
    first.second(second)?.finish()?;
    Ok(began.elapsed())
}
