//! A figure: panels of one look in a grid, with one legend below.

use super::axis::Fitted;
use super::legend::Legend;
use super::panel::{Frame, Panel};
use super::scene::Scene;

const EDGE: f64 = 10.0;

/// Panels in a grid, filled row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What the figure shows, for readers that cannot see it.
    pub description: String,
    /// In reading order.
    pub panels: Vec<Panel>,
    /// Panels in a row; at least 1.
    pub columns: usize,
    /// Width and height of a panel's frame, without its numbers and labels, pixels.
    pub frame: (f64, f64),
}

impl Figure {
    /// One panel, as wide as a page of the report.
    pub fn of(description: &str, panel: Panel) -> Self {
        Self {
            description: description.to_owned(),
            panels: vec![panel],
            columns: 1,
            frame: (460.0, 220.0),
        }
    }

    /// The laid-out picture.
    pub fn scene(&self) -> Scene {
        let columns = self.columns.max(1);
        let colours: Vec<Option<Fitted>> = self
            .panels
            .iter()
            .map(|panel| panel.heat.as_ref().map(|heat| heat.scale(&self.panels)))
            .collect();
        let (frame_width, frame_height) = self.frame;
        let coloured = || self.panels.iter().zip(&colours);
        let before =
            coloured().map(|(panel, _)| panel.left_margin().max(panel.beside(frame_width).0));
        let after = coloured().map(|(panel, colours)| {
            let margin = panel.right_margin(colours.as_ref());
            margin.max(panel.beside(frame_width).1)
        });
        let (before, after) = (before.fold(0.0, f64::max), after.fold(0.0, f64::max));
        let titles = self.panels.iter().map(Panel::title_width);
        let beside = (titles.fold(0.0, f64::max) - frame_width) / 2.0;
        // Titles that would run into each other.
        let (before, after) = if 2.0 * beside > before + after {
            (before.max(beside), after.max(beside + EDGE))
        } else {
            (before, after)
        };
        let cell_width = before + frame_width + after;
        let below = self.panels.iter().map(|panel| panel.below(frame_width));
        let cell_height = Panel::ABOVE + frame_height + below.fold(0.0, f64::max);
        let width = 2.0 * EDGE + columns.min(self.panels.len()) as f64 * cell_width;
        let panels_end = EDGE + self.panels.len().div_ceil(columns) as f64 * cell_height;
        let legend = Legend::new(&self.panels, width - 2.0 * EDGE);
        let mut shapes = Vec::new();
        for (number, (panel, colours)) in coloured().enumerate() {
            let (row, column) = (number / columns, number % columns);
            let left = EDGE + column as f64 * cell_width + before;
            let top = EDGE + row as f64 * cell_height + Panel::ABOVE;
            let frame = Frame {
                left,
                right: left + frame_width,
                top,
                bottom: top + frame_height,
            };
            panel.draw(colours.as_ref(), frame, &mut shapes);
        }
        legend.draw(width, panels_end + 2.0, &mut shapes);
        Scene {
            width: width.ceil(),
            height: (panels_end + legend.height() + EDGE).ceil(),
            description: self.description.clone(),
            shapes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Heat, Ink, Look, Point, Shape, font};
    use super::*;

    fn panel(log: bool) -> Panel {
        let axis = if log { Axis::log } else { Axis::linear };
        let points = (1..40).map(|i| Point {
            x: f64::from(i * i),
            y: f64::from(i),
            error: 0.5,
        });
        Panel::new("a", axis("x"), axis("y"))
            .with("measured", points.clone().collect(), Look::measured(0))
            .with("scattered", points.collect(), Look::scattered(1))
            .with_level("exact", 45.0, Look::exact(0))
    }

    #[test]
    fn nothing_is_drawn_outside_the_page_and_the_legend_lies_below_the_panels() {
        let figure = Figure {
            description: "test".to_owned(),
            panels: vec![panel(false), panel(true), panel(true)],
            columns: 2,
            frame: (240.0, 160.0),
        };
        let scene = figure.scene();
        let mut samples = 0;
        for shape in &scene.shapes {
            let points = match shape {
                Shape::Line { points, .. } | Shape::Area { points, .. } => points.clone(),
                Shape::Disc { centre, .. } => vec![*centre],
                Shape::Text(text) => {
                    let legend =
                        ["measured", "scattered", "exact"].contains(&text.content.as_str());
                    if legend {
                        samples += 1;
                        assert!(text.at.1 > EDGE + 2.0 * (Panel::ABOVE + 160.0 + Panel::BELOW));
                    }
                    vec![text.at]
                }
            };
            for (x, y) in points {
                assert!((0.0..=scene.width).contains(&x) && (0.0..=scene.height).contains(&y));
            }
        }
        assert_eq!(samples, 3, "each name once, though three panels use it");
    }

    /// The lowest and the highest bars reach further than any point. One that is cut ends on the frame.
    #[test]
    fn panels_hold_their_bars() {
        for log in [false, true] {
            let axis = if log { Axis::log } else { Axis::linear };
            let points = [(1.0, 10.0, 6.0), (2.0, 12.0, 8.0)];
            let points = points.map(|(x, y, error)| Point { x, y, error });
            let panel =
                Panel::new("", axis("x"), axis("y")).with("", points.to_vec(), Look::scattered(1));
            let figure = Figure {
                description: String::new(),
                panels: vec![panel],
                columns: 1,
                frame: (240.0, 160.0),
            };
            let scene = figure.scene();
            let bars = scene.shapes.iter().filter_map(|shape| match shape {
                Shape::Line {
                    points,
                    ink: Ink::Series(1),
                    ..
                } => Some(points),
                _ => None,
            });
            let top = EDGE + Panel::ABOVE;
            let mut ends = 0;
            for (_, y) in bars.flatten() {
                ends += 1;
                assert!((top + 1.0..=top + 159.0).contains(y), "{y}");
            }
            assert_eq!(ends, 4);
        }
    }

    /// Two maps of one label, whose only values are 1 and 100, are of the two ends of one scale; a third has its own.
    #[test]
    fn maps_of_one_thing_share_their_colours() {
        let map = |label: &str, values: [f64; 2]| {
            let mut panel = Panel::new("", Axis::linear("x"), Axis::linear("y"));
            panel.heat = Some(Heat {
                x_edges: vec![0.0, 1.0, 2.0],
                y_edges: vec![0.0, 1.0],
                values: vec![values.to_vec()],
                label: label.to_owned(),
            });
            panel
        };
        let none = f64::NAN;
        let figure = Figure {
            description: String::new(),
            panels: vec![
                map("T", [1.0, none]),
                map("T", [none, 100.0]),
                map("F", [1e6, 1e8]),
            ],
            columns: 3,
            frame: (100.0, 100.0),
        };
        // Colours of cells, which are as high as the frame: bars are cut into steps.
        let scene = figure.scene();
        let cells = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Area {
                points,
                ink: Ink::Heat(colour),
                ..
            } if points[0].1 - points[2].1 > 50.0 => Some(*colour),
            _ => None,
        });
        let cells: Vec<f64> = cells.collect();
        assert_eq!(cells.len(), 4, "{cells:?}");
        for (colour, expected) in cells.iter().zip([0.0, 1.0, 0.0, 1.0]) {
            assert!((colour - expected).abs() < 1e-12, "{cells:?}");
        }
    }

    fn beside(panels: [Panel; 2]) -> Scene {
        let figure = Figure {
            description: String::new(),
            panels: panels.into(),
            columns: 2,
            frame: (230.0, 100.0),
        };
        figure.scene()
    }

    /// Where titles are wider than their panels, the panels stand further apart; otherwise the figure is as it was.
    #[test]
    fn long_titles_do_not_run_into_each_other() {
        let centres = |title: &str| {
            let panel = || Panel {
                title: title.to_owned(),
                ..panel(false)
            };
            let scene = beside([panel(), panel()]);
            let titles = scene.shapes.iter().filter_map(|shape| match shape {
                Shape::Text(text) if text.content == title => Some(text.at.0),
                _ => None,
            });
            let titles: Vec<f64> = titles.collect();
            (titles[0], titles[1], scene.width, panel().title_width())
        };
        let (first, second, width, needed) =
            centres("learning_rate = 0.0056234, batch = 10, widths = [20, 20]");
        assert!(second - first > needed && first > needed / 2.0);
        assert!(width - second > needed / 2.0);
        let (short, other) = (centres("a"), centres("b"));
        assert_eq!((short.0, short.1, short.2), (other.0, other.1, other.2));
    }

    /// Names that are wider than their places stand out beside their frames: they stay on the page, and do not run into the next panel's.
    #[test]
    fn long_names_have_room_beside_their_panels() {
        let names: Vec<String> = (0..4)
            .map(|n| format!("{n}, steps = 20000, batch = 1000, momentum = 0.9"))
            .collect();
        let panel = || Panel {
            x: Axis::categories("x", names.clone()),
            ..panel(false)
        };
        let scene = beside([panel(), panel()]);
        let ends = |start: &str| -> Vec<(f64, f64)> {
            let texts = scene.shapes.iter().filter_map(|shape| match shape {
                Shape::Text(text) if text.content.starts_with(start) => {
                    let half = font::WIDER * font::width(&text.content, text.size, false) / 2.0;
                    Some((text.at.0 - half, text.at.0 + half))
                }
                _ => None,
            });
            texts.collect()
        };
        for n in 0..4 {
            let [first, second] = ends(&format!("{n}, steps"))[..] else {
                panic!("a name of each panel");
            };
            assert!(
                first.0 > 0.0 && first.1 < second.0 && second.1 < scene.width,
                "{first:?} {second:?}"
            );
        }
    }

    #[test]
    fn a_point_that_cannot_be_shown_breaks_its_line() {
        let point = |x: f64, y: f64| Point::exact(x, y);
        let points = vec![
            point(1.0, 1.0),
            point(2.0, 2.0),
            point(3.0, f64::NAN),
            point(4.0, 2.0),
            point(5.0, 1.0),
        ];
        let look = Look::flow(0);
        let figure = Figure {
            description: String::new(),
            panels: vec![
                Panel::new("", Axis::linear("x"), Axis::linear("y")).with("", points, look),
            ],
            columns: 1,
            frame: (100.0, 100.0),
        };
        let shapes = figure.scene().shapes;
        let pieces = shapes
            .iter()
            .filter(|s| matches!(s, Shape::Line { ink, .. } if *ink == look.ink));
        assert_eq!(pieces.count(), 2);
    }
}
