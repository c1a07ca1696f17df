//! Throughput both ways at once: a file each way to `/dev/null`.

use crate::answer::{Answer, Target, Unit};
use crate::measure::gigabytes_per_second;
use crate::peers::{self, Traffic, Way};
use crate::{Bench, Result, carry};

pub(crate) fn ask(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes / 2;
    let ours = [1, 16].map(|pages| Way::Memtalk { pages });
    let ways = peers::present(ours.into_iter().chain(peers::OTHERS));
    let (ways, notes) = carry::check(bench, ways, Traffic::BothWays)?;
    let input = bench.scratch.file(bytes)?;
    let samples = bench.rounds("both-ways", &ways, |way| {
        let time = carry::timed(bench, *way, Traffic::BothWays, input.path())?;
        Ok(gigabytes_per_second(2 * bytes, time))
    })?;

    let title = format!(
        "both ways at once, files of {} MiB to /dev/null, both counted",
        bytes >> 20
    );
    let mut answer = Answer::new(title, Unit::GB_PER_S, peers::rows(&ways, samples));
    answer.judge_best(0, 0, Target::AtLeast(1.0));
    answer.judge_best(1, 0, Target::AtLeast(2.0));
    answer.notes = notes;
    Ok(answer)
}
