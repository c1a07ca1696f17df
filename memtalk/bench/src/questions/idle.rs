//! The cost of waiting: context switches and processor time of two idle processes.
//!
//! The kernel counts both, in all threads of the processes.

use std::fs;
use std::thread;

use crate::answer::{Answer, Row, Target, Unit, Verdict};
use crate::peers::Way;
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

/// The cost of some processes so far.
#[derive(Default)]
struct Cost {
    /// Context switches, voluntary and involuntary.
    switches: u64,
    /// Processor time in ticks, usually 10 ms each.
    ticks: u64,
}

impl Cost {
    fn of(processes: &[u32]) -> Result<Self> {
        let mut cost = Self::default();
        for id in processes {
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                let task = task?.path();
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
