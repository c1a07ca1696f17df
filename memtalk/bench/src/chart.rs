//! Answers as charts: one SVG file for each question.
//!
//! Bars compare contestants. With several cells, the bars are multiples of the best other
//! in each cell, as the targets are. Lines show what changes as something is varied.

use std::fs;
use std::path::Path;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Result;
use crate::answer::Answer;
use crate::table::number;

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

/// Writes the answer as `name.svg` into `directory`, unless it has no rows.
pub(crate) fn write(name: &str, answer: &Answer, directory: &Path) -> Result {
    if answer.rows.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{name}.svg"));
    let area = SVGBackend::new(&path, (960, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    match answer.over {
        Some(what) => lines(&area, answer, what)?,
        None => bars(&area, answer)?,
    }
    area.present()?;
    Ok(())
}

/// The colours of the rows, in their order.
fn colours(answer: &Answer) -> Vec<RGBColor> {
    let (mut ours, mut others) = (OURS.iter().cycle(), OTHERS.iter().cycle());
    let colour = |ours_or_not| match ours_or_not {
        true => ours.next(),
        false => others.next(),
    };
    let colours = answer.rows.iter().map(|row| row.ours).map(colour);
    colours.map(|colour| *colour.unwrap_or(&BLACK)).collect()
}

/// The chart's height as a multiple of its highest point: room above for a number.
const FOR_NUMBER: f64 = 1.1;
/// The same, with room for a legend.
const FOR_LEGEND: f64 = 1.35;

/// An empty chart with its title and axes. x runs from -0.5 to `width` - 0.5, y from 0 to
/// `height`.
fn frame<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    unit: &str,
    width: f64,
    height: f64,
) -> Result<Chart<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(12)
        .y_label_area_size(60)
        .x_label_area_size(44)
        .build_cartesian_2d(-0.5..width - 0.5, 0.0..height)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_labels(0)
        .y_labels(6)
        .y_desc(unit)
        .draw()?;
    Ok(chart)
}

/// Writes `text` at a point, `lower` pixels below it (above it, if negative).
fn label(chart: &Chart<'_, '_>, at: (f64, f64), lower: i32, size: u32, text: &str) -> Result {
    let position = if lower < 0 { VPos::Bottom } else { VPos::Top };
    let style = ("sans-serif", size)
        .into_text_style(chart.plotting_area())
        .pos(Pos::new(HPos::Center, position));
    let element = EmptyElement::at(at) + Text::new(text.to_owned(), (0, lower), style);
    chart.plotting_area().draw(&element)?;
    Ok(())
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Result {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(WHITE)
        .draw()?;
    Ok(())
}

/// The bars of an answer: what they show, and where they stand.
///
/// With several cells there is a group of bars for each cell, and a bar shows a multiple of
/// the best other in its cell. With only one cell, each contestant's bar stands alone and
/// shows the number itself.
struct Bars<'a> {
    answer: &'a Answer,
    several: bool,
    groups: usize,
    /// Of one bar. The distance between two groups is 1.
    width: f64,
}

impl<'a> Bars<'a> {
    fn of(answer: &'a Answer) -> Self {
        let (rows, cells) = (answer.rows.len(), answer.cells.len());
        let several = cells > 1;
        let (groups, width) = match several {
            true => (cells, 0.8 / rows as f64),
            false => (rows, 0.6),
        };
        Self {
            answer,
            several,
            groups,
            width,
        }
    }

    fn height(&self, row: usize, cell: usize) -> f64 {
        let median = self.answer.rows[row].samples[cell].median();
        match self.answer.best_other(cell).filter(|_| self.several) {
            Some(best) => median / best.samples[cell].median(),
            None => median,
        }
    }

    fn highest(&self) -> f64 {
        (0..self.answer.rows.len())
            .flat_map(|row| (0..self.answer.cells.len()).map(move |cell| (row, cell)))
            .map(|(row, cell)| self.height(row, cell))
            .fold(f64::MIN_POSITIVE, f64::max)
    }

    /// The unit of the heights, and whether high is good.
    fn unit(&self) -> String {
        let unit = self.answer.unit;
        let better = match unit.more_is_better {
            true => "more is better",
            false => "less is better",
        };
        match self.several {
            true => format!("times the best other ({better})"),
            false => format!("{} ({better})", unit.name).trim_start().to_owned(),
        }
    }

    /// The left edge of a bar.
    fn left(&self, row: usize, cell: usize) -> f64 {
        match self.several {
            true => cell as f64 - 0.4 + row as f64 * self.width,
            false => row as f64 - self.width / 2.0,
        }
    }

    /// The number above a bar of this height, and the size of its letters.
    fn number(&self, height: f64) -> (String, u32) {
        match self.several {
            true => (format!("{height:.2}"), 9),
            false => (number(height), 14),
        }
    }

    fn group_name(&self, group: usize) -> &'a str {
        match self.several {
            true => &self.answer.cells[group],
            false => &self.answer.rows[group].name,
        }
    }
}

fn bars(area: &Area<'_>, answer: &Answer) -> Result {
    let bars = Bars::of(answer);
    let room = if bars.several { FOR_LEGEND } else { FOR_NUMBER };
    let mut chart = frame(
        area,
        &answer.title,
        &bars.unit(),
        bars.groups as f64,
        bars.highest() * room,
    )?;
    for (row, colour) in colours(answer).into_iter().enumerate() {
        draw_row(&mut chart, &bars, row, colour)?;
    }
    if bars.several {
        draw_target(&mut chart, &bars)?;
        legend(&mut chart)?;
    }
    for group in 0..bars.groups {
        label(&chart, (group as f64, 0.0), 8, 12, bars.group_name(group))?;
    }
    Ok(())
}

/// Draws one contestant's bars, each with its number.
fn draw_row<'a, 'b: 'a>(
    chart: &mut Chart<'a, 'b>,
    bars: &Bars<'_>,
    row: usize,
    colour: RGBColor,
) -> Result {
    let mut drawn = Vec::new();
    for cell in 0..bars.answer.cells.len() {
        let (left, height) = (bars.left(row, cell), bars.height(row, cell));
        let corners = [(left, 0.0), (left + bars.width, height)];
        drawn.push(Rectangle::new(corners, colour.filled()));
        let (text, size) = bars.number(height);
        let top = (left + bars.width / 2.0, height);
        label(chart, top, -3, size, &text)?;
    }
    let series = chart.draw_series(drawn)?;
    if bars.several {
        let square = move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled());
        series.label(&bars.answer.rows[row].name).legend(square);
    }
    Ok(())
}

/// Draws a line at the height of the target, which is the same for all cells.
fn draw_target(chart: &mut Chart<'_, '_>, bars: &Bars<'_>) -> Result {
    if let Some(verdict) = bars.answer.verdicts.first() {
        let bound = verdict.target.bound();
        let ends = [(-0.5, bound), (bars.groups as f64 - 0.5, bound)];
        chart.draw_series([PathElement::new(ends, BLACK.mix(0.4))])?;
    }
    Ok(())
}

fn lines(area: &Area<'_>, answer: &Answer, over: &str) -> Result {
    let medians = |row: usize| {
        answer.rows[row]
            .samples
            .iter()
            .map(|samples| samples.median())
    };
    let highest = (0..answer.rows.len()).flat_map(medians).fold(0.0, f64::max);
    let cells = answer.cells.len();
    let mut chart = frame(
        area,
        &answer.title,
        answer.unit.name,
        cells as f64,
        highest * FOR_LEGEND,
    )?;
    for (row, colour) in colours(answer).into_iter().enumerate() {
        let points = medians(row)
            .enumerate()
            .map(|(cell, median)| (cell as f64, median));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(&answer.rows[row].name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
    }
    legend(&mut chart)?;
    for (cell, name) in answer.cells.iter().enumerate() {
        label(&chart, (cell as f64, 0.0), 6, 11, name)?;
    }
    label(&chart, ((cells as f64 - 1.0) / 2.0, 0.0), 24, 13, over)
}
