//! The questions, by name, in the order in which they are asked.

mod both_ways;
mod byte;
mod first_byte;
mod idle;
pub(crate) mod latency;
mod one_way;
mod pairs;
mod pipes;
mod rings;
pub(crate) mod sweep;

use crate::answer::Answer;
use crate::{Bench, Result};

/// Asks a question: measures, and judges by its targets.
pub(crate) type Ask = fn(&Bench) -> Result<Answer>;

/// All questions with their names.
pub(crate) const ALL: &[(&str, Ask)] = &[
    ("one-way", one_way::ask),
    ("pipes", pipes::ask),
    ("both-ways", both_ways::ask),
    ("byte", byte::ask),
    ("polling", latency::ask_polling),
    ("sleeping", latency::ask_sleeping),
    ("rings", rings::ask),
    ("first-byte", first_byte::ask),
    ("idle", idle::ask),
    ("pairs", pairs::ask),
    ("pages", sweep::ask_pages),
    ("chunks", sweep::ask_chunks),
];
