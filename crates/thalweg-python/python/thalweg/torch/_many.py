"""Fluctuation and curvature of a loss with many outputs (a language model), from drawn directions of the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import _core
from .._estimate import Estimate
from ._cut import Cut
from ._objective import Objective
from ._outputs import OutputCurvature, Unrecognised, curvature

#: Classes, at most, for which the residuals' covariance is formed.
CLASSES = 512
#: Numbers, at most, that are kept of the residuals.
KEPT = 20_000_000

Matrix = NDArray[np.float64]


class Sampled:
    """Every sample's part in the fluctuation, exactly, and in tr G, by `draws` drawn directions for each.

    Attributes
    ----------
    notes : list of str
        What is not there, and why.
    """

    def __init__(self, objective: Objective, draws: int, seed: int) -> None:
        self._objective = objective
        self.notes: list[str] = []
        self.ways: dict[str, str | None] = {}
        self._drawn: list[Matrix] | None = []
        self._pooled: dict[str, Any] | None = None
        self._gradient = objective.gradient()
        along = objective.split(self._gradient)
        generator = torch.Generator().manual_seed(seed)
        norms, slopes, losses = [], [], []
        for index in range(len(objective.batches)):
            cut = Cut(objective, index)
            own = cut.pulled(cut.residuals, along)
            self.ways.setdefault(cut.way, cut.why_slow)
            assert own.slopes is not None
            losses.append(_array(cut.losses))
            norms.append(_array(own.squares))
            slopes.append(_array(own.slopes))
            self._draw(cut, draws, generator)
        self._norms, self._slopes = np.concatenate(norms, 1), np.concatenate(slopes, 1)
        self._losses = np.concatenate(losses)
        self.draws = draws

    def _draw(self, cut: Cut, draws: int, generator: torch.Generator) -> None:
        if self._drawn is None:
            return
        try:
            if cut.curvature is None or cut.total is None:
                raise Unrecognised(cut.why_no_curvature)
            if len(cut.outputs) != 1:
                raise Unrecognised(f"the model has {len(cut.outputs)} tensors of outputs, and the many outputs of one are needed")
            found = curvature(cut.total, cut.curvature.leaves[0], generator)
        except Unrecognised as error:
            self._drawn = None
            self.notes.append(f"F / tr G and the residuals are not given: {error}")
            return
        squares = [cut.pulled([found.draw(generator)]).squares for _ in range(draws)]
        self._drawn.append(_array(torch.stack(squares)))
        self._pool(found)

    def _pool(self, found: OutputCurvature) -> None:
        """Residuals of the classes, each position for itself, in units in which they are p − y."""
        if found.probabilities is None or found.probabilities.shape[found.dimension] > CLASSES:
            return
        rows = found.probabilities.movedim(found.dimension, -1)
        p = rows[found.weight > 0].double()
        if self._pooled is None:
            self._pooled = {"residuals": [], "curvature": np.zeros((p.shape[1],) * 2), "count": 0}
        if (self._pooled["count"] + len(p)) * p.shape[1] > KEPT:
            return
        self._pooled["residuals"].append(_array(found.residuals().T))
        self._pooled["curvature"] += _array(torch.diag(p.sum(0)) - p.T @ p)
        self._pooled["count"] += len(p)

    def answer(self) -> dict[str, Any]:
        """What ``_core.fluctuation`` gives for a loss with few outputs, as far as there is any."""
        blocks = slice(0, len(self._objective.parameters))
        total = self._moments(blocks)
        found = {
            "loss": _core.sample_mean(self._losses),
            "fluctuation": total["fluctuation"],
            "covariance_trace": total["covariance_trace"],
            "layers": [
                {
                    "name": layer.name,
                    "parameters": layer.end_parameter - layer.first_parameter,
                    **self._moments(slice(layer.first_block, layer.end_block)),
                }
                for layer in self._objective.layers
            ],
            "outputs": [],
            "residuals": None,
            "bounds": None,
            "gauss_newton_trace": None,
            "ratio": None,
        }
        if self._drawn:
            draws = np.concatenate(self._drawn, axis=2).sum(axis=1)
            means = draws.mean(axis=1)
            error = float(means.std(ddof=1) / np.sqrt(len(means)))
            found["gauss_newton_trace"] = Estimate(float(means.mean()), error, "standard-error", len(means), True).to_dict()
            found["ratio"] = _core.sample_ratio(self._norms.sum(axis=0), draws.mean(axis=0))
            self.notes.append(
                f"tr G is estimated from {len(means)} draws of labels by the model itself (or of signs, for squared error) at every "
                "position; the theorem's bounds and what single outputs contribute are not given for so many outputs"
            )
            found["residuals"] = self._residuals()
        return found

    def _residuals(self) -> dict[str, Any] | None:
        if self._pooled is None or not self._pooled["count"]:
            self.notes.append(
                f"the residuals' covariance is not given: it is formed for cross-entropy with at most {CLASSES} classes"
            )
            return None
        residuals = np.concatenate(self._pooled["residuals"], axis=1)
        classes, count = residuals.shape
        self.notes.append(
            f"residuals are pooled over {count} positions: their covariance is that of the {classes} classes at one position"
        )
        return _core.residuals(residuals, self._pooled["curvature"] / count, (classes, 1))

    def _moments(self, blocks: slice) -> dict[str, Any]:
        layers = range(*blocks.indices(len(self._objective.parameters)))
        mean = sum(self._objective.split(self._gradient)[block].double().square().sum().item() for block in layers)
        norms, slopes = self._norms[blocks].sum(axis=0), self._slopes[blocks].sum(axis=0)
        return {
            "fluctuation": _core.sample_mean(norms),
            "covariance_trace": _core.covariance_trace(norms, slopes, mean),
        }


def _array(tensor: Tensor) -> Matrix:
    return tensor.detach().double().cpu().numpy()
