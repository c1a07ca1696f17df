//! memtalk beside what people would use instead, in one run.
//!
//! Each question below has a name (`ONLY=` takes it), a target, a table and a
//! chart. Within a question every round runs every contestant once, in turn, so
//! that what disturbs the machine disturbs all of them; what counts is the
//! ratio between contestants, not the numbers of one machine.
//!
//! The second processes of the library's questions are this program again, with
//! a role as its arguments: see [`role`].

mod answer;
mod both_ways;
mod byte;
mod carry;
mod chart;
mod first_byte;
mod guard;
mod idle;
mod latency;
mod links;
mod measure;
mod one_way;
mod pairs;
mod peers;
mod pipes;
mod process;
mod rings;
mod role;
mod scratch;
mod settings;
mod sweep;
mod sys;
mod table;

use std::error::Error;
use std::process::ExitCode;

use answer::Answer;
use scratch::Scratch;
use settings::Settings;

/// What can go wrong is told, and ends the bench.
type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What every question gets: how long to measure, and where.
struct Bench {
    settings: Settings,
    scratch: Scratch,
}

/// How a question is asked: measures, and judges by its targets.
type Ask = fn(&Bench) -> Result<Answer>;

/// The questions, in the order in which they are asked.
const QUESTIONS: &[(&str, Ask)] = &[
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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((role, rest)) => role::play(role, rest),
        None => ask_all(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memtalk-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask_all() -> Result {
    let settings = Settings::from_environment()?;
    let names: Vec<&str> = QUESTIONS.iter().map(|(name, _)| *name).collect();
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
    for (name, ask) in QUESTIONS {
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
