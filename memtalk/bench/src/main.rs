//! memtalk compared with what people would use instead, in one run.
//!
//! Each of the [`questions`] has a name (`ONLY=` takes it), targets, a table and a chart.
//! Each round of a question runs every contestant once, in turn, so that a disturbance of
//! the machine affects all of them. What counts is the ratio between contestants, not the
//! numbers of one machine.
//!
//! Some questions need a second process that uses the library. That is this program again,
//! with a role as its arguments: see [`role`].

mod answer;
mod apart;
mod carry;
mod chart;
mod guard;
mod links;
mod measure;
mod peers;
mod process;
mod questions;
mod role;
mod scratch;
mod settings;
mod sys;
mod table;

use std::error::Error;
use std::process::ExitCode;

use scratch::Scratch;
use settings::Settings;

/// Any error ends the bench with a message.
type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What every question gets: how much to measure, and where to put files.
struct Bench {
    settings: Settings,
    scratch: Scratch,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((role, rest)) => role::play(role, rest),
        None => ask_all(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            guard::check();
            eprintln!("memtalk-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Asks the questions that the environment wants, and prints their answers.
fn ask_all() -> Result {
    let settings = Settings::from_environment()?;
    let names: Vec<&str> = questions::ALL.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = settings.only.iter().find(|o| !names.contains(&o.as_str())) {
        return Err(format!(
            "no question is called {unknown}; there are {}",
            names.join(", ")
        )
        .into());
    }
    guard::install();
    let bench = Bench {
        scratch: Scratch::new()?,
        settings,
    };
    for note in peers::missing() {
        println!("{note}");
    }
    let mut verdicts = Vec::new();
    for (name, ask) in questions::ALL {
        if !bench.settings.asks(name) {
            continue;
        }
        let answer = ask(&bench).map_err(|error| format!("{name}: {error}"))?;
        table::print(name, &answer);
        chart::write(name, &answer, &bench.settings.charts)?;
        verdicts.extend(answer.verdicts.into_iter().map(|verdict| (*name, verdict)));
    }
    table::print_summary(&verdicts);
    println!("charts: {}", bench.settings.charts.display());
    Ok(())
}
