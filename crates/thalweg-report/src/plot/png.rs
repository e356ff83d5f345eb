//! Writes a scene as a PNG, light, at twice the scene's size, with text outlined from the embedded font.

use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, Stroke, StrokeDash, Transform};
use ttf_parser::OutlineBuilder;

use super::font;
use super::ink::Ink;
use super::markup;
use super::scene::{Anchor, Position, Scene, Shape, Text};

/// Pixels of the PNG in a pixel of the scene.
const SCALE: f32 = 2.0;

/// A scene that could not be drawn as pixels.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// A width or height that is nothing, or beyond what memory can hold.
    #[error("a picture of {width} × {height} pixels cannot be drawn")]
    Size {
        /// Pixels of the scene.
        width: f64,
        /// Pixels of the scene.
        height: f64,
    },
    /// The pixels could not be packed.
    #[error("the picture could not be written as PNG: {0}")]
    Encode(String),
}

/// The scene as the bytes of a PNG file.
///
/// # Errors
/// When the scene has no size, or one too large to hold.
pub fn png(scene: &Scene) -> Result<Vec<u8>, PngError> {
    let (width, height) = (scene.width as f32 * SCALE, scene.height as f32 * SCALE);
    let mut page = Pixmap::new(width as u32, height as u32).ok_or(PngError::Size {
        width: scene.width,
        height: scene.height,
    })?;
    page.fill(colour(Ink::Paper, 1.0));
    for shape in &scene.shapes {
        draw(&mut page, shape);
    }
    page.encode_png()
        .map_err(|error| PngError::Encode(error.to_string()))
}

fn draw(page: &mut Pixmap, shape: &Shape) {
    match shape {
        Shape::Line {
            points,
            ink,
            width,
            dash,
        } => {
            let lengths: Vec<f32> = dash.lengths().iter().map(|&l| l as f32).collect();
            let stroke = Stroke {
                width: *width as f32,
                line_join: tiny_skia::LineJoin::Round,
                dash: StrokeDash::new(lengths, 0.0),
                ..Stroke::default()
            };
            if let Some(path) = polygon(points, false) {
                page.stroke_path(&path, &paint(*ink, 1.0), &stroke, scaled(), None);
            }
        }
        Shape::Area {
            points,
            ink,
            opacity,
        } => fill(page, polygon(points, true), *ink, *opacity, scaled()),
        Shape::Disc {
            centre: (x, y),
            radius,
            ink,
        } => {
            let circle = PathBuilder::from_circle(*x as f32, *y as f32, *radius as f32);
            fill(page, circle, *ink, 1.0, scaled());
        }
        Shape::Text(text) => write(page, text),
    }
}

fn write(page: &mut Pixmap, text: &Text) {
    let width = font::width(&text.content, text.size, text.bold);
    let mut pen = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let mut place = scaled().pre_translate(text.at.0 as f32, text.at.1 as f32);
    if text.upright {
        place = place.pre_rotate(-90.0);
    }
    for run in markup::runs(&text.content) {
        let size = text.size * run.height.scale();
        for letter in run.letters.chars() {
            let mut outline = Outline(PathBuilder::new());
            let em = font::outline(letter, text.bold, &mut outline);
            let unit = (size / em) as f32;
            let at = place
                .pre_translate(pen as f32, (run.height.sink() * text.size) as f32)
                .pre_scale(unit, -unit);
            fill(page, outline.0.finish(), text.ink, 1.0, at);
            pen += font::advance(letter, text.bold) * size;
        }
    }
}

fn fill(page: &mut Pixmap, path: Option<Path>, ink: Ink, opacity: f64, at: Transform) {
    if let Some(path) = path {
        page.fill_path(&path, &paint(ink, opacity), FillRule::Winding, at, None);
    }
}

fn polygon(points: &[Position], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    let (&(x, y), rest) = points.split_first()?;
    path.move_to(x as f32, y as f32);
    for &(x, y) in rest {
        path.line_to(x as f32, y as f32);
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn scaled() -> Transform {
    Transform::from_scale(SCALE, SCALE)
}

fn paint(ink: Ink, opacity: f64) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color(colour(ink, opacity));
    paint
}

fn colour(ink: Ink, opacity: f64) -> Color {
    let [red, green, blue] = ink.colours().0;
    let alpha = (opacity.clamp(0.0, 1.0) * 255.0).round() as u8;
    Color::from_rgba8(red, green, blue, alpha)
}

/// Collects a glyph's outline as a path.
struct Outline(PathBuilder);

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leaves_ink_on_the_page_and_an_empty_page_is_refused() {
        let mut scene = Scene {
            width: 40.0,
            height: 20.0,
            description: String::new(),
            shapes: vec![],
        };
        let blank = png(&scene).unwrap();
        assert!(blank.starts_with(&[0x89, b'P', b'N', b'G']));
        scene.shapes.push(Shape::Text(Text {
            content: "Ση^{3}".to_owned(),
            at: (20.0, 15.0),
            size: 14.0,
            anchor: Anchor::Middle,
            ink: Ink::Text,
            bold: false,
            upright: false,
        }));
        let pixels = Pixmap::decode_png(&png(&scene).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (80, 40));
        let dark = pixels.pixels().iter().filter(|p| p.red() < 128).count();
        assert!(dark > 100, "{dark} dark pixels");
        scene.width = 0.0;
        assert!(matches!(png(&scene), Err(PngError::Size { .. })));
    }
}
