//! Where values and their errors are drawn, against positions told by points without errors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use thalweg_report::plot::{
    Axis, Dash, Figure, Heat, Ink, Look, Marker, Panel, Point, Scale, Scene, Shape,
};

/// A panel alone, with 0.5 to 40 on its x axis and 1 to 200 on its y axis at least.
fn drawn(scale: Scale, add: impl FnOnce(Panel) -> Panel) -> Scene {
    let axis = |label: &str| match scale {
        Scale::Linear => Axis::linear(label),
        Scale::Log => Axis::log(label),
    };
    let panel = Panel::new(
        "",
        axis("x").including(0.5).including(40.0),
        axis("y").including(1.0).including(200.0),
    );
    Figure {
        description: String::new(),
        panels: vec![add(panel)],
        columns: 1,
        frame: (300.0, 200.0),
    }
    .scene()
}

/// Discs of two exact points tell the scales; the legend is kept out by leaving names empty.
const FIRST: Point = Point {
    x: 1.0,
    y: 2.0,
    error: 0.0,
};
const SECOND: Point = Point {
    x: 20.0,
    y: 150.0,
    error: 0.0,
};

/// The pixel of (x, y), by interpolation between the two points' discs.
fn places(scene: &Scene, scale: Scale) -> impl Fn(f64, f64) -> (f64, f64) + use<> {
    let discs: Vec<(f64, f64)> = scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Disc { centre, .. } => Some(*centre),
            _ => None,
        })
        .collect();
    let [first, second] = discs[..] else {
        unreachable!("two discs, not {discs:?}");
    };
    // To the right and upwards.
    assert!(second.0 > first.0 + 10.0 && second.1 < first.1 - 10.0);
    move |x, y| {
        let part = |value: f64, a: f64, b: f64| match scale {
            Scale::Linear => (value - a) / (b - a),
            Scale::Log => (value / a).ln() / (b / a).ln(),
        };
        let across = part(x, FIRST.x, SECOND.x);
        let up = part(y, FIRST.y, SECOND.y);
        (
            first.0 + across * (second.0 - first.0),
            first.1 + up * (second.1 - first.1),
        )
    }
}

fn gauge(panel: Panel) -> Panel {
    panel.with("", vec![FIRST, SECOND], Look::scattered(0))
}

fn assert_at(found: (f64, f64), expected: (f64, f64)) {
    let apart = (found.0 - expected.0)
        .abs()
        .max((found.1 - expected.1).abs());
    assert!(apart < 1e-6, "{found:?}, not {expected:?}");
}

const MEASURED: Point = Point {
    x: 7.0,
    y: 30.0,
    error: 12.0,
};

/// The ink of what is under test; the two points have another.
const INK: usize = 3;

#[test]
fn a_bar_reaches_one_standard_error_up_and_down() {
    for scale in [Scale::Linear, Scale::Log] {
        let look = Look {
            marker: Some(Marker::Square),
            ..Look::scattered(INK)
        };
        let scene = drawn(scale, |panel| gauge(panel).with("", vec![MEASURED], look));
        let at = places(&scene, scale);
        let bars: Vec<_> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Line { points, ink, .. } if *ink == Ink::Series(INK) => Some(points),
                _ => None,
            })
            .collect();
        assert_eq!(bars.len(), 1);
        assert_at(bars[0][0], at(7.0, 18.0));
        assert_at(bars[0][1], at(7.0, 42.0));
        // The marker's corners lie about the value itself.
        let corners = scene.shapes.iter().find_map(|shape| match shape {
            Shape::Area { points, ink, .. } if *ink == Ink::Series(INK) => Some(points),
            _ => None,
        });
        let corners = corners.unwrap();
        let n = corners.len() as f64;
        let middle = corners
            .iter()
            .fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
        assert_at(middle, at(7.0, 30.0));
    }
}

#[test]
fn a_band_reaches_one_standard_error_up_and_down() {
    let second = Point {
        x: 15.0,
        y: 60.0,
        error: 5.0,
    };
    for scale in [Scale::Linear, Scale::Log] {
        let look = Look {
            marker: None,
            ..Look::measured(INK)
        };
        let scene = drawn(scale, |panel| {
            gauge(panel).with("", vec![MEASURED, second], look)
        });
        let at = places(&scene, scale);
        let (mut band, mut line) = (None, None);
        for shape in &scene.shapes {
            match shape {
                Shape::Area { points, ink, .. } if *ink == Ink::Series(INK) => band = Some(points),
                Shape::Line { points, ink, .. } if *ink == Ink::Series(INK) => line = Some(points),
                _ => {}
            }
        }
        let corners = [at(7.0, 42.0), at(15.0, 65.0), at(15.0, 55.0), at(7.0, 18.0)];
        for (found, expected) in band.unwrap().iter().zip(corners) {
            assert_at(*found, expected);
        }
        assert_at(line.unwrap()[0], at(7.0, 30.0));
        assert_at(line.unwrap()[1], at(15.0, 60.0));
    }
}

#[test]
fn a_level_lies_at_its_value_from_side_to_side() {
    for scale in [Scale::Linear, Scale::Log] {
        let look = Look::reference(Dash::Dotted);
        let scene = drawn(scale, |panel| gauge(panel).with_level("", 90.0, look));
        let at = places(&scene, scale);
        let line = scene.shapes.iter().find_map(|shape| match shape {
            Shape::Line { points, dash, .. } if *dash == Dash::Dotted => Some(points),
            _ => None,
        });
        let line = line.unwrap();
        for end in line {
            assert!((end.1 - at(1.0, 90.0).1).abs() < 1e-6);
        }
        assert!((line[1].0 - line[0].0 - 300.0).abs() < 1e-6);
    }
}

/// Columns run along x, rows upwards, and colours go with the logarithm: 1, 10, 100, 1000 in four cells.
#[test]
fn a_map_has_its_values_in_their_cells() {
    let heat = Heat {
        x_edges: vec![0.5, 10.0, 40.0],
        y_edges: vec![1.0, 50.0, 200.0],
        values: vec![vec![1.0, 10.0], vec![100.0, 1000.0]],
        label: String::new(),
    };
    let scene = drawn(Scale::Linear, |mut panel| {
        panel.heat = Some(heat);
        gauge(panel)
    });
    let at = places(&scene, Scale::Linear);
    let cells: Vec<_> = scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Area {
                points,
                ink: Ink::Heat(heat),
                ..
            } => Some((points, *heat)),
            _ => None,
        })
        .collect();
    for ((x, y), expected) in [
        ((0.5, 1.0), 0.0),
        ((10.0, 1.0), 1.0 / 3.0),
        ((0.5, 50.0), 2.0 / 3.0),
        ((10.0, 50.0), 1.0),
    ] {
        let corner = at(x, y);
        let found = cells.iter().find(|(points, _)| {
            (points[0].0 - corner.0).abs() < 1e-6 && (points[0].1 - corner.1).abs() < 1e-6
        });
        let (_, heat) = found.unwrap();
        assert!((heat - expected).abs() < 1e-9, "{heat} for {expected}");
    }
}

/// Of a value and its error only their relative size matters to a logarithmic axis; what it cannot show is not drawn.
#[test]
fn a_bar_that_reaches_below_zero_ends_at_the_frame() {
    let wide = Point {
        error: 31.0,
        ..MEASURED
    };
    let scene = drawn(Scale::Log, |panel| {
        gauge(panel).with("", vec![wide], Look::scattered(INK))
    });
    let at = places(&scene, Scale::Log);
    let bar = scene.shapes.iter().find_map(|shape| match shape {
        Shape::Line { points, ink, .. } if *ink == Ink::Series(INK) => Some(points),
        _ => None,
    });
    let bar = bar.unwrap();
    assert_at(bar[1], at(7.0, 61.0));
    assert!(bar[0].1 > at(7.0, 1.0).1 && bar[0].1 <= scene.height);
}

/// Row by row, from the left.
#[test]
fn panels_are_laid_out_as_one_reads() {
    let axis = || Axis::linear("x").including(0.0).including(1.0);
    let scene = Figure {
        description: String::new(),
        panels: ["first", "second", "third", "fourth", "fifth"]
            .map(|title| Panel::new(title, axis(), axis()))
            .to_vec(),
        columns: 2,
        frame: (300.0, 200.0),
    }
    .scene();
    let at = |title: &str| {
        let mut texts = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(text) if text.content == title => Some(text.at),
            _ => None,
        });
        texts.next().unwrap()
    };
    let [first, second, third, fourth, fifth] =
        ["first", "second", "third", "fourth", "fifth"].map(at);
    assert!(first.1 == second.1 && third.1 == fourth.1);
    assert!(first.0 == third.0 && third.0 == fifth.0 && second.0 == fourth.0);
    assert!(second.0 > first.0 + 300.0);
    assert!(third.1 > first.1 + 200.0 && fifth.1 > third.1 + 200.0);
}
