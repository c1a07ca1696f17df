//! The machine's mode: whether its two processors are near each other or far apart.
//!
//! A virtual machine may be moved to other processors at any minute, and two of them may be
//! four times as far apart as two others. That changes all numbers about two processes, and
//! not all by the same factor. So a cache line's way from one processor to the other and back
//! is timed before each round. If the longest such trip of a run is well above the shortest,
//! the rounds count as near or far, and the border is the geometric middle of the two.

use crate::measure::Samples;

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
