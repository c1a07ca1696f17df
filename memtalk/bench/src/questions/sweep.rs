//! Throughput while one thing is varied: the number of pages, or the size of a write.
//!
//! The target is that there are no cliffs: no point is far below the one before.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use memtalk::{Channel, Options};

use crate::answer::{Answer, Row, Target, Unit, Verdict};
use crate::measure::{Samples, gigabytes_per_second};
use crate::peers::{Traffic, Way};
use crate::process::Process;
use crate::{Bench, Result, carry};

pub(crate) fn measure_pages(bench: &Bench) -> Result<Answer> {
    let bytes = bench.settings.bytes;
    let input = bench.scratch.file(bytes)?;
    let pages: Vec<usize> = (0..=12).map(|power| 1 << power).collect();
    let samples = bench.rounds(&pages, |&pages| {
        let way = Way::Memtalk { pages };
        let time = carry::timed(bench, way, Traffic::OneWay, input.path())?;
        Ok(gigabytes_per_second(bytes, time))
    })?;
    let title = format!(
        "one way, a file of {} MiB to /dev/null, by number of pages",
        bytes >> 20
    );
    let names = pages.iter().map(usize::to_string).collect();
    Ok(answer(title, "pages", names, samples))
}

pub(crate) fn measure_chunks(bench: &Bench) -> Result<Answer> {
    let chunks: Vec<usize> = (0..=20).map(|power| 1 << power).collect();
    let samples = bench.rounds(&chunks, |&chunk| run_chunks(bench, chunk))?;
    let title = "the library, one page, by the size of a write".into();
    let names = chunks.iter().map(|&chunk| size(chunk)).collect();
    Ok(answer(title, "bytes in a write", names, samples))
}

fn answer(title: String, over: &'static str, cells: Vec<String>, samples: Vec<Samples>) -> Answer {
    let row = Row {
        name: "memtalk".into(),
        ours: true,
        samples,
    };
    let mut answer = Answer::new(title, Unit::GB_PER_S, vec![row]);
    answer.cells = cells;
    answer.over = Some(over);
    answer
}

/// The lowest ratio of a point to the one before.
pub(crate) fn judge(answer: &mut Answer) {
    let (samples, cells) = (&answer.rows[0].samples, &answer.cells);
    let neighbours = samples.windows(2).enumerate();
    let ratios = neighbours.map(|(i, pair)| (i, pair[1].ratio_to(&pair[0])));
    let lowest = ratios.min_by(|(_, a), (_, b)| a.median().total_cmp(&b.median()));
    answer.verdicts.push(Verdict {
        what: match lowest {
            Some((i, _)) => format!("lowest, from {} to {}", cells[i], cells[i + 1]),
            None => "lowest".into(),
        },
        target: Target::AtLeast(0.7),
        of: "of the smaller neighbour".into(),
        measured: lowest.map(|(_, ratios)| ratios),
    });
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes}"),
        1024..1_048_576 => format!("{}Ki", bytes >> 10),
        _ => format!("{}Mi", bytes >> 20),
    }
}

/// The GB/s of two processes that use the library: one writes in chunks, the other reads.
fn run_chunks(bench: &Bench, chunk: usize) -> Result<f64> {
    // Small chunks are limited by their number, large ones by their bytes.
    let writes = (bench.settings.bytes / chunk).min(bench.settings.bytes / 256);
    let place = bench.scratch.place();
    let role = |name: &str, numbers: &[usize]| -> Result<Process> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(name).arg(place.object()).arg(place.path());
        command.args(numbers.iter().map(usize::to_string));
        command.stdin(Stdio::null());
        Process::start(command)
    };
    let reader = role("read", &[])?;
    let writer = role("write", &[chunk, writes])?;
    writer.finish()?;
    reader.finish()?;
    let seconds: f64 = fs::read_to_string(place.path())?.parse()?;
    Ok((chunk * writes) as f64 / seconds / 1e9)
}

/// The role `write OBJECT RESULT CHUNK WRITES`: writes, and puts the seconds until all was
/// confirmed into the file RESULT.
pub(crate) fn write(arguments: &[String]) -> Result {
    let [object, result, chunk, writes] = arguments else {
        return Err("write takes four arguments".into());
    };
    let chunk = vec![b'x'; chunk.parse()?];
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = Options::new().open(object)?;
    let began = Instant::now();
    for _ in 0..writes.parse::<usize>()? {
        sender.write_all(&chunk)?;
    }
    sender.close()?;
    let time = began.elapsed();
    // The other direction is an empty stream, which has ended already.
    receiver.read_to_end(&mut Vec::new())?;
    receiver.close()?;
    fs::write(result, time.as_secs_f64().to_string())?;
    Ok(())
}

/// The role `read OBJECT RESULT`: reads to the end. RESULT is not used.
pub(crate) fn read(arguments: &[String]) -> Result {
    let [object, _] = arguments else {
        return Err("read takes two arguments".into());
    };
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = Options::new().open(object)?;
    sender.end();
    let mut bytes = vec![0; 65536];
    while receiver.read(&mut bytes)? > 0 {}
    receiver.close()?;
    sender.close()?;
    Ok(())
}
