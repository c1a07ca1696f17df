//! The cost of waiting: context switches and processor time of two idle processes; and of two
//! hundred idle talks of tasks in one process, with its threads.
//!
//! The kernel counts both, in all threads of the processes.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::answer::{Answer, Row, Target, Unit, Verdict};
use crate::peers::Way;
use crate::process::Process;
use crate::questions::byte::Conversation;
use crate::{Bench, Result};

type Count = fn(&Cost) -> u64;

/// What is counted, each in a talk of its own.
const COUNTED: [(&str, Count); 2] = [
    ("context switches", |cost| cost.switches),
    ("ticks of processor time", |cost| cost.ticks),
];

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let idle = bench.settings.idle;
    let samples = bench.rounds(&COUNTED, |(_, count)| {
        let conversation = Conversation::start(bench, Way::Memtalk { pages: 1 })?;
        let ids: Vec<u32> = conversation.talk.processes.iter().map(|p| p.id()).collect();
        // The processes look for a moment before they fall asleep.
        thread::sleep(idle / 10);
        let before = count(&Cost::of(&ids)?);
        thread::sleep(idle);
        let after = count(&Cost::of(&ids)?);
        conversation.finish()?;
        Ok((after - before) as f64)
    })?;

    let title = format!(
        "both waiting for {} s: what two processes cost",
        idle.as_secs_f64()
    );
    let rows = COUNTED.iter().zip(samples).map(|((name, _), samples)| Row {
        name: (*name).into(),
        ours: true,
        samples: vec![samples],
    });
    Ok(Answer::new(title, Unit::less(""), rows.collect()))
}

pub(crate) fn judge(answer: &mut Answer) {
    for row in &answer.rows {
        answer.verdicts.push(Verdict {
            what: row.name.clone(),
            target: Target::AtMost(0.0),
            of: String::new(),
            measured: Some(row.samples[0].clone()),
        });
    }
}

/// How many talks are idle at once, with both sides in one process.
const TALKS: usize = 200;

pub(crate) fn measure_talks(bench: &Bench) -> Result<Answer> {
    let idle = bench.settings.idle;
    let counted: [(&str, Count); 3] = [("threads", |cost| cost.threads), COUNTED[0], COUNTED[1]];
    let samples = bench.rounds(&counted, |(name, count)| {
        let ready = bench.scratch.place();
        let mut command = Command::new(env::current_exe()?);
        command.arg("talks").arg(ready.path());
        let process = Process::start(command)?;
        while !ready.path().exists() {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(idle / 10);
        let before = count(&Cost::of(&[process.id()])?);
        if *name == "threads" {
            return Ok(before as f64);
        }
        thread::sleep(idle);
        let after = count(&Cost::of(&[process.id()])?);
        Ok((after - before) as f64)
    })?;
    let title = format!(
        "{TALKS} idle talks, both sides in tasks of one process, for {} s",
        idle.as_secs_f64()
    );
    let rows = counted.iter().zip(samples).map(|((name, _), samples)| Row {
        name: (*name).into(),
        ours: true,
        samples: vec![samples],
    });
    let mut answer = Answer::new(title, Unit::less(""), rows.collect());
    answer.notes.push(format!(
        "of the threads, {} watch a peer each, one is the runtime's, the others wait for words",
        2 * TALKS
    ));
    Ok(answer)
}

pub(crate) fn judge_talks(answer: &mut Answer) {
    // The watchers, the runtime's thread, and one for each 127 receivers.
    let threads = 2 * TALKS + 1 + (2 * TALKS).div_ceil(127);
    for (row, most) in answer.rows.iter().zip([threads as f64, 0.0, 0.0]) {
        answer.verdicts.push(Verdict {
            what: row.name.clone(),
            target: Target::AtMost(most),
            of: String::new(),
            measured: Some(row.samples[0].clone()),
        });
    }
}

/// The role `talks`, with READY: opens the talks, has a task wait at each receiver, makes the
/// file READY, and goes on waiting.
pub(crate) fn talk(arguments: &[String]) -> Result {
    let [ready] = arguments else {
        return Err("talks takes one argument".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let tasks = tokio::task::LocalSet::new();
    for _ in 0..TALKS {
        let (one, other) = memtalk::Channel::pair()?;
        for channel in [one, other] {
            let mut channel = channel.into_async();
            tasks.spawn_local(async move {
                let ended = channel.receiver.read(&mut [0]).await;
                drop((ended, channel));
            });
        }
    }
    tasks.spawn_local({
        let ready = Path::new(ready).to_owned();
        async move { drop(fs::write(ready, [])) }
    });
    runtime.block_on(tasks);
    Err("a talk ended".into())
}

/// The cost of some processes so far.
#[derive(Default)]
struct Cost {
    /// Context switches, voluntary and involuntary.
    switches: u64,
    /// Processor time in ticks, usually 10 ms each.
    ticks: u64,
    threads: u64,
}

impl Cost {
    fn of(processes: &[u32]) -> Result<Self> {
        let mut cost = Self::default();
        for id in processes {
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                let task = task?.path();
                cost.threads += 1;
                cost.add_switches(&fs::read_to_string(task.join("status"))?)?;
                cost.add_ticks(&fs::read_to_string(task.join("stat"))?)?;
            }
        }
        Ok(cost)
    }

    fn add_switches(&mut self, status: &str) -> Result {
        for kind in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
            let number = status.lines().find_map(|line| line.strip_prefix(kind));
            let number = number.ok_or("an unknown status in /proc")?;
            self.switches += number.trim().parse::<u64>()?;
        }
        Ok(())
    }

    fn add_ticks(&mut self, stat: &str) -> Result {
        // The name is in parentheses and may contain anything. The times are the 12th and
        // 13th field after it.
        let after = stat.rsplit_once(") ").ok_or("an unknown stat in /proc")?.1;
        for field in after.split_whitespace().skip(11).take(2) {
            self.ticks += field.parse::<u64>()?;
        }
        Ok(())
    }
}
