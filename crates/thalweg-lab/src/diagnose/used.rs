//! Which columns are used, and what to know of them.

use std::collections::BTreeSet;

use faer::{Mat, linalg::solvers::Solve};

use super::DiagnoseError;
use super::gathered::Gathered;
use super::noise::independent;

/// Entries of x and of y that are used, and the variance of each target.
pub(super) struct Used {
    /// Inputs that change from row to row.
    pub inputs: Vec<usize>,
    /// Those of them that are no linear functions of those before them: the noise is found by these.
    pub free: Vec<usize>,
    /// How all follow from these, where some do.
    pub dependence: Option<Dependence>,
    pub targets: Vec<usize>,
    pub variances: Vec<f64>,
    /// Of each target, from the first row's: of classes the part of the rows that are of it.
    pub means: Vec<f64>,
}

/// x = E z of all inputs x by those, z, that are no functions of each other.
pub(super) struct Dependence {
    /// E, d_x × d_z.
    onto: Mat<f64>,
    /// (EᵀE)⁻¹Eᵀ, which takes x back to z.
    back: Mat<f64>,
}

impl Dependence {
    /// That of the inputs at `free` among those of `covariance`.
    fn new(covariance: &Mat<f64>, free: &[usize]) -> Self {
        let size = covariance.nrows();
        let own = Mat::from_fn(free.len(), free.len(), |i, j| {
            covariance[(free[i], free[j])]
        });
        let all = Mat::from_fn(free.len(), size, |i, j| covariance[(free[i], j)]);
        let onto = own.partial_piv_lu().solve(all).transpose().to_owned();
        let gram = onto.transpose() * &onto;
        Self {
            back: gram.partial_piv_lu().solve(onto.transpose()),
            onto,
        }
    }

    /// Σx and V of all inputs, given those of the free ones.
    pub fn of_all(&self, covariance: &Mat<f64>, teacher: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
        (
            &self.onto * covariance * self.onto.transpose(),
            teacher * &self.back,
        )
    }
}

/// Which entries are used: constants are left out.
pub(super) fn used(gathered: &Gathered, left_out: &mut Vec<String>) -> Result<Used, DiagnoseError> {
    let total = gathered.total();
    let (names, size) = (&gathered.input_names, gathered.input_names.len());
    if total.rows() < 2.0 {
        return Err(DiagnoseError::TooFewRows {
            rows: gathered.rows,
            inputs: size,
            needed: 2 * (size + 1) + 10,
        });
    }
    let mean: Vec<f64> = (0..total.entries()).map(|i| total.mean(i)).collect();
    let share = faer::Scale(1.0 / total.rows());
    let all: Vec<usize> = (0..size).collect();
    let covariance = share * total.about(&all, &all, &mean);
    if let Some(at) = (0..size).find(|&i| !covariance[(i, i)].is_finite()) {
        return Err(DiagnoseError::TooLarge {
            column: names[at].clone(),
        });
    }
    let free = independent(&covariance);
    let (mut constant, mut dependent) = (Vec::new(), Vec::new());
    for at in all.iter().filter(|at| !free.contains(at)) {
        if covariance[(*at, *at)] <= 0.0 {
            constant.push(names[*at].as_str());
        } else {
            dependent.push(names[*at].as_str());
        }
    }
    let varies = |at: &usize| covariance[(*at, *at)] > 0.0;
    let inputs: Vec<usize> = all.iter().copied().filter(varies).collect();
    let dependence = (free.len() < inputs.len()).then(|| {
        let among = |entry: &usize| inputs.iter().position(|at| at == entry);
        let places: Vec<usize> = free.iter().filter_map(among).collect();
        let size = inputs.len();
        let own = Mat::from_fn(size, size, |i, j| covariance[(inputs[i], inputs[j])]);
        Dependence::new(&own, &places)
    });
    let listed = |names: &[&str]| {
        let first: Vec<String> = names
            .iter()
            .take(5)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = match names.len() {
            0..=5 => String::new(),
            many => format!(" and {} more", many - 5),
        };
        format!("{}{more}", first.join(", "))
    };
    if !constant.is_empty() {
        left_out.push(format!(
            "Inputs that have the same value in every row were left out: {}.",
            listed(&constant)
        ));
    }
    if !dependent.is_empty() {
        left_out.push(format!(
            "Inputs that are linear functions of those before them: {}. The noise is found without them, and where SGD ends with them.",
            listed(&dependent)
        ));
    }
    if inputs.is_empty() {
        return Err(DiagnoseError::NoInputs);
    }
    let (mut targets, mut variances) = (Vec::new(), Vec::new());
    for (at, name) in gathered.target_names.iter().enumerate() {
        let entry = [size + at];
        let variance = (share * total.about(&entry, &entry, &mean))[(0, 0)];
        if !variance.is_finite() {
            return Err(DiagnoseError::TooLarge {
                column: name.clone(),
            });
        }
        if variance <= 0.0 {
            if gathered.classes {
                left_out.push(format!("No row is of the class `{name}`."));
                continue;
            }
            return Err(DiagnoseError::Constant {
                column: name.clone(),
            });
        }
        targets.push(entry[0]);
        variances.push(variance);
    }
    Ok(Used {
        means: targets.iter().map(|&entry| mean[entry]).collect(),
        inputs,
        free,
        dependence,
        targets,
        variances,
    })
}

/// The most different whole numbers that look like the numbers of classes.
const FEW: usize = 20;

/// What to know where a single target may hold the numbers of classes: few whole numbers, each of them often.
pub(super) fn may_be_classes(gathered: &Gathered, targets: &[usize]) -> Option<String> {
    let &[target] = targets else {
        return None;
    };
    // They are counted from the first row's.
    let values = gathered.sample.iter().map(|row| row.entries[target]);
    let values: Vec<f64> = values.collect();
    let whole: BTreeSet<i64> = values.iter().map(|value| *value as i64).collect();
    let is_few = (3..=FEW).contains(&whole.len()) && 10 * whole.len() <= values.len();
    let are_whole = values.iter().all(|value| value.fract() == 0.0);
    (!gathered.classes && is_few && are_whole).then(|| {
        format!(
            "`{}` has {} different whole numbers, and is taken for a quantity: if they are the numbers of classes, which have no order, say so (--classes), and another \
             answer follows.",
            gathered.target_names[target - gathered.input_names.len()],
            whole.len()
        )
    })
}
