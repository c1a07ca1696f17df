//! The contestants of a question with one cell, one below the other.
//!
//! A bar is as long as the median, and a thin line goes from the lowest round to the highest.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, SMALL, TEXT, TITLE, coloured, label, unit};
use crate::Result;
use crate::answer::Answer;
use crate::table::number;

/// The height of a chart with so many rows.
pub(super) fn height(rows: usize) -> u32 {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX / 64);
    100 + 26 * rows
}

pub(super) fn draw(area: &Area<'_>, answer: &Answer) -> Result {
    let rows = coloured(answer);
    let spreads = rows.iter().map(|(row, _)| row.samples[0].spread());
    let longest = spreads.map(|spread| spread.high).fold(0.0, f64::max);
    let count = rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&answer.title, ("sans-serif", TITLE))
        .margin(12)
        .y_label_area_size(170)
        .x_label_area_size(46)
        .build_cartesian_2d(0.0..longest * 1.1, -0.5..count - 0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", SMALL))
        .axis_desc_style(("sans-serif", TEXT))
        .y_labels(0)
        .x_labels(6)
        .x_desc(unit(answer, answer.unit.name))
        .draw()?;
    for (i, (row, colour)) in rows.into_iter().enumerate() {
        let (y, spread) = (count - 1.0 - i as f64, row.samples[0].spread());
        let corners = [(0.0, y - 0.36), (spread.median, y + 0.36)];
        chart.draw_series([Rectangle::new(corners, colour.filled())])?;
        let range = [(spread.low, y), (spread.high, y)];
        chart.draw_series([PathElement::new(range, BLACK.mix(0.6))])?;
        let (before, after) = (
            Pos::new(HPos::Right, VPos::Center),
            Pos::new(HPos::Left, VPos::Center),
        );
        label(&chart, (0.0, y), (-8, 0), before, TEXT, &row.name)?;
        let end = (spread.high.max(spread.median), y);
        label(&chart, end, (6, 0), after, TEXT, &number(spread.median))?;
    }
    Ok(())
}
