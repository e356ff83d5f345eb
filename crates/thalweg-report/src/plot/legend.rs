//! The legend: below all panels, where it can cover no data.

use super::font;
use super::ink::Ink;
use super::panel::{Look, Panel, SMALL, stroke, writing};
use super::scene::{Anchor, Dash, Shape};

const SAMPLE: f64 = 34.0;
const GAP: f64 = 22.0;
const ROW: f64 = 20.0;

/// Names with their looks, in rows that fit the page.
#[derive(Debug)]
pub struct Legend {
    rows: Vec<Vec<(String, Look)>>,
}

impl Legend {
    /// The names in `panels`, each name and look once, in rows of at most `width` pixels.
    pub fn new(panels: &[Panel], width: f64) -> Self {
        let mut entries: Vec<(String, Look)> = Vec::new();
        for panel in panels {
            let series = panel.series.iter().map(|s| (&s.name, s.look));
            let levels = panel.levels.iter().map(|l| (&l.name, l.look));
            for (name, look) in series.chain(levels) {
                if !name.is_empty() && !entries.iter().any(|e| e.0 == *name && e.1 == look) {
                    entries.push((name.clone(), look));
                }
            }
        }
        let mut rows: Vec<Vec<(String, Look)>> = Vec::new();
        let mut used = f64::INFINITY;
        for entry in entries {
            let needed = entry_width(&entry.0);
            if used + needed > width {
                rows.push(vec![]);
                used = 0.0;
            }
            used += needed;
            if let Some(row) = rows.last_mut() {
                row.push(entry);
            }
        }
        Self { rows }
    }

    /// Pixels.
    pub fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW
    }

    /// Draws the rows, each in the middle of `width`, from `top` downwards.
    pub fn draw(&self, width: f64, top: f64, shapes: &mut Vec<Shape>) {
        for (number, row) in self.rows.iter().enumerate() {
            let length: f64 = row.iter().map(|(name, _)| entry_width(name)).sum();
            let middle = top + number as f64 * ROW + ROW / 2.0;
            let mut left = (width - length + GAP) / 2.0;
            for (name, look) in row {
                sample(*look, left, middle, shapes);
                let at = (left + SAMPLE + 7.0, middle + SMALL * 0.36);
                shapes.push(writing(name.clone(), at, Anchor::Start, Ink::Text));
                left += entry_width(name);
            }
        }
    }
}

fn entry_width(name: &str) -> f64 {
    SAMPLE + 7.0 + font::WIDER * font::width(name, SMALL, false) + GAP
}

fn sample(look: Look, left: f64, middle: f64, shapes: &mut Vec<Shape>) {
    let centre = (left + SAMPLE / 2.0, middle);
    match look.line {
        Some(dash) => {
            let points = vec![(left, middle), (left + SAMPLE, middle)];
            shapes.push(stroke(points, look.ink, 1.8, dash));
        }
        // What stands out from a map is a place, and has no error.
        None if look.halo => {}
        None => {
            let bar = vec![(centre.0, middle - 7.0), (centre.0, middle + 7.0)];
            shapes.push(stroke(bar, look.ink, 1.4, Dash::Solid));
        }
    }
    shapes.extend(look.marker.map(|marker| marker.shape(centre, look.ink)));
}
