//! Answers as charts: one SVG file for each question.
//!
//! A question with one cell is a [`ranking`] of its contestants. With several cells, [`groups`]
//! of bars show multiples of the best other, as the targets are; or [`lines`] show what
//! changes as something is varied. All show medians.

mod groups;
mod lines;
mod ranking;

use std::fs;
use std::path::Path;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::Pos;

use crate::Result;
use crate::answer::{Answer, BEFORE, Row};
use crate::peers;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Shades of blue, for our contestants.
const OURS: [RGBColor; 3] = [
    RGBColor(31, 119, 180),
    RGBColor(86, 160, 211),
    RGBColor(140, 195, 232),
];
/// For the other contestants.
const OTHERS: [RGBColor; 5] = [
    RGBColor(150, 150, 150),
    RGBColor(217, 160, 90),
    RGBColor(140, 170, 110),
    RGBColor(180, 130, 170),
    RGBColor(110, 110, 110),
];

/// Where the reader prefers dark pages, black and white change places. The bars' colours do
/// for both.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) {\
    [fill='#FFFFFF'] {fill: #0d1117} [fill='#000000'] {fill: #e6edf3} \
    [stroke='#000000'] {stroke: #e6edf3}}</style>\n";

const WIDTH: u32 = 760;

/// The sizes of letters.
const TITLE: u32 = 19;
const TEXT: u32 = 16;
const SMALL: u32 = 14;

/// Writes the answer as `name.svg` into `directory`, unless there is nothing to see.
pub(crate) fn write(name: &str, answer: &Answer, directory: &Path) -> Result {
    let rows = rows(answer);
    if rows.iter().all(|row| highest(row) == 0.0) {
        return Ok(());
    }
    let height = match (answer.cells.len(), rows.len()) {
        (1, rows) => ranking::height(rows),
        _ => 320,
    };
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    match answer.over {
        Some(over) => lines::draw(&area, answer, over)?,
        None if answer.cells.len() > 1 => groups::draw(&area, answer)?,
        None => ranking::draw(&area, answer)?,
    }
    area.present()?;
    drop(area);
    let (tag, rest) = svg.split_once('\n').ok_or("an empty chart")?;
    fs::create_dir_all(directory)?;
    fs::write(
        directory.join(format!("{name}.svg")),
        format!("{tag}\n{DARK}{rest}"),
    )?;
    Ok(())
}

/// The contestants that are shown: all but the command `BEFORE`.
fn rows(answer: &Answer) -> Vec<&Row> {
    let rows = answer.rows.iter();
    rows.filter(|row| !row.name.starts_with(BEFORE)).collect()
}

fn highest(row: &Row) -> f64 {
    let medians = row.samples.iter().map(|samples| samples.median());
    medians.fold(0.0, f64::max)
}

/// The rows with their colours. A program has the same one in each chart.
fn coloured(answer: &Answer) -> Vec<(&Row, RGBColor)> {
    let (mut ours, mut others) = (0, 0);
    let colour = |row: &Row| {
        if row.ours {
            ours += 1;
            return OURS[(ours - 1) % OURS.len()];
        }
        others += 1;
        let program = peers::OTHERS
            .iter()
            .position(|way| way.to_string() == row.name);
        OTHERS[program.unwrap_or(others - 1) % OTHERS.len()]
    };
    let rows = rows(answer);
    let colours: Vec<_> = rows.iter().copied().map(colour).collect();
    rows.into_iter().zip(colours).collect()
}

/// "GB/s (more is better)"
fn unit(answer: &Answer, name: &str) -> String {
    let better = match answer.unit.more_is_better {
        true => "more is better",
        false => "less is better",
    };
    format!("{name} ({better})")
}

/// An empty chart of the cells side by side, with its title and its axis. Where there are
/// several rows, there is room for a legend at the right.
fn columns<'a, 'b>(
    area: &'a Area<'b>,
    answer: &Answer,
    unit: &str,
    highest: f64,
) -> Result<Chart<'a, 'b>> {
    let cells = answer.cells.len() as f64;
    let legend = match rows(answer).len() {
        1 => 0.0,
        _ => 0.32 * cells,
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&answer.title, ("sans-serif", TITLE))
        .margin(12)
        .y_label_area_size(64)
        .x_label_area_size(48)
        .build_cartesian_2d(-0.5..cells - 0.5 + legend, 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", SMALL))
        .axis_desc_style(("sans-serif", TEXT))
        .x_labels(0)
        .y_labels(6)
        .y_desc(unit)
        .draw()?;
    Ok(chart)
}

/// Writes `text` beside a point, `away` pixels from it.
fn label(
    chart: &Chart<'_, '_>,
    at: (f64, f64),
    away: (i32, i32),
    pos: Pos,
    size: u32,
    text: &str,
) -> Result {
    let style = ("sans-serif", size).into_text_style(chart.plotting_area());
    let element = EmptyElement::at(at) + Text::new(text.to_owned(), away, style.pos(pos));
    chart.plotting_area().draw(&element)?;
    Ok(())
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Result {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", SMALL))
        .background_style(WHITE)
        .border_style(TRANSPARENT)
        .draw()?;
    Ok(())
}
