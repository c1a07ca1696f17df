//! The questions, in the order in which they are asked.

mod both_ways;
pub(crate) mod busy;
mod byte;
mod first_byte;
pub(crate) mod idle;
pub(crate) mod latency;
mod one_processor;
mod one_way;
mod pairs;
mod pipes;
mod rings;
pub(crate) mod sweep;
pub(crate) mod tokio;

use crate::answer::Answer;
use crate::{Bench, Result};

/// A question. Every pass measures some of its rounds, and in the end all are judged.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    /// The most rounds that are worth their time.
    pub(crate) most: usize,
    pub(crate) measure: fn(&Bench) -> Result<Answer>,
    /// Compares with the targets. The answer has rows, each with samples.
    pub(crate) judge: fn(&mut Answer),
}

macro_rules! question {
    ($name:literal, $most:expr, $measure:path, $judge:path) => {
        Question {
            name: $name,
            most: $most,
            measure: $measure,
            judge: $judge,
        }
    };
}

/// As many rounds as the settings say.
const ALL_ROUNDS: usize = usize::MAX;

#[rustfmt::skip]
pub(crate) const ALL: &[Question] = &[
    question!("one-way", ALL_ROUNDS, one_way::measure, one_way::judge),
    question!("pipes", ALL_ROUNDS, pipes::measure, pipes::judge),
    question!("both-ways", ALL_ROUNDS, both_ways::measure, both_ways::judge),
    question!("pairs", 5, pairs::measure, pairs::judge),
    question!("one-processor", 5, one_processor::measure, one_processor::judge),
    question!("busy", 3, busy::measure, busy::judge),
    question!("byte", ALL_ROUNDS, byte::measure, byte::judge),
    question!("polling", ALL_ROUNDS, latency::measure_polling, latency::judge_polling),
    question!("sleeping", ALL_ROUNDS, latency::measure_sleeping, latency::judge_sleeping),
    question!("tokio-trip", ALL_ROUNDS, tokio::measure_trips, tokio::judge_trips),
    question!("tokio", ALL_ROUNDS, tokio::measure_flow, tokio::judge_flow),
    question!("rings", ALL_ROUNDS, rings::measure, rings::judge),
    question!("first-byte", ALL_ROUNDS, first_byte::measure, first_byte::judge),
    question!("idle", 1, idle::measure, idle::judge),
    question!("idle-talks", 1, idle::measure_talks, idle::judge_talks),
    question!("pages", 5, sweep::measure_pages, sweep::judge),
    question!("chunks", 5, sweep::measure_chunks, sweep::judge),
];
