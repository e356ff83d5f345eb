//! Forming, cutting out and checking operators.

use faer::Mat;
use thalweg::curvature::{
    CurvatureError, Dense, DiagonalBlock, EigenSettings, End, SymmetricOperator, TraceSettings,
    check_symmetry, eigenpairs, trace,
};

use super::known::{Anything, Known, even};

#[test]
fn the_matrix_has_the_spectrum() {
    let mut operator = Known::new(even(70, -2.0, 3.0), 1);
    let dense = Dense::of(&mut operator).unwrap();
    assert_eq!(operator.products, 70);
    assert!((dense.matrix() - dense.matrix().transpose()).norm_max() < 1e-14);
    let spectrum = dense.spectrum().unwrap();
    for (found, truth) in spectrum.iter().zip(operator.values.iter().rev()) {
        assert!((found - truth).abs() < 1e-13);
    }
    assert!(Dense::new(Mat::zeros(2, 3)).is_err());
    assert!(Dense::of(&mut Known::new(Vec::new(), 0)).is_err());
}

#[test]
fn one_vector_and_a_block_agree() {
    let mut operator = Known::new(even(20, -1.0, 1.0), 2);
    let dense = Dense::of(&mut operator).unwrap();
    let mut column = faer::Col::zeros(20);
    let Ok(()) = operator.apply(dense.matrix().col(3), column.as_mut());
    let square = dense.matrix() * dense.matrix();
    assert!((column - square.col(3)).norm_l2() < 1e-14);
}

#[test]
fn a_diagonal_block_is_that_block() {
    let mut operator = Known::new(even(50, -1.0, 2.0), 3);
    let dense = Dense::of(&mut operator).unwrap();
    let expected = dense.matrix().submatrix(10, 10, 25, 25).to_owned();
    let mut block = DiagonalBlock::new(&mut operator, 10..35).unwrap();
    let found = Dense::of(&mut block).unwrap();
    assert!((found.matrix() - &expected).norm_max() < 1e-15);
    // It is an operator like any other.
    let top = eigenpairs(&mut block, &EigenSettings::new(1, End::Top), None).unwrap();
    let largest = found.spectrum().unwrap()[0];
    assert!((top.values[0].value - largest).abs() < 1e-6);
    let total = trace(&mut block, &TraceSettings::new(100)).unwrap();
    let diagonal: f64 = (0..25).map(|i| expected[(i, i)]).sum();
    assert!((total.value - diagonal).abs() < 1e-13);
    for range in [5..5, 40..51] {
        assert!(DiagonalBlock::new(&mut operator, range).is_err());
    }
}

#[test]
fn an_operator_that_is_not_symmetric_is_found_out() {
    let mut operator = Known::new(even(100, -1.0, 1.0), 4);
    check_symmetry(&mut operator, 1e-12, 0).unwrap();
    let mut matrix = Dense::of(&mut operator).unwrap().matrix().to_owned();
    let norm = matrix.norm_l2();
    matrix[(3, 70)] += 0.1 * norm;
    // ‖A − Aᵀ‖/‖A‖ = 0.1 √2 very nearly. Six pairs of normal vectors estimate it to within a factor of 10.
    let error = check_symmetry(&mut Anything(matrix), 1e-12, 0).unwrap_err();
    let CurvatureError::NotSymmetric { found, tolerance } = error else {
        panic!("{error}")
    };
    assert_eq!(tolerance, 1e-12);
    assert!((0.014..1.4).contains(&found), "{found}");
    check_symmetry(&mut Known::new(vec![0.0; 5], 0), 1e-12, 0).unwrap();
}
