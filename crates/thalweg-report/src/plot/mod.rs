//! The one drawing path: figures made of panels, drawn as SVG and as PNG from the same scene.
//!
//! A [`Figure`] is laid out once into a [`Scene`] of a few kinds of shape; [`svg`] and [`png`] write that
//! scene down. Text is measured and, in the PNG, outlined with the same embedded font, so a machine
//! without fonts draws the same picture. The SVG carries light and dark colours and follows the
//! reader's `prefers-color-scheme`; the PNG is light.

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
pub use panel::{Heat, Level, Look, Marker, Panel, Point, Series};
pub use png::{PngError, png};
pub use scene::{Anchor, Dash, Scene, Shape, Text};
pub use svg::{STYLE, svg};
pub use ticks::Tick;
