//! A group of bars for each cell, as multiples of the best other in that cell.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, SMALL, coloured, columns, label, legend, unit};
use crate::Result;
use crate::answer::{Answer, Row};

/// A group's share of its cell.
const GROUP: f64 = 0.8;

pub(super) fn draw(area: &Area<'_>, answer: &Answer) -> Result {
    let rows = coloured(answer);
    let cells = 0..answer.cells.len();
    let heights = rows
        .iter()
        .flat_map(|(row, _)| cells.clone().map(|cell| height(answer, row, cell)));
    let highest = heights.fold(0.0, f64::max);
    let mut chart = columns(area, answer, &unit(answer, "of the best other"), highest)?;
    let width = GROUP / rows.len() as f64;
    let left = |row: usize, cell: usize| cell as f64 - GROUP / 2.0 + row as f64 * width;
    for (i, (row, colour)) in rows.iter().enumerate() {
        let bars = cells.clone().map(|cell| {
            let left = left(i, cell);
            let corners = [(left, 0.0), (left + width, height(answer, row, cell))];
            Rectangle::new(corners, colour.filled())
        });
        let colour = *colour;
        chart
            .draw_series(bars)?
            .label(&row.name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
    }
    let best = [(-0.5, 1.0), (cells.end as f64 - 0.5, 1.0)];
    chart.draw_series([PathElement::new(best, BLACK.mix(0.4))])?;
    // Over the bars, or those of the neighbours would hide them.
    let ours = rows.iter().enumerate().filter(|(_, (row, _))| row.ours);
    for (i, (row, _)) in ours {
        for cell in cells.clone() {
            let height = height(answer, row, cell);
            let top = (left(i, cell) + width / 2.0, height);
            let above = Pos::new(HPos::Center, VPos::Bottom);
            label(&chart, top, (0, -3), above, SMALL, &format!("{height:.2}"))?;
        }
    }
    legend(&mut chart)?;
    for (cell, name) in answer.cells.iter().enumerate() {
        // Two lines, since eight long names do not stand side by side.
        let lines = match name.split_once(" in ") {
            Some((message, capacity)) => [message.to_owned(), format!("in {capacity}")],
            None => [name.clone(), String::new()],
        };
        for (text, y) in lines.iter().zip([8, 24]) {
            let below = Pos::new(HPos::Center, VPos::Top);
            label(&chart, (cell as f64, 0.0), (0, y), below, SMALL, text)?;
        }
    }
    Ok(())
}

fn height(answer: &Answer, row: &Row, cell: usize) -> f64 {
    let best = answer
        .best_other(cell)
        .map_or(1.0, |best| best.samples[cell].median());
    row.samples[cell].median() / best
}
