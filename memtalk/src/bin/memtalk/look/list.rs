//! `--list` as a table.

use memtalk::look::Seen;

use super::paint::Paint;
use super::text;
use memtalk::escape::Escaped;

const HEADINGS: [&str; 8] = [
    "NAME", "PAGES", "MODE", "OWNER", "STATE", "AGE", "FIRST", "SECOND",
];

/// The column whose entries are numbers.
const PAGES: usize = 1;
/// The column whose entries are painted.
const STATE: usize = 4;

/// One line for each object, below the headings. No line is longer than `width`.
pub(super) fn table(all: &[Seen], width: usize, paint: Paint) -> String {
    let rows: Vec<_> = all.iter().map(row).collect();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADINGS[column].len())
    });
    let mut text = line(&HEADINGS.map(str::to_owned), &widths, width, |cell| {
        paint.bold(cell)
    });
    for (row, seen) in rows.iter().zip(all) {
        text += &line(row, &widths, width, |cell| paint.state(seen.state, cell));
    }
    text
}

fn row(seen: &Seen) -> [String; 8] {
    let [first, second] = &seen.parties;
    let in_short = |party| text::party(party, |process| Escaped(&process.name).to_string());
    [
        seen.name.to_string(),
        seen.pages().to_string(),
        format!("{:03o}", seen.mode),
        text::user(seen.owner),
        seen.state.to_string(),
        text::age(seen.age),
        in_short(first),
        in_short(second),
    ]
}

/// The cells in columns of these widths. What goes beyond `width` is cut off.
fn line(
    cells: &[String; 8],
    widths: &[usize; 8],
    width: usize,
    paint: impl Fn(&str) -> String,
) -> String {
    let mut left = width;
    let mut line = String::new();
    for (column, (cell, &wide)) in cells.iter().zip(widths).enumerate() {
        let padded = match column {
            PAGES => format!("{cell:>wide$}  "),
            _ if column + 1 == cells.len() => cell.clone(),
            _ => format!("{cell:wide$}  "),
        };
        let shown = text::cut(&padded, left);
        left -= shown.chars().count();
        line += &match column {
            STATE => paint(&shown),
            _ => shown,
        };
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}
