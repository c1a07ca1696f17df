//! The answer to a question: numbers by contestant and cell, and verdicts on the targets.

use std::fmt::{self, Display};

use crate::measure::{Samples, Spread};

/// What the names of rows of the command `BEFORE` begin with.
pub(crate) const BEFORE: &str = "before: ";

/// The answer to a question.
pub(crate) struct Answer {
    /// What was measured, in one line.
    pub(crate) title: String,
    pub(crate) unit: Unit,
    /// The names of the cells: message sizes or numbers of pairs, for example. If nothing
    /// was varied, there is one cell with an empty name.
    pub(crate) cells: Vec<String>,
    /// What is varied, if the cells are points of a line.
    pub(crate) over: Option<&'static str>,
    /// The contestants, ours first.
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
    /// What a reader has to know besides the numbers.
    pub(crate) notes: Vec<String>,
}

/// The unit of the numbers.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) more_is_better: bool,
}

impl Unit {
    pub(crate) const GB_PER_S: Self = Self::more("GB/s");
    pub(crate) const MB_PER_S: Self = Self::more("MB/s");
    pub(crate) const NS: Self = Self::less("ns");
    pub(crate) const US: Self = Self::less("µs");
    pub(crate) const MS: Self = Self::less("ms");

    const fn more(name: &'static str) -> Self {
        Self {
            name,
            more_is_better: true,
        }
    }

    pub(crate) const fn less(name: &'static str) -> Self {
        Self {
            name,
            more_is_better: false,
        }
    }
}

/// A contestant's numbers, one for each cell.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) samples: Vec<Samples>,
}

/// A target, and what was measured.
pub(crate) struct Verdict {
    /// Which of our numbers: its contestant and cell. Empty if there is only one.
    pub(crate) what: String,
    pub(crate) target: Target,
    /// What the target is a share of, or what it counts.
    pub(crate) of: String,
    /// One number for each round. `None` if there was nothing to compare with.
    pub(crate) measured: Option<Samples>,
}

/// A condition on the rounds' numbers: on their median, or on each of them.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    Under(f64),
    NeverUnder(f64),
}

impl Target {
    fn is_met_by(self, numbers: Spread) -> bool {
        match self {
            Self::AtLeast(bound) => numbers.median >= bound,
            Self::AtMost(bound) => numbers.median <= bound,
            Self::Under(bound) => numbers.median < bound,
            Self::NeverUnder(bound) => numbers.low >= bound,
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
            Self::Under(bound) => write!(f, "under {bound}"),
            Self::NeverUnder(bound) => write!(f, "never under {bound}"),
        }
    }
}

impl Verdict {
    pub(crate) fn outcome(&self) -> &'static str {
        match &self.measured {
            Some(numbers) if self.target.is_met_by(numbers.spread()) => "met",
            Some(_) => "missed",
            None => "not measured",
        }
    }
}

impl Answer {
    /// An answer about one cell, without verdicts yet.
    pub(crate) fn new(title: String, unit: Unit, rows: Vec<Row>) -> Self {
        Self {
            title,
            unit,
            cells: vec![String::new()],
            over: None,
            rows,
            verdicts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// An empty answer, with the reason.
    pub(crate) fn none(title: &str, reason: &str) -> Self {
        let mut answer = Self::new(title.into(), Unit::NS, Vec::new());
        answer.notes.push(format!("not measured: {reason}"));
        answer
    }

    /// Adds what a later pass has measured. A contestant that was left out once is left out.
    pub(crate) fn add(&mut self, later: Self) {
        self.rows.retain_mut(|row| {
            let more = later.rows.iter().find(|more| more.name == row.name);
            for (samples, more) in row
                .samples
                .iter_mut()
                .zip(more.iter().flat_map(|m| &m.samples))
            {
                samples.add(more);
            }
            more.is_some()
        });
        for note in later.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// One sample of each round: those of any contestant. `None` if nothing was measured.
    pub(crate) fn rounds(&self) -> Option<&Samples> {
        self.rows.first()?.samples.first()
    }

    /// The best row of the others in a cell.
    pub(crate) fn best_other(&self, cell: usize) -> Option<&Row> {
        let of = |row: &&Row| row.samples[cell].median();
        let others = self.rows.iter().filter(|row| !row.ours);
        match self.unit.more_is_better {
            true => others.max_by(|a, b| of(a).total_cmp(&of(b))),
            false => others.min_by(|a, b| of(a).total_cmp(&of(b))),
        }
    }

    /// Compares our row `ours` in `cell` with the best other.
    pub(crate) fn judge_best(&mut self, ours: usize, cell: usize, target: Target) {
        let best = self.best_other(cell).map(|row| row.name.clone());
        self.judge(ours, cell, best.as_deref(), target);
    }

    /// Compares our row `ours` in `cell` with the row named `other`.
    pub(crate) fn judge(&mut self, ours: usize, cell: usize, other: Option<&str>, target: Target) {
        let of = format!("of {}", other.unwrap_or("the best other"));
        self.compare(ours, cell, other, target, of);
    }

    /// Compares each of our rows, in each cell, with the same of the command `BEFORE`, if it
    /// takes part.
    pub(crate) fn judge_before(&mut self, target: Target) {
        for ours in 0..self.rows.len() {
            let before = format!("{BEFORE}{}", self.rows[ours].name);
            if self.rows.iter().any(|row| row.name == before) {
                for cell in 0..self.cells.len() {
                    self.compare(ours, cell, Some(&before), target, "of before".into());
                }
            }
        }
    }

    fn compare(
        &mut self,
        ours: usize,
        cell: usize,
        other: Option<&str>,
        target: Target,
        of: String,
    ) {
        let theirs = other.and_then(|name| self.rows.iter().find(|row| row.name == name));
        let row = &self.rows[ours];
        let measured = theirs.map(|theirs| row.samples[cell].ratio_to(&theirs.samples[cell]));
        let now = |row: &&Row| row.ours && !row.name.starts_with(BEFORE);
        let only_one = self.rows.iter().filter(now).count() == 1;
        let cell = match (self.cells[cell].as_str(), self.over) {
            (cell, Some(what)) => format!("{cell} {what}"),
            (cell, None) => cell.to_owned(),
        };
        let what = match (only_one, cell.as_str()) {
            (true, _) => cell,
            (false, "") => row.name.clone(),
            (false, _) => format!("{}, {cell}", row.name),
        };
        self.verdicts.push(Verdict {
            what,
            target,
            of,
            measured,
        });
    }
}
