//! A line for each contestant, while something is varied.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, SMALL, TEXT, coloured, columns, highest, label, legend, unit};
use crate::Result;
use crate::answer::Answer;

pub(super) fn draw(area: &Area<'_>, answer: &Answer, over: &str) -> Result {
    let rows = coloured(answer);
    let top = rows.iter().map(|(row, _)| highest(row)).fold(0.0, f64::max);
    let mut chart = columns(area, answer, &unit(answer, answer.unit.name), top)?;
    let several = rows.len() > 1;
    for (row, colour) in rows {
        let medians = row.samples.iter().map(|samples| samples.median());
        let points = medians
            .enumerate()
            .map(|(cell, median)| (cell as f64, median));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(&row.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
    }
    if several {
        legend(&mut chart)?;
    }
    let below = || Pos::new(HPos::Center, VPos::Top);
    for (cell, name) in answer.cells.iter().enumerate() {
        label(&chart, (cell as f64, 0.0), (0, 6), below(), SMALL, name)?;
    }
    let middle = (answer.cells.len() as f64 - 1.0) / 2.0;
    label(&chart, (middle, 0.0), (0, 26), below(), TEXT, over)
}
