//! One layer under weight decay.

use faer::{Mat, linalg::solvers::DenseSolveCore, mat};
use thalweg::problem::{Problem, covariance};
use thalweg::theory::ridge_fluctuation;

/// F at the zero of the mean gradient, by Isserlis' theorem entry by entry.
#[test]
fn ridge_regression_has_the_fluctuation_of_its_own_gradients() {
    let input = mat![[2.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 0.5]];
    let teacher = mat![[1.0, -0.5, 0.2], [0.4, 0.8, -1.0]];
    let noise = covariance::from_deviations(&[1.0, 0.3]);
    let problem = Problem::new(input.clone(), teacher.clone(), noise, 1).unwrap();
    for decay in [1e-3, 0.4, 5.0, 1e300] {
        // By the resolvent's own inverse and not by eigenvectors.
        let shifted = &input + faer::Scale(decay) * Mat::<f64>::identity(3, 3);
        let inverse = shifted.partial_piv_lu().inverse();
        let missing = &teacher * &input * inverse - &teacher;
        let mut expected = 1.09 * 3.5;
        for a in 0..2 {
            for (i, k, j) in (0..27).map(|n| (n % 3, n / 3 % 3, n / 9)) {
                let fourth = input[(i, k)] * input[(j, j)] + 2.0 * input[(i, j)] * input[(k, j)];
                expected += missing[(a, i)] * missing[(a, k)] * fourth;
            }
        }
        let found = ridge_fluctuation(&problem, decay).unwrap();
        assert!(
            (found / expected - 1.0).abs() < 1e-12,
            "{decay}: {found} {expected}"
        );
    }
}
