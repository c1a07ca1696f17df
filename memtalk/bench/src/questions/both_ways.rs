//! Throughput both ways at once: a file each way to `/dev/null`.

use crate::answer::{Answer, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, OTHERS, Traffic, Way};
use crate::{Bench, Result, carry};

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes / 2;
    let ways = peers::present(bench, &[1, 16], &OTHERS);
    let (ways, notes) = carry::check(bench, ways, Traffic::BothWays)?;
    let input = bench.scratch.file(bytes)?;
    let samples = bench.rounds(&ways, |way| {
        let time = carry::timed(bench, *way, Traffic::BothWays, input.path())?;
        Ok(gigabytes_per_second(2 * bytes, time))
    })?;

    let title = format!(
        "both ways at once, files of {} MiB to /dev/null, both counted",
        bytes >> 20
    );
    let mut answer = Answer::new(title, Unit::GB_PER_S, peers::rows(&ways, &samples));
    answer.notes = notes;
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    let fifos = Way::Fifos.to_string();
    answer.judge(0, 0, Some(&fifos), Target::AtLeast(0.7));
    answer.judge(1, 0, Some(&fifos), Target::AtLeast(1.2));
    answer.judge_before(Target::AtLeast(0.9));
}
