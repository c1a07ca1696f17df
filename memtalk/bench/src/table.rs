//! Answers as tables on the terminal.

use crate::answer::{Answer, Verdict};
use crate::measure::Spread;

/// Prints an answer.
pub(crate) fn print(name: &str, answer: &Answer) {
    println!("\n{name}: {}", answer.title);
    if answer.cells.len() == 1 {
        for row in &answer.rows {
            let number = number(row.samples[0].median());
            println!("  {:22} {number:>9} {}", row.name, answer.unit.name);
        }
    } else {
        let width = |name: &str| name.chars().count().max(9);
        print!("  {:24}", answer.unit.name);
        for row in &answer.rows {
            print!(" {:>1$}", row.name, width(&row.name));
        }
        println!();
        for (i, cell) in answer.cells.iter().enumerate() {
            print!("  {cell:24}");
            for row in &answer.rows {
                let number = number(row.samples[i].median());
                print!(" {number:>0$}", width(&row.name));
            }
            println!();
        }
    }
    for note in &answer.notes {
        println!("  {note}");
    }
    for verdict in &answer.verdicts {
        println!("  {}", line(verdict));
    }
}

/// Prints all verdicts once more, together.
pub(crate) fn print_summary(verdicts: &[(&str, Verdict)]) {
    println!("\ntargets, with the median (lowest to highest) of the rounds' ratios");
    for (name, verdict) in verdicts {
        println!("  {name:10} {}", line(verdict));
    }
    let met = verdicts
        .iter()
        .filter(|(_, v)| v.outcome() == "met")
        .count();
    println!("{met} of {} met", verdicts.len());
}

/// A verdict as a line.
fn line(verdict: &Verdict) -> String {
    let target = format!("{} {}", verdict.target, verdict.of);
    let measured = verdict
        .measured
        .map_or(String::new(), |Spread { median, low, high }| {
            format!("{} ({} to {})", number(median), number(low), number(high))
        });
    let outcome = verdict.outcome();
    format!("{:32} {target:42} {measured:24} {outcome}", verdict.what)
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
