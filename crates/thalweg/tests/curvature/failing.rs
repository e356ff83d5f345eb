//! Operators whose products fail, or are the last ones that are wanted: every computation ends with their own error at the product that
//! failed, or before the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use faer::{Mat, MatMut, MatRef};
use thalweg::curvature::{
    CurvatureError, Dense, DensitySettings, DiagonalBlock, EigenSettings, End, SymmetricOperator,
    TraceMethod, TraceSettings, check_symmetry, density, eigenpairs, trace,
};
use thalweg::stoppable;

use super::known::{Known, even};

/// Stops after so many products.
struct Interrupted {
    operator: Known,
    left: usize,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("stopped after {0} products")]
struct Stopped(usize);

impl SymmetricOperator for Interrupted {
    type Error = Stopped;

    fn dim(&self) -> usize {
        self.operator.dim()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        output: MatMut<'_, f64>,
    ) -> Result<(), Stopped> {
        self.left = self
            .left
            .checked_sub(input.ncols())
            .ok_or(Stopped(self.operator.products))?;
        let Ok(()) = self.operator.apply_block(input, output);
        Ok(())
    }
}

/// Every computation of the module on an operator of 200 rows.
fn all<A: SymmetricOperator>(
    operator: &mut A,
    number: usize,
) -> Result<(), CurvatureError<A::Error>> {
    let by = |method| TraceSettings {
        method,
        ..TraceSettings::new(60)
    };
    match number {
        0 => eigenpairs(operator, &EigenSettings::new(3, End::Top), None).map(drop),
        1 => trace(operator, &by(TraceMethod::Hutchinson)).map(drop),
        2 => trace(operator, &by(TraceMethod::HutchPlusPlus)).map(drop),
        3 => trace(operator, &by(TraceMethod::XTrace)).map(drop),
        4 => trace(operator, &TraceSettings::new(200)).map(drop),
        5 => {
            let settings = DensitySettings {
                probes: 3,
                steps: 20,
                seed: 0,
            };
            density(operator, &settings).map(drop)
        }
        6 => Dense::of(operator).map(drop),
        7 => check_symmetry(operator, 1e-10, 0),
        _ => {
            let mut block = DiagonalBlock::new(operator, 50..150).map_err(CurvatureError::widen)?;
            Dense::of(&mut block).map(drop)
        }
    }
}

#[test]
fn every_computation_hands_on_the_operators_own_error() {
    for number in 0..9 {
        let fresh = |left| Interrupted {
            operator: Known::new(even(200, -1.0, 1.0), 5),
            left,
        };
        let mut unlimited = fresh(usize::MAX);
        all(&mut unlimited, number).unwrap();
        let needed = unlimited.operator.products;
        for left in [0, needed / 2, needed - 1] {
            let mut operator = fresh(left);
            let error = all(&mut operator, number).unwrap_err();
            let made = operator.operator.products;
            assert!(made <= left, "{number}: {made} products");
            assert_eq!(error, CurvatureError::Operator(Stopped(made)), "{number}");
            assert_eq!(error.to_string(), format!("stopped after {made} products"));
        }
        // With just as many products as it needs it ends well.
        all(&mut fresh(needed), number).unwrap();
    }
}

/// Asks to stop once so many products are made, as another thread may.
struct Asking {
    operator: Known,
    most: usize,
    stop: Arc<AtomicBool>,
    late: usize,
}

impl SymmetricOperator for Asking {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.operator.dim()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        self.late += usize::from(self.stop.load(Ordering::Relaxed));
        self.operator.apply_block(input, output)?;
        let enough = self.operator.products >= self.most;
        self.stop.store(enough, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn no_product_is_made_after_one_was_asked_to_stop() {
    for number in 0..9 {
        let run = |most| {
            let stop = Arc::new(AtomicBool::new(false));
            let mut operator = Asking {
                operator: Known::new(even(200, -1.0, 1.0), 5),
                most,
                stop: Arc::clone(&stop),
                late: 0,
            };
            let done = stoppable(&stop, || all(&mut operator, number));
            assert_eq!(operator.late, 0, "{number}: {most}");
            (done, operator.operator.products)
        };
        let (done, needed) = run(usize::MAX);
        done.unwrap();
        // Blocks are at most 200 wide: of `Dense::of` the first product may be all.
        let early = run(1);
        assert_eq!(early.0.is_ok(), early.1 == needed, "{number}");
        if needed > early.1 {
            let (done, made) = run(needed / 2);
            assert_eq!(done, Err(CurvatureError::Stopped(thalweg::Stopped)));
            assert!(made < needed, "{number}: {made} of {needed}");
        }
    }
}

#[test]
fn settings_are_checked_before_a_product_is_made() {
    let mut operator = Interrupted {
        operator: Known::new(even(10, 0.0, 1.0), 0),
        left: 0,
    };
    let error = trace(&mut operator, &TraceSettings::new(1)).unwrap_err();
    assert!(matches!(
        error,
        CurvatureError::Setting {
            field: "matvecs",
            ..
        }
    ));
    assert!(DiagonalBlock::new(&mut operator, 5..11).is_err());
    assert!(Dense::new(Mat::zeros(1, 2)).is_err());
}

/// An error that is only a text will do.
#[test]
fn any_type_is_an_error() {
    struct Silent;
    impl SymmetricOperator for Silent {
        type Error = &'static str;

        fn dim(&self) -> usize {
            3
        }

        fn apply_block(
            &mut self,
            _: MatRef<'_, f64>,
            _: MatMut<'_, f64>,
        ) -> Result<(), &'static str> {
            Err("no answer from the other side")
        }
    }
    let error = Dense::of(&mut Silent).unwrap_err();
    assert_eq!(
        error,
        CurvatureError::Operator("no answer from the other side")
    );
    let counted = error.map_operator(str::len);
    assert_eq!(counted, CurvatureError::Operator(29));
}
