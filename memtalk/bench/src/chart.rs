//! Answers as charts: one SVG file for each question.
//!
//! Bars where contestants are compared; with several cells the bars are
//! multiples of the best other in each, which is what the targets are about.
//! Lines where something is varied.

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

/// Ours in shades of blue, the others in the rest.
const OURS: [RGBColor; 3] = [
    RGBColor(31, 119, 180),
    RGBColor(86, 160, 211),
    RGBColor(140, 195, 232),
];
const OTHERS: [RGBColor; 5] = [
    RGBColor(150, 150, 150),
    RGBColor(217, 160, 90),
    RGBColor(140, 170, 110),
    RGBColor(180, 130, 170),
    RGBColor(110, 110, 110),
];

/// Writes `name.svg` into `directory`.
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

/// Each row's colour, in order.
fn colours(answer: &Answer) -> Vec<RGBColor> {
    let (mut ours, mut others) = (OURS.iter().cycle(), OTHERS.iter().cycle());
    let colour = |ours_or_not| match ours_or_not {
        true => ours.next(),
        false => others.next(),
    };
    let colours = answer.rows.iter().map(|row| row.ours).map(colour);
    colours.map(|colour| *colour.unwrap_or(&BLACK)).collect()
}

/// Room above the highest point: for a number, for a legend.
const FOR_NUMBER: f64 = 1.1;
const FOR_LEGEND: f64 = 1.35;

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

/// Writes `text` at a point, some pixels lower (or higher, if negative).
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

fn bars(area: &Area<'_>, answer: &Answer) -> Result {
    let several = answer.cells.len() > 1;
    let height_of = |row: usize, cell: usize| {
        let median = answer.rows[row].samples[cell].median();
        match answer.best_other(cell).filter(|_| several) {
            Some(best) => median / best.samples[cell].median(),
            None => median,
        }
    };
    let (rows, cells) = (answer.rows.len(), answer.cells.len());
    let highest = (0..rows)
        .flat_map(|row| (0..cells).map(move |cell| (row, cell)))
        .map(|(row, cell)| height_of(row, cell))
        .fold(f64::MIN_POSITIVE, f64::max);
    let better = match answer.unit.more_is_better {
        true => "more is better",
        false => "less is better",
    };
    let unit = match several {
        true => format!("times the best other ({better})"),
        false => format!("{} ({better})", answer.unit.name)
            .trim_start()
            .to_owned(),
    };
    // A group for each cell; with only one cell, a group for each contestant.
    let (groups, share) = match several {
        true => (cells, 0.8 / rows as f64),
        false => (rows, 0.6),
    };
    let room = if several { FOR_LEGEND } else { FOR_NUMBER };
    let mut chart = frame(area, &answer.title, &unit, groups as f64, highest * room)?;
    for (row, colour) in colours(answer).into_iter().enumerate() {
        let mut drawn = Vec::new();
        for cell in 0..cells {
            let left = match several {
                true => cell as f64 - 0.4 + row as f64 * share,
                false => row as f64 - share / 2.0,
            };
            let height = height_of(row, cell);
            drawn.push(Rectangle::new(
                [(left, 0.0), (left + share, height)],
                colour.filled(),
            ));
            let (size, text) = match several {
                true => (9, format!("{height:.2}")),
                false => (14, number(height)),
            };
            let top = (left + share / 2.0, height);
            label(&chart, top, -3, size, &text)?;
        }
        let series = chart.draw_series(drawn)?;
        if several {
            let square =
                move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled());
            series.label(&answer.rows[row].name).legend(square);
        }
    }
    if several {
        // All cells have the same target.
        if let Some(verdict) = answer.verdicts.first() {
            let bound = verdict.target.bound();
            let ends = [(-0.5, bound), (groups as f64 - 0.5, bound)];
            chart.draw_series([PathElement::new(ends, BLACK.mix(0.4))])?;
        }
        legend(&mut chart)?;
    }
    for group in 0..groups {
        let name = if several {
            &answer.cells[group]
        } else {
            &answer.rows[group].name
        };
        label(&chart, (group as f64, 0.0), 8, 12, name)?;
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
