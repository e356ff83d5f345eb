"""The Hessian of one layer's own parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._objective import Layer
from ._products import Hessian


class LayerHessian:
    """The diagonal block of a Hessian that belongs to one layer, m × m, by its products with vectors (m,).

    The passes that only other layers need are left out.
    """

    def __init__(self, hessian: Hessian, layer: Layer) -> None:
        self._hessian, self._layer = hessian, layer
        count = layer.end_parameter - layer.first_parameter
        self.shape = (count, count)
        self.dtype, self.device = hessian.dtype, hessian.device

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector (m,)."""
        return self.apply_block(vector[None])[0]

    def __matmul__(self, other: Tensor) -> Tensor:
        """The product with a vector (m,) or with the columns of a matrix (m, k)."""
        return self(other) if other.dim() == 1 else self.apply_block(other.T).T

    def apply_block(self, rows: Tensor) -> Tensor:
        """The products with k vectors, one a row: (k, m) to (k, m)."""
        return self._hessian.apply_within(rows, range(self._layer.first_block, self._layer.end_block))
