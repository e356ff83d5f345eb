//! The one drawing path: figures made of panels, drawn as SVG and as PNG from the same scene.
//!
//! A [`Figure`] is laid out once into a [`Scene`] of a few kinds of shape; [`svg`] and [`png`] write that
//! scene down. Text is measured and, in the PNG, outlined with the same embedded font, so a machine
//! without fonts draws the same picture. The SVG carries light and dark colours and follows the
//! reader's `prefers-color-scheme`; the PNG is light.
//!
//! ```
//! use thalweg_report::plot::{Axis, Figure, Look, Panel, Point, svg};
//!
//! let points = (1..=3).map(|t| Point::exact(f64::from(t), 1.0 / f64::from(t)));
//! let panel = Panel::new("", Axis::linear("step t"), Axis::log("sharpness T"))
//!     .with("SGD", points.collect(), Look::measured(0));
//! let figure = Figure {
//!     description: "Sharpness against steps".to_owned(),
//!     panels: vec![panel],
//!     columns: 1,
//!     frame: (300.0, 200.0),
//! };
//! assert!(svg(&figure.scene()).starts_with("<svg"));
//! ```

mod axis;
mod dialect;
mod figure;
mod font;
mod ink;
mod legend;
mod markup;
mod panel;
mod png;
mod scene;
mod svg;
mod ticks;

pub use axis::{Axis, Scale};
pub use dialect::check_svg;
pub use figure::Figure;
pub use font::missing_glyphs;
pub use ink::Ink;
pub use markup::to_html;
pub use panel::{Heat, Level, Look, Marker, Panel, Series};
pub use png::{PngError, png};
pub use scene::{Anchor, Dash, Scene, Shape, Text};
pub use svg::{STYLE, svg};
pub use ticks::Tick;

/// What series are made of.
pub use crate::statistics::Point;
