//! A still of the valley: both maps with the flow and SGD on them, as the figures of the reports are drawn.

use thalweg::theory::{TheoryError, Valley};
use thalweg_lab::answer::AnswerError;
use thalweg_report::plot::{Axis, Dash, Figure, Heat, Look, Marker, Panel, Point, svg};

use super::picture::Picture;
use super::setting::Setting;
use super::watch::{FRAMES, Watch};

/// Cells along each axis of a map.
const CELLS: usize = 30;
/// From one point of the flow to the next, at least, in the logarithms of the gains: some pixels.
const APART: f64 = 0.02;
/// Frames between two points of a seed's way.
const EVERY: usize = 8;
/// The frames at which the seeds' places are marked, after 1, 4 and 9 % of the steps: their ways show the rest, up to the mark where they end.
const MARKED: [usize; 3] = [24, 48, 72];

/// The still of a setting of two layers as an SVG, with SGD's way to its end: the same for the same setting.
///
/// # Errors
/// When theory, flow or simulator has no answer for the setting, or it has more than two layers.
pub fn still(setting: &Setting) -> Result<String, AnswerError> {
    let picture = Picture::new(setting)?;
    let experiment = setting
        .experiment()
        .map_err(|e| AnswerError::Input(Box::new(e)))?;
    let valley = Valley::new(&experiment.problem).map_err(|e| AnswerError::Input(Box::new(e)))?;
    let mut watch = Watch::new(&experiment).map_err(|e| AnswerError::Work(Box::new(e)))?;
    let mut ways = vec![Vec::new(); experiment.seeds.len()];
    let mut places = Vec::new();
    for number in (0..=FRAMES).step_by(EVERY) {
        watch.skip_to(number);
        let Some(frame) = watch.next_frame(&|| false) else {
            break;
        };
        for (way, seed) in ways.iter_mut().zip(&frame.seeds) {
            way.extend(seed.map(|[first, second, ..]| Point::exact(first, second)));
        }
        if MARKED.contains(&number) {
            let seeds = frame.seeds.iter().flatten();
            places.extend(seeds.map(|&[first, second, ..]| Point::exact(first, second)));
        }
    }
    let drawn = Drawn {
        edges: edges(&picture).map_err(|e| AnswerError::Work(Box::new(e)))?,
        picture,
        ways,
        places,
    };
    let panels = vec![
        drawn.panel(
            "Fluctuation F: SGD goes downhill",
            "F, loss²/weight²",
            |at| valley.fluctuation(at),
        ),
        drawn.panel("Sharpness T: down, then up", "T, loss/weight²", |at| {
            valley.sharpness(at)
        }),
    ];
    let figure = Figure {
        description: "The minima of two layers seen from above, by fluctuation and by sharpness: SGD follows the slow flow past the flattest minimum \
                      to the least fluctuation"
            .to_owned(),
        panels,
        columns: 2,
        frame: (280.0, 250.0),
    };
    Ok(svg(&figure.scene()))
}

/// What both panels show.
struct Drawn {
    picture: Picture,
    /// Of the map's cells, along each axis.
    edges: [Vec<f64>; 2],
    /// Of each seed.
    ways: Vec<Vec<Point>>,
    places: Vec<Point>,
}

impl Drawn {
    fn panel(&self, title: &str, label: &str, height: impl Fn([f64; 2]) -> f64) -> Panel {
        let axis = |input| {
            Axis::log(format!(
                "gain of input {input}, ‖W_{{1}}e_{{{input}}}‖, weight"
            ))
        };
        let [x, y] = &self.edges;
        let (columns, rows) = (axis(1).middles(x), axis(2).middles(y));
        let row = |&second: &f64| {
            columns
                .iter()
                .map(|&first| height([first, second]))
                .collect()
        };
        let mut panel = Panel::new(title, axis(1), axis(2));
        panel.heat = Some(Heat {
            x_edges: x.clone(),
            y_edges: y.clone(),
            values: rows.iter().map(row).collect(),
            label: label.to_owned(),
        });
        for way in &self.ways {
            let look = Look {
                marker: None,
                ..Look::measured(1)
            };
            panel = panel.with("", way.clone(), look);
        }
        let mut flow: Vec<Point> = Vec::new();
        for at in &self.picture.flow.snapshots {
            let [x, y] = Valley::gains(&at.weights);
            let seen = |last: &Point| (x / last.x).ln().hypot((y / last.y).ln()) > APART;
            if flow.last().is_none_or(seen) {
                flow.push(Point::exact(x, y));
            }
        }
        let dashed = Look::reference(Dash::Dashed).on_map();
        panel = panel.with("slow flow", flow, dashed);
        let dot = Look {
            marker: Some(Marker::Disc),
            ..Look::scattered(1)
        };
        panel = panel.with(
            "SGD, 16 seeds, after 1, 4 and 9 % of the steps",
            self.places.clone(),
            dot.on_map(),
        );
        for mark in &self.picture.marks {
            let at = Point::exact(mark.gains[0], mark.gains[1]);
            let look = Look {
                line: None,
                marker: Some(mark.kind.marker()),
                ..Look::reference(Dash::Solid)
            };
            panel = panel.with(mark.kind.words(), vec![at], look.on_map());
        }
        panel
    }
}

/// Borders of equal ratios over the picture's map.
fn edges(picture: &Picture) -> Result<[Vec<f64>; 2], TheoryError> {
    let map = picture.map.as_ref().ok_or(TheoryError::NoValley {
        what: "depth",
        needed: "two layers",
    })?;
    Ok([0, 1].map(|axis| {
        let gains = &map.gains[axis];
        let (low, high) = (gains[0], gains[gains.len() - 1]);
        let at = |i: usize| low * (high / low).powf(i as f64 / CELLS as f64);
        (0..=CELLS).map(at).collect()
    }))
}
