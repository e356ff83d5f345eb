//! The wide way against the dense one, and its operators against finite differences.

use faer::Mat;

use super::{
    Stiff, WideFlow,
    eliminated::Eliminated,
    factors::balances_along,
    field::{Field, Generators, Operator},
    rounded::Rounded,
};
use crate::flow::{
    Statistics, bdf,
    clock::Logarithmic,
    horizontal::HorizontalFlow,
    point::{Model, Point},
    products::{Parity, converted},
    rosenbrock,
    symmetric::SymmetricFlow,
    tests::{difference, forces, minimum, norm, problem, problems, velocity},
    wide_horizontal::WideHorizontalFlow,
};
use crate::problem::Problem;
use crate::recipe::Forces;

/// Symmetric matrices of the generators' shapes.
fn generators(field: &Field, phase: f64) -> Generators {
    let shapes = field.own(Operator::Gram);
    let each = shapes.iter().enumerate();
    each.map(|(k, shape)| {
        let n = shape.nrows();
        Mat::from_fn(n, n, |i, j| {
            (phase + (k + i + j) as f64).sin() + 0.1 * ((i * j) as f64).cos()
        })
    })
    .collect()
}

fn inner(a: &[Mat<f64>], b: &[Mat<f64>]) -> f64 {
    let each = a.iter().zip(b);
    each.map(|(a, b)| (a.transpose() * b).diagonal().column_vector().sum())
        .sum()
}

fn size(a: &[Mat<f64>]) -> f64 {
    inner(a, a).sqrt()
}

/// E of `layers` plus a motion times `step`.
fn shifted(layers: &[Mat<f64>], step: f64, motion: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let each = layers.iter().zip(motion);
    each.map(|(w, m)| w + faer::Scale(step) * m).collect()
}

#[test]
fn field_is_the_dense_one() {
    for problem in problems().iter().chain([&problem(6, 5, 3)]) {
        for forces in forces() {
            let model = Model::new(problem).under(forces);
            let state = model.flatten(minimum(problem).layers());
            let dense = velocity(&SymmetricFlow { model: &model }, &state);
            let mut found = vec![0.0; state.len()];
            WideFlow::new(&model).rhs(0.0, &state, &mut found).unwrap();
            let off = difference(&found, &dense) / norm(&dense);
            assert!(off < 1e-8, "{off}");
        }
    }
}

/// dR and dQ are the derivatives of R and Q, along any motion of the weights.
#[test]
fn operators_are_derivatives() {
    for problem in problems() {
        for forces in forces() {
            let model = Model::new(&problem).under(forces);
            let layers = minimum(&problem).layers().to_vec();
            let field = Field::new(&model, layers.clone());
            let y = generators(&field, 1.7);
            let crooked: Vec<Mat<f64>> = layers
                .iter()
                .map(|w| {
                    Mat::from_fn(w.nrows(), w.ncols(), |i, j| {
                        (i as f64 - 2.0 * j as f64).cos()
                    })
                })
                .collect();
            let step = 1e-5;
            let slope = |motion: &[Mat<f64>]| -> Generators {
                let drift = |step: f64| Field::new(&model, shifted(&layers, step, motion)).drift();
                let each = drift(step).into_iter().zip(drift(-step));
                each.map(|(a, b)| (a - b) * faer::Scale(0.5 / step))
                    .collect()
            };
            let balances = |step: f64, motion: &[Mat<f64>]| -> Generators {
                let at = shifted(&layers, step, motion);
                let each = at.windows(2);
                each.map(|w| &w[0] * w[0].transpose() - w[1].transpose() * &w[1])
                    .collect()
            };
            for motion in [&crooked, &field.factors.lift(&y)] {
                let (found, expected) = (field.factors.drift_along(motion), slope(motion));
                let rest = shifted(&found, -1.0, &expected);
                assert!(size(&rest) < 1e-7 * size(&expected));
                // Q is of second degree, so that this difference is exact.
                let (up, down) = (balances(1.0, motion), balances(-1.0, motion));
                let rest = shifted(
                    &up,
                    -1.0,
                    &shifted(&down, 2.0, &balances_along(motion, &field.factors.layers)),
                );
                assert!(size(&rest) < 1e-12 * size(&up));
            }
            let gram = balances_along(&field.factors.lift(&y), &field.factors.layers);
            // ⟨X, EᵀE X⟩ = 2 ‖E X‖², the factor being that of R's definition.
            let energy = inner(&y, &gram) / (2.0 * size(&field.factors.lift(&y)).powi(2));
            assert!((energy - 1.0).abs() < 1e-12, "{energy}");
        }
    }
}

/// What the second look at a step finds by what the corrections change is what all of the field is there.
#[test]
fn corrections_change_the_field_as_they_do_all_of_it() {
    for problem in [&problem(3, 3, 7), &uneven()] {
        for forces in forces() {
            let model = Model::new(problem).under(forces);
            let mut flow = WideFlow::new(&model);
            let mut y = model.flatten(minimum(problem).layers());
            let mut first = vec![0.0; y.len()];
            flow.rhs(0.3, &y, &mut first).unwrap();
            for (part, phase) in [(1e-5, 0.7), (1e-6, 1.9)] {
                let wave = |i: usize| (phase * i as f64).sin();
                let mut change: Vec<f64> = (0..y.len()).map(|i| part * wave(i)).collect();
                flow.correct(2.0, &mut change, 1e-9).unwrap();
                y.iter_mut().zip(&change).for_each(|(y, d)| *y += d);
                let mut found = vec![0.0; y.len()];
                flow.rhs(0.3, &y, &mut found).unwrap();
                let here = flow.here.as_ref().unwrap();
                let seen = here.seen.as_ref().unwrap();

                let field = Field::new(&model, model.layers(&y));
                let motion = field.factors.lift(&here.x);
                let expected = model.flatten(&motion);
                assert!(difference(&found, &expected) < 1e-3 * difference(&first, &expected));
                let balances = balances_along(&motion, &field.factors.layers);
                let expected = shifted(&field.drift(), -1.0, &balances);
                let drift = here.field.factors.drift_along(&seen.moved);
                let off = shifted(&shifted(&seen.defect, 1.0, &drift), -1.0, &expected);
                let changed = shifted(&here.defect, -1.0, &expected);
                assert!(size(&off) < 1e-3 * size(&changed));
            }
        }
    }
}

/// The same with the upper triangles turned round.
fn antisymmetric(x: &[Mat<f64>]) -> Generators {
    let sign = |i: usize, j: usize| f64::from(i > j) - f64::from(i < j);
    let each = x.iter();
    each.map(|x| Mat::from_fn(x.nrows(), x.ncols(), |i, j| sign(i, j) * x[(i, j)]))
        .collect()
}

/// What the operators are solved for comes back: EᵀE as the change of Q along E X, and M as that of R, with one generator and with six, with layers of
/// different widths, with and without other forces.
#[test]
fn eliminated_systems_are_solved() {
    let deep = problem(3, 3, 7);
    for problem in problems().iter().chain([&deep, &uneven()]) {
        for forces in forces() {
            let model = Model::new(problem).under(forces);
            let field = Field::new(&model, minimum(problem).layers().to_vec());
            for operator in [Operator::Gram, Operator::Implicit(0.8), Operator::Turns] {
                let mut double = Eliminated::<f64>::new(&field, operator).unwrap();
                let mut single = Eliminated::<f32>::new(&field, operator).unwrap();
                // Each solution but the first begins with those before.
                for phase in [0.9, 1.3, 2.1] {
                    let mut x = generators(&field, phase);
                    if operator.parity() == Parity::Antisymmetric {
                        x = antisymmetric(&x);
                    }
                    let motion = field.factors.lift(&x);
                    let balances = balances_along(&motion, &field.factors.layers);
                    let right = match operator {
                        Operator::Gram => balances,
                        Operator::Turns => field.turning_of(&motion),
                        Operator::Implicit(shift) => {
                            let still = shifted(&balances, shift - 1.0, &balances);
                            shifted(&still, -1.0, &field.factors.drift_along(&motion))
                        }
                    };
                    let double = double.solve(&right, |missing, gained| missing <= 1e-24 * gained);
                    let rounded: Vec<_> = right.iter().map(|r| converted(1.0, r)).collect();
                    let single = single.solve(&rounded, |missing, gained| missing <= 1e-8 * gained);
                    for (found, error) in [(double, 1e-9), (single, 1e-3)] {
                        let off = shifted(&found.unwrap(), -1.0, &x);
                        let off = size(&field.factors.lift(&off)) / size(&motion);
                        assert!(off < error, "{operator:?}: {off}");
                    }
                }
            }
        }
    }
}

/// In single precision dR and E Y are what they are in double, and keep that accuracy where weights, motions and defects are all tiny.
#[test]
fn rounding_keeps_seven_digits_at_any_scale() {
    for problem in problems().iter().chain([&uneven()]) {
        for (forces, scale) in forces().into_iter().flat_map(|f| [(f, 1.0), (f, 1e-12)]) {
            let model = Model::new(problem).under(forces);
            let scaled = |x: &Generators, by: f64| -> Generators {
                x.iter().map(|x| x * faer::Scale(by)).collect()
            };
            let layers = minimum(problem).layers().to_vec();
            let field = Field::new(&model, scaled(&layers, scale));
            let rounded = Rounded::new(&field);
            let y = scaled(&generators(&field, 0.4), scale * scale);
            let motion = field.factors.lift(&y);
            let defect = scaled(&generators(&field, 1.9), scale * scale);
            let shift = 0.8;
            let expected = shifted(&field.factors.drift_along(&motion), shift, &defect);
            let (unit, right) = rounded.right(&motion, shift, &defect);
            let right: Generators = right.iter().map(|r| converted(unit, r)).collect();
            for (found, exact) in [(&right, &expected), (&rounded.lift(&y), &motion)] {
                let off = size(&shifted(found, -1.0, exact)) / size(exact);
                assert!(off < 1e-6, "{scale}: {off}");
            }
        }
    }
}

/// Of a motion that turns the hidden bases nothing is left.
#[test]
fn turns_are_found() {
    let deep = problem(3, 3, 7);
    for problem in problems().iter().chain([&deep, &uneven()]) {
        let model = Model::new(problem);
        let field = Field::new(&model, minimum(problem).layers().to_vec());
        let turns = antisymmetric(&generators(&field, 0.9));
        let turning = field.factors.lift(&turns);
        let mut flow = WideFlow::new(&model);
        flow.look(0.0, &model.flatten(&field.factors.layers), model.forces);
        let mut velocity = model.flatten(&turning);
        flow.take_off_turns(&mut velocity).unwrap();
        let left = norm(&velocity) / norm(&model.flatten(&turning));
        assert!(left < 1e-7, "{left}");
    }
}

/// Hidden layers of different widths, all wider than the output.
fn uneven() -> Problem {
    let narrow = problem(5, 2, 3);
    Problem::with_hidden_widths(
        narrow.input_covariance().to_owned(),
        narrow.teacher().to_owned(),
        narrow.noise_covariance().to_owned(),
        3,
        &[6, 4],
    )
    .unwrap()
}

/// T and F along the way by both integrators, from a start in which nothing commutes, with and without a decay of the weights, and with
/// hidden directions that die out.
#[test]
fn path_is_the_dense_one() {
    for (problem, forces) in [
        (problem(6, 6, 3), forces()[0]),
        (problem(4, 4, 4), forces()[1]),
        (uneven(), forces()[0]),
    ] {
        let model = Model::new(&problem).under(forces);
        let start = model.flatten(minimum(&problem).layers());
        let dense = SymmetricFlow { model: &model };
        let mut dense =
            rosenbrock::Integrator::new(&dense, start.clone(), 1e-9, 20_000, 1.0).unwrap();
        let flow = WideFlow::new(&model);
        let mut wide = bdf::Integrator::new(flow, start.clone(), 1e-6, 20_000, 1.0).unwrap();
        let measured = |state: &[f64]| {
            let point = Point::new(&model, model.layers(state));
            [point.sharpness(), model.fluctuation(&point)]
        };
        for time in [1e-3, 1e-2, 0.1, 1.0] {
            while dense.time < time {
                dense.advance(time).unwrap();
            }
            while wide.time < time {
                wide.advance(time).unwrap();
            }
            let exact = dense.state_at(time);
            let found = wide.state_at(time);
            assert!(
                difference(&found, &exact) < 5e-6 * norm(&exact),
                "{}",
                difference(&found, &exact) / norm(&exact)
            );
            for (found, exact) in measured(&found).iter().zip(measured(&exact)) {
                assert!((found / exact - 1.0).abs() < 2e-6, "{found} {exact}");
            }
        }
        assert!(wide.statistics.rejected * 10 < wide.statistics.accepted);
        // The start is no step that failed.
        assert_eq!(wide.system.has_failed, wide.statistics.rejected > 0);
    }
}

/// Where hidden directions have died out steps go on growing, and few of them fail: the last X alone, or X from nothing alone, leave a quarter to one
/// half of them to fail.
#[test]
fn end_is_passed_with_few_failures() {
    for outputs in [2, 4] {
        let problem = problem(16, outputs, 4);
        let model = Model::new(&problem);
        let start = model.flatten(minimum(&problem).layers());
        let (flow, end) = (WideFlow::new(&model), 1e5);
        let mut wide = Logarithmic::integrator(flow, start, 1e-6, 1000, end).unwrap();
        while wide.time < wide.system.logarithm(end) {
            wide.advance(end).unwrap();
        }
        let Statistics {
            accepted, rejected, ..
        } = wide.statistics;
        assert!(4 * rejected < accepted, "{:?}", wide.statistics);
    }
}

/// By the exact drift too, where noise and signal are turned against each other and the Jacobian in the steps is another's, and under forces
/// that are not among the generators' own.
#[test]
fn exact_drift_is_that_of_small_networks() {
    let plain = Forces::default();
    let (ascent, dropout, batch) = (2.0, 1.0, 3);
    let ascending = Forces {
        ascent,
        batch,
        ..plain
    };
    let dropping = Forces { dropout, ..plain };
    for (problem, forces) in [
        (problem(3, 3, 3), plain),
        (problem(4, 2, 2), plain),
        (problem(3, 2, 3), ascending),
        (problem(3, 3, 3), dropping),
    ] {
        let model = Model::new(&problem).under(forces);
        let start = model.flatten(minimum(&problem).layers());
        let small = HorizontalFlow::new(&model);
        let mut small =
            rosenbrock::Integrator::new(&small, start.clone(), 1e-8, 20_000, 0.3).unwrap();
        let flow = WideHorizontalFlow::new(&model);
        let mut large = bdf::Integrator::new(flow, start, 1e-6, 20_000, 0.3).unwrap();
        for time in [0.01, 0.3] {
            while small.time < time {
                small.advance(time).unwrap();
            }
            while large.time < time {
                large.advance(time).unwrap();
            }
            let exact = small.state_at(time);
            let found = large.state_at(time);
            let off = difference(&found, &exact) / norm(&exact);
            assert!(off < 5e-6, "{off}");
        }
        assert!(large.statistics.accepted < 400, "{:?}", large.statistics);
    }
}
