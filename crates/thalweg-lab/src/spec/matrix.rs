//! Matrices as files write them: rows of numbers, or a spectrum with a `kind` in a basis.

use faer::{Mat, MatRef};
use thalweg::problem::{Basis, covariance, spectrum, teacher};

use super::error::Fault;
use super::field::{Field, Tagged};
use super::node::Node;

/// The largest dimension a file may ask for: its matrices hold 2 GiB.
const MOST: usize = 1 << 14;

/// What a standard deviation must be, beside a number.
const SQUARED: &str =
    "a standard deviation whose square neither vanishes nor overflows in double precision,";

/// A covariance: rows, or eigenvalues in the basis of `basis_seed` or along the axes.
pub(crate) fn covariance(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    if !matches!(field.node(), Node::Table(_)) {
        return rows(field);
    }
    let spectrum = Spectrum::read(field, &["dimension", "basis_seed"])?;
    let dimension = spectrum.dimension(field, "dimension")?;
    let basis = basis(field, "basis_seed")?;
    Ok(covariance::from_spectrum(
        &spectrum.values(dimension)?,
        basis,
    ))
}

/// Any matrix: rows, or singular values between two bases.
pub(crate) fn matrix(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    if !matches!(field.node(), Node::Table(_)) {
        return rows(field);
    }
    let spectrum = Spectrum::read(
        field,
        &[
            "dimension",
            "rows",
            "columns",
            "left_basis_seed",
            "right_basis_seed",
        ],
    )?;
    let (rows, columns) = match (field.optional("rows"), field.optional("columns")) {
        (None, None) => {
            let dimension = spectrum.dimension(field, "dimension")?;
            (dimension, dimension)
        }
        _ => {
            let side = |key| dimension(&field.required(key, "rows and columns, or a dimension,")?);
            (side("rows")?, side("columns")?)
        }
    };
    let values = spectrum.values(rows.min(columns))?;
    let left = basis(field, "left_basis_seed")?;
    let right = basis(field, "right_basis_seed")?;
    Ok(teacher::from_singular_values(
        rows, columns, &values, left, right,
    ))
}

/// diag(deviations²).
pub(crate) fn from_deviations(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    let deviations = values(field)?;
    let lost = |deviation: f64| deviation != 0.0 && !(deviation * deviation).is_normal();
    for (index, &deviation) in deviations.iter().enumerate() {
        if deviation < 0.0 {
            return Err(field.list("")?[index].not("a standard deviation, which is not negative,"));
        }
        if lost(deviation) {
            return Err(field.list("")?[index].not(SQUARED));
        }
    }
    Ok(covariance::from_deviations(&deviations))
}

/// Rows and columns of what [`matrix`] would read, where it says so and may be so; nothing is made yet.
pub(crate) fn size(field: &Field<'_>) -> Option<(usize, usize)> {
    let side = |key| dimension(&field.optional(key)?).ok();
    match field.node() {
        Node::Table(_) => {
            let listed = || Some(field.optional("values")?.list("").ok()?.len());
            let square = side("dimension").or_else(listed);
            Some((side("rows").or(square)?, side("columns").or(square)?))
        }
        _ => {
            let rows = field.list("").ok()?;
            let columns = rows.first()?.list("").ok()?.len();
            Some((rows.len(), columns))
        }
    }
}

/// A dimension: from 1 to [`MOST`].
pub(crate) fn dimension(field: &Field<'_>) -> Result<usize, Fault> {
    let value = field.size()?;
    if (1..=MOST).contains(&value) {
        Ok(value)
    } else {
        Err(field.not(format!("a dimension from 1 to {MOST}")))
    }
}

/// The rows of `matrix` as a list of lists.
pub(crate) fn to_node(matrix: MatRef<'_, f64>) -> Node {
    (0..matrix.nrows())
        .map(|row| {
            (0..matrix.ncols())
                .map(|column| matrix[(row, column)])
                .collect::<Node>()
        })
        .collect()
}

fn rows(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    let needed = "a list of rows, or a table with a `kind`,";
    let rows = field.list(needed)?;
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(rows.len());
    for row in &rows {
        let row_values = row.numbers()?;
        if let Some(first) = values.first()
            && first.len() != row_values.len()
        {
            return Err(row.not(format!("a row of length {} like the first", first.len())));
        }
        values.push(row_values);
    }
    match values.first() {
        Some(first) if !first.is_empty() => {
            Ok(Mat::from_fn(values.len(), first.len(), |row, column| {
                values[row][column]
            }))
        }
        _ => Err(field.not("a matrix with at least one entry")),
    }
}

pub(crate) const IDENTITY: Tagged<'_> = ("identity", &["scale"]);
const DIAGONAL: Tagged<'_> = ("diagonal", &["scale", "values"]);
const SPIKED: Tagged<'_> = ("spiked", &["scale", "spikes", "height"]);
const POWER_LAW: Tagged<'_> = ("power-law", &["scale", "exponent"]);

/// The eigenvalues or singular values that a short form describes, but for how many there are.
struct Spectrum<'a> {
    field: Field<'a>,
    kind: Tagged<'static>,
    scale: f64,
}

impl<'a> Spectrum<'a> {
    /// Reads the form of `field`, which may have the fields `more` beside the spectrum's own.
    fn read(field: &Field<'a>, more: &[&'static str]) -> Result<Self, Fault> {
        let own = [IDENTITY, DIAGONAL, SPIKED, POWER_LAW];
        let fields = own.map(|(_, fields)| [fields, more].concat());
        let kinds: Vec<Tagged<'_>> = own
            .iter()
            .zip(&fields)
            .map(|((kind, _), f)| (*kind, &f[..]))
            .collect();
        Ok(Self {
            kind: own[field.kind_number(&kinds)?],
            scale: field.optional("scale").map_or(Ok(1.0), |f| f.number())?,
            field: field.clone(),
        })
    }

    /// The dimension under `key`, or as many as there are values.
    fn dimension(&self, field: &Field<'_>, key: &str) -> Result<usize, Fault> {
        match (field.optional(key), self.field.optional("values")) {
            (None, Some(listed)) => Ok(values(&listed)?.len()),
            _ => dimension(&field.required(key, "the number of rows")?),
        }
    }

    /// The first `count` values; a list must have just so many.
    fn values(&self, count: usize) -> Result<Vec<f64>, Fault> {
        let number = |key, needed| self.field.required(key, needed)?.number();
        let mut spectrum = match self.kind {
            IDENTITY => spectrum::identity(count),
            DIAGONAL => {
                let field = self
                    .field
                    .required("values", "the list of diagonal entries")?;
                let values = values(&field)?;
                if values.len() != count {
                    return Err(field.not(format!("a list of length {count}, the dimension,")));
                }
                values
            }
            SPIKED => {
                let field = self.field.required("spikes", "the number of spikes")?;
                let spikes = field.size()?;
                if spikes > count {
                    return Err(field.not(format!("at most {count}, the number of values,")));
                }
                spectrum::spiked(count, spikes, number("height", "the value of a spike")?)
            }
            _ => spectrum::power_law(count, number("exponent", "a of i^{−a}")?),
        };
        // A zero that is given is one; one that a power came down to is not.
        let zero = |&value: &f64| value == 0.0 && self.kind != POWER_LAW;
        let zeros: Vec<bool> = spectrum.iter().map(zero).collect();
        for value in &mut spectrum {
            *value *= self.scale;
        }
        let lost = |(value, zero): (&f64, &bool)| !value.is_normal() && !zero && self.scale != 0.0;
        if spectrum.iter().zip(&zeros).any(lost) {
            return Err(self
                .field
                .not("a spectrum whose values neither vanish nor overflow in double precision"));
        }
        Ok(spectrum)
    }
}

/// A list of numbers that is neither empty nor too long for a diagonal.
fn values(field: &Field<'_>) -> Result<Vec<f64>, Fault> {
    let numbers = field.numbers()?;
    if (1..=MOST).contains(&numbers.len()) {
        Ok(numbers)
    } else {
        Err(field.not(format!("a list of 1 to {MOST} numbers")))
    }
}

fn basis(field: &Field<'_>, key: &str) -> Result<Basis, Fault> {
    Ok(match field.optional(key) {
        None => Basis::Canonical,
        Some(seed) => Basis::Random {
            seed: seed.count()?,
        },
    })
}
