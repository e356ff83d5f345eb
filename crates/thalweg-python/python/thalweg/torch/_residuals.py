"""Covariance of the residuals ∂ℓ/∂f over samples: its trace, and over several batches its condition number.

A sample's residual is the derivative of its loss by all numbers that the model gives for it, (q,): with positions, those of all
positions, as in ``measure``'s ``residuals.covariance``. Classes of a cross-entropy, whose residuals add up to zero at every position, are
given in q − 1 coordinates across that direction, in which they cannot scatter.

The eigenvalues of a sample covariance spread even where the true ones are all equal: of n white samples their ratio is about
((1 + √(q/n))/(1 − √(q/n)))². So directions are taken from seven of eight parts of the samples, and variances along them from the part left
out (cross-validated eigenvalues): white residuals then give 1 on average, and may give a little less; a value that is not larger than its error is not a number. Where other eigenvalues are near the extreme ones the value is
a tenth or so low, as the directions are not quite theirs; its error covers that.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._moments import Value, jackknife

#: Beyond so many outputs of a sample nothing is given.
LARGEST = 64
#: Into how many parts samples are put.
GROUPS = 8
#: So many samples for each output are gathered for the condition number.
WANTED = 20


def residual_trace(residuals: Tensor) -> Value | None:
    """tr Cov of one batch's residuals (samples, outputs), with the jackknife's error over samples."""
    count = len(residuals)
    if count < 3:
        return None
    squares = (residuals - residuals.mean(0)).square().sum(1)
    value = squares.sum().item() / (count - 1)
    # Without sample b, Σ‖r − r̄‖² loses ‖r_b − r̄‖² n/(n − 1).
    left_out = (squares.sum() - squares * (count / (count - 1))) / (count - 2)
    return Value(value, jackknife(left_out.tolist()))


class Pool:
    """Gathers residuals of the steps that are measured, until there are enough for the condition number; then begins anew."""

    def __init__(self) -> None:
        self._outputs = 0
        self._clear()

    def _clear(self) -> None:
        self._counts = torch.zeros(GROUPS, dtype=torch.float64)
        self._sums = torch.zeros(GROUPS, self._outputs, dtype=torch.float64)
        self._squares = torch.zeros(GROUPS, self._outputs, self._outputs, dtype=torch.float64)
        self._steps: list[int] = []
        self._next = 0

    def add(self, step: int, residuals: Tensor) -> tuple[Value, str] | None:
        """The condition number and how it was found; None until there are enough samples, and for one output."""
        count, outputs = residuals.shape
        if outputs < 2 or not bool(residuals.isfinite().all()):
            return None
        if outputs != self._outputs:
            self._outputs = outputs
            self._clear()
        groups = (torch.arange(count) + self._next) % GROUPS
        self._next += count
        self._steps.append(step)
        for group in range(GROUPS):
            own = residuals[groups == group]
            self._counts[group] += len(own)
            self._sums[group] += own.sum(0)
            self._squares[group] += own.T @ own
        gathered, wanted = int(self._counts.sum()), WANTED * outputs
        if gathered < wanted:
            return None
        value = self._condition()
        method = f"{gathered} samples of steps {self._steps[0]} to {self._steps[-1]}"
        self._clear()
        return value, method

    def _condition(self) -> Value:
        mean = self._sums.sum(0) / self._counts.sum()
        # About the mean of all, which moves a variance by one part in the number of samples.
        squares = torch.stack(
            [
                square - torch.outer(mean, total) - torch.outer(total, mean) + count * torch.outer(mean, mean)
                for square, total, count in zip(self._squares, self._sums, self._counts)
            ]
        )
        along = []
        for group in range(GROUPS):
            vectors = torch.linalg.eigh(squares.sum(0) - squares[group])[1]
            ends = vectors[:, [0, -1]]
            along.append((ends * (squares[group] @ ends)).sum(0))
        smallest, largest = torch.stack(along).T
        # What never scatters (a class that no sample has and the model rules out) has no variance but rounding.
        if smallest.sum() <= 1e-10 * largest.sum():
            return Value(math.inf, math.nan)
        left_out = [
            (largest.sum() - largest[group]).item() / (smallest.sum() - smallest[group]).item() for group in range(GROUPS)
        ]
        # The parts have most of their directions' samples in common, for which the jackknife is up to twice too small.
        value, error = (largest.sum() / smallest.sum()).item(), 2 * jackknife(left_out)
        # Where a few samples hold most of the scatter, the other parts' directions say nothing of theirs.
        return Value(value, error) if error < value else Value(math.nan, math.nan)
