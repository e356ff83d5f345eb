r"""What whole batches tell of the fluctuation, where the loss is their mean and single samples have no gradients.

BatchNorm and dropout in training mode treat a sample in its batch otherwise than alone, so that a scalar loss is known of batches
only. From the mean gradients g_k of K batches with b_k samples, N = Σ b_k,

- tr Cov ∇ℓ = Σ b_k ‖g_k − ḡ‖² / (K − 1), what a batch's gradient scatters times its size,
- F = ‖ḡ‖² + (1 − 1/N) tr Cov ∇ℓ,

which are those of single samples where a batch's gradient is the mean of its samples' (:mod:`._moments`); else they are what SGD with such
batches sees. The mean loss has the standard error √(Σ b_k (L_k − L)² / ((K − 1) N)).
"""

from __future__ import annotations

import math
from typing import Any

import torch

from .. import _core
from ._moments import Parts, Value
from ._objective import Objective

#: Batches, at least, for an error by the jackknife.
FOR_ERRORS = 3


def between_batches(objective: Objective) -> tuple[dict[str, Any], list[str]]:
    """The fields of ``_core.fluctuation`` as far as batches have them, None where not; and what a reader should know."""
    count = len(objective.batches)
    found: dict[str, Any] = {
        "loss": _record(_loss(objective), count),
        "outputs": [],
        "residuals": None,
        "bounds": None,
        "gauss_newton_trace": None,
        "ratio": None,
    }
    rows: list[dict[str, Any]] = [{"fluctuation": None, "covariance_trace": None}] * (1 + len(objective.layers))
    if count > 1:
        moments = _parts(objective).values()
        rows = [{name: _record(row[name], count) for name in rows[0]} for row in moments]
    found.update(rows[0])
    found["layers"] = [
        {"name": layer.name, "parameters": layer.end_parameter - layer.first_parameter, **row}
        for layer, row in zip(objective.layers, rows[1:])
    ]
    return found, _notes(count)


def _parts(objective: Objective) -> Parts:
    """‖g_k‖² and g_k·ḡ, of all parameters and of each layer's."""
    mean = objective.gradient()
    layers = [slice(layer.first_parameter, layer.end_parameter) for layer in objective.layers]
    squares, slopes = [], []
    for index in range(len(objective.batches)):
        own = objective.batch_gradient(index)
        squares.append([own[layer].double().square().sum().item() for layer in layers])
        slopes.append([(own[layer].double() * mean[layer].double()).sum().item() for layer in layers])
    sizes = torch.tensor(objective.sizes, dtype=torch.float64)
    return Parts(_with_total(squares), _with_total(slopes), sizes)


def _with_total(batches: list[list[float]]) -> torch.Tensor:
    by_layer = torch.tensor(batches, dtype=torch.float64).T
    return torch.cat([by_layer.sum(0, keepdim=True), by_layer])


def _loss(objective: Objective) -> Value:
    mean, count = objective.mean_loss, len(objective.batches)
    if count < 2:
        return Value(mean, math.nan)
    scatter = sum(size * (loss - mean) ** 2 for size, loss in zip(objective.sizes, objective.batch_losses))
    return Value(mean, math.sqrt(scatter / ((count - 1) * objective.samples)))


def _record(found: Value, count: int) -> dict[str, Any]:
    return _core.group_mean(found.value, found.error, count)


def _notes(count: int) -> list[str]:
    absent = "gradient covariance's eigenvalues, alignment, residuals, bounds and F / tr G are not given"
    if count < 2:
        return [
            f"fluctuation, {absent}: give several batches for the fluctuation, at least {FOR_ERRORS} for its error, or let `loss` return "
            "the vector of the samples' losses (reduction='none') for all"
        ]
    few = f"; for their errors at least {FOR_ERRORS} batches are needed" if count < FOR_ERRORS else ""
    return [
        f"fluctuation and tr Cov are from the scatter of {count} batches' gradients, times their sizes, and unbiased for the law (over "
        f"K − 1 batches): what SGD with such batches sees{few}; {absent}: let `loss` return the vector of the samples' losses "
        "(reduction='none') for them"
    ]
