//! Every way for a problem to be wrong is told with its field, what was found and what is right.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

use faer::{Mat, Scale};
use thalweg::problem::{
    Basis, Caveat, Problem, ProblemError, ProblemField, ProblemShape, covariance, spectrum, teacher,
};

fn identity(d: usize) -> Mat<f64> {
    Mat::identity(d, d)
}

fn with_input(input: Mat<f64>) -> Result<Problem, ProblemError> {
    Problem::new(input, identity(2), identity(2), 2)
}

fn matrix(rows: [[f64; 2]; 2]) -> Mat<f64> {
    Mat::from_fn(2, 2, |i, j| rows[i][j])
}

#[test]
fn depth() {
    for found in [0, usize::MAX] {
        let error = Problem::new(identity(2), identity(2), identity(2), found).unwrap_err();
        assert_eq!(
            error,
            ProblemError::Depth {
                found,
                limit: 100_000
            }
        );
        assert!(error.to_string().starts_with("depth is"));
    }
}

#[test]
fn shapes() {
    let field = ProblemField::InputCovariance;
    let expected = ProblemError::Shape {
        field,
        found_rows: 2,
        found_columns: 3,
        size: 2,
    };
    assert_eq!(with_input(Mat::zeros(2, 3)), Err(expected.clone()));
    assert!(
        expected
            .to_string()
            .starts_with("input_covariance is 2 × 3 where")
    );
    let swapped = Problem::new(identity(2), Mat::zeros(2, 3), identity(3), 2).unwrap_err();
    assert_eq!(
        swapped,
        ProblemError::Shape {
            field,
            found_rows: 2,
            found_columns: 2,
            size: 3
        }
    );
    let noise = Problem::new(identity(3), Mat::zeros(2, 3), identity(3), 2).unwrap_err();
    assert!(matches!(
        noise,
        ProblemError::Shape {
            field: ProblemField::NoiseCovariance,
            size: 2,
            ..
        }
    ));
    let empty = Problem::new(Mat::new(), Mat::zeros(2, 0), identity(2), 2).unwrap_err();
    assert_eq!(
        empty,
        ProblemError::Empty {
            rows: 2,
            columns: 0
        }
    );
}

#[test]
fn entries() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = with_input(matrix([[1.0, value], [0.0, 1.0]])).unwrap_err();
        assert!(matches!(
            error,
            ProblemError::NotFinite {
                field: ProblemField::InputCovariance,
                row: 1,
                column: 2,
                ..
            }
        ));
        let bad_teacher = Problem::new(
            identity(2),
            matrix([[1.0, 0.0], [value, 1.0]]),
            identity(2),
            2,
        );
        assert!(matches!(
            bad_teacher,
            Err(ProblemError::NotFinite {
                field: ProblemField::Teacher,
                row: 2,
                column: 1,
                ..
            })
        ));
    }
    let large = Problem::new(identity(2), identity(2) * Scale(1e300), identity(2), 2).unwrap_err();
    let field = ProblemField::Teacher;
    assert_eq!(
        large,
        ProblemError::TooLarge {
            field,
            row: 1,
            column: 1,
            value: 1e300,
            limit: 1e60
        }
    );
    let small = Problem::new(identity(2), identity(2), identity(2) * Scale(1e-300), 2).unwrap_err();
    assert!(matches!(
        small,
        ProblemError::TooSmall {
            field: ProblemField::NoiseCovariance,
            ..
        }
    ));
}

#[test]
fn symmetry() {
    let error = with_input(matrix([[1.0, 0.5], [0.4, 1.0]])).unwrap_err();
    let field = ProblemField::InputCovariance;
    assert_eq!(
        error,
        ProblemError::NotSymmetric {
            field,
            row: 2,
            column: 1,
            value: 0.4,
            mirror: 0.5
        }
    );
    // Rounding is mended; the tolerance is relative to the two variances, not to the largest.
    let mended = with_input(matrix([[1.0, 0.5 + 5e-11], [0.5, 1.0]])).unwrap();
    let sigma = mended.input_covariance();
    assert_eq!(sigma[(0, 1)], sigma[(1, 0)]);
    assert!(with_input(matrix([[1e12, 1e-3], [0.0, 1e-12]])).is_err());
}

#[test]
fn definiteness() {
    for bad in [
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 0.0], [0.0, -1.0]],
        [[-2.0, 0.0], [0.0, -1.0]],
        [[0.0, 1.0], [1.0, 0.0]],
    ] {
        match with_input(matrix(bad)) {
            Err(ProblemError::Indefinite {
                field: ProblemField::InputCovariance,
                smallest,
                largest,
            }) => {
                assert!(smallest < 0.0 && smallest <= largest);
            }
            other => panic!("{other:?}"),
        }
    }
    // Singular covariances, exactly or up to rounding, are accepted with their rank.
    for singular in [
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.1], [0.1, 0.1 * 0.1 - 1e-18]],
    ] {
        assert_eq!(
            with_input(matrix(singular)).unwrap().input_factor().rank(),
            1
        );
    }
    assert_eq!(
        with_input(Mat::zeros(2, 2)).unwrap().input_factor().rank(),
        0
    );
    // Widely different variances are not singular.
    assert_eq!(
        with_input(matrix([[1.0, 0.0], [0.0, 1e-20]]))
            .unwrap()
            .input_factor()
            .rank(),
        2
    );
}

#[test]
fn widths() {
    let build = |depth, hidden: &[usize]| {
        Problem::with_hidden_widths(
            identity(3),
            teacher::from_singular_values(
                3,
                3,
                &[2.0, 1.0],
                Basis::Random { seed: 1 },
                Basis::Random { seed: 2 },
            ),
            identity(3),
            depth,
            hidden,
        )
    };
    assert_eq!(
        build(3, &[3]),
        Err(ProblemError::WidthCount {
            found: 1,
            expected: 2
        })
    );
    assert_eq!(
        build(1, &[3]),
        Err(ProblemError::WidthCount {
            found: 1,
            expected: 0
        })
    );
    assert_eq!(
        build(3, &[3, 0]),
        Err(ProblemError::Width {
            layer: 2,
            found: 0,
            limit: 1_000_000
        })
    );
    assert!(matches!(
        build(2, &[usize::MAX]),
        Err(ProblemError::Width { layer: 1, .. })
    ));
    let found = build(4, &[2, 1_000_000, 1_000_000]);
    assert_eq!(
        found,
        Err(ProblemError::Size {
            field: ProblemField::HiddenWidths,
            entries: 1_000_005_000_006,
            rows: 1_000_000,
            columns: 1_000_000,
            limit: 1 << 32
        })
    );
    let message = found.unwrap_err().to_string();
    assert!(
        message.contains("hidden_widths asks for 1000005000006 numbers"),
        "{message}"
    );
    assert_eq!(
        build(3, &[2, 1]),
        Err(ProblemError::WidthBelowRank {
            layer: 2,
            width: 1,
            rank: 2
        })
    );
    assert_eq!(
        build(3, &[2, 2]).unwrap().parameters(),
        3 * 2 + 2 * 2 + 2 * 3
    );
}

#[test]
fn random_problems_of_any_size_are_refused_and_not_attempted() {
    for (input_dim, output_dim) in [(usize::MAX, 1), (1, usize::MAX), (100_000, 1)] {
        let shape = ProblemShape {
            input_dim,
            output_dim,
            rank: 1,
            depth: 2,
        };
        let found = Problem::random(shape, 1);
        assert!(matches!(found, Err(ProblemError::Size { .. })), "{found:?}");
    }
}

#[test]
fn constructors() {
    assert_eq!(spectrum::identity(3), [1.0, 1.0, 1.0]);
    assert_eq!(spectrum::power_law(3, 2.0), [1.0, 0.25, 1.0 / 9.0]);
    assert_eq!(spectrum::spiked(3, 1, 5.0), [5.0, 1.0, 1.0]);
    let noise = covariance::from_deviations(&[10.0, 0.5]);
    assert_eq!(noise, matrix([[100.0, 0.0], [0.0, 0.25]]));

    let basis = Basis::Random { seed: 7 }.matrix(5);
    assert!((basis.transpose() * &basis - identity(5)).norm_l2() < 1e-14);
    assert_eq!(basis, Basis::Random { seed: 7 }.matrix(5));
    assert_ne!(basis, Basis::Random { seed: 8 }.matrix(5));

    let expected = spectrum::power_law(5, 1.0);
    let sigma = covariance::from_spectrum(&expected, Basis::Random { seed: 7 });
    let mut found = sigma.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    found.reverse();
    let v = teacher::from_singular_values(
        4,
        6,
        &[3.0, 2.0],
        Basis::Random { seed: 1 },
        Basis::Canonical,
    );
    let singular = v.singular_values().unwrap();
    for (found, expected) in found
        .iter()
        .chain(&singular)
        .zip(expected.iter().chain(&[3.0, 2.0, 0.0, 0.0]))
    {
        assert!((found - expected).abs() < 1e-13);
    }
}

#[test]
fn factors_reproduce_and_invert_the_covariance() {
    let regular = covariance::from_spectrum(&[4.0, 1.0, 0.25], Basis::Random { seed: 1 });
    let singular = covariance::from_spectrum(&[4.0, 1.0, 0.0], Basis::Random { seed: 2 });
    for (sigma, rank) in [(regular, 3), (singular, 2)] {
        let problem = Problem::new(sigma.clone(), identity(3), identity(3), 1).unwrap();
        let factor = problem.input_factor();
        assert_eq!(factor.rank(), rank);
        assert!((factor.matrix() * factor.matrix().transpose() - &sigma).norm_l2() < 1e-13);
        // Fᵀ (Fᵀ)⁺ = I on the support.
        let inverse = factor.inverse_transpose_times(identity(rank).as_ref());
        assert!((factor.matrix().transpose() * &inverse - identity(rank)).norm_l2() < 1e-13);
        let kernel = factor.kernel().map_or(0, |kernel| kernel.ncols());
        assert_eq!(kernel, 3 - rank);
    }
}

#[test]
fn random_problems_have_their_shape() {
    let shape = ProblemShape {
        input_dim: 3,
        output_dim: 4,
        rank: 2,
        depth: 3,
    };
    let problem = Problem::random(shape, 1).unwrap();
    assert_eq!(problem.widths(), [3, 4, 4, 4]);
    let singular = problem.teacher().singular_values().unwrap();
    assert!(singular[1] > 1e-3 && singular[2] < 1e-14);
    assert_eq!(problem, Problem::random(shape, 1).unwrap());
    assert_ne!(problem, Problem::random(shape, 2).unwrap());
    assert!(Problem::random(ProblemShape { depth: 0, ..shape }, 1).is_err());
    assert!(
        Problem::random(
            ProblemShape {
                input_dim: 0,
                ..shape
            },
            1
        )
        .is_err()
    );
}

/// What single precision does to a covariance is mended and said; the same further off is refused with a way out.
#[test]
fn rounding_to_single_precision_is_mended_and_noted() {
    let field = ProblemField::InputCovariance;
    let asymmetric = with_input(matrix([[1.0, 0.5], [0.5000001, 1.0]])).unwrap();
    let mean = matrix([[1.0, 0.50000005], [0.50000005, 1.0]]);
    assert!((asymmetric.input_covariance() - mean).norm_max() < 1e-15);
    let [
        Caveat::Asymmetry {
            field: ProblemField::InputCovariance,
            row: 2,
            column: 1,
            difference,
        },
    ] = asymmetric.caveats()
    else {
        panic!("{:?}", asymmetric.caveats());
    };
    assert!((difference - 1e-7).abs() < 1e-15);

    // Eigenvalues 2.000000001 and −10⁻⁹: the nearest covariance has all entries 1.0000000005.
    let negative = with_input(matrix([[1.0, 1.000000001], [1.000000001, 1.0]])).unwrap();
    let nearest = matrix([[1.0000000005; 2]; 2]);
    assert!((negative.input_covariance() - nearest).norm_max() < 1e-15);
    assert_eq!(negative.input_factor().rank(), 1);
    let [
        Caveat::Negative {
            field: ProblemField::InputCovariance,
            smallest,
            zeros: 1,
            ..
        },
    ] = negative.caveats()
    else {
        panic!("{:?}", negative.caveats());
    };
    assert!((smallest + 1e-9).abs() < 1e-15);
    // What was mended once needs it no more, and is the same problem.
    let again = with_input(negative.input_covariance().to_owned()).unwrap();
    assert_eq!(again.caveats(), []);
    assert_eq!(again, negative);

    // A positive eigenvalue no larger than the negative one is rounding too, a larger one is not.
    let spectrum = |values: &[f64]| {
        let covariance = covariance::from_spectrum(values, Basis::Random { seed: 4 });
        let d = values.len();
        Problem::new(covariance, identity(d), identity(d), 2)
    };
    let mended = spectrum(&[1.0, 1e-8, 0.5e-8, -0.8e-8]).unwrap();
    assert_eq!(mended.input_factor().rank(), 2);

    // Too far from one: refused, with what would mend it.
    let error = with_input(matrix([[1.0, 0.5], [0.75, 1.0]])).unwrap_err();
    assert_eq!(
        error,
        ProblemError::NotSymmetric {
            field,
            row: 2,
            column: 1,
            value: 0.75,
            mirror: 0.5
        }
    );
    assert!(error.to_string().contains("here 0.625 at both places"));
    let error = with_input(matrix([[1.0, 1.00001], [1.00001, 1.0]])).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("add 1.01e-5 to each diagonal entry"),
        "{message}"
    );
    assert!(with_input(matrix([[1.0000101, 1.00001], [1.00001, 1.0000101]])).is_ok());
}

/// Inputs that never vary in a direction cost a network no width there.
#[test]
fn a_width_need_only_reach_the_rank_on_the_inputs_that_occur() {
    let build = |input: [[f64; 2]; 2], width: usize| {
        Problem::with_hidden_widths(matrix(input), identity(2), identity(2), 2, &[width])
    };
    assert!(build([[1.0, 0.0], [0.0, 0.0]], 1).is_ok());
    assert!(build([[1.0, 1.0], [1.0, 1.0]], 1).is_ok());
    assert!(build([[0.0, 0.0], [0.0, 0.0]], 1).is_ok());
    assert_eq!(
        build([[1.0, 0.0], [0.0, 1e-6]], 1),
        Err(ProblemError::WidthBelowRank {
            layer: 1,
            width: 1,
            rank: 2
        })
    );
}

/// The factor of a covariance whose last direction doubles all but lose, against exact arithmetic on the same
/// doubles: det Σ = Π L_ii², by hand with 40 digits.
#[test]
fn a_factor_keeps_the_digits_of_weak_directions() {
    let sigma = matrix([
        [0.9597234327544356, 0.1966071346021727],
        [0.1966071346021727, 0.04027656724558933],
    ]);
    let problem = with_input(sigma.clone()).unwrap();
    let factor = problem.input_factor().matrix().to_owned();
    assert_eq!(factor.ncols(), 2);
    let found = (factor[(0, 0)] * factor[(1, 1)] - factor[(0, 1)] * factor[(1, 0)]).powi(2);
    assert!(
        (found / 2.5008343185607035e-14 - 1.0).abs() < 1e-12,
        "{found:e}"
    );
    assert!((&factor * factor.transpose() - sigma).norm_max() < 4e-16);
}
