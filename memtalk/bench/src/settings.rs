//! How much is measured: the environment's wishes, or what fits about seven
//! minutes on two processors. `QUICK=1` only shows that nothing is broken.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{Result, sys};

/// What the environment can set.
pub(crate) struct Settings {
    /// `MEMTALK`: the program under test.
    pub(crate) memtalk: String,
    /// `CHARTS`: the directory that the charts go to.
    pub(crate) charts: PathBuf,
    /// `ONLY`: names of questions, with commas or spaces between; empty for all.
    pub(crate) only: Vec<String>,
    /// `ROUNDS`: how often every contestant runs.
    pub(crate) rounds: usize,
    /// `BYTES`: what one run of `one-way` moves. The other volumes are in
    /// proportion to it.
    pub(crate) bytes: usize,
    /// `ROUND_TRIPS`: what one run of `polling` makes; the slower questions make
    /// a fraction of it.
    pub(crate) round_trips: usize,
    /// `IDLE`: seconds of doing nothing.
    pub(crate) idle: Duration,
    /// `CPUS`: the two processors that pinned sides run on, like `0,2`; `None`
    /// if there is only one.
    pub(crate) cpus: Option<[usize; 2]>,
    /// Repetitions within a run of `first-byte`.
    pub(crate) starts: usize,
}

impl Settings {
    pub(crate) fn from_environment() -> Result<Self> {
        let quick = env::var("QUICK").is_ok_and(|value| !matches!(&*value, "" | "0"));
        let or = |full, quickly| if quick { quickly } else { full };
        let memtalk = env::var("MEMTALK")
            .map_err(|_| "MEMTALK is to be the path of the program; `make bench` sets it")?;
        let charts = env::var_os("CHARTS").unwrap_or_else(|| "target/bench".into());
        let settings = Self {
            memtalk,
            charts: charts.into(),
            only: list("ONLY"),
            rounds: number("ROUNDS", or(9, 2))?,
            bytes: number("BYTES", or(1 << 30, 1 << 23))?,
            round_trips: number("ROUND_TRIPS", or(200_000, 5_000))?,
            idle: Duration::from_secs_f64(number("IDLE", if quick { 0.5 } else { 10.0 })?),
            cpus: cpus()?,
            starts: or(20, 3),
        };
        if settings.rounds == 0 || settings.bytes < 1 << 20 || settings.round_trips < 1_000 {
            return Err("at least 1 round, 1 MiB of BYTES and 1,000 ROUND_TRIPS are needed".into());
        }
        Ok(settings)
    }

    /// Whether the question of this name is to be asked.
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
            .map_err(|_| format!("{variable} is to be a number, not {text}").into()),
        Err(_) => Ok(default),
    }
}

fn cpus() -> Result<Option<[usize; 2]>> {
    let mut wanted = Vec::new();
    for word in list("CPUS") {
        wanted.push(word.parse()?);
    }
    match (wanted.as_slice(), sys::processors()?.as_slice()) {
        (&[one, other], _) | (&[], &[one, other, ..]) => Ok(Some([one, other])),
        (&[], _) => Ok(None),
        _ => Err("CPUS is to name two processors, like 0,1".into()),
    }
}
