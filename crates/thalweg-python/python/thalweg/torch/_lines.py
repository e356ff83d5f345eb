"""The model's outputs as lines, in the order of the program: class · positions + position."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Lines:
    """How the tensors of a model's output become a matrix (B, q) of output lines, and back.

    Attributes
    ----------
    count : int
        q.
    classes : (int, int) or None
        (classes, positions), where the residuals of a position sum to 0 over the classes, as cross-entropy's do.
    """

    def __init__(self, outputs: Sequence[Tensor], axis: int | None = None) -> None:
        self._shapes = [output.shape[1:] for output in outputs]
        self._axis = axis
        self.count = sum(shape.numel() for shape in self._shapes)
        self.classes: tuple[int, int] | None = None
        if axis is not None:
            classes = self._shapes[0][axis - 1]
            self.classes = (classes, self.count // classes)

    def flat(self, parts: Sequence[Tensor]) -> Tensor:
        """(B, q)."""
        if self._axis is not None:
            return parts[0].movedim(self._axis, 1).flatten(1)
        return torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)

    def parts(self, flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
        """The inverse of :meth:`flat`, in the types and on the devices of `like`."""
        if self._axis is not None:
            shape = list(self._shapes[0])
            classes = shape.pop(self._axis - 1)
            return [flat.reshape(len(flat), classes, *shape).movedim(1, self._axis).to(like[0])]
        pieces = torch.split(flat, [shape.numel() for shape in self._shapes], dim=1)
        return [piece.reshape(len(flat), *shape).to(one) for piece, shape, one in zip(pieces, self._shapes, like)]


def tolerance(dtype: torch.dtype) -> float:
    """What counts as rounding, relative to the size of the numbers at hand."""
    return {torch.float64: 1e-11, torch.float32: 1e-4}.get(dtype, 3e-2)


#: A sample's weight in a cross-entropy, at most, where it is only known from what a network that is sure of its classes leaves.
HEAVIEST = 1e3


def class_axis(outputs: Sequence[Tensor], residuals: Sequence[Tensor], *, strict: bool = False) -> int | None:
    """The dimension over which the residuals of every sample sum to 0: the classes of a cross-entropy.

    Where the network is sure of its classes residuals w (p − y) are as small as the rounding of 1: that of a weight w that the
    classes beside the label agree on is allowed for, if not `strict`. Of such a loss the curvature has to tell that it is one.
    """
    if len(outputs) != 1 or outputs[0].dim() < 2:
        return None
    residual, precision = residuals[0].double(), residuals[0].dtype
    for axis in dict.fromkeys((1, residual.dim() - 1)):
        if residual.shape[axis] > 1:
            sums, sizes = residual.sum(axis).abs(), residual.abs().sum(axis)
            allowed = tolerance(precision) * sizes
            if not strict:
                probabilities = outputs[0].detach().double().softmax(axis)
                label = residual.argmin(axis, keepdim=True)
                others = (part.scatter(axis, label, 0.0).sum(axis) for part in (residual, probabilities))
                weight = next(others) / next(others).clamp_min(torch.finfo(torch.float64).tiny)
                known = (weight >= 0) & (weight <= HEAVIEST)
                allowed = allowed + torch.where(known, 10 * torch.finfo(precision).eps * weight, 0.0)
            if sizes.any() and (sums <= allowed).all():
                return axis
    return None
