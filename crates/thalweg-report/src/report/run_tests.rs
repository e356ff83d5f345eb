//! What is drawn of a run, as data: every number of a comparison in its own panel and line.

use super::*;
use crate::plot::Scale;
use thalweg_lab::compare::{Answered, Predicted, PredictedQuantity, Values};
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, Quantity, SHARPNESS};
use thalweg_lab::run::{AtStep, SeedMean};

fn point(step: u64, mean: f64, error: f64) -> AtStep<SeedMean> {
    AtStep {
        step,
        slow_time: 0.0,
        value: SeedMean {
            mean,
            standard_error: Some(error),
            count: 4,
        },
    }
}

fn measured(quantity: Quantity, means: [f64; 2], errors: [f64; 2]) -> MeasuredQuantity {
    let course = vec![
        point(0, means[0], errors[0]),
        point(50, means[1], errors[1]),
    ];
    MeasuredQuantity {
        quantity,
        end: course.last().map(|point| point.value),
        course,
    }
}

fn predicted(key: &'static str, legend: &'static str, courses: [&[f64]; 3]) -> Predicted {
    let series = courses.map(|course| {
        Some(PredictedQuantity {
            course: course.to_vec(),
            end: course[course.len() - 1],
            z: None,
        })
    });
    Predicted {
        key,
        name: key,
        legend,
        leaves_out: None,
        answer: Ok(Answered {
            series: series.into(),
            belief: None,
            values: Values::Level(vec![]),
        }),
    }
}

/// No two numbers are equal.
fn comparison() -> Comparison {
    Comparison {
        step: 50,
        seeds: 4,
        followed: vec![1, 2, 3, 4],
        diverged: 0,
        diverged_by: None,
        divergence: None,
        known_digits: 10,
        departures: Vec::new(),
        steps: vec![0, 50],
        measured: vec![
            measured(SHARPNESS, [10.0, 11.0], [0.5, 0.25]),
            measured(LAMBDA_MAX, [20.0, 21.0], [0.75, 0.125]),
            measured(FLUCTUATION, [30.0, 31.0], [1.5, 1.25]),
        ],
        predicted: vec![
            predicted(
                "slow_flow",
                "the flow",
                [&[12.0, 13.0], &[22.0, 23.0], &[32.0, 33.0]],
            ),
            predicted("limit", "the limit", [&[14.0], &[24.0], &[34.0]]),
        ],
    }
}

#[test]
fn each_panel_has_its_own_quantity_with_errors_flow_and_limit() {
    let figure = draw(&comparison());
    assert_eq!(figure.panels.len(), 3);
    let errors = [[0.5, 0.25], [0.75, 0.125], [1.5, 1.25]];
    let labels = ["sharpness", "eigenvalue", "fluctuation"];
    for (i, panel) in figure.panels.iter().enumerate() {
        let base = 10.0 * (i + 1) as f64;
        assert!(panel.y.label.contains(labels[i]), "{}", panel.y.label);
        assert_eq!((panel.x.scale, panel.y.scale), (Scale::Log, Scale::Log));
        let [sgd, flow] = &panel.series[..] else {
            unreachable!("SGD and the flow");
        };
        let points = |points: &[Point]| -> Vec<(f64, f64, f64)> {
            points.iter().map(|p| (p.x, p.y, p.error)).collect()
        };
        assert_eq!(
            points(&sgd.points),
            [(0.0, base, errors[i][0]), (50.0, base + 1.0, errors[i][1])]
        );
        assert_eq!(flow.name, "the flow");
        assert_eq!(
            points(&flow.points),
            [(0.0, base + 2.0, 0.0), (50.0, base + 3.0, 0.0)]
        );
        let [level] = &panel.levels[..] else {
            unreachable!("the limit");
        };
        assert_eq!(
            (level.name.as_str(), level.value),
            ("the limit", base + 4.0)
        );
    }
}

/// One that has no answer has no line, and the others keep theirs.
#[test]
fn a_predictor_without_an_answer_draws_nothing() {
    let mut comparison = comparison();
    comparison.predicted[0].answer = Err("why not".to_owned());
    for panel in draw(&comparison).panels {
        assert_eq!((panel.series.len(), panel.levels.len()), (1, 1));
    }
}

/// Every number that the terminal shows of the last step, in words.
#[test]
fn the_numbers_of_the_last_step_stand_below_the_picture() {
    let mut comparison = comparison();
    if let Ok(answer) = &mut comparison.predicted[0].answer {
        answer.series[1].as_mut().unwrap().z = Some(-2.34);
    }
    let rows = numbers(&comparison);
    assert_eq!(rows[1].0, "λ_{max}, end");
    assert_eq!(
        rows[1].1,
        "21.00 ± 0.12 loss/weight²; slow_flow 23, z = −2.3; limit 24"
    );
    comparison.known_digits = 2;
    assert!(numbers(&comparison)[2].1.contains("limit 3.4e1"));
    comparison.measured[0].end = None;
    assert!(numbers(&comparison)[0].1.starts_with("– loss/weight²;"));
}
