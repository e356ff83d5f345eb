//! Writes a scene as a standalone SVG that follows the reader's light or dark preference.

use std::fmt::Write as _;

use super::ink::{Ink, Rgb, SERIES};
use super::markup::{self, Height};
use super::scene::{Anchor, Position, Scene, Shape, Text};

/// The style rules of every SVG written here; class names begin with `tw-`.
///
/// Colours stand as attributes too, so a viewer that knows no style sheets shows the light picture.
pub static STYLE: std::sync::LazyLock<String> = std::sync::LazyLock::new(style);

/// The scene as an SVG document.
pub fn svg(scene: &Scene) -> String {
    let mut out = String::new();
    let (width, height) = (scene.width, scene.height);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{}\" font-family=\"'Noto Sans', 'DejaVu Sans', \
         'Segoe UI', Helvetica, Arial, sans-serif\">\n<style>{}</style>\n",
        markup::escape(&scene.description),
        *STYLE
    );
    let page = Shape::Area {
        points: vec![(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)],
        ink: Ink::Paper,
        opacity: 1.0,
    };
    for shape in std::iter::once(&page).chain(&scene.shapes) {
        write_shape(&mut out, shape);
    }
    out.push_str("</svg>\n");
    out
}

fn write_shape(out: &mut String, shape: &Shape) {
    let _ = match shape {
        Shape::Line {
            points,
            ink,
            width,
            dash,
        } => {
            let lengths: Vec<String> = dash.lengths().iter().map(f64::to_string).collect();
            let dashes = if lengths.is_empty() {
                String::new()
            } else {
                format!(" stroke-dasharray=\"{}\"", lengths.join(" "))
            };
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" {} stroke-width=\"{width}\"{dashes} \
                 stroke-linejoin=\"round\"/>",
                coordinates(points),
                paint("stroke", *ink),
            )
        }
        Shape::Area {
            points,
            ink,
            opacity,
        } => {
            let opacity = if *opacity < 1.0 {
                format!(" fill-opacity=\"{opacity}\"")
            } else {
                String::new()
            };
            writeln!(
                out,
                "<polygon points=\"{}\" {}{opacity}/>",
                coordinates(points),
                paint("fill", *ink)
            )
        }
        Shape::Disc {
            centre: (x, y),
            radius,
            ink,
        } => writeln!(
            out,
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" {}/>",
            paint("fill", *ink)
        ),
        Shape::Text(text) => writeln!(out, "{}", written(text)),
    };
}

fn written(text: &Text) -> String {
    let (x, y) = text.at;
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let weight = if text.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let turned = if text.upright {
        format!(" transform=\"rotate(-90 {x:.2} {y:.2})\"")
    } else {
        String::new()
    };
    let mut spans = String::new();
    let mut sunk = 0.0;
    for run in markup::runs(&text.content) {
        let letters = markup::escape(&run.letters);
        let sink = run.height.sink() * text.size;
        let _ = if run.height == Height::Base && sunk == 0.0 {
            write!(spans, "{letters}")
        } else {
            write!(
                spans,
                "<tspan dy=\"{:.2}\" font-size=\"{:.2}\">{letters}</tspan>",
                sink - sunk,
                run.height.scale() * text.size
            )
        };
        sunk = sink;
    }
    format!(
        "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{}\" text-anchor=\"{anchor}\" {}{weight}{turned}>{spans}</text>",
        text.size,
        paint("fill", text.ink)
    )
}

fn coordinates(points: &[Position]) -> String {
    let pairs: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.2},{y:.2}"))
        .collect();
    pairs.join(" ")
}

fn paint(property: &str, ink: Ink) -> String {
    let colour = hex(ink.colours().0);
    match class(property, ink) {
        Some(class) => format!("{property}=\"{colour}\" class=\"{class}\""),
        None => format!("{property}=\"{colour}\""),
    }
}

/// The class that turns an ink dark on dark pages; heat maps keep their colours.
fn class(property: &str, ink: Ink) -> Option<String> {
    let name = match ink {
        Ink::Paper => "paper".to_owned(),
        Ink::Text => "text".to_owned(),
        Ink::Muted => "muted".to_owned(),
        Ink::Grid => "grid".to_owned(),
        Ink::Series(n) => format!("s{}", n % SERIES.len()),
        Ink::Heat(_) => return None,
    };
    Some(format!("tw-{property}-{name}"))
}

fn style() -> String {
    let inks = [Ink::Paper, Ink::Text, Ink::Muted, Ink::Grid]
        .into_iter()
        .chain((0..SERIES.len()).map(Ink::Series));
    let mut dark = String::new();
    for ink in inks {
        for property in ["stroke", "fill"] {
            if let Some(class) = class(property, ink) {
                let _ = write!(dark, ".{class}{{{property}:{}}}", hex(ink.colours().1));
            }
        }
    }
    format!("@media (prefers-color-scheme:dark){{{dark}}}")
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::super::scene::Dash;
    use super::*;

    #[test]
    fn a_scene_is_written_escaped_and_with_both_palettes() {
        let scene = Scene {
            width: 10.0,
            height: 20.0,
            description: "a < b & \"c\"".to_owned(),
            shapes: vec![
                Shape::Line {
                    points: vec![(0.0, 1.0), (2.0, 3.0)],
                    ink: Ink::Series(7),
                    width: 2.0,
                    dash: Dash::Dashed,
                },
                Shape::Text(Text {
                    content: "T_{min}<".to_owned(),
                    at: (1.0, 2.0),
                    size: 10.0,
                    anchor: Anchor::End,
                    ink: Ink::Text,
                    bold: false,
                    upright: true,
                }),
            ],
        };
        let written = svg(&scene);
        assert!(written.contains("aria-label=\"a &lt; b &amp; &quot;c&quot;\""));
        assert!(
            written.contains("stroke=\"#d55e00\" class=\"tw-stroke-s1\""),
            "{written}"
        );
        assert!(written.contains("stroke-dasharray=\"7 4\""));
        assert!(written.contains("T<tspan dy=\"2.00\" font-size=\"7.20\">min</tspan>"));
        assert!(written.contains("rotate(-90 1.00 2.00)"));
        assert!(written.contains("prefers-color-scheme:dark"));
        assert!(written.contains("&lt;</tspan>"));
    }
}
