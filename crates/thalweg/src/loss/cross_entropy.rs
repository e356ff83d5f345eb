//! Cross-entropy: with p = softmax(f) and s = Σ y, ∂ℓ/∂f = s p − y and ∂²ℓ/∂f² = s (diag p − p pᵀ).

use super::classes;
use crate::tensor::write::{RUN, Write, runs, update};
use crate::tensor::{Lines, LinesMut, Number, softmax};

/// s (ln Σ eᶠ) − Σ y f for each sample, summed over positions.
pub(super) fn values<T: Number>(
    positions: usize,
    outputs: Lines<'_, T>,
    targets: Lines<'_, T>,
    losses: &mut [T],
) {
    for (sample, loss) in losses.iter_mut().enumerate() {
        *loss = T::ZERO;
        for position in 0..positions {
            let entries = || {
                classes(outputs.count(), positions, position)
                    .lines()
                    .map(|line| (outputs.line(line)[sample], targets.line(line)[sample]))
            };
            let most = entries().fold(entries().next().map_or(T::ZERO, |e| e.0), |m, e| {
                m.larger(e.0)
            });
            let partition: T = entries().map(|(f, _)| (f - most).exp()).sum();
            let total: T = entries().map(|(_, y)| y).sum();
            let score: T = entries().map(|(f, y)| y * (f - most)).sum();
            *loss += total * partition.ln() - score;
        }
    }
}

#[inline(always)]
pub(super) fn gradient<T: Number>(
    positions: usize,
    outputs: Lines<'_, T>,
    targets: Lines<'_, T>,
    scale: T,
    gradient: &mut LinesMut<'_, T>,
) {
    let (stride, data) = (gradient.columns.stride, &mut *gradient.data);
    let mut totals = [T::ZERO; RUN];
    for position in 0..positions {
        let group = classes(outputs.count(), positions, position);
        softmax(&[group], stride, outputs.data, data);
        for run in runs(stride) {
            group.sum(
                stride,
                &run,
                &mut totals,
                scale,
                [targets.data],
                #[inline(always)]
                |[y]| y,
            );
            for piece in group.pieces(stride, &run) {
                let targets = &targets.data[piece.clone()];
                update(
                    &mut data[piece],
                    [targets, &totals],
                    #[inline(always)]
                    |p, [y, total]| total * p - scale * y,
                );
            }
        }
    }
}

/// s p ∘ (ḟ − Σ p ḟ).
#[inline(always)]
pub(super) fn curvature<T: Number>(
    positions: usize,
    outputs: Lines<'_, T>,
    targets: Lines<'_, T>,
    tangent: Lines<'_, T>,
    scale: T,
    product: &mut LinesMut<'_, T>,
) {
    let (stride, data) = (product.columns.stride, &mut *product.data);
    let (mut totals, mut means) = ([T::ZERO; RUN], [T::ZERO; RUN]);
    for position in 0..positions {
        let group = classes(outputs.count(), positions, position);
        softmax(&[group], stride, outputs.data, data);
        for run in runs(stride) {
            group.sum(
                stride,
                &run,
                &mut totals,
                scale,
                [targets.data],
                #[inline(always)]
                |[y]| y,
            );
            group.sum(
                stride,
                &run,
                &mut means,
                T::ONE,
                [data, tangent.data],
                #[inline(always)]
                |[p, v]| p * v,
            );
            for piece in group.pieces(stride, &run) {
                let tangent = &tangent.data[piece.clone()];
                update(
                    &mut data[piece],
                    [tangent, &totals, &means],
                    #[inline(always)]
                    |p, [v, total, mean]| total * p * (v - mean),
                );
            }
        }
    }
}

/// Weight s p_c and column e_c − p, c being the class and position that line `index` belongs to.
pub(super) fn curvature_term<T: Number>(
    positions: usize,
    index: usize,
    outputs: Lines<'_, T>,
    targets: Lines<'_, T>,
    column: &mut LinesMut<'_, T>,
    weights: &mut [T],
) {
    let group = classes(outputs.count(), positions, index % positions);
    column.data.fill(T::ZERO);
    softmax(&[group], column.columns.stride, outputs.data, column.data);
    weights.fill(T::ZERO);
    for line in group.lines() {
        Write::Add.each(weights, [targets.line(line)], |[y]| y);
    }
    update(weights, [&*column.line(index)], |weight, [p]| weight * p);
    for line in group.lines() {
        let own = if line == index { T::ONE } else { T::ZERO };
        for p in column.line(line) {
            *p = own - *p;
        }
    }
}
