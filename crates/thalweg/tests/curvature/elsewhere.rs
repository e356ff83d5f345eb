//! Vectors that are not the library's: rows of single precision, with an operator of their own.

use std::ops::Range;

use faer::{Mat, MatRef};
use thalweg::curvature::{
    CurvatureError, DensitySettings, EigenSettings, End, TraceMethod, TraceSettings, VectorSpace,
    check_symmetry_in, density_in, eigenpairs, eigenpairs_in, trace_in,
};
use thalweg::random::{Purpose, Stream};

use super::known::{Known, even};

/// diag(λ) between reflections, on vectors of f32. Sums are in single precision too, a thousand terms at a time.
struct Single {
    values: Vec<f32>,
    reflector: Vec<f32>,
    stream: Stream,
    products: usize,
    /// Products that succeed.
    left: usize,
}

type Rows = Vec<Vec<f32>>;

#[derive(Clone, Debug, PartialEq)]
struct Gone;

impl Single {
    fn new(values: &[f64], seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Probes);
        let normal: Vec<f64> = values.iter().map(|_| stream.normal()).collect();
        let norm = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
        Self {
            values: values.iter().map(|&x| x as f32).collect(),
            reflector: normal.iter().map(|x| (x / norm) as f32).collect(),
            stream,
            products: 0,
            left: usize::MAX,
        }
    }

    fn reflect(&self, x: &mut [f32]) {
        let overlap = 2.0 * dot(&self.reflector, x);
        for (x, r) in x.iter_mut().zip(&self.reflector) {
            *x -= overlap * r;
        }
    }

    fn drawn(&mut self, columns: usize, mut draw: impl FnMut(&mut Stream) -> f32) -> Rows {
        let n = self.values.len();
        let stream = &mut self.stream;
        let mut row = || (0..n).map(|_| draw(stream)).collect();
        (0..columns).map(|_| row()).collect()
    }
}

fn dot(x: &[f32], y: &[f32]) -> f32 {
    let parts = x.chunks(1000).zip(y.chunks(1000));
    parts
        .map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>())
        .sum()
}

impl VectorSpace for Single {
    type Block = Rows;
    type Error = Gone;

    fn dim(&self) -> usize {
        self.values.len()
    }

    fn epsilon(&self) -> f64 {
        f32::EPSILON.into()
    }

    fn room(&mut self, columns: usize) -> Result<Rows, Gone> {
        // Anything: what is not overwritten would be seen.
        Ok(vec![vec![f32::NAN; self.values.len()]; columns])
    }

    fn apply(&mut self, x: &Rows, columns: Range<usize>) -> Result<Rows, Gone> {
        self.left = self.left.checked_sub(columns.len()).ok_or(Gone)?;
        self.products += columns.len();
        let mut images = x[columns].to_vec();
        for image in &mut images {
            self.reflect(image);
            for (x, value) in image.iter_mut().zip(&self.values) {
                *x *= value;
            }
            self.reflect(image);
        }
        Ok(images)
    }

    fn is_finite(&mut self, x: &Rows) -> Result<bool, Gone> {
        Ok(x.iter().flatten().all(|x| x.is_finite()))
    }

    fn normal(&mut self, columns: usize) -> Result<Rows, Gone> {
        Ok(self.drawn(columns, |stream| stream.normal() as f32))
    }

    fn signs(&mut self, columns: usize) -> Result<Rows, Gone> {
        Ok(self.drawn(
            columns,
            |stream| {
                if stream.bits() & 1 == 0 { 1.0 } else { -1.0 }
            },
        ))
    }

    fn units(&mut self, range: Range<usize>) -> Result<Rows, Gone> {
        let n = self.values.len();
        let unit = |i| (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        Ok(range.map(unit).collect())
    }

    fn inner(&mut self, x: &Rows, columns: Range<usize>, y: &Rows) -> Result<Mat<f64>, Gone> {
        let x = &x[columns];
        Ok(Mat::from_fn(x.len(), y.len(), |i, j| {
            dot(&x[i], &y[j]).into()
        }))
    }

    fn dots(&mut self, x: &Rows, y: &Rows) -> Result<Vec<f64>, Gone> {
        Ok(x.iter().zip(y).map(|(x, y)| dot(x, y).into()).collect())
    }

    fn add(
        &mut self,
        y: &mut Rows,
        x: &Rows,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), Gone> {
        for (j, y) in y.iter_mut().enumerate() {
            for (i, x) in x[columns.clone()].iter().enumerate() {
                let factor = c[(i, j)] as f32;
                for (y, x) in y.iter_mut().zip(x) {
                    *y += factor * x;
                }
            }
        }
        Ok(())
    }

    fn combine(
        &mut self,
        x: &Rows,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<Rows, Gone> {
        let mut sums = vec![vec![0.0; self.values.len()]; c.ncols()];
        self.add(&mut sums, x, columns, c)?;
        Ok(sums)
    }

    fn transform(
        &mut self,
        x: &mut Rows,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), Gone> {
        let changed = self.combine(x, columns.clone(), c)?;
        self.put(x, columns.start, &changed)
    }

    fn place(&mut self, x: &mut Rows, at: usize, y: &Rows, c: MatRef<'_, f64>) -> Result<(), Gone> {
        let placed = self.combine(y, 0..y.len(), c)?;
        self.put(x, at, &placed)
    }

    fn put(&mut self, x: &mut Rows, at: usize, y: &Rows) -> Result<(), Gone> {
        x[at..at + y.len()].clone_from_slice(y);
        Ok(())
    }
}

fn settings(count: usize, end: End) -> EigenSettings {
    EigenSettings {
        tolerance: EigenSettings::tolerance_for(f32::EPSILON.into()),
        ..EigenSettings::new(count, end)
    }
}

#[test]
fn eigenpairs_in_single_precision() {
    let mut values = even(300, -1.0, 1.0);
    values.extend([7.0, 5.0, 5.0, 5.0, 3.0, -4.0, -4.0]);
    let mut descending = values.clone();
    descending.sort_by(|a, b| b.total_cmp(a));
    for count in [1, 3, 5] {
        for end in [End::Top, End::Bottom] {
            let mut space = Single::new(&values, 1);
            let settings = settings(count, end);
            let found = eigenpairs_in(&mut space, &settings, None).unwrap();
            assert!(found.converged());
            for (i, pair) in found.values.iter().enumerate() {
                assert_eq!(pair.matvecs, space.products);
                let truth = match end {
                    End::Top => descending[i],
                    End::Bottom => descending[descending.len() - 1 - i],
                };
                let error = (pair.value - truth).abs();
                assert!(error < 7.0 * settings.tolerance, "{i}: {error}");
            }
            let gram = space
                .inner(&found.vectors, 0..count, &found.vectors)
                .unwrap();
            let identity = Mat::<f64>::identity(count, count);
            assert!((gram - identity).norm_max() < 1e-5);
        }
    }
}

/// The residual that single precision reaches is not mistaken for the one that was asked for.
#[test]
fn what_the_precision_hides_is_not_claimed() {
    let mut space = Single::new(&even(400, 0.0, 1.0), 2);
    let beyond = EigenSettings {
        tolerance: 1e-9,
        max_matvecs: 700,
        ..EigenSettings::new(1, End::Top)
    };
    let found = eigenpairs_in(&mut space, &beyond, None).unwrap();
    assert!(!found.converged());
    let error = (found.values[0].value - 1.0).abs();
    assert!(error < 1e-5, "{error}");
}

/// Few vectors: the same pair, for more products, in as little room as was said.
#[test]
fn few_vectors_suffice() {
    let values: Vec<f64> = even(500, 0.0, 1.0).iter().map(|x| x.powi(3)).collect();
    let usual = settings(2, End::Top);
    let few = EigenSettings {
        basis: Some(6),
        max_matvecs: 5000,
        ..usual.clone()
    };
    assert!(few.vectors(500) < usual.vectors(500));
    let mut products = Vec::new();
    for settings in [usual, few] {
        let mut space = Single::new(&values, 3);
        let found = eigenpairs_in(&mut space, &settings, None).unwrap();
        assert!(found.converged());
        assert!((found.values[0].value - 1.0).abs() < settings.tolerance);
        products.push(space.products);
    }
    assert!(products[0] < products[1], "{products:?}");
    let narrow = EigenSettings {
        basis: Some(5),
        ..EigenSettings::new(2, End::Top)
    };
    let error = eigenpairs(&mut Known::new(values, 3), &narrow, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "basis = 5: must be at least 6, for two blocks"
    );
}

#[test]
fn a_warm_start_in_single_precision() {
    let mut values = even(400, 0.0, 1.0);
    values.extend([3.0, 2.5]);
    let settings = settings(2, End::Top);
    let mut space = Single::new(&values, 4);
    let cold = eigenpairs_in(&mut space, &settings, None).unwrap();
    let warm = eigenpairs_in(&mut space, &settings, Some((&cold.vectors, 2))).unwrap();
    assert!(cold.converged() && warm.converged());
    assert!(2 * warm.values[0].matvecs < cold.values[0].matvecs);
}

/// Fixed seeds, 20 each: a mean beyond one standard error has a chance of 1e-5.
#[test]
fn traces_and_densities_in_single_precision() {
    let values: Vec<f64> = (1..=400).map(|i| 1.0 / f64::from(i)).collect();
    let truth: f64 = values.iter().sum();
    for method in [
        TraceMethod::Hutchinson,
        TraceMethod::HutchPlusPlus,
        TraceMethod::XTrace,
    ] {
        let settings = TraceSettings {
            method,
            ..TraceSettings::new(60)
        };
        let mut sum = 0.0;
        for seed in 0..20 {
            let found = trace_in(&mut Single::new(&values, seed), &settings).unwrap();
            sum += (found.value - truth) / found.standard_error().unwrap();
        }
        assert!((sum / 20.0).abs() < 1.0, "{method:?}: {sum}");
    }
    let exact = trace_in(&mut Single::new(&values, 0), &TraceSettings::new(400)).unwrap();
    assert!((exact.value - truth).abs() < 1e-4);
    let settings = DensitySettings {
        probes: 8,
        steps: 20,
        seed: 0,
    };
    let found = density_in(&mut Single::new(&values, 5), &settings).unwrap();
    let mean = found.moment(1);
    let error = (mean.value - truth / 400.0).abs();
    assert!(error < 5.0 * mean.standard_error().unwrap());
    check_symmetry_in(&mut Single::new(&values, 0), 1e-4).unwrap();
}

#[test]
fn the_spaces_own_error_comes_out() {
    let mut space = Single::new(&even(100, 0.0, 1.0), 6);
    space.left = 5;
    let error = eigenpairs_in(&mut space, &settings(1, End::Top), None).unwrap_err();
    assert_eq!(error, CurvatureError::Operator(Gone));
    assert_eq!(space.products, 5);
}
