//! Rounds of measurements, and their medians.

use std::time::Duration;

use crate::{Bench, Result, guard};

/// The measurements of one contestant, one number for each round.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

/// The median, lowest and highest of some numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl From<Vec<f64>> for Samples {
    fn from(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }
}

impl Samples {
    pub(crate) fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The ratio of this to `other`, round by round, because both were measured under the
    /// same disturbances.
    pub(crate) fn ratio_to(&self, other: &Self) -> Spread {
        let ratios = self
            .0
            .iter()
            .zip(&other.0)
            .map(|(ours, theirs)| ours / theirs);
        Self(ratios.collect()).spread()
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread {
            median: self.median(),
            low: self.0.iter().copied().fold(f64::INFINITY, f64::min),
            high: self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The middle number, or the lower of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() - 1) / 2]
}

/// Runs every contestant once in each round, in turn. Each round begins with another
/// contestant. Returns the samples in the order of the contestants.
pub(crate) fn rounds<C>(
    what: &str,
    rounds: usize,
    contestants: &[C],
    mut run: impl FnMut(&C) -> Result<f64>,
) -> Result<Vec<Samples>> {
    let mut samples = vec![Samples(Vec::new()); contestants.len()];
    for round in 0..rounds {
        eprint!("\r{what}: round {} of {rounds} ", round + 1);
        for turn in 0..contestants.len() {
            let who = (round + turn) % contestants.len();
            guard::begin(what.into());
            samples[who].0.push(run(&contestants[who])?);
        }
    }
    eprint!("\r{:60}\r", "");
    Ok(samples)
}

impl Bench {
    /// As many rounds as the settings say.
    pub(crate) fn rounds<C>(
        &self,
        what: &str,
        contestants: &[C],
        run: impl FnMut(&C) -> Result<f64>,
    ) -> Result<Vec<Samples>> {
        rounds(what, self.settings.rounds, contestants, run)
    }

    /// At most five rounds, for questions with many points.
    pub(crate) fn some_rounds<C>(
        &self,
        what: &str,
        contestants: &[C],
        run: impl FnMut(&C) -> Result<f64>,
    ) -> Result<Vec<Samples>> {
        rounds(what, self.settings.rounds.min(5), contestants, run)
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
