//! Throughput one way beside two programs that only compute, for half a minute.
//!
//! What waits by giving way to others waits for a whole time slice there, and what learns
//! how to wait may learn the wrong thing after a while. So this takes long.

use std::env;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::Seek;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::answer::{Answer, Target, Unit, Verdict};
use crate::peers::{self, Ends, OTHERS, Traffic, Way};
use crate::process::Process;
use crate::{Bench, Result};

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let ways = peers::present(bench, &[1], &OTHERS);
    let samples = bench.rounds(&ways, |way| run(bench, *way))?;

    let seconds = bench.settings.busy.as_secs_f64();
    let title = format!("one way beside two busy loops, for {seconds} s");
    Ok(Answer::new(
        title,
        Unit::MB_PER_S,
        peers::rows(&ways, &samples),
    ))
}

pub(crate) fn judge(answer: &mut Answer) {
    answer.verdicts.push(Verdict {
        what: answer.rows[0].name.clone(),
        target: Target::NeverUnder(20.0),
        of: Unit::MB_PER_S.name.into(),
        measured: Some(answer.rows[0].samples[0].clone()),
    });
    answer.judge_before(Target::AtLeast(1.0));
}

/// The MB/s that a way carries.
fn run(bench: &Bench, way: Way) -> Result<f64> {
    let endless = bench.scratch.endless()?;
    let loops = [start_loop()?, start_loop()?];
    let ends = Ends::new(Stdio::null(), Stdio::null());
    let first = way.first(bench, Traffic::OneWay, ends)?;
    peers::settle([&first]);

    let input = File::open(endless.path())?;
    // The place in the file is shared with the process that reads it.
    let mut read = input.try_clone()?;
    let began = Instant::now();
    let talk = first.second(Ends::new(input, Stdio::null()))?;
    thread::sleep(bench.settings.busy);
    // Now the file ends, wherever it has been read to.
    OpenOptions::new()
        .write(true)
        .open(endless.path())?
        .set_len(0)?;
    talk.finish()?;
    let time = began.elapsed();
    drop(loops);
    Ok(read.stream_position()? as f64 / time.as_secs_f64() / 1e6)
}

fn start_loop() -> Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("compute").stdin(Stdio::null());
    Process::start(command)
}

/// The role `compute`: computes until it is killed.
pub(crate) fn compute() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_mul(3).wrapping_add(1));
    }
}
