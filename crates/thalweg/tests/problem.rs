//! Every way for a problem to be wrong is told with its field, what was found and what is right.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use faer::{Mat, Scale};
use thalweg::problem::{Basis, Field, Problem, ProblemError, Shape, covariance, spectrum, teacher};

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
    let field = Field::InputCovariance;
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
            field: Field::NoiseCovariance,
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
                field: Field::InputCovariance,
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
                field: Field::Teacher,
                row: 2,
                column: 1,
                ..
            })
        ));
    }
    let large = Problem::new(identity(2), identity(2) * Scale(1e300), identity(2), 2).unwrap_err();
    let field = Field::Teacher;
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
            field: Field::NoiseCovariance,
            ..
        }
    ));
}

#[test]
fn symmetry() {
    let error = with_input(matrix([[1.0, 0.5], [0.4, 1.0]])).unwrap_err();
    let field = Field::InputCovariance;
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
                field: Field::InputCovariance,
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
            field: Field::HiddenWidths,
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
        let shape = Shape {
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
    let shape = Shape {
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
    assert!(Problem::random(Shape { depth: 0, ..shape }, 1).is_err());
    assert!(
        Problem::random(
            Shape {
                input_dim: 0,
                ..shape
            },
            1
        )
        .is_err()
    );
}
