//! memtalk-ring compared with other rings for Rust, between two threads.
//!
//! Each thread has a processor of its own. Messages of one size go through a ring of one
//! capacity. Each message is copied in and out completely before the next, in parts if it
//! does not fit at once. Its first bytes are its number. A thread that has to wait looks
//! again.

mod contestants;
mod exact;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Row, Target, Unit};
use crate::apart::Apart;
use crate::measure::{gigabytes_per_second, of_contestant};
use crate::{Bench, Result, sys};
use contestants::{CONTESTANTS, Put, Take};

/// A capacity and the size of the messages, in bytes.
const CELLS: [(usize, usize); 8] = [
    (1_792, 8),
    (1_792, 64),
    (1_792, 256),
    (1_792, 1_024),
    (65_536, 8),
    (65_536, 64),
    (65_536, 4_096),
    (1_048_576, 65_536),
];

/// The largest message of these.
const LARGEST: usize = 65_536;

/// The messages of a run, and its processors.
pub(crate) struct Race {
    message: usize,
    count: usize,
    cpus: [usize; 2],
}

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let title = "two pinned threads, messages of one size through a ring of one capacity";
    let Some(cpus) = bench.settings.cpus else {
        return Ok(Answer::none(title, "this needs two processors"));
    };
    let bytes = bench.settings.bytes;
    // The contestants of a cell run right after each other, because the machine's speed
    // changes over time.
    let mut runs = Vec::new();
    for cell in CELLS {
        runs.extend(CONTESTANTS.iter().map(|contestant| (contestant, cell)));
    }
    let samples = bench.rounds(&runs, |(contestant, (capacity, message))| {
        let race = Race {
            message: *message,
            count: (bytes / 4 / message).min(bytes / 512),
            cpus,
        };
        let time = (contestant.run)(bench, *capacity, &race)?;
        Ok(gigabytes_per_second(race.message * race.count, time))
    })?;

    let rows = CONTESTANTS
        .iter()
        .enumerate()
        .map(|(which, contestant)| Row {
            name: contestant.name.into(),
            ours: contestant.ours,
            samples: of_contestant(&samples, which, CONTESTANTS.len()),
        });
    let mut answer = Answer::new(title.into(), Unit::GB_PER_S, rows.collect());
    answer.cells = CELLS
        .map(|(capacity, message)| format!("{} B in {}", size(message), size(capacity)))
        .into();
    answer
        .notes
        .push("shmring's capacity is a power of two: it has 2,048 bytes instead of 1,792".into());
    Ok(answer)
}

pub(crate) fn judge(answer: &mut Answer) {
    for cell in 0..CELLS.len() {
        answer.judge_best(0, cell, Target::AtLeast(1.1));
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => bytes.to_string(),
        1_024..10_000 => format!("{},{:03}", bytes / 1_000, bytes % 1_000),
        10_000..1_048_576 => format!("{}Ki", bytes >> 10),
        _ => format!("{}Mi", bytes >> 20),
    }
}

impl Race {
    /// The time from the first message to the last.
    ///
    /// Each end moves into its thread, as a user's would: nothing that one thread writes lies
    /// beside anything of the other's, except in the ring.
    fn run(&self, put: impl Put, take: impl Take) -> Result<Duration> {
        let barrier = &Barrier::new(2);
        let (put, take) = (Apart(put), Apart(take));
        thread::scope(|scope| {
            let putting = scope.spawn(move || -> std::io::Result<()> {
                let mut put = put;
                let pinned = sys::pin(self.cpus[0]);
                let mut message = Box::new(Apart([b'x'; LARGEST]));
                let message = &mut message.0[..self.message];
                barrier.wait();
                for number in 0..self.count {
                    message[..8].copy_from_slice(&number.to_ne_bytes());
                    put.0.put(message);
                }
                pinned
            });
            let taking = scope.spawn(move || -> std::result::Result<Duration, String> {
                let mut take = take;
                let pinned = sys::pin(self.cpus[1]);
                let mut message = Box::new(Apart([0; LARGEST]));
                let message = &mut message.0[..self.message];
                let mut wrong = 0;
                barrier.wait();
                let began = Instant::now();
                for number in 0..self.count {
                    take.0.take(message);
                    wrong += usize::from(message[..8] != number.to_ne_bytes());
                }
                let time = began.elapsed();
                match (wrong, pinned) {
                    (0, Ok(())) => Ok(time),
                    (0, Err(error)) => Err(error.to_string()),
                    _ => Err(format!("{wrong} messages are wrong")),
                }
            });
            putting.join().map_err(|_| "a sending thread panicked")??;
            Ok(taking.join().map_err(|_| "a receiving thread panicked")??)
        })
    }
}
