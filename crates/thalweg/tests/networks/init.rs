//! Where parameters start: the law of every role in every family of networks.

use thalweg::model::{Init, Mlp, Read, Rnn, Transformer};
use thalweg::tensor::{Activation, Role, Tape};

fn tapes() -> Vec<Tape> {
    let mlp = Mlp {
        widths: vec![3, 40, 5],
        activation: Activation::Relu,
        biases: true,
    };
    let rnn = Rnn {
        inputs: 2,
        hidden: 12,
        outputs: 3,
        steps: 3,
        activation: Activation::Tanh,
        biases: true,
        read: Read::Last,
    };
    let transformer = Transformer {
        width: 8,
        positions: 3,
        heads: 2,
        hidden: 20,
        blocks: 1,
        causal: false,
        layer_norm: true,
        activation: Activation::Relu,
        biases: true,
    };
    [mlp.tape(), rnn.tape(), transformer.tape()]
        .map(Result::unwrap)
        .into()
}

/// Mean, variance and fourth moment of every matrix in units of the standard deviation that the formulas
/// give, over 400 seeds; the correlation of neighbouring entries, and that with a teacher of the same seed.
/// The five are normal with variances 1, 2, 96, 1 and 1 over the number of entries.
///
/// 11 matrices and 3 laws: |z| < 5 for all 165 has a false-alarm rate of 0.01 %.
#[test]
fn matrices_have_their_moments() {
    let fan = |variance: fn(f64, f64) -> f64| variance;
    let laws = [
        (Init::Kaiming { gain: 1.5 }, fan(|i, _| 2.25 / i)),
        (Init::Xavier { gain: 0.5 }, fan(|i, o| 0.5 / (i + o))),
        (Init::Normal { deviation: 0.3 }, fan(|_, _| 0.09)),
    ];
    let mut matrices = 0;
    for (init, variance) in laws {
        for tape in tapes() {
            let draws: Vec<_> = (1..=400)
                .map(|seed| {
                    let student = init.weights(&tape, seed);
                    (student, init.teacher_weights(&tape, seed))
                })
                .collect();
            for parameter in tape.parameters() {
                if parameter.role != Role::Weight {
                    continue;
                }
                matrices += 1;
                let variance = variance(parameter.columns as f64, parameter.rows as f64);
                let unit = 1.0 / variance.sqrt();
                let mut sums = [0.0; 5];
                for (student, teacher) in &draws {
                    let own = &student[parameter.range()];
                    let other = &teacher[parameter.range()];
                    for (k, (x, y)) in own.iter().zip(other).enumerate() {
                        let (z, next) = (unit * x, unit * own[(k + 1) % own.len()]);
                        let terms = [z, z * z - 1.0, z.powi(4) - 3.0, z * next, z * unit * y];
                        sums.iter_mut().zip(terms).for_each(|(sum, t)| *sum += t);
                    }
                }
                let count = (draws.len() * parameter.range().len()) as f64;
                for (sum, variance) in sums.iter().zip([1.0, 2.0, 96.0, 1.0, 1.0]) {
                    let z = sum / f64::sqrt(variance * count);
                    let name = &parameter.name;
                    assert!(z.abs() < 5.0, "{init:?}, {name}: {sums:?} of {count}");
                }
            }
        }
    }
    assert_eq!(matrices, 3 * 11);
}

#[test]
fn biases_start_at_zero_and_gains_at_one() {
    let (mut biases, mut gains) = (0, 0);
    for tape in tapes() {
        for init in [
            Init::Kaiming { gain: 1.0 },
            Init::Xavier { gain: 1.0 },
            Init::Normal { deviation: 1.0 },
        ] {
            let weights = init.weights(&tape, 7);
            assert_eq!(weights.len(), tape.parameter_count());
            for parameter in tape.parameters() {
                let own = &weights[parameter.range()];
                match parameter.role {
                    Role::Weight => assert!(own.iter().all(|&w| w != 0.0)),
                    Role::Gain => {
                        gains += 1;
                        assert!(own.iter().all(|&g| g == 1.0));
                    }
                    Role::Bias => {
                        biases += 1;
                        assert!(own.iter().all(|&b| b == 0.0));
                    }
                }
            }
        }
    }
    assert!(biases > 0 && gains > 0);
}
