"""The gradients of single samples in one parameter, as products of small factors: their squared norms and slopes.

The gradient of sample b in a layer's matrix is a sum of outer products g_b = Σ_t l_bt r_btᵀ over positions t (Goodfellow,
"Efficient per-example gradient computations", arXiv:1510.01799, has one position). Its squared norm is
Σ_tu (l_bt·l_bu)(r_bt·r_bu), without g_b itself. A parameter that is used in several places (tied weights, a layer called
twice) has the sum over all its places, so that positions t and u run over all of them together: that gives the cross terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: How many numbers a product of factors may hold at a time; larger ones are made for some samples after others.
LARGEST = 1 << 24


@dataclass(frozen=True)
class Outer:
    """One place's Σ_t l_t r_tᵀ for every sample."""

    #: (B, groups, T, m), or whole numbers (B, 1, T): rows of the identity, as an embedding has them.
    left: Tensor
    #: (B, groups, T, n).
    right: Tensor
    #: (groups, m, n): the parameter has this many numbers, in this order.
    shape: tuple[int, int, int]

    @property
    def indexed(self) -> bool:
        """Whether the left factors are rows of the identity."""
        return not self.left.is_floating_point()

    def dense(self) -> Tensor:
        """The gradients themselves, (B, groups, m, n)."""
        if not self.indexed:
            return self.left.transpose(-1, -2) @ self.right
        samples = len(self.right)
        found = self.right.new_zeros((samples, *self.shape))
        rows = self.left.unsqueeze(-1).expand(self.right.shape)
        return found.scatter_add_(2, rows, self.right)

    def slopes(self, direction: Tensor) -> Tensor:
        """g_b·d for every sample, (B,)."""
        matrix = direction.reshape(self.shape)
        if self.indexed:
            return (matrix[0][self.left] * self.right).flatten(1).sum(1)
        # All samples' positions at once: a product for each sample would copy the matrix for each.
        samples, groups, positions, _ = self.left.shape
        reached = self.left.transpose(0, 1).flatten(1, 2) @ matrix
        products = (reached * self.right.transpose(0, 1).flatten(1, 2)).sum(-1)
        return products.reshape(groups, samples, positions).sum((0, 2))

    def of(self, samples: slice) -> Outer:
        """Of these samples only."""
        return Outer(self.left[samples], self.right[samples], self.shape)


@dataclass(frozen=True)
class Direct:
    """One place's gradients themselves, (B, numbers of the parameter)."""

    values: Tensor


Factor = Outer | Direct


def squares_and_slopes(factors: list[Factor], direction: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """‖g_b‖², and g_b·d where a direction is given, both (B,); of one parameter from all places that use it."""
    outer = [factor for factor in factors if isinstance(factor, Outer)]
    direct = [factor.values for factor in factors if isinstance(factor, Direct)]
    if not direct:
        return _of_products(outer, direction)
    values = sum(direct[1:], direct[0])
    for factor in outer:
        values = values + factor.dense().reshape(values.shape)
    slopes = None if direction is None else values @ direction.reshape(-1).to(values.dtype)
    return values.square().sum(1), slopes


def _of_products(factors: list[Outer], direction: Tensor | None) -> tuple[Tensor, Tensor | None]:
    groups, rows, columns = factors[0].shape
    samples = len(factors[0].right)
    positions = sum(factor.right.shape[2] for factor in factors)
    # Multiplications a sample: all pairs of positions, or the matrix itself.
    by_pairs = positions * positions * (columns + (0 if all(factor.indexed for factor in factors) else rows))
    by_matrix = positions * rows * columns
    paired = by_pairs <= by_matrix
    each = groups * (positions * positions if paired else rows * columns)
    step = max(1, LARGEST // max(each, 1))
    squares = []
    for start in range(0, samples, step):
        part = [factor.of(slice(start, start + step)) for factor in factors]
        squares.append(_by_pairs(part) if paired else _by_matrix(part))
    if direction is None:
        return torch.cat(squares), None
    direction = direction.to(factors[0].right.dtype)
    slopes = [factor.slopes(direction) for factor in factors]
    return torch.cat(squares), sum(slopes[1:], slopes[0])


def _by_matrix(factors: list[Outer]) -> Tensor:
    matrix = factors[0].dense()
    for factor in factors[1:]:
        matrix = matrix + factor.dense()
    return matrix.flatten(1).square().sum(1)


def _by_pairs(factors: list[Outer]) -> Tensor:
    total: Tensor | None = None
    for index, one in enumerate(factors):
        for other in factors[: index + 1]:
            pairs = _left_products(one, other) * (one.right @ other.right.transpose(-1, -2))
            part = pairs.flatten(1).sum(1)
            # A pair of places stands for both orders.
            part = part if one is other else 2.0 * part
            total = part if total is None else total + part
    assert total is not None
    return total


def _left_products(one: Outer, other: Outer) -> Tensor:
    """l_t·l_u for all positions t of one and u of the other, (B, groups, T, U)."""
    if one.indexed and other.indexed:
        return (one.left.unsqueeze(-1) == other.left.unsqueeze(-2)).to(one.right.dtype)
    if one.indexed:
        return _left_products(other, one).transpose(-1, -2)
    if other.indexed:
        # A row of the identity picks a column.
        columns = other.left.unsqueeze(-2).expand(*one.left.shape[:-1], other.left.shape[-1])
        return one.left.gather(-1, columns)
    return one.left @ other.left.transpose(-1, -2)
