//! Answers as tables on the terminal.

use crate::answer::{Answer, Verdict};
use crate::measure::Samples;
use crate::mode::Modes;

/// Prints an answer.
pub(crate) fn print(name: &str, answer: &Answer, modes: &Modes) {
    println!("\n{name}: {}", answer.title);
    if let Some(rounds) = answer.rounds() {
        println!("  {}", describe(rounds, modes));
    }
    if answer.rows.is_empty() {
        // A note says why.
    } else if answer.cells.len() == 1 {
        print_column(answer, modes);
    } else {
        print_cells(answer, modes);
    }
    for note in &answer.notes {
        println!("  {note}");
    }
    for verdict in &answer.verdicts {
        println!("  {}", line(verdict, modes));
    }
}

/// Prints all verdicts once more, together.
pub(crate) fn print_summary(answers: &[(&str, &Answer)], modes: &Modes) {
    println!("\ntargets: the median of the rounds' ratios (lowest to highest; near, far)");
    for (name, answer) in answers {
        let Some(rounds) = answer.rounds().filter(|_| !answer.verdicts.is_empty()) else {
            continue;
        };
        println!("  {name}: {}", describe(rounds, modes));
        for verdict in &answer.verdicts {
            println!("    {}", line(verdict, modes));
        }
    }
    let verdicts = || answers.iter().flat_map(|(_, answer)| &answer.verdicts);
    let met = verdicts().filter(|v| v.outcome() == "met").count();
    println!("{met} of {} met", verdicts().count());
}

/// How many rounds there were, and the machine's mode in them.
fn describe(rounds: &Samples, modes: &Modes) -> String {
    if rounds.trips().next().is_none() {
        return format!("rounds: {}", rounds.len());
    }
    let parts = match modes.split(rounds) {
        Some([near, far]) => vec![(near, " near"), (far, " far")],
        None => vec![(rounds.clone(), "")],
    };
    let parts = parts.iter().filter(|(rounds, _)| !rounds.is_empty());
    let parts = parts.map(|(rounds, mode)| format!("{}{mode}, {}", rounds.len(), trips(rounds)));
    let parts = parts.collect::<Vec<_>>().join("; ");
    format!("rounds: {parts} (core to core and back)")
}

/// The shortest and the longest trip.
fn trips(rounds: &Samples) -> String {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for trip in rounds.trips() {
        (low, high) = (low.min(trip), high.max(trip));
    }
    match [low, high].map(number) {
        [low, high] if low == high => format!("{low} ns"),
        [low, high] => format!("{low} to {high} ns"),
    }
}

/// The medians of near and far rounds, where both occurred.
fn by_mode(samples: &Samples, modes: &Modes) -> Option<[f64; 2]> {
    let [near, far] = modes.split(samples)?;
    (!near.is_empty() && !far.is_empty()).then(|| [near.median(), far.median()])
}

/// One cell: a line for each contestant.
fn print_column(answer: &Answer, modes: &Modes) {
    let unit = answer.unit.name;
    if answer
        .rounds()
        .is_some_and(|rounds| by_mode(rounds, modes).is_some())
    {
        println!("  {:26} {:>9} {:>9} {:>9}", unit, "all", "near", "far");
    } else {
        println!("  {:26} {:>9}", unit, "all");
    }
    for row in &answer.rows {
        let samples = &row.samples[0];
        print!("  {:26} {:>9}", row.name, number(samples.median()));
        for median in by_mode(samples, modes).into_iter().flatten() {
            print!(" {:>9}", number(median));
        }
        println!();
    }
}

/// Several cells: a line for each, and a column for each contestant.
fn print_cells(answer: &Answer, modes: &Modes) {
    let width = |name: &str| name.chars().count().max(9);
    print!("  {:30}", answer.unit.name);
    for row in &answer.rows {
        print!(" {:>1$}", row.name, width(&row.name));
    }
    println!();
    for (i, cell) in answer.cells.iter().enumerate() {
        let line = |name: &str, median: &dyn Fn(&Samples) -> Option<f64>| {
            print!("  {name:30}");
            for row in &answer.rows {
                let number = median(&row.samples[i]).map_or(String::new(), number);
                print!(" {number:>0$}", width(&row.name));
            }
            println!();
        };
        line(cell, &|samples| Some(samples.median()));
        let both = answer
            .rows
            .first()
            .and_then(|row| by_mode(&row.samples[i], modes));
        if both.is_some() {
            for (which, mode) in ["near", "far"].into_iter().enumerate() {
                line(&format!("    {mode}"), &|samples| {
                    Some(by_mode(samples, modes)?[which])
                });
            }
        }
    }
}

/// A verdict as a line.
fn line(verdict: &Verdict, modes: &Modes) -> String {
    let target = format!("{} {}", verdict.target, verdict.of);
    let measured = verdict.measured.as_ref().map_or(String::new(), |samples| {
        let spread = samples.spread();
        let [median, low, high] = [spread.median, spread.low, spread.high].map(number);
        match by_mode(samples, modes).map(|medians| medians.map(number)) {
            Some([near, far]) => format!("{median} ({low} to {high}; {near}, {far})"),
            None => format!("{median} ({low} to {high})"),
        }
    });
    let outcome = verdict.outcome();
    format!("{:32} {target:42} {measured:36} {outcome}", verdict.what)
}

/// A number with three significant digits, or its whole part if that has more.
pub(crate) fn number(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        n if n < 0.1 => 4,
        n if n < 1.0 => 3,
        n if n < 10.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}
