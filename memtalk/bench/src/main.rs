//! memtalk compared with what people would use instead, in one run.
//!
//! Each of the [`questions`] has a name (`ONLY=` takes it), targets, a table and a chart.
//! Each round of a question runs every contestant once, in turn, so that a disturbance of
//! the machine affects all of them. What counts is the ratio between contestants, not the
//! numbers of one machine. And the rounds of each question are spread over the whole run,
//! since the machine itself changes from minute to minute: see [`mode`].
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
mod mode;
mod peers;
mod process;
mod questions;
mod role;
mod scratch;
mod settings;
mod sys;
mod table;
mod trip;

use std::error::Error;
use std::ops::Range;
use std::process::ExitCode;

use answer::Answer;
use mode::Modes;
use questions::Question;
use scratch::Scratch;
use settings::Settings;

/// Any error ends the bench with a message.
type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What every question gets: how much to measure, where to put files, and which rounds it is
/// the turn of.
struct Bench {
    settings: Settings,
    scratch: Scratch,
    turn: Turn,
}

/// The rounds of a question in one pass.
#[derive(Default)]
struct Turn {
    question: &'static str,
    rounds: Range<usize>,
    /// The rounds of all passes.
    of: usize,
}

/// How often all questions are asked, each time with a share of their rounds.
const PASSES: usize = 3;

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
    let names: Vec<&str> = questions::ALL.iter().map(|q| q.name).collect();
    if let Some(unknown) = settings.only.iter().find(|o| !names.contains(&o.as_str())) {
        return Err(format!(
            "no question is called {unknown}; there are {}",
            names.join(", ")
        )
        .into());
    }
    guard::install();
    let mut bench = Bench {
        scratch: Scratch::new()?,
        settings,
        turn: Turn::default(),
    };
    for note in peers::missing() {
        println!("{note}");
    }
    let questions = questions::ALL.iter();
    let asked: Vec<_> = questions.filter(|q| bench.settings.asks(q.name)).collect();
    let mut answers = measure(&mut bench, &asked)?;

    let modes = Modes::of(
        answers
            .iter()
            .filter_map(Answer::rounds)
            .flat_map(|r| r.trips()),
    );
    for (question, answer) in asked.iter().zip(&mut answers) {
        if !answer.rows.is_empty() {
            (question.judge)(answer);
        }
        table::print(question.name, answer, &modes);
        chart::write(question.name, answer, &bench.settings.charts)?;
    }
    let names = asked.iter().map(|question| question.name);
    table::print_summary(&names.zip(&answers).collect::<Vec<_>>(), &modes);
    println!("charts: {}", bench.settings.charts.display());
    Ok(())
}

/// All rounds of the questions, pass by pass.
fn measure(bench: &mut Bench, asked: &[&Question]) -> Result<Vec<Answer>> {
    let mut answers: Vec<Option<Answer>> = asked.iter().map(|_| None).collect();
    for pass in 0..PASSES {
        for (question, answer) in asked.iter().zip(&mut answers) {
            let of = bench.settings.rounds.min(question.most);
            let rounds = of * pass / PASSES..of * (pass + 1) / PASSES;
            if rounds.is_empty() {
                continue;
            }
            bench.turn = Turn {
                question: question.name,
                rounds,
                of,
            };
            let measured = (question.measure)(bench);
            let measured = measured.map_err(|error| format!("{}: {error}", question.name))?;
            match answer {
                Some(answer) => answer.add(measured),
                None => *answer = Some(measured),
            }
        }
    }
    Ok(answers.into_iter().flatten().collect())
}
