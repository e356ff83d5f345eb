//! The pieces of the fast law against finite differences, sampled minibatches and other lanes.

use faer::{Mat, MatRef};

use super::{
    super::{
        manifold::to_manifold,
        point::{Model, Point},
    },
    base::{Base, lift, unstacked},
    network::{Lane, Network},
    points::{Moves, padded},
    scatter::{directions, growth, symmetric_motion},
    slow::Setting,
};
use crate::{
    flow::{FlowSettings, descend},
    lanes::{Isa, dispatch_on},
    problem::{Problem, ProblemShape, Weights},
    random::{Purpose, Stream},
};

const BATCH: usize = 5;

/// D = 4, three inputs, two outputs, hidden widths 3: nothing is square or symmetric by chance.
fn problem() -> Problem {
    let shape = ProblemShape {
        input_dim: 3,
        output_dim: 2,
        rank: 2,
        depth: 4,
    };
    Problem::random(shape, 8).unwrap()
}

fn minimum(problem: &Problem) -> (Model, Vec<f64>) {
    let mut stream = Stream::new(2, Purpose::Initial);
    let layers = problem.widths().windows(2).map(|pair| {
        Mat::from_fn(pair[1], pair[0], |i, j| {
            0.4 * stream.normal() + f64::from(u8::from(i == j))
        })
    });
    let start = Weights::new(problem, layers.collect()).unwrap();
    let end = descend(problem, &start, &FlowSettings::default()).unwrap();
    let model = Model::new(problem);
    let state = model.flatten(end.weights.layers());
    (model, state)
}

fn normals(seed: u64, size: f64, count: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Initial);
    (0..count).map(|_| size * stream.normal()).collect()
}

fn matrix(z: &[f64], rows: usize) -> Mat<f64> {
    MatRef::from_column_major_slice(z, rows, z.len() / rows).to_owned()
}

fn along(state: &[f64], step: f64, direction: &[f64]) -> Vec<f64> {
    let pairs = state.iter().zip(direction);
    pairs.map(|(w, d)| w + step * d).collect()
}

/// Exp_Y(Z) by many small steps.
fn exponential(model: &Model, state: &[f64], z: &Mat<f64>) -> Vec<f64> {
    let mut state = state.to_vec();
    let slope =
        |state: &[f64]| model.flatten(&lift(&Point::new(model, model.layers(state)), z.as_ref()));
    for _ in 0..1000 {
        let middle = along(&state, 5e-4, &slope(&state));
        state = along(&state, 1e-3, &slope(&middle));
    }
    state
}

fn error(model: &Model, state: &[f64]) -> Mat<f64> {
    Point::new(model, model.layers(state)).residual
}

fn stacked(m: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(m.nrows() * m.ncols(), 1, |i, _| {
        m[(i % m.nrows(), i / m.nrows())]
    })
}

/// A lane at Exp_Y(Z).
fn lane<'a>(net: &'a Network, state: &[f64], z: &[f64]) -> Lane<'a, f64> {
    let mut lane = Lane::new(net);
    lane.exponential(state, z);
    lane
}

#[test]
fn a_lane_goes_where_the_lift_leads() {
    let problem = problem();
    let (model, state) = minimum(&problem);
    let net = Network::new(&problem, BATCH);
    let z = normals(1, 0.02, net.size());
    let exact = stacked(&error(&model, &exponential(&model, &state, &matrix(&z, 2))));
    let found = lane(&net, &state, &z);
    for (found, exact) in found.error.iter().zip(exact.col_as_slice(0)) {
        assert!(
            (found - exact).abs() < 1e-5 * exact.abs().max(0.1),
            "{found} {exact}"
        );
    }
}

/// One step −ηh_Γ moves E by −ηK(W)Γ, and so must the motion −ηG(Z)Γ of Z: to second order in Z.
#[test]
fn the_turn_moves_the_error_as_a_step_does() {
    let problem = problem();
    let (model, state) = minimum(&problem);
    let base = Base::new(&model, state.clone()).unwrap();
    let n = base.values.len();
    let gamma = normals(2, 1.0, n);
    let off = |size: f64| {
        let z = normals(3, size, n);
        let moved: Vec<f64> = (0..n)
            .map(|i| {
                let turn = |j: usize| {
                    let bent: f64 = (0..n).map(|a| z[a] * base.turn[(a * n + j) * n + i]).sum();
                    bent + f64::from(u8::from(i == j))
                };
                (0..n).map(|j| turn(j) * gamma[j]).sum()
            })
            .collect();
        let at = |sign: f64| {
            let z = along(&z, sign * 1e-4, &moved);
            error(&model, &exponential(&model, &state, &matrix(&z, 2)))
        };
        let found = stacked(&((at(1.0) - at(-1.0)) * faer::Scale(5e3)));
        let here = exponential(&model, &state, &matrix(&z, 2));
        let point = Point::new(&model, model.layers(&here));
        let right = point.curvature_matrix() * stacked(&matrix(&gamma, 2));
        (found - &right).norm_l2() / right.norm_l2()
    };
    let (coarse, fine) = (off(0.04), off(0.02));
    assert!(coarse < 0.02, "{coarse}");
    assert!((coarse / fine - 4.0).abs() < 0.8, "{coarse} {fine}");
}

/// ⟨ΓΓᵀ⟩ at these weights from its definition, Γ = E S_xx − S_εx, by 4·10⁴ minibatches: 4 % is about four standard errors of
/// the largest entries.
#[test]
fn minibatches_have_the_moments_that_are_used() {
    let problem = problem();
    let (_, state) = minimum(&problem);
    let net = Network::new(&problem, BATCH);
    let n = net.size();
    let z = normals(4, 0.1, n);
    let mut moment = vec![0.0; n * n];
    let lane = lane(&net, &state, &z);
    lane.second_moment(&mut moment);
    let error = matrix(&lane.error, 2);
    let root = problem.noise_factor().matrix();
    let mut stream = Stream::new(7, Purpose::Initial);
    let mut sampled = Mat::<f64>::zeros(n, n);
    const DRAWS: usize = 40_000;
    for _ in 0..DRAWS {
        let mut gamma = Mat::<f64>::zeros(2, 3);
        for _ in 0..BATCH {
            let x = Mat::from_fn(3, 1, |_, _| stream.normal());
            let noise = root * Mat::from_fn(root.ncols(), 1, |_, _| stream.normal());
            gamma += (&error * &x - noise) * x.transpose() * faer::Scale(1.0 / BATCH as f64);
        }
        let gamma = stacked(&gamma);
        sampled += &gamma * gamma.transpose() * faer::Scale(1.0 / DRAWS as f64);
    }
    let moment = matrix(&moment, n);
    let off = (&sampled - &moment).norm_max() / moment.norm_max();
    assert!(off < 0.04, "{off}");
}

/// J[⟨Dh_Γ[h_Γ]⟩] by differences along the columns of a root of ⟨ΓΓᵀ⟩, and one layer's share of the imbalances likewise.
#[test]
fn second_moments_of_a_step_are_contracted_rightly() {
    let problem = problem();
    let (model, state) = minimum(&problem);
    let net = Network::new(&problem, BATCH);
    let n = net.size();
    let z = normals(5, 0.03, n);
    let mut lane = lane(&net, &state, &z);
    let mut moment = vec![0.0; n * n];
    lane.second_moment(&mut moment);
    let root = matrix(&moment, n)
        .llt(faer::Side::Lower)
        .unwrap()
        .L()
        .to_owned();

    let here = exponential(&model, &state, &matrix(&z, 2));
    let point = Point::new(&model, model.layers(&here));
    let mut bent = Mat::<f64>::zeros(2, 3);
    let mut imbalance = Mat::<f64>::zeros(3, 3);
    for c in 0..n {
        let gamma = unstacked(root.col(c), 2);
        let direction = lift(&point, gamma.as_ref());
        imbalance +=
            &direction[1] * direction[1].transpose() - direction[2].transpose() * &direction[2];
        let direction = model.flatten(&direction);
        let step = 1e-5;
        let moved = |sign: f64| {
            let there = Point::new(&model, model.layers(&along(&here, sign * step, &direction)));
            lift(&there, gamma.as_ref())
        };
        for (k, (ahead, behind)) in moved(1.0).iter().zip(moved(-1.0)).enumerate() {
            let slope = (ahead - behind) * faer::Scale(0.5 / step);
            bent += &point.above[k] * slope * &point.below[k];
        }
    }
    let mut found = vec![0.0; n];
    lane.second_order(&mut found);
    let off = (matrix(&found, 2) - &bent).norm_max() / bent.norm_max();
    assert!(off < 1e-4, "{off}");
    let mut found = vec![0.0; 9];
    lane.imbalance(1, &mut found);
    let off = (matrix(&found, 3) - &imbalance).norm_max() / imbalance.norm_max();
    assert!(off < 1e-4, "{off}");
}

/// Drift and noise of Z to the same bits in all lanes that there are.
#[test]
fn all_lanes_agree() {
    let problem = problem();
    let (model, state) = minimum(&problem);
    let net = Network::new(&problem, BATCH);
    let n = net.size();
    let base = Base::new(&model, state).unwrap();
    let length = padded(11);
    let z = normals(6, 0.1, n * length);
    let evaluated = |isa: Isa| {
        let mut drift = vec![0.0; n * length];
        let mut noise = vec![0.0; n * (n + 1) / 2 * length];
        let task = Moves {
            net: &net,
            rate: 0.1,
            base: &base.weights,
            turn: &base.turn,
            z: &z,
            drift: &mut drift,
            noise: &mut noise,
        };
        dispatch_on(isa, task);
        (drift, noise)
    };
    let plain = evaluated(Isa::Scalar);
    for isa in Isa::available() {
        assert_eq!(evaluated(isa), plain);
    }
}

/// The motion that changes the imbalances as asked, and leaves the product alone.
#[test]
fn symmetric_motion_changes_the_imbalances_as_asked() {
    let problem = problem();
    let (model, state) = minimum(&problem);
    let layers = model.layers(&state);
    let wanted: Vec<Mat<f64>> = (0..3)
        .map(|k| {
            let m = matrix(&normals(20 + k, 1.0, 9), 3);
            &m + m.transpose()
        })
        .collect();
    let motion = symmetric_motion(&layers, &wanted, 0.0).unwrap();
    for (k, wanted) in wanted.iter().enumerate() {
        let (low, high) = (
            &motion[k] * layers[k].transpose(),
            layers[k + 1].transpose() * &motion[k + 1],
        );
        let change = &low + low.transpose() - &high - high.transpose();
        assert!((change - wanted).norm_max() < 1e-9);
    }
    let moved = model.flatten(&motion);
    let slope =
        error(&model, &along(&state, 1e-5, &moved)) - error(&model, &along(&state, -1e-5, &moved));
    assert!(slope.norm_max() < 1e-10);
}

/// The scatter by Lévy areas against a walk W ← W − ηh_{E − ξ} with independent noise ξ, weak enough to stay near its start: what
/// 600 walks gather along the minima between steps 100 and 500 has the covariance that [`growth`] says. (Putting them back on
/// the manifold adds as much at either time.) The trace has a standard error of 9 %, and ηλ up to 0.16 a bias of that order;
/// the areas without their weights w_ab give several times as much, the areas alone less than half.
#[test]
fn areas_scatter_the_weights_as_a_walk_does() {
    let problem = Problem::new(
        Mat::identity(2, 2),
        Mat::identity(2, 2),
        faer::mat![[1.0, 0.3], [0.3, 0.2]],
        2,
    )
    .unwrap();
    let (model, state) = minimum(&problem);
    let base = Base::new(&model, state.clone()).unwrap();
    let point = Point::new(&model, model.layers(&state));
    let basis = directions(&point, &model).unwrap();
    let n = base.values.len();
    let noise = {
        let mut noise = Mat::zeros(n, n);
        let sigma = problem.noise_covariance();
        for b in 0..2 {
            for a in 0..2 {
                for c in 0..2 {
                    noise[(2 * b + a, 2 * b + c)] = sigma[(a, c)];
                }
            }
        }
        noise
    };
    // Cov E = K Y K, K Y + Y K = noise, per η/B.
    let rotated = base.vectors.transpose() * &noise * &base.vectors;
    let errors = Mat::from_fn(n, n, |i, j| {
        let (a, b) = (base.values[i], base.values[j]);
        rotated[(i, j)] * a * b / (a + b)
    });
    let errors = &base.vectors * errors * base.vectors.transpose();

    let (rate, small) = (0.08_f64, 1e-4_f64);
    let predicted = growth(&model, &base, &basis, &errors, &noise, 0.5 * rate);
    let root = noise.llt(faer::Side::Lower).unwrap().L().to_owned() * faer::Scale(small);
    let mut stream = Stream::new(3, Purpose::Initial);
    const WALKS: usize = 600;
    const TIMES: [usize; 2] = [100, 500];
    let mut moved = [const { Vec::new() }; 2];
    for _ in 0..WALKS {
        let mut here = state.clone();
        for step in 1..=TIMES[1] {
            let point = Point::new(&model, model.layers(&here));
            let xi = &root * Mat::from_fn(n, 1, |_, _| stream.normal());
            let gamma = &point.residual - unstacked(xi.col(0), 2);
            here = along(&here, -rate, &model.flatten(&lift(&point, gamma.as_ref())));
            if let Some(time) = TIMES.iter().position(|time| *time == step) {
                let mut there = here.clone();
                to_manifold(&model, &mut there).unwrap();
                let motion = along(&there, -1.0, &state);
                moved[time].push(basis.transpose() * matrix(&motion, motion.len()));
            }
        }
    }
    let spread = moved.map(|moved| {
        let share = faer::Scale(1.0 / WALKS as f64);
        let (mut mean, mut square) = (
            Mat::zeros(basis.ncols(), 1),
            Mat::zeros(basis.ncols(), basis.ncols()),
        );
        for motion in &moved {
            mean += motion * share;
            square += motion * motion.transpose() * share;
        }
        square - &mean * mean.transpose()
    });
    // Per step D η²/B, of which Cov E has a factor η and both covariances one of the noise.
    let scale = rate.powi(3) * small.powi(4) * (TIMES[1] - TIMES[0]) as f64;
    let found = (&spread[1] - &spread[0]) * faer::Scale(1.0 / scale);
    let trace = |m: &Mat<f64>| (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>();
    let ratio = trace(&found) / trace(&predicted);
    assert!(
        (ratio - 1.0).abs() < 0.35,
        "{ratio}: {found:?} {predicted:?}"
    );
}

/// What one sample adds to Γ is (E x + ε) xᵀ − E. Inputs of the values 0 and ±√3, with the chances 2/3 and 1/6, have a normal number's
/// moments up to the fourth, so that the mean over all of them is exact; E has two values.
#[test]
fn the_noise_of_a_minibatch_holds_the_scatter_of_the_error() {
    let problem = problem();
    let (model, _) = minimum(&problem);
    let net = Network::new(&problem, BATCH);
    let n = net.size();
    let values = [
        (0.0, 2.0 / 3.0),
        (3f64.sqrt(), 1.0 / 6.0),
        (-3f64.sqrt(), 1.0 / 6.0),
    ];
    let noise = problem.noise_covariance();
    let mut expected = Mat::from_fn(n, n, |i, j| match i / 2 == j / 2 {
        true => noise[(i % 2, j % 2)],
        false => 0.0,
    });
    let mut second = Mat::<f64>::zeros(n, n);
    for seed in [4, 5] {
        let error = matrix(&normals(seed, 1.0, n), 2);
        let stack = stacked(&error);
        second += faer::Scale(0.5) * (&stack * stack.transpose());
        for number in 0..27 {
            let drawn = [number % 3, number / 3 % 3, number / 9].map(|at: usize| values[at]);
            let chance: f64 = drawn.iter().map(|(_, chance)| chance).product();
            let excess = Mat::from_fn(3, 3, |i, j| {
                drawn[i].0 * drawn[j].0 - f64::from(u8::from(i == j))
            });
            let one = stacked(&(&error * excess));
            expected += faer::Scale(0.5 * chance) * (&one * one.transpose());
        }
    }
    let found = Setting::new(&model, &net, 0.01, BATCH).minibatch(&second, 2);
    let off = (&found - &expected).norm_max();
    assert!(off < 1e-12 * expected.norm_max(), "{off}");
}
