//! Fewer columns with the same sums: any batch as one of at most d_x columns.

/// The columns (L, M), d_x of them, of a batch (X, Z) with L Lᵀ = X Xᵀ and M Lᵀ = Z Xᵀ; the batch itself if
/// it has no more than d_x columns.
///
/// X = L Q by modified Gram–Schmidt on the rows of X, and M = Z Qᵀ by the same projections, which keeps
/// M Lᵀ accurate even where Q's rows are not quite orthogonal.
pub(super) fn compress(columns: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    let size = inputs + outputs;
    let count = columns.len() / size;
    if count <= inputs {
        return columns.to_vec();
    }
    let mut rows: Vec<Vec<f64>> = (0..size)
        .map(|r| columns.iter().skip(r).step_by(size).copied().collect())
        .collect();
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut out = vec![0.0; inputs * size];
    for c in 0..inputs {
        let (done, rest) = rows.split_at_mut(c + 1);
        let direction = &mut done[c];
        let norm = inner(direction, direction).sqrt();
        out[c * size + c] = norm;
        if norm == 0.0 {
            continue;
        }
        for x in direction.iter_mut() {
            *x /= norm;
        }
        for (i, row) in rest.iter_mut().enumerate() {
            let along = inner(direction, row);
            out[c * size + c + 1 + i] = along;
            for (x, q) in row.iter_mut().zip(direction.iter()) {
                *x -= along * q;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn keeps_the_sums() {
        let (inputs, outputs, count) = (3, 2, 50);
        let size = inputs + outputs;
        let mut stream = Stream::new(5, Purpose::Problem);
        let columns: Vec<f64> = (0..size * count).map(|_| stream.normal()).collect();
        let few = compress(&columns, inputs, outputs);
        assert_eq!(few.len(), inputs * size);
        let sum = |columns: &[f64], r: usize, c: usize| -> f64 {
            columns.chunks(size).map(|x| x[r] * x[c]).sum()
        };
        for c in 0..inputs {
            for r in 0..size {
                let (whole, small) = (sum(&columns, r, c), sum(&few, r, c));
                assert!((whole - small).abs() < 1e-12 * count as f64, "{r} {c}");
            }
        }
    }
}
