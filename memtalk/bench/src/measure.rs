//! Rounds of measurements, and their medians.

use std::time::Duration;

use crate::{Bench, Result, guard, trip};

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Sample {
    number: f64,
    /// The core-to-core round trip before its round, in nanoseconds. `None` if there is only
    /// one processor.
    trip: Option<f64>,
}

/// The measurements of one contestant, one for each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

/// The median, lowest and highest of some numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Samples {
    pub(crate) fn add(&mut self, later: &Self) {
        self.0.extend_from_slice(&later.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The core-to-core round trips of the rounds, where there are two processors.
    pub(crate) fn trips(&self) -> impl Iterator<Item = f64> + Clone {
        self.0.iter().filter_map(|sample| sample.trip)
    }

    /// Those of the rounds with such a core-to-core round trip.
    pub(crate) fn of_rounds(&self, such: impl Fn(f64) -> bool) -> Self {
        let samples = self.0.iter().copied();
        Self(samples.filter(|s| s.trip.is_some_and(&such)).collect())
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|sample| sample.number)
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.numbers().collect())
    }

    /// The ratio of this to `other`, round by round, because both were measured under the
    /// same disturbances.
    pub(crate) fn ratio_to(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(other.numbers());
        let ratios = pairs.map(|(ours, theirs)| Sample {
            number: ours.number / theirs,
            ..*ours
        });
        Self(ratios.collect())
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread {
            median: self.median(),
            low: self.numbers().fold(f64::INFINITY, f64::min),
            high: self.numbers().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The middle number, or the lower of the two in the middle. There must be one.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() - 1) / 2]
}

impl Bench {
    /// Runs every contestant once in each round of this pass, in turn. Each round begins with
    /// another contestant. Returns the samples in the order of the contestants.
    pub(crate) fn rounds<C>(
        &self,
        contestants: &[C],
        mut run: impl FnMut(&C) -> Result<f64>,
    ) -> Result<Vec<Samples>> {
        let name = self.turn.question;
        let mut samples = vec![Samples::default(); contestants.len()];
        for round in self.turn.rounds.clone() {
            eprint!("\r{name}: round {} of {} ", round + 1, self.turn.of);
            guard::begin("the core-to-core round trip".into());
            let trip = self.settings.cpus.map(trip::round_trip).transpose()?;
            for turn in 0..contestants.len() {
                let who = (round + turn) % contestants.len();
                guard::begin(name.into());
                let number = run(&contestants[who])?;
                samples[who].0.push(Sample { number, trip });
            }
            eprint!("\r{:60}\r", "");
        }
        Ok(samples)
    }
}

/// The samples of the contestant `which`, one for each cell. In each cell, all `contestants`
/// ran one after the other.
pub(crate) fn of_contestant(samples: &[Samples], which: usize, contestants: usize) -> Vec<Samples> {
    let own = samples.iter().skip(which).step_by(contestants);
    own.cloned().collect()
}

/// A throughput in GB/s: 10⁹ bytes in a second.
pub(crate) fn gigabytes_per_second(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}
