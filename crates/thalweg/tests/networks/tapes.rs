//! Tapes that no network here records: shared variables, partial reads, shared parameters; and refusals.

use std::fmt::Debug;

use thalweg::tensor::{Activation, Group, Recorder, Tape, TensorError};

use super::case::{Case, Draw, assert_close};
use super::number::{Number, sum};
use super::reference::{Network, Table};

/// Everything that can go wrong with who sets and who adds to an adjoint: one weight used twice, a
/// vector used as bias and gain, a variable read as a whole, at one position, by line and twice by one
/// operation, and results nobody reads.
#[derive(Debug)]
struct Tangle;

const ROWS: usize = 2;
const POSITIONS: usize = 3;

fn tangle() -> Result<Tape, TensorError> {
    let mut tape = Recorder::new(ROWS, POSITIONS)?;
    let w = tape.weight("w", ROWS, ROWS)?;
    let g = tape.gain("g", ROWS)?;
    let a = tape.affine(w, Some(g), tape.input())?;
    let unread = tape.pointwise(Activation::Tanh, a);
    tape.pointwise(Activation::Tanh, unread.at(1));
    let b = tape.affine(w, None, a)?;
    let last = tape.pointwise(Activation::Tanh, b.at(2));
    let doubled = tape.sum(a, a)?;
    let c = tape.diagonal(g, g, doubled)?;
    let squares = (0..ROWS).map(|r| {
        vec![
            [c.line(r, 0), c.line(r, 0)],
            [a.line(0, 1), last.line(r, 0)],
        ]
    });
    let d = tape.products(ROWS, 1, 0.5, squares.collect())?;
    let e = tape.gather(
        ROWS,
        2,
        vec![d.line(0, 0), last.line(1, 0), d.line(0, 0), c.line(1, 1)],
    )?;
    let whole = Group {
        first: 0,
        step: 1,
        count: 2 * ROWS,
    };
    let f = tape.softmax(e, vec![whole])?;
    let g = tape.sum(e, f)?;
    tape.finish(g)
}

impl Network for Tangle {
    fn smooth(&self) -> bool {
        true
    }

    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N> {
        let (w, g) = parameters.split_at(ROWS * ROWS);
        let map =
            |x: &Table<N>, r: usize, p: usize| sum((0..ROWS).map(|c| w[r * ROWS + c] * x[c][p]));
        let table = |f: &dyn Fn(usize, usize) -> N| -> Table<N> {
            let row = |r| (0..POSITIONS).map(|p| f(r, p)).collect();
            (0..ROWS).map(row).collect()
        };
        let a = table(&|r, p| map(x, r, p) + g[r]);
        let last: Vec<N> = (0..ROWS).map(|r| map(&a, r, 2).tanh()).collect();
        let c = table(&|r, p| g[r] * (a[r][p] + a[r][p]) + g[r]);
        let d = |r: usize| N::of(0.5) * (c[r][0] * c[r][0] + a[0][1] * last[r]);
        let e = [d(0), last[1], d(0), c[1][1]];
        let total = sum(e.iter().map(|x| x.exp()));
        let f = |i: usize| e[i] + e[i].exp() / total;
        vec![vec![f(0), f(1)], vec![f(2), f(3)]]
    }
}

fn check<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let v = case.draw.normals(n);
    let mut objective = case.objective::<f64>();
    let (mut gradient, mut hessian, mut gauss_newton) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    // Twice, so that what the first pass left behind would show.
    for _ in 0..2 {
        objective.gradient(&case.parameters, &mut gradient);
        objective.hessian(&case.parameters, &v, &mut hessian);
        objective.gauss_newton(&case.parameters, &v, &mut gauss_newton);
    }
    let (exact_gradient, exact_hessian) = case.gradient_and_hessian(&v);
    assert_close(&case.name(), &gradient, &exact_gradient, 1e-12);
    assert_close(&case.name(), &hessian, &exact_hessian, 1e-11);
    assert_close(&case.name(), &gauss_newton, &case.gauss_newton(&v), 1e-11);
}

#[test]
fn adjoints_of_tangled_tapes_are_exact() {
    for seed in 0..20 {
        check(Case::new(Tangle, tangle().unwrap(), Draw::new(seed)));
    }
}

#[test]
fn misfits_are_refused() {
    let mut tape = Recorder::new(2, 3).unwrap();
    let x = tape.input();
    let wide = tape.weight("wide", 4, 5).unwrap();
    let fits = tape.weight("fits", 4, 2).unwrap();
    let bias = tape.bias("bias", 3).unwrap();
    let refused = |result: Result<_, TensorError>| result.unwrap_err().to_string();
    assert_eq!(
        refused(tape.affine(wide, None, x)),
        "an affine map needs 5 rows at 3 positions, and was given 2 at 3"
    );
    assert_eq!(
        refused(tape.affine(fits, Some(bias), x)),
        "an affine map's bias needs 4 rows at 1 positions, and was given 3 at 1"
    );
    assert_eq!(
        refused(tape.sum(x, x.at(0))),
        "a sum needs 2 rows at 3 positions, and was given 2 at 1"
    );
    assert!(matches!(
        tape.softmax(x, vec![]),
        Err(TensorError::Groups { lines: 6, .. })
    ));
    assert!(matches!(
        tape.softmax(x.at(1), vec![]),
        Err(TensorError::Scattered { .. })
    ));
    assert_eq!(
        refused(tape.offset(bias, x)),
        "an offset needs 6 rows at 1 positions, and was given 3 at 1"
    );
    assert!(matches!(
        tape.offset(bias, x.at(1)),
        Err(TensorError::Scattered { .. })
    ));
    assert!(matches!(
        tape.gather(0, 1, vec![]),
        Err(TensorError::Empty { .. })
    ));
    assert!(matches!(
        tape.bias("wide", 1),
        Err(TensorError::Name { .. })
    ));
    assert!(matches!(
        tape.clone().finish(x),
        Err(TensorError::Empty { .. })
    ));
    let y = tape.affine(fits, None, x).unwrap();
    assert!(matches!(tape.finish(y), Err(TensorError::Unused { name }) if name == "wide"));
}
