//! The report's picture of the loss around a network: two slices, the plane, and the run on it.

use super::number::plain;
use crate::plot::{self, Axis, Dash, Figure, Heat, Look, Marker, Panel, Point};
use crate::results::FigureResult;
use thalweg_lab::network::{LandscapeRecord, NetworkMeasurement, SliceRecord};

/// The picture, as SVG.
pub fn picture(found: &LandscapeRecord) -> String {
    plot::svg(&figure(found).scene())
}

fn figure(found: &LandscapeRecord) -> Figure {
    let mut panels = vec![
        slice("Along the first eigenvector", 1, &found.slices[0]),
        slice("Along the second eigenvector", 2, &found.slices[1]),
        plane(found),
    ];
    panels.extend(path(found));
    Figure {
        description: "The loss along the Hessian’s two leading eigenvectors, over their plane with the run on it, and along the run"
            .to_owned(),
        panels,
        columns: 2,
        frame: (300.0, 220.0),
    }
}

fn offset(which: usize) -> Axis {
    Axis::linear(format!("distance along v_{{{which}}}, weight"))
}

fn slice(title: &str, which: usize, slice: &SliceRecord) -> Panel {
    let points = |values: &[f64]| -> Vec<Point> {
        let both = slice.offsets.iter().zip(values);
        both.map(|(&a, &loss)| Point::exact(a, loss)).collect()
    };
    // Far away a parabola says nothing, and would take the axis.
    let highest = slice.losses.iter().copied().fold(0.0, f64::max);
    let parabola: Vec<f64> = slice.parabola();
    let shown: Vec<Point> = points(&parabola)
        .into_iter()
        .filter(|at| at.y <= highest)
        .collect();
    let loss = Look {
        marker: None,
        ..Look::measured(0)
    };
    Panel::new(title, offset(which), Axis::linear("loss L"))
        .with("loss", points(&slice.losses), loss)
        .with(
            "parabola of slope and eigenvalue at 0",
            shown,
            Look::reference(Dash::Dashed),
        )
}

fn plane(found: &LandscapeRecord) -> Panel {
    let [first, second] = &found.slices;
    let mut panel = Panel::new("Over the plane of both", offset(1), offset(2));
    panel.heat = Some(Heat {
        x_edges: edges(&first.offsets),
        y_edges: edges(&second.offsets),
        values: found.plane.clone(),
        label: "loss L".to_owned(),
    });
    if let Some(path) = &found.path {
        let way = path
            .iter()
            .map(|at| Point::exact(at.first, at.second))
            .collect();
        let look = Look {
            marker: Some(Marker::Disc),
            ..Look::measured(1)
        };
        panel = panel.with("the run, projected", way, look.on_map());
    }
    let end = Look {
        line: None,
        marker: Some(Marker::Diamond),
        ..Look::reference(Dash::Solid)
    };
    panel.with("the network", vec![Point::exact(0.0, 0.0)], end.on_map())
}

/// Borders half-way between `middles`, which are evenly spaced.
fn edges(middles: &[f64]) -> Vec<f64> {
    let half = (middles[1] - middles[0]) / 2.0;
    let last = middles.last().map(|last| last + half);
    middles.iter().map(|x| x - half).chain(last).collect()
}

/// The loss at the run's own places.
fn path(found: &LandscapeRecord) -> Option<Panel> {
    let path = found.path.as_ref()?;
    let distance = |at: &thalweg_lab::network::PathRecord| {
        (at.first.powi(2) + at.second.powi(2) + at.outside.powi(2)).sqrt()
    };
    let own = path.iter().map(|at| Point::exact(distance(at), at.loss));
    Some(
        Panel::new(
            "Along the run",
            Axis::linear("distance from the network, weight"),
            Axis::linear("loss L"),
        )
        .with(
            "loss at the run’s own places",
            own.collect(),
            Look::measured(1),
        ),
    )
}

/// What stands beside it.
pub fn words(network: &NetworkMeasurement, found: &LandscapeRecord, command: &str) -> FigureResult {
    let [first, second] = &found.slices;
    let mut rows = vec![
        (
            "evaluation set".to_owned(),
            format!("{} samples", network.samples),
        ),
        (
            "slopes along v_1 and v_2, loss/weight".to_owned(),
            format!("{}, {}", plain(first.slope), plain(second.slope)),
        ),
        (
            "eigenvalues, loss/weight²".to_owned(),
            format!("{}, {}", plain(first.curvature), plain(second.curvature)),
        ),
    ];
    let mut caption = "The loss L(θ + a v_1 + b v_2) around the network θ, with v_1 and v_2 the leading eigenvectors of its Hessian. ".to_owned();
    match &found.path {
        Some(path) => {
            let outside = path.first().map_or(0.0, |start| start.outside);
            rows.push((
                "distance of the start from the plane, weight".to_owned(),
                plain(outside),
            ));
            caption.push_str(
                "The run was made again from its seed and ends at the network to the last bit. On the plane it is projected: its own loss, in the last panel, \
                 is not the plane’s where it is far from it.",
            );
        }
        None => caption.push_str(found.no_path.as_deref().unwrap_or_default()),
    }
    FigureResult {
        id: format!("landscape-{}", network.name),
        title: format!("The loss around {}", network.name),
        caption,
        command: format!("{command} --landscape"),
        settings: rows,
        ..FigureResult::of_a_run()
    }
}
