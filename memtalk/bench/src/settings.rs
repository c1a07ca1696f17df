//! How much is measured, according to environment variables.
//!
//! The defaults take about half an hour on two processors. `QUICK=1` only shows that
//! nothing is broken.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{Result, sys};

/// The settings. The environment variable of each comes first.
pub(crate) struct Settings {
    /// `MEMTALK`: the program under test.
    pub(crate) memtalk: String,
    /// `BEFORE`: another version of it, which takes part as well.
    pub(crate) before: Option<String>,
    /// `CHARTS`: the directory that the charts go to.
    pub(crate) charts: PathBuf,
    /// `ONLY`: names of questions, separated by commas or spaces. Empty: all.
    pub(crate) only: Vec<String>,
    /// `ROUNDS`: how often every contestant runs.
    pub(crate) rounds: usize,
    /// `BYTES`: the bytes that one run of `one-way` moves. Other questions move a fixed
    /// share of it.
    pub(crate) bytes: usize,
    /// `ROUND_TRIPS`: the round trips of one run of `polling`. Slower questions make a
    /// fraction of it.
    pub(crate) round_trips: usize,
    /// `IDLE`: seconds of doing nothing.
    pub(crate) idle: Duration,
    /// `BUSY`: seconds of a talk beside programs that only compute.
    pub(crate) busy: Duration,
    /// `CPUS`: the two processors for pinned sides, like `0,2`. `None` if the machine has
    /// only one.
    pub(crate) cpus: Option<[usize; 2]>,
    /// The repetitions within a run of `first-byte`. No variable sets it.
    pub(crate) starts: usize,
}

impl Settings {
    pub(crate) fn from_environment() -> Result<Self> {
        let quick = env::var("QUICK").is_ok_and(|value| !matches!(&*value, "" | "0"));
        let or = |full, quickly| if quick { quickly } else { full };
        let memtalk = env::var("MEMTALK")
            .map_err(|_| "set MEMTALK to the path of the program, as `make bench` does")?;
        let charts = env::var_os("CHARTS").unwrap_or_else(|| "target/bench".into());
        let settings = Self {
            memtalk,
            before: env::var("BEFORE").ok().filter(|path| !path.is_empty()),
            charts: charts.into(),
            only: list("ONLY"),
            rounds: number("ROUNDS", or(9, 2))?,
            bytes: number("BYTES", or(1 << 30, 1 << 23))?,
            round_trips: number("ROUND_TRIPS", or(200_000, 5_000))?,
            idle: Duration::from_secs_f64(number("IDLE", if quick { 0.5 } else { 10.0 })?),
            busy: Duration::from_secs_f64(number("BUSY", if quick { 0.5 } else { 30.0 })?),
            cpus: cpus()?,
            starts: or(20, 3),
        };
        if settings.rounds == 0 || settings.bytes < 1 << 20 || settings.round_trips < 1_000 {
            return Err(
                "at least 1 of ROUNDS, 1 MiB of BYTES and 1,000 ROUND_TRIPS are needed".into(),
            );
        }
        Ok(settings)
    }

    /// Whether to ask the question of this name.
    pub(crate) fn asks(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn list(variable: &str) -> Vec<String> {
    let text = env::var(variable).unwrap_or_default();
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    words.map(String::from).collect()
}

fn number<N: FromStr>(variable: &str, default: N) -> Result<N> {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{variable} must be a number, not {text}").into()),
        Err(_) => Ok(default),
    }
}

fn cpus() -> Result<Option<[usize; 2]>> {
    let mut wanted = Vec::new();
    for word in list("CPUS") {
        wanted.push(word.parse()?);
    }
    match (wanted.as_slice(), sys::processors()?.as_slice()) {
        (&[one, other], _) | (&[], &[one, other, ..]) if one != other => Ok(Some([one, other])),
        (&[], _) => Ok(None),
        _ => Err("CPUS must name two processors, like 0,1".into()),
    }
}
