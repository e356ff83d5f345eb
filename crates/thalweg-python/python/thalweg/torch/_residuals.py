"""Covariance of the residuals (p − y, or f − y): its trace and its condition number, with errors by the jackknife."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._moments import Value, jackknife

#: Beyond so many outputs the covariance of one batch says nothing.
LARGEST = 64
#: Into how many groups rows are put for the errors.
GROUPS = 8


def residual_values(residuals: Tensor, classes: bool) -> dict[str, Value]:
    """``residual_trace`` and ``residual_condition`` of residuals (rows, outputs).

    The condition number is the largest eigenvalue over the smallest; of cross-entropy's residuals, which add up to zero,
    without the direction in which they cannot scatter. Nothing is given for more than 64 outputs, or fewer than twice as many
    rows as outputs.
    """
    rows, outputs = residuals.shape
    if outputs > LARGEST or rows < max(2 * outputs, GROUPS):
        return {}
    groups = torch.arange(rows) % GROUPS
    found = _values(residuals, classes)
    left_out = [_values(residuals[groups != group], classes) for group in range(GROUPS)]
    return {name: Value(value, jackknife([values[name] for values in left_out])) for name, value in found.items()}


def _values(residuals: Tensor, classes: bool) -> dict[str, float]:
    centred = residuals - residuals.mean(0)
    spectrum = torch.linalg.eigvalsh(centred.T @ centred / (len(residuals) - 1))
    found = {"residual_trace": spectrum.sum().item()}
    inside = spectrum[1:] if classes else spectrum
    if len(inside) > 1:
        smallest, largest = inside[0].item(), inside[-1].item()
        # A batch without one of the classes has an eigenvalue of zero.
        found["residual_condition"] = largest / smallest if smallest > 1e-12 * largest else math.inf
    return found
