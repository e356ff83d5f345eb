//! One panel: what it shows, and how that is drawn inside its frame.

use super::axis::{Axis, Fitted};
use super::font;
use super::ink::Ink;
use super::scene::{Anchor, Dash, Position, Shape, Text};
use crate::statistics::Point;

/// Pixels that a line beside a frame may be long: few frames are lower.
const HIGH: f64 = 200.0;
/// Pixels: axis numbers and axis labels.
pub(super) const SMALL: f64 = 12.0;
/// Pixels: panel titles.
const TITLE: f64 = 13.5;
const TICK: f64 = 4.0;
/// The most lines that names below a panel take turns in, and the most pixels of one beside it.
const TURNS: usize = 4;
const BESIDE: f64 = 160.0;
/// Markers on a line, about: they tell lines apart in print without hiding them.
const MARKERS: f64 = 8.0;
/// Pixels: from one line of names to the next, and between two names of a line.
const LINE: f64 = SMALL + 3.0;
const APART: f64 = 6.0;
/// Pixels: what stands out from a map has the page's colour as far around it.
const HALO: f64 = 5.0;
/// Pixels: the radius of a ring.
const RING: f64 = 4.2;

/// One panel of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below it.
    pub x: Axis,
    /// At its left.
    pub y: Axis,
    /// Curves and scattered points, later over earlier.
    pub series: Vec<Series>,
    /// Lines across the whole panel.
    pub levels: Vec<Level>,
    /// A map under everything.
    pub heat: Option<Heat>,
}

/// A curve or a cloud of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// In the legend; the same name and look in several panels is listed once. Empty: not listed.
    pub name: String,
    /// In the order in which they are joined; one that the axes cannot show breaks the line.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub look: Look,
}

/// A line across the panel at one height.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// In the legend.
    pub name: String,
    /// In the units of the y axis.
    pub value: f64,
    /// How it is drawn.
    pub look: Look,
}

/// How a curve or level is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Its colour.
    pub ink: Ink,
    /// Its line, if its points are joined; errors are then a band, of a point without neighbours a bar.
    pub line: Option<Dash>,
    /// Its markers; without a line, errors are bars.
    pub marker: Option<Marker>,
    /// Whether the page's colour lies around it, so that it stands out from a map.
    pub halo: bool,
}

impl Look {
    /// A measurement: an unbroken line with markers and a band of one standard error.
    pub fn measured(n: usize) -> Self {
        Self {
            ink: Ink::Series(n),
            line: Some(Dash::Solid),
            marker: Some(Marker::ALL[n % Marker::ALL.len()]),
            halo: false,
        }
    }

    /// Separate measurements: markers with error bars.
    pub fn scattered(n: usize) -> Self {
        Self {
            line: None,
            ..Self::measured(n)
        }
    }

    /// The slow flow belonging to measurement `n`.
    pub fn flow(n: usize) -> Self {
        Self {
            ink: Ink::Series(n),
            line: Some(Dash::Dashed),
            marker: None,
            halo: false,
        }
    }

    /// The finite-step theory belonging to measurement `n`.
    pub fn finite_step(n: usize) -> Self {
        Self {
            line: Some(Dash::Dotted),
            ..Self::flow(n)
        }
    }

    /// An exact statement belonging to measurement `n`.
    pub fn exact(n: usize) -> Self {
        Self {
            line: Some(Dash::DashDot),
            ..Self::flow(n)
        }
    }

    /// A reference that belongs to no single measurement.
    pub fn reference(dash: Dash) -> Self {
        Self {
            ink: Ink::Text,
            line: Some(dash),
            marker: None,
            halo: false,
        }
    }

    /// The same on a map.
    #[must_use]
    pub fn on_map(self) -> Self {
        Self { halo: true, ..self }
    }
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Disc,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    Wedge,
    /// ○, which no series has by itself.
    Ring,
}

impl Marker {
    const ALL: [Self; 5] = [
        Self::Disc,
        Self::Square,
        Self::Triangle,
        Self::Diamond,
        Self::Wedge,
    ];

    /// Its corners in pixels from its middle, y downwards; none of what is round.
    pub fn corners(self) -> &'static [Position] {
        match self {
            Self::Disc | Self::Ring => &[],
            Self::Square => &[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)],
            Self::Triangle => &[(0.0, -4.3), (4.0, 3.0), (-4.0, 3.0)],
            Self::Diamond => &[(0.0, -4.6), (4.2, 0.0), (0.0, 4.6), (-4.2, 0.0)],
            Self::Wedge => &[(0.0, 4.3), (4.0, -3.0), (-4.0, -3.0)],
        }
    }

    /// The marker at `centre`.
    pub(super) fn shape(self, centre: Position, ink: Ink) -> Shape {
        let (x, y) = centre;
        match self {
            Self::Disc => Shape::Disc {
                centre,
                radius: 3.4,
                ink,
            },
            Self::Ring => stroke(circle(centre, RING), ink, 1.8, Dash::Solid),
            _ => Shape::Area {
                points: self
                    .corners()
                    .iter()
                    .map(|(dx, dy)| (x + dx, y + dy))
                    .collect(),
                ink,
                opacity: 1.0,
            },
        }
    }

    /// The page's colour around the marker at `centre`: a map is seen inside a ring too.
    fn halo(self, centre: Position) -> Shape {
        match self {
            Self::Ring => stroke(circle(centre, RING), Ink::Paper, HALO, Dash::Solid),
            _ => Shape::Disc {
                centre,
                radius: HALO,
                ink: Ink::Paper,
            },
        }
    }
}

/// A map of cells with a colour bar; colours go with the logarithm of the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Column borders in the units of the x axis: columns + 1.
    pub x_edges: Vec<f64>,
    /// Row borders in the units of the y axis: rows + 1.
    pub y_edges: Vec<f64>,
    /// values[row][column] > 0, the first row at the bottom. What is not a number is left empty, what is infinite crossed out.
    pub values: Vec<Vec<f64>>,
    /// Beside the colour bar. Maps of one label in a figure are of one thing: a colour says the same in all of them.
    pub label: String,
}

impl Heat {
    /// The colours of this map, fitted to all maps of its label in `panels`.
    pub(super) fn scale(&self, panels: &[Panel]) -> Fitted {
        let maps = panels.iter().filter_map(|panel| panel.heat.as_ref());
        let alike = maps.filter(|map| map.label == self.label);
        let values = alike.flat_map(|map| map.values.iter().flatten().copied());
        Fitted::new(&Axis::log(self.label.clone()), values, 0.0)
    }
}

/// Where a panel's frame lies, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Panel {
    /// A panel without content.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            series: vec![],
            levels: vec![],
            heat: None,
        }
    }

    /// The same panel with one more curve.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, points: Vec<Point>, look: Look) -> Self {
        let name = name.into();
        self.series.push(Series { name, points, look });
        self
    }

    /// The same panel with one more line across.
    #[must_use]
    pub fn with_level(mut self, name: impl Into<String>, value: f64, look: Look) -> Self {
        let name = name.into();
        self.levels.push(Level { name, value, look });
        self
    }

    fn fit_x(&self) -> Fitted {
        let points = self.visible().map(|p| p.x);
        let edges = self.heat.iter().flat_map(|h| h.x_edges.iter().copied());
        Fitted::new(&self.x, points.chain(edges), self.margin(0.02))
    }

    fn fit_y(&self) -> Fitted {
        let points = self
            .visible()
            .flat_map(|p| [p.y - p.error, p.y, p.y + p.error]);
        let levels = self.levels.iter().map(|l| l.value);
        let edges = self.heat.iter().flat_map(|h| h.y_edges.iter().copied());
        Fitted::new(
            &self.y,
            points.chain(levels).chain(edges),
            self.margin(0.06),
        )
    }

    fn margin(&self, plain: f64) -> f64 {
        if self.heat.is_some() { 0.0 } else { plain }
    }

    fn visible(&self) -> impl Iterator<Item = &Point> {
        let points = self.series.iter().flat_map(|s| &s.points);
        points.filter(|p| self.shown(p))
    }

    fn shown(&self, point: &Point) -> bool {
        self.x.shows(point.x) && self.y.shows(point.y)
    }

    /// Pixels of the title, in whatever font a reader's browser takes.
    pub(super) fn title_width(&self) -> f64 {
        font::WIDER * font::width(&self.title, TITLE, true)
    }

    /// Pixels needed left of the frame for numbers and label.
    pub(super) fn left_margin(&self) -> f64 {
        let lines = (self.y_lines().len() - 1) as f64 * LINE;
        widest(&self.fit_y(), 5).min(BESIDE) + TICK + 4.0 + SMALL + 12.0 + lines
    }

    /// The label beside the frame: in two lines, the unit in the second, where one would be higher than a frame.
    fn y_lines(&self) -> Vec<&str> {
        let label = &*self.y.label;
        match label.rsplit_once(", ") {
            Some((words, unit)) if font::WIDER * font::width(label, SMALL, false) > HIGH => {
                vec![words, unit]
            }
            _ => vec![label],
        }
    }

    /// Pixels needed right of the frame: the colour bar's.
    pub(super) fn right_margin(&self, colours: Option<&Fitted>) -> f64 {
        colours.map_or(14.0, |colours| 36.0 + widest(colours, 5) + SMALL + 28.0)
    }

    /// Pixels needed above the frame, and below it where its numbers stand in one line.
    pub(super) const ABOVE: f64 = 28.0;
    pub(super) const BELOW: f64 = 46.0;

    /// Pixels needed below a frame of this width.
    pub(super) fn below(&self, width: f64) -> f64 {
        Self::BELOW + (self.turns(width) - 1) as f64 * LINE
    }

    /// The lines below a frame of this width in which names take turns, so that none runs into the next.
    fn turns(&self, width: f64) -> usize {
        let names = self.x.names.iter();
        let widest = names.map(|name| font::WIDER * font::width(name, SMALL, false) + APART);
        let place = width / self.x.names.len().max(1) as f64;
        let turns = (widest.fold(0.0, f64::max) / place).ceil() as usize;
        turns.clamp(1, TURNS.min(self.x.names.len().max(1)))
    }

    /// The names below a frame of this width as they are drawn: cut where their lines leave too little room.
    fn names(&self, width: f64) -> Vec<String> {
        let names = &self.x.names;
        let room = self.turns(width) as f64 * width / names.len() as f64 - APART;
        let shortened = |name: &String| font::shortened(name, SMALL, room / font::WIDER);
        names.iter().map(shortened).collect()
    }

    /// Pixels by which names stand out to the left and to the right of a frame of this width.
    pub(super) fn beside(&self, width: f64) -> (f64, f64) {
        let names = self.names(width);
        let place = width / names.len() as f64;
        let mut out: (f64, f64) = (0.0, 0.0);
        for (n, name) in names.iter().enumerate() {
            let half = (font::WIDER * font::width(name, SMALL, false) + APART) / 2.0;
            let middle = (n as f64 + 0.5) * place;
            out = (out.0.max(half - middle), out.1.max(middle + half - width));
        }
        out
    }

    /// Draws the panel into its frame; `colours` are those of its map, if it has one.
    pub(super) fn draw(&self, colours: Option<&Fitted>, frame: Frame, shapes: &mut Vec<Shape>) {
        let x = self.fit_x().between(frame.left, frame.right);
        let y = self.fit_y().between(frame.bottom, frame.top);
        if let (Some(heat), Some(colours)) = (&self.heat, colours) {
            draw_heat(heat, colours, [&x, &y], frame, shapes);
        }
        self.draw_axes(&x, &y, frame, shapes);
        for level in &self.levels {
            let height = y.place(level.value);
            let points = vec![(frame.left, height), (frame.right, height)];
            shapes.extend(
                level
                    .look
                    .line
                    .map(|dash| stroke(points, level.look.ink, 1.6, dash)),
            );
        }
        for (order, series) in self.series.iter().enumerate() {
            self.draw_series(series, order, &x, &y, shapes);
        }
    }

    fn draw_series(
        &self,
        series: &Series,
        order: usize,
        x: &Fitted,
        y: &Fitted,
        shapes: &mut Vec<Shape>,
    ) {
        let look = series.look;
        let place = |p: &Point| (x.place(p.x), y.place(p.y));
        let pieces = series
            .points
            .split(|p| !self.shown(p))
            .filter(|piece| !piece.is_empty());
        for piece in pieces {
            // A point alone is no line, and its band would have no width.
            let Some(dash) = look.line.filter(|_| piece.len() > 1) else {
                for p in piece.iter().filter(|p| p.error > 0.0) {
                    let ends =
                        [p.y - p.error, p.y + p.error].map(|end| (x.place(p.x), y.place(end)));
                    shapes.push(stroke(ends.to_vec(), look.ink, 1.4, Dash::Solid));
                }
                for p in piece {
                    if look.halo {
                        shapes.extend(look.marker.map(|marker| marker.halo(place(p))));
                    }
                    shapes.extend(look.marker.map(|marker| marker.shape(place(p), look.ink)));
                }
                continue;
            };
            if piece.iter().any(|p| p.error > 0.0) {
                let upper = piece.iter().map(|p| (x.place(p.x), y.place(p.y + p.error)));
                let lower = piece
                    .iter()
                    .rev()
                    .map(|p| (x.place(p.x), y.place(p.y - p.error)));
                shapes.push(Shape::Area {
                    points: upper.chain(lower).collect(),
                    ink: look.ink,
                    opacity: 0.25,
                });
            }
            let points: Vec<Position> = piece.iter().map(place).collect();
            if look.halo {
                shapes.push(stroke(points.clone(), Ink::Paper, HALO, Dash::Solid));
            }
            shapes.push(stroke(points, look.ink, 1.8, dash));
            if let Some(marker) = look.marker {
                // Evenly along the page, each series from another place, whatever the points' spacing.
                let apart = x.length() / MARKERS;
                let mut next = x.place(piece[0].x) + apart * (order % 3) as f64 / 3.0;
                for place in piece.iter().map(place) {
                    if place.0 >= next - 1e-9 {
                        shapes.push(marker.shape(place, look.ink));
                        next = place.0 + apart;
                    }
                }
            }
        }
    }

    fn draw_axes(&self, x: &Fitted, y: &Fitted, frame: Frame, shapes: &mut Vec<Shape>) {
        let Frame {
            left,
            right,
            top,
            bottom,
        } = frame;
        let grid = |points: Vec<Position>| stroke(points, Ink::Grid, 1.0, Dash::Solid);
        let mark = |points: Vec<Position>| stroke(points, Ink::Muted, 1.0, Dash::Solid);
        let turns = self.turns(right - left);
        let lines = (turns - 1) as f64 * LINE;
        let names = self.names(right - left);
        for (number, tick) in x.ticks(5).into_iter().enumerate() {
            let at = x.place(tick.value);
            let Some(label) = tick.label else {
                shapes.push(mark(vec![(at, bottom), (at, bottom + TICK * 0.6)]));
                continue;
            };
            if self.heat.is_none() {
                shapes.push(grid(vec![(at, top), (at, bottom)]));
            }
            shapes.push(mark(vec![(at, bottom), (at, bottom + TICK)]));
            let line = (number % turns) as f64 * LINE;
            let below = (at, bottom + TICK + SMALL + 2.0 + line);
            let label = names.get(number).cloned().unwrap_or(label);
            shapes.push(writing(label, below, Anchor::Middle, Ink::Text));
        }
        for tick in y.ticks(5) {
            let at = y.place(tick.value);
            let Some(label) = tick.label else {
                shapes.push(mark(vec![(left - TICK * 0.6, at), (left, at)]));
                continue;
            };
            if self.heat.is_none() {
                shapes.push(grid(vec![(left, at), (right, at)]));
            }
            shapes.push(mark(vec![(left - TICK, at), (left, at)]));
            let beside = (left - TICK - 3.0, at + SMALL * 0.36);
            let label = font::shortened(&label, SMALL, BESIDE);
            shapes.push(writing(label, beside, Anchor::End, Ink::Text));
        }
        shapes.push(mark(vec![(left, top), (left, bottom), (right, bottom)]));
        let middle = (left + right) / 2.0;
        shapes.push(writing(
            self.x.label.clone(),
            (middle, bottom + TICK + 2.0 * SMALL + 9.0 + lines),
            Anchor::Middle,
            Ink::Text,
        ));
        let beside = left - self.left_margin() + SMALL + 2.0;
        for (i, line) in self.y_lines().into_iter().enumerate() {
            let at = (beside + i as f64 * LINE, (top + bottom) / 2.0);
            shapes.push(upright(line.to_owned(), at));
        }
        shapes.push(Shape::Text(Text {
            content: self.title.clone(),
            at: (middle, top - 10.0),
            size: TITLE,
            anchor: Anchor::Middle,
            ink: Ink::Text,
            bold: true,
            upright: false,
        }));
    }
}

fn draw_heat(
    heat: &Heat,
    colours: &Fitted,
    [x, y]: [&Fitted; 2],
    frame: Frame,
    shapes: &mut Vec<Shape>,
) {
    let scale = colours.clone().between(0.0, 1.0);
    for (row, values) in heat.values.iter().enumerate() {
        for (column, &value) in values.iter().enumerate() {
            let (left, right) = (
                x.place(heat.x_edges[column]),
                x.place(heat.x_edges[column + 1]),
            );
            let (low, high) = (y.place(heat.y_edges[row]), y.place(heat.y_edges[row + 1]));
            if !(value.is_finite() && value > 0.0) {
                if value == f64::INFINITY {
                    let cross = [
                        vec![(left, low), (right, high)],
                        vec![(left, high), (right, low)],
                    ];
                    let line = |points| stroke(points, Ink::Muted, 1.0, Dash::Solid);
                    shapes.extend(cross.map(line));
                }
                continue;
            }
            shapes.push(cell(left, right, low, high, scale.place(value)));
        }
    }
    let (left, right) = (frame.right + 18.0, frame.right + 32.0);
    let bar = colours.clone().between(frame.bottom, frame.top);
    let steps = 96;
    let height = (frame.bottom - frame.top) / f64::from(steps);
    for i in 0..steps {
        let low = frame.bottom - f64::from(i) * height;
        shapes.push(cell(
            left,
            right,
            low,
            low - height,
            f64::from(i) / f64::from(steps - 1),
        ));
    }
    for tick in bar.ticks(5) {
        let at = bar.place(tick.value);
        if let Some(label) = tick.label {
            shapes.push(stroke(
                vec![(right, at), (right + TICK, at)],
                Ink::Muted,
                1.0,
                Dash::Solid,
            ));
            let beside = (right + TICK + 3.0, at + SMALL * 0.36);
            shapes.push(writing(label, beside, Anchor::Start, Ink::Text));
        }
    }
    let at = right + TICK + widest(&bar, 5) + SMALL + 10.0;
    shapes.push(upright(
        heat.label.clone(),
        (at, (frame.top + frame.bottom) / 2.0),
    ));
}

/// A rectangle, overlapping its neighbours by a hair so that no seam shows between them.
fn cell(left: f64, right: f64, low: f64, high: f64, heat: f64) -> Shape {
    Shape::Area {
        points: vec![
            (left, low),
            (right + 0.4, low),
            (right + 0.4, high - 0.4),
            (left, high - 0.4),
        ],
        ink: Ink::Heat(heat),
        opacity: 1.0,
    }
}

fn widest(axis: &Fitted, wanted: usize) -> f64 {
    let labels = axis.ticks(wanted).into_iter().filter_map(|tick| tick.label);
    labels
        .map(|label| font::width(&label, SMALL, false))
        .fold(0.0, f64::max)
}

/// A closed stroke around `centre`, of 24 corners.
fn circle((x, y): Position, radius: f64) -> Vec<Position> {
    let corner = |n: i32| {
        let (sin, cos) = (f64::from(n) * std::f64::consts::TAU / 24.0).sin_cos();
        (x + radius * cos, y + radius * sin)
    };
    (0..=24).map(corner).collect()
}

pub(super) fn stroke(points: Vec<Position>, ink: Ink, width: f64, dash: Dash) -> Shape {
    Shape::Line {
        points,
        ink,
        width,
        dash,
    }
}

pub(super) fn writing(content: String, at: Position, anchor: Anchor, ink: Ink) -> Shape {
    Shape::Text(Text {
        content,
        at,
        size: SMALL,
        anchor,
        ink,
        bold: false,
        upright: false,
    })
}

fn upright(content: String, at: Position) -> Shape {
    Shape::Text(Text {
        content,
        at,
        size: SMALL,
        anchor: Anchor::Middle,
        ink: Ink::Text,
        bold: false,
        upright: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: f64 = 230.0;

    /// The names below a frame of 230 pixels as they are drawn: each with its middle and its line's height.
    fn below(names: &[String]) -> Vec<Text> {
        let x = Axis::categories("x", names.to_vec());
        let panel = Panel::new("", x, Axis::linear("y"));
        let frame = Frame {
            left: 100.0,
            right: 100.0 + WIDTH,
            top: 0.0,
            bottom: 100.0,
        };
        let mut shapes = Vec::new();
        panel.draw(None, frame, &mut shapes);
        let texts = shapes.into_iter().filter_map(|shape| match shape {
            Shape::Text(text) => Some(text),
            _ => None,
        });
        // The marks of the x axis are drawn first.
        texts.take(names.len()).collect()
    }

    /// The left and right end of a name, in the widest font that a reader may have.
    fn ends(text: &Text) -> (f64, f64) {
        let half = font::WIDER * font::width(&text.content, SMALL, false) / 2.0;
        (text.at.0 - half, text.at.0 + half)
    }

    /// Names take turns in as many lines as they need, four at most, and are cut where that is not enough: in no line do two meet.
    #[test]
    fn long_names_take_turns_and_are_cut_where_four_lines_are_too_few() {
        let names = |count: usize, long: &str| -> Vec<String> {
            (0..count).map(|n| format!("{n}{long}")).collect()
        };
        for (names, lines, cut) in [
            (names(3, ""), 1, false),
            (names(3, ", steps = 100"), 2, false),
            (names(7, ", steps = 20000"), 4, false),
            (names(6, ", steps = 20000, batch = 1000"), 4, true),
            // Fewer names than lines.
            (
                names(2, ", steps = 20000, batch = 1000, momentum = 0.9"),
                2,
                true,
            ),
        ] {
            let drawn = below(&names);
            let mut heights: Vec<f64> = drawn.iter().map(|text| text.at.1).collect();
            heights.sort_by(f64::total_cmp);
            heights.dedup();
            assert_eq!(heights.len(), lines, "{names:?}");
            let room = lines as f64 * WIDTH / names.len() as f64;
            for (n, (text, name)) in drawn.iter().zip(&names).enumerate() {
                let (left, right) = ends(text);
                assert!(right - left <= room, "{}", text.content);
                let of_line = drawn[n + 1..].iter().find(|other| other.at.1 == text.at.1);
                assert!(of_line.is_none_or(|next| right < ends(next).0), "{names:?}");
                match text.content.strip_suffix('…') {
                    Some(begun) => assert!(cut && name.starts_with(begun) && begun != name),
                    None => assert!(!cut && text.content == *name),
                }
            }
        }
    }
}
