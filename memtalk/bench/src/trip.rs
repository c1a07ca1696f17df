//! A cache line's trip from one processor to another and back.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use crate::apart::Apart;
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
