"""Vectors as numpy's arrays of float32, for operators that compute in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core

#: Entries of each vector that a block is transformed by at a time.
ENTRIES = 1 << 16

Block = NDArray[np.float32]
Small = NDArray[np.float64]


class Singles:
    """The vectors that an operator on float32 acts on.

    A block of vectors is an array (count, n): one row, one vector. The core calls these methods, whose products and sums are
    in single precision as the operator's are; small matrices are in float64.
    """

    elsewhere = True
    where = "for this process"
    epsilon = float(np.finfo(np.float32).eps)
    itemsize = 4

    def __init__(self, arrays: Any, seed: int) -> None:
        self._arrays = arrays
        self.dim: int = arrays.dim
        self._random = np.random.default_rng(seed)

    @property
    def exponent(self) -> int:
        """By which power of two products are larger than the operator's own."""
        found: int = self._arrays.exponent
        return found

    def apply(self, x: Block, start: int, stop: int) -> Block:
        """2^exponent A x for these rows, in new memory."""
        rows = x[start:stop]
        # An operator may write to what it is given, and give the same buffer each time.
        found: Block = self._arrays.apply(rows.copy()).copy()
        return found

    def room(self, count: int) -> Block:
        return np.empty((count, self.dim), np.float32)

    def is_finite(self, x: Block) -> bool:
        # Both pass NaN on; a mask would take memory.
        return bool(np.isfinite(x.min()) and np.isfinite(x.max()))

    def normal(self, count: int) -> Block:
        return self._random.standard_normal((count, self.dim), np.float32)

    def signs(self, count: int) -> Block:
        return (2 * self._random.integers(0, 2, (count, self.dim), np.int8) - 1).astype(np.float32)

    def units(self, start: int, stop: int) -> Block:
        units = np.zeros((stop - start, self.dim), np.float32)
        units[np.arange(stop - start), np.arange(start, stop)] = 1
        return units

    def inner(self, x: Block, start: int, stop: int, y: Block) -> Small:
        return (x[start:stop] @ y.T).astype(np.float64)

    def dots(self, x: Block, y: Block) -> Small:
        return np.array([row @ other for row, other in zip(x, y)], np.float64)

    def add(self, y: Block, x: Block, start: int, stop: int, c: Small) -> None:
        y += c.T.astype(np.float32) @ x[start:stop]

    def combine(self, x: Block, start: int, stop: int, c: Small) -> Block:
        found: Block = c.T.astype(np.float32) @ x[start:stop]
        return found

    def transform(self, x: Block, start: int, stop: int, c: Small) -> None:
        rotation = c.T.astype(np.float32)
        for first in range(0, self.dim, ENTRIES):
            part = slice(first, first + ENTRIES)
            x[start : start + len(rotation), part] = rotation @ x[start:stop, part]

    def place(self, x: Block, at: int, y: Block, c: Small) -> None:
        np.matmul(c.T.astype(np.float32), y, out=x[at : at + c.shape[1]])

    def put(self, x: Block, at: int, y: Block) -> None:
        x[at : at + len(y)] = y

    def rows(self, name: str, given: Any, most: int) -> tuple[Block, int]:
        """The columns of an array as rows here, and how many they are."""
        columns = np.asarray(given, np.float32)
        if columns.ndim == 1:
            columns = columns[:, np.newaxis]
        if columns.ndim != 2 or len(columns) != self.dim or columns.shape[1] > most:
            raise ValueError(f"{name} has the shape {columns.shape}: ({self.dim}, up to {most}) is needed")
        if not np.isfinite(columns).all():
            raise ValueError(f"{name} has numbers that are not finite")
        return np.ascontiguousarray(columns.T), columns.shape[1]

    def memory_left(self) -> int | None:
        """Bytes that arrays can still have; None where nobody tells."""
        return _core.memory_left()
