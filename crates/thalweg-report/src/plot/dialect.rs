//! Tells an SVG as this module writes them from any other: nothing in ours can run or load anything.

use super::svg::STYLE;

const ELEMENTS: [&str; 7] = [
    "svg", "style", "polyline", "polygon", "circle", "text", "tspan",
];

const ATTRIBUTES: [&str; 25] = [
    "xmlns",
    "viewBox",
    "width",
    "height",
    "role",
    "aria-label",
    "font-family",
    "class",
    "points",
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linejoin",
    "cx",
    "cy",
    "r",
    "x",
    "y",
    "dy",
    "font-size",
    "font-weight",
    "text-anchor",
    "transform",
];

/// Whether `svg` has only elements and attributes that [`svg`](super::svg()) writes, in the way it writes them.
///
/// # Errors
/// The first thing in it that is foreign.
pub fn check_svg(svg: &str) -> Result<(), String> {
    let mut pieces = svg.trim().split('<');
    if pieces.next() != Some("") {
        return Err("text before the first element".to_owned());
    }
    let mut open: Vec<&str> = Vec::new();
    let mut roots = 0;
    for piece in pieces {
        let (tag, text) = piece
            .split_once('>')
            .ok_or_else(|| format!("`<{}`", beginning(piece)))?;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("`</{}>`", beginning(name)));
            }
        } else {
            roots += usize::from(open.is_empty());
            let (tag, closed) = tag
                .strip_suffix('/')
                .map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            if !ELEMENTS.contains(&name) {
                return Err(format!("the element `{}`", beginning(name)));
            }
            check_attributes(attributes)?;
            if name == "style" && text != *STYLE {
                return Err("another style".to_owned());
            }
            if !closed {
                open.push(name);
            }
        }
    }
    if open.is_empty() && roots == 1 {
        return Ok(());
    }
    Err(format!(
        "{roots} pictures, and {} elements that do not end",
        open.len()
    ))
}

/// The same of `name="value"` and so on.
fn check_attributes(attributes: &str) -> Result<(), String> {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let foreign = || format!("the attribute `{}`", beginning(rest));
        let (name, after) = rest.split_once("=\"").ok_or_else(foreign)?;
        let (value, after) = after.split_once('"').ok_or_else(foreign)?;
        if !ATTRIBUTES.contains(&name) || value.contains("url(") {
            return Err(foreign());
        }
        rest = after.trim_start();
    }
    Ok(())
}

/// Enough of `text` to find it by.
fn beginning(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Figure, Heat, Look, Panel, Point, svg};
    use super::*;

    /// A picture with every kind of mark.
    fn ours() -> String {
        let points = |error| {
            (1..40).map(move |i| Point {
                x: f64::from(i),
                y: 2.0,
                error,
            })
        };
        let mut panel = Panel::new(
            "T_{min} < \"x\" & <script>",
            Axis::log("x"),
            Axis::linear("y"),
        )
        .with("measured", points(0.5).collect(), Look::measured(0))
        .with("scattered", points(0.5).collect(), Look::scattered(1))
        .with("flow", points(0.0).collect(), Look::flow(2))
        .with_level("exact", 3.0, Look::exact(0));
        panel.heat = Some(Heat {
            x_edges: vec![1.0, 100.0],
            y_edges: vec![0.0, 1.0],
            values: vec![vec![7.0]],
            label: "v".to_owned(),
        });
        svg(&Figure {
            description: "a \"picture\" <script>".to_owned(),
            panels: vec![panel],
            columns: 1,
            frame: (240.0, 160.0),
        }
        .scene())
    }

    #[test]
    fn what_is_written_here_is_ours() {
        assert_eq!(check_svg(&ours()), Ok(()));
    }

    #[test]
    fn what_could_run_or_load_anything_is_foreign() {
        let with = |extra: &str| ours().replace("</svg>", &format!("{extra}</svg>"));
        for extra in [
            "<script>alert(1)</script>",
            "<SCRIPT>alert(1)</SCRIPT>",
            "<foreignObject><img src=\"x\" onerror=\"alert(1)\"/></foreignObject>",
            "<a href=\"javascript:alert(1)\"></a>",
            "<image href=\"http://example.org/\"/>",
            "<circle onload=\"alert(1)\" r=\"1\"/>",
            "<circle r=\"1\"onload=\"alert(1)\"/>",
            "<circle r='1' onload='alert(1)'/>",
            "<circle fill=\"url(http://example.org/)\"/>",
            "<circle style=\"fill:red\"/>",
            "<text><tspan dy=\"1\"><b>x</b></tspan></text>",
            "<style>*{fill:red}</style>",
            "<style/>",
            "<!-- --><circle r=\"1\"/>",
            "<![CDATA[<script>alert(1)</script>]]>",
            "<?xml-stylesheet href=\"http://example.org/\"?>",
            "<text>unfinished",
            "</svg><svg>",
            "<circle r=\"1>\" onload=\"alert(1)\"/>",
            "<",
        ] {
            assert!(check_svg(&with(extra)).is_err(), "{extra}");
        }
        let entity = format!("<!DOCTYPE svg [<!ENTITY a \"b\">]>{}", ours());
        assert!(check_svg(&entity).is_err());
        assert!(check_svg("").is_err());
    }
}
