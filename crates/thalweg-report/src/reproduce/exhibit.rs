//! What a figure's file delivers: the picture, its settings and its claims.

use crate::claims::Claim;
use crate::plot::Figure;

/// A figure that has been made: what `reproduce` shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exhibit {
    /// What it shows, and what to see in it.
    pub caption: String,
    /// The settings that fix its numbers: name and value.
    pub settings: Vec<(&'static str, String)>,
    /// The picture, which also holds the data.
    pub figure: Figure,
    /// What is claimed, and what came out.
    pub claims: Vec<Claim>,
}

/// The settings that SGD figures share.
pub fn sgd_settings(
    problem: &str,
    learning_rate: f64,
    batch: usize,
    steps: u64,
    init: &str,
    seeds: &[u64],
) -> Vec<(&'static str, String)> {
    vec![
        ("problem", problem.to_owned()),
        ("η", learning_rate.to_string()),
        ("B", batch.to_string()),
        ("steps", steps.to_string()),
        ("start", init.to_owned()),
        (
            "trials",
            format!("seeds 1 to {}, mean ± standard error", seeds.len()),
        ),
        (
            "data",
            "fresh Gaussian samples at each step, f64".to_owned(),
        ),
    ]
}

/// Rows of `panel,series,x,y,standard_error`: everything the figure draws.
pub fn csv(figure: &Figure) -> String {
    let mut rows = vec!["panel,series,x,y,standard_error".to_owned()];
    for panel in &figure.panels {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let title = quote(&panel.title);
        for series in &panel.series {
            let name = quote(&series.name);
            rows.extend(
                series
                    .points
                    .iter()
                    .map(|p| format!("{title},{name},{:?},{:?},{:?}", p.x, p.y, p.error)),
            );
        }
        for level in &panel.levels {
            rows.push(format!(
                "{title},{},,{:?},0.0",
                quote(&level.name),
                level.value
            ));
        }
        if let Some(heat) = &panel.heat {
            let (x, y) = (
                panel.x.middles(&heat.x_edges),
                panel.y.middles(&heat.y_edges),
            );
            for (row, values) in heat.values.iter().enumerate() {
                rows.extend(values.iter().enumerate().map(|(column, value)| {
                    format!(
                        "{title},{},{:?},{:?},",
                        quote(&format!("{} = {value:?}", heat.label)),
                        x[column],
                        y[row]
                    )
                }));
            }
        }
    }
    rows.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Heat, Look, Panel, Point};

    #[test]
    fn the_data_holds_every_point_level_and_cell() {
        let mut panel = Panel::new("a \"b\"", Axis::log("x"), Axis::linear("y"))
            .with(
                "s, t",
                vec![Point {
                    x: 1.0,
                    y: 0.1,
                    error: 0.5,
                }],
                Look::measured(0),
            )
            .with_level("exact", 2.0, Look::exact(0));
        panel.heat = Some(Heat {
            x_edges: vec![1.0, 100.0],
            y_edges: vec![0.0, 1.0],
            values: vec![vec![7.0]],
            label: "v".to_owned(),
        });
        let figure = Figure {
            description: String::new(),
            panels: vec![panel],
            columns: 1,
            frame: (1.0, 1.0),
        };
        assert_eq!(
            csv(&figure),
            "panel,series,x,y,standard_error\n\"a \"\"b\"\"\",\"s, t\",1.0,0.1,0.5\n\
             \"a \"\"b\"\"\",\"exact\",,2.0,0.0\n\"a \"\"b\"\"\",\"v = 7.0\",10.0,0.5,\n"
        );
    }
}
