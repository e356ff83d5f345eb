"""Every sample's part in fluctuation and curvature, exactly, by two backward passes for each output line."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._cut import Cut, second_derivative
from ._lines import Lines, class_axis, tolerance
from ._objective import Objective

#: Output lines, at most: each costs two backward passes over the data, and a matrix of so many squared for each sample.
LINES = 128

Matrix = NDArray[np.float64]


class Unfit(ValueError):
    """Why a loss cannot be measured output line by output line."""


class Exact:
    """A loss as the statistics of the library take it (``_core.fluctuation``): each sample's own, at the model's parameters.

    The attributes and methods are those of the trait `SampledLoss`: matrices have a column for each sample.

    Raises
    ------
    Unfit
        Where it has no outputs to be cut at, or too many.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.samples = objective.samples
        self.layers = [
            (layer.name, layer.first_block, layer.end_block, layer.first_parameter, layer.end_parameter)
            for layer in objective.layers
        ]
        self.notes: list[str] = []
        self.ways: dict[str, str | None] = {}
        self._gradient = objective.gradient()
        along = objective.split(self._gradient)
        cut = self._cut(0)
        axis = class_axis(cut.outputs, cut.residuals)
        try:
            self._sweep(cut, Lines(cut.outputs, axis), along)
        except _NoClasses:
            self._sweep(cut, Lines(cut.outputs), along)

    def _cut(self, index: int) -> Cut:
        cut = _with_curvature(self._objective, index)
        self.ways.setdefault(cut.way, cut.why_slow)
        return cut

    def _sweep(self, first: Cut, lines: Lines, along: list[Tensor]) -> None:
        self._lines = lines
        self.outputs, self.classes = lines.count, lines.classes
        columns: dict[str, list[Matrix]] = {}
        self._curvature = np.zeros((lines.count, lines.count))
        kinds = set()
        for index in range(len(self._objective.batches)):
            cut = first if index == 0 else self._cut(index)
            with self._objective.evaluating(index):
                found, kind = self._batch(cut, along)
            kinds.add(kind)
            self._curvature += found.pop("curvature") / self.samples
            for name, matrix in found.items():
                columns.setdefault(name, []).append(matrix)
        self._columns = {name: np.concatenate(parts, axis=1) for name, parts in columns.items()}
        if "eigenvectors" in kinds:
            self.notes.append(
                "the loss's second derivative in the outputs is neither diagonal nor cross-entropy's: `outputs` are the parts "
                "of its eigenvectors, in ascending order of its eigenvalues"
            )

    def _batch(self, cut: Cut, along: list[Tensor]) -> tuple[dict[str, Matrix], str]:
        lines, objective = self._lines, self._objective
        residuals = lines.flat(cut.residuals).double()
        if lines.classes is not None and class_axis(cut.outputs, cut.residuals) is None:
            raise _NoClasses
        assert cut.curvature is not None
        curvature = second_derivative(cut.curvature, lines, len(cut.losses))
        weights, terms, kind = _terms(lines, lines.flat(cut.outputs).detach().double(), curvature, cut.outputs[0].dtype)
        if lines.classes is not None and kind != "cross-entropy" and class_axis(cut.outputs, cut.residuals, strict=True) is None:
            raise _NoClasses
        own = cut.pulled(cut.residuals, along)
        assert own.slopes is not None
        by_layer = torch.stack([own.slopes[layer.first_block : layer.end_block].sum(0) for layer in objective.layers])
        parameters, outputs = torch.zeros_like(own.squares, dtype=torch.float64), []
        for k in range(lines.count):
            squares = cut.pulled(lines.parts(terms[:, k], cut.outputs)).squares.double() * weights[:, k]
            parameters += squares
            outputs.append(squares.sum(0))
        self.ways.setdefault(cut.way, cut.why_slow)
        return {
            "losses": _array(cut.losses[None]),
            "residuals": _array(residuals.T),
            "curvature": _array(curvature.sum(0)),
            "norms": _array(own.squares),
            "slopes": _array(by_layer),
            "parameters": _array(parameters),
            "outputs": _array(torch.stack(outputs)),
        }, kind

    def sample_losses(self) -> Matrix:
        losses: Matrix = self._columns["losses"][0]
        return losses

    def gradient(self) -> Matrix:
        return _array(self._gradient)

    def residuals(self) -> Matrix:
        return self._columns["residuals"]

    def output_curvature(self) -> Matrix:
        return self._curvature

    def sample_squared_norms(self) -> Matrix:
        return self._columns["norms"]

    def layer_slopes(self) -> Matrix:
        return self._columns["slopes"]

    def sample_curvature(self) -> tuple[Matrix, Matrix]:
        return self._columns["parameters"], self._columns["outputs"]

    def mean_pullbacks(self, cotangents: Any) -> Matrix:
        """(1/N) Σ_b ‖J_bᵀc‖² for each column c of `cotangents` (outputs × k)."""
        columns = torch.from_numpy(np.array(cotangents, dtype=np.float64))
        means = np.zeros(columns.shape[1])
        for index in range(len(self._objective.batches)):
            cut = self._cut(index)
            with self._objective.evaluating(index):
                for k in range(columns.shape[1]):
                    same = columns[:, k].to(cut.losses.device).expand(len(cut.losses), -1)
                    squares = cut.pulled(self._lines.parts(same, cut.outputs)).squares
                    means[k] += squares.double().sum().item() / self.samples
        return means


def gauss_newton_trace(objective: Objective) -> tuple[float, int]:
    """tr G, exactly, and how many backward passes over the data that took: one for each output line.

    Raises
    ------
    Unfit
        As :class:`Exact`.
    """
    total, count = 0.0, 0
    for index in range(len(objective.batches)):
        cut = _with_curvature(objective, index)
        lines = Lines(cut.outputs, class_axis(cut.outputs, cut.residuals))
        flat = lines.flat(cut.outputs).detach().double()
        assert cut.curvature is not None
        second = second_derivative(cut.curvature, lines, len(cut.losses))
        weights, terms, _ = _terms(lines, flat, second, cut.outputs[0].dtype)
        count = lines.count
        for k in range(count):
            squares = cut.pulled(lines.parts(terms[:, k], cut.outputs)).squares
            total += (squares.double().sum(0) * weights[:, k]).sum().item() / objective.samples
    return total, count


def _with_curvature(objective: Objective, index: int) -> Cut:
    cut = Cut(objective, index)
    if cut.curvature is None:
        raise Unfit(cut.why_no_curvature)
    count = Lines(cut.outputs).count
    if count > LINES:
        raise Unfit(f"the model has {count} outputs for each sample, and at most {LINES} are looked at one by one")
    return cut


class _NoClasses(Exception):
    """The residuals sum to 0 over classes in the first batch, but not in another."""


def _terms(lines: Lines, outputs: Tensor, curvature: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, str]:
    """w (B, q) and c (B, q, q) with Λ = Σ_k w_k c_k c_kᵀ for each sample, and what they are made of.

    For cross-entropy w_k = s p_k and c_k = e_k − p, with p the model's probabilities and s the weight of a position; for a
    diagonal Λ, as that of squared error, its entries and unit vectors; else Λ's eigenpairs.
    """
    samples, count = outputs.shape
    near = tolerance(dtype) * curvature.abs().max()
    unit = torch.eye(count, dtype=torch.float64, device=outputs.device)
    if lines.classes is not None:
        classes, positions = lines.classes
        probabilities = outputs.reshape(samples, classes, positions).softmax(1)
        p = probabilities.reshape(samples, count)
        # Of each line, the probabilities at its own position.
        position = torch.arange(count, device=outputs.device) % positions
        together = (position[:, None] == position[None, :]).double()
        spread = unit * p[:, :, None] - together * p[:, :, None] * p[:, None, :]

        def between(matrix: Tensor) -> Tensor:
            # On the diagonal p − p² is rounded as 1 is, which may be all that is left of it.
            found = matrix.sum(2) - matrix.diagonal(dim1=1, dim2=2)
            return found.reshape(samples, classes, positions).sum(1)

        spreads = between(spread)
        # Where the model is sure to the last digit, there is no curvature to be divided.
        scale = torch.where(spreads < 0, between(curvature) / spreads, 0.0)[:, position]
        allowed = near + unit * 10 * torch.finfo(dtype).eps * scale.abs()[:, :, None]
        if ((curvature - scale[:, :, None] * spread).abs() <= allowed).all():
            return scale * p, unit - together * p[:, None, :], "cross-entropy"
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    if ((curvature - torch.diag_embed(diagonal)).abs() <= near).all():
        return diagonal, unit.expand(samples, -1, -1), "diagonal"
    values, vectors = torch.linalg.eigh(curvature)
    return values, vectors.mT, "eigenvectors"


def _array(tensor: Tensor) -> Matrix:
    return tensor.detach().double().cpu().numpy()
