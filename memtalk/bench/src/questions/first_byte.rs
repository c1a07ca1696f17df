//! The time from the start of both processes to the first byte.

use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Target, Unit};
use crate::measure::median;
use crate::peers::{self, Ends, Traffic, Way};
use crate::{Bench, Result};

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let ways = peers::present(bench, &[1], &[Way::Socat]);
    let samples = bench.rounds(&ways, |way| {
        let times: Result<_> = (0..bench.settings.starts)
            .map(|_| run(bench, *way))
            .collect();
        Ok(median(times?))
    })?;

    let title = "from the start of both processes to the first byte".into();
    let mut answer = Answer::new(title, Unit::MS, peers::rows(&ways, &samples));
    answer.notes.push(
        "memtalk's two sides start at once; socat's second one as soon as the socket has a name"
            .into(),
    );
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    answer.judge_best(0, 0, Target::Under(1.0));
    answer.judge_before(Target::AtMost(1.1));
}

/// The milliseconds until a byte that waits in the second side's pipe comes out of the first
/// side's.
fn run(bench: &Bench, way: Way) -> Result<f64> {
    let (mut from_first, first_out) = io::pipe()?;
    let (second_in, mut to_second) = io::pipe()?;
    to_second.write_all(b"x")?;
    let began = Instant::now();
    let first = way.first(bench, Traffic::OneWay, Ends::new(Stdio::null(), first_out))?;
    if !way.is_ours() {
        first.wait_until_there(Duration::from_micros(20));
    }
    let talk = first.second(Ends::new(second_in, Stdio::null()))?;
    from_first.read_exact(&mut [0])?;
    let time = began.elapsed();
    drop(to_second);
    talk.finish()?;
    Ok(time.as_secs_f64() * 1e3)
}
