"""Curvature of a loss in a few outputs of a sample, of whatever kind: each sample's own small matrix.

With Λ_b = Σ_k w_k c_k c_kᵀ, the eigenpairs of sample b's second derivative, v = Σ_k s_k √|w_k| c_k over its positive (negative)
eigenvalues, with random signs s_k, has the positive (negative) part of Λ_b as second moment: tr G = E‖Jᵀv₊‖² − E‖Jᵀv₋‖².
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ._cut import Curvature, second_derivative
from ._lines import Lines
from ._outputs import Draw, TOLERANCE, Unrecognised, signs
from ._residuals import LARGEST


class EachCurvature:
    """Λ_b of every sample, and the residuals ∂ℓ/∂f.

    Attributes
    ----------
    tensors : list of Tensor
        The outputs f.
    numbers : int
        How many they are, of all samples.
    """

    def __init__(self, tensors: Sequence[Tensor], slopes: Sequence[Tensor], curvature: Tensor) -> None:
        self.tensors = list(tensors)
        self.numbers = sum(tensor.numel() for tensor in tensors)
        self._lines = Lines(tensors)
        self._slopes = [slope.detach() for slope in slopes]
        self._values, self._vectors = torch.linalg.eigh(curvature)

    def draws(self, generator: torch.Generator) -> list[Draw]:
        """One for the positive eigenvalues, and one for the negative ones where there are any."""
        near = TOLERANCE.get(self.tensors[0].dtype, 0.1) * self._values.abs().max()
        found = []
        for sign in (1.0, -1.0):
            weights = torch.where(sign * self._values > near, sign * self._values, 0.0).sqrt()
            if sign > 0 or bool(weights.any()):
                drawn = signs(weights.shape, generator).to(weights.device, weights.dtype) * weights
                flat = (self._vectors @ drawn.unsqueeze(-1)).squeeze(-1)
                found.append(Draw(sign, self._lines.parts(flat, self.tensors)))
        return found

    def by_sample(self, samples: int) -> Tensor | None:
        """∂ℓ/∂f of every sample, (samples, outputs)."""
        flat = self._lines.flat(self._slopes).double()
        return flat if len(flat) == samples else None


def each_curvature(losses: Tensor, outputs: Sequence[Tensor], generator: torch.Generator) -> EachCurvature:
    """The second derivative of the sum of `losses` in each sample's `outputs`.

    Raises
    ------
    Unrecognised
        Where outputs are not sample by sample or too many, or one sample's loss depends on another's output.
    """
    lengths = {output.shape[0] if output.dim() else 0 for output in outputs}
    if len(lengths) != 1 or 0 in lengths:
        raise Unrecognised("the outputs that the loss uses differ in length along dimension 0, which should be the samples'")
    lines = Lines(outputs)
    if lines.count > LARGEST:
        raise Unrecognised(f"a sample has {lines.count} outputs, of which at most {LARGEST} are looked at one by one")
    slopes = torch.autograd.grad(losses.sum(), outputs, create_graph=True)
    # What the loss is linear in has a constant slope.
    curved = Curvature([slope if slope.requires_grad else slope + 0.0 * output for slope, output in zip(slopes, outputs)], list(outputs))
    found = second_derivative(curved, lines, lengths.pop())
    if not bool(found.isfinite().all()):
        raise Unrecognised("the loss's second derivative in the model's outputs is not finite")
    if not bool(found.any()):
        raise Unrecognised("the loss does not curve in the model's outputs")
    tried = torch.randn(found.shape[:2], generator=generator, dtype=torch.float64).to(found.device)
    products = lines.flat(curved.times(lines.parts(tried, outputs))).double()
    if (products - (found @ tried.unsqueeze(-1)).squeeze(-1)).norm() > 10 * TOLERANCE.get(outputs[0].dtype, 0.1) * products.norm():
        raise Unrecognised("the loss of one sample depends on the model's output for another")
    return EachCurvature(outputs, slopes, found)
