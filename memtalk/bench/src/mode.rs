//! The machine's mode: whether its two processors are near each other or far apart.
//!
//! A virtual machine may be moved to other processors at any minute, and two of them may be
//! four times as far apart as two others. That changes all numbers about two processes, and
//! not all by the same factor. So a cache line's way from one processor to the other and back
//! is timed before each round. If the longest such trip of a run is well above the shortest,
//! the rounds count as near or far, and the border is the geometric middle of the two.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use crate::apart::Apart;
use crate::measure::Samples;
use crate::{Result, sys};

/// What other programs do can only make a trip longer. So the shortest of many tries counts.
const TRIES: usize = 20;
const TRIPS: u32 = 500;

/// The time of a cache line from one processor to the other and back, in nanoseconds.
pub(crate) fn round_trip(cpus: [usize; 2]) -> Result<f64> {
    let word = Apart(AtomicU32::new(0));
    let word = &word.0;
    thread::scope(|scope| {
        let there = scope.spawn(move || {
            let pinned = sys::pin(cpus[0]);
            let tries = (0..TRIES).map(|_| {
                let began = Instant::now();
                bounce(word, 0);
                began.elapsed().as_secs_f64() * 1e9 / f64::from(TRIPS)
            });
            let shortest = tries.fold(f64::INFINITY, f64::min);
            pinned.map(|()| shortest)
        });
        let back = scope.spawn(move || {
            let pinned = sys::pin(cpus[1]);
            for _ in 0..TRIES {
                bounce(word, 1);
            }
            pinned
        });
        back.join().map_err(|_| "a bouncing thread panicked")??;
        Ok(there.join().map_err(|_| "a bouncing thread panicked")??)
    })
}

/// Counts on, `TRIPS` times, whenever the count is even (0) or odd (1).
fn bounce(word: &AtomicU32, odd: u32) {
    for _ in 0..TRIPS {
        let count = loop {
            let count = word.load(Relaxed);
            if count % 2 == odd {
                break count;
            }
        };
        word.store(count.wrapping_add(1), Relaxed);
    }
}

/// How much longer than the shortest trip of a run the longest has to be for two modes.
const APART: f64 = 1.5;

/// The modes that occurred in a run.
pub(crate) struct Modes {
    /// Between the trips of near rounds and those of far ones. `None` if there was one mode.
    border: Option<f64>,
}

impl Modes {
    /// The modes of a run with these trips.
    pub(crate) fn of(trips: impl Iterator<Item = f64> + Clone) -> Self {
        let shortest = trips.clone().fold(f64::INFINITY, f64::min);
        let longest = trips.fold(0.0, f64::max);
        Self {
            border: (longest > APART * shortest).then(|| (shortest * longest).sqrt()),
        }
    }

    /// The samples of near rounds and those of far ones. `None` if the run had one mode.
    pub(crate) fn split(&self, samples: &Samples) -> Option<[Samples; 2]> {
        let border = self.border?;
        Some([
            samples.of_rounds(|trip| trip < border),
            samples.of_rounds(|trip| trip >= border),
        ])
    }
}
