//! What a picture is made of: a few kinds of shape in pixels, which each file format writes in its way.

use super::ink::Ink;

/// A position in pixels, x to the right, y downwards.
pub type Position = (f64, f64);

/// A laid-out picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// From left to right, pixels.
    pub width: f64,
    /// From top to bottom, pixels.
    pub height: f64,
    /// What the picture shows, for readers that cannot see it.
    pub description: String,
    /// Drawn in this order, later over earlier.
    pub shapes: Vec<Shape>,
}

/// One mark on the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// An open stroke through the points.
    Line {
        /// At least two.
        points: Vec<Position>,
        /// Its colour.
        ink: Ink,
        /// How wide the line is, pixels.
        width: f64,
        /// Its pattern.
        dash: Dash,
    },
    /// A filled polygon.
    Area {
        /// The corners in order.
        points: Vec<Position>,
        /// Its colour.
        ink: Ink,
        /// From 0 to 1.
        opacity: f64,
    },
    /// A filled circle.
    Disc {
        /// Its middle.
        centre: Position,
        /// From the centre to the edge, pixels.
        radius: f64,
        /// Its colour.
        ink: Ink,
    },
    /// A line of writing.
    Text(Text),
}

/// A line of writing; `^{…}` raises and `_{…}` lowers.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// What is written.
    pub content: String,
    /// The point on the baseline that `anchor` names.
    pub at: Position,
    /// The letters' size, pixels.
    pub size: f64,
    /// Which end of the text stands at `at`.
    pub anchor: Anchor,
    /// Its colour.
    pub ink: Ink,
    /// Heavier, for titles.
    pub bold: bool,
    /// Turned to read from bottom to top.
    pub upright: bool,
}

/// Which part of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// The pattern of a stroke, so that lines differ in print too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dash {
    /// Unbroken.
    #[default]
    Solid,
    /// Long strokes.
    Dashed,
    /// Dots.
    Dotted,
    /// A stroke, a dot.
    DashDot,
    /// A stroke, two dots.
    DashDotDot,
}

impl Dash {
    /// Lengths of stroke and gap in pixels; empty for an unbroken line.
    pub fn lengths(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[7.0, 4.0],
            Self::Dotted => &[1.5, 3.5],
            Self::DashDot => &[8.0, 3.5, 1.5, 3.5],
            Self::DashDotDot => &[11.0, 3.0, 1.5, 3.0, 1.5, 3.0],
        }
    }
}
