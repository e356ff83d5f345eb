"""Vectors as torch's tensors: on their device, in their precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._scale import Scale

#: Entries of each vector that a block is transformed by at a time.
ENTRIES = 1 << 16

Small = NDArray[np.float64]
Method = TypeVar("Method", bound=Callable[..., Any])


def _plainly(method: Method) -> Method:
    """Without a graph, autocasting or reduced precision of matrix products, whatever the caller has set."""

    @wraps(method)
    def plain(self: Tensors, *arguments: Any) -> Any:
        torch = self.torch
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            if torch.is_autocast_enabled(self.device.type):
                stack.enter_context(torch.autocast(self.device.type, enabled=False))
            precision = torch.get_float32_matmul_precision()
            if precision != "highest":
                stack.callback(torch.set_float32_matmul_precision, precision)
                torch.set_float32_matmul_precision("highest")
            return method(self, *arguments)

    return plain  # type: ignore[return-value]


class Tensors:
    """The vectors that an operator on tensors acts on.

    A block of vectors is a tensor (count, n): one row, one vector. The core calls these methods; small matrices are
    numpy's, in float64.
    """

    elsewhere = True

    def __init__(self, torch: Any, operator: Any, n: int, device: Any, dtype: Any, seed: int) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"the vectors would be {dtype}, which is too coarse or not real: give like= a tensor of float32 or float64"
            )
        self.torch = torch
        self.operator = operator
        self.dim = n
        self.device = device
        self.where = f"on {device}"
        self.dtype = dtype
        self.epsilon = float(torch.finfo(dtype).eps)
        self._scale = Scale(self.epsilon, float(torch.finfo(dtype).tiny))
        self.itemsize = 8 if dtype == torch.float64 else 4
        # A generator of its own: the caller's random numbers stay as they are.
        self.generator = torch.Generator(device=device)
        self.generator.manual_seed(seed % (1 << 63))

    @property
    def exponent(self) -> int:
        """By which power of two products are larger than the operator's own."""
        return self._scale.exponent

    def apply(self, x: Any, start: int, stop: int) -> Any:
        """2^exponent A x for these rows, in new memory."""
        images = self._images(x[start:stop])
        self._scale.find(lambda: self._largest(images), lambda: self._largest(self._images(self._random())))
        return self._shifted(images) if self.exponent else images

    @_plainly
    def _largest(self, images: Any) -> float:
        low, high = self.torch.stack(self.torch.aminmax(images)).tolist()
        found: float = max(high, -low)
        return found

    @_plainly
    def _random(self) -> Any:
        # With numbers of its own, so that the others are the same for an operator of any size.
        return self.room(1).normal_(generator=self.torch.Generator(device=self.device).manual_seed(0))

    @_plainly
    def _shifted(self, images: Any) -> Any:
        return images.mul_(2.0**self.exponent)

    def _images(self, rows: Any) -> Any:
        """In new memory: an operator may give the same buffer each time, unless it says that its are `fresh`."""
        count = len(rows)
        if getattr(self.operator, "fresh", False):
            found = self.operator.apply_block(rows)
            if found.is_contiguous() and (found.shape, found.dtype, found.device) == (rows.shape, rows.dtype, rows.device):
                return found
            images = self.room(count)
            self._keep(found, images, (count, self.dim))
            return images
        images = self.room(count)
        if hasattr(self.operator, "apply_block"):
            self._keep(self.operator.apply_block(rows.clone()), images, (count, self.dim))
            return images
        for row, image in zip(rows, images):
            # An operator may write to what it is given.
            self._keep(self._one(row.clone()), image, (self.dim,))
        return images

    def _one(self, vector: Any) -> Any:
        if callable(self.operator) and not isinstance(self.operator, self.torch.Tensor):
            return self.operator(vector)
        if hasattr(self.operator, "__matmul__"):
            return self.operator @ vector
        return self.operator.matvec(vector)

    def _keep(self, image: Any, place: Any, shape: tuple[int, ...]) -> None:
        torch = self.torch
        if not isinstance(image, torch.Tensor):
            raise ValueError(f"operator: a product is a {type(image).__name__}: a torch tensor is needed")
        if image.device.type != self.device.type:
            raise ValueError(
                f"operator: a product is on {image.device}, and vectors are on {self.device}: give like= a tensor there"
            )
        if image.is_complex() or (image.is_floating_point() and torch.finfo(image.dtype).eps > self.epsilon):
            raise ValueError(
                f"operator: a product is {image.dtype}, less than the {self.dtype} of the vectors: give like= a tensor of "
                "the operator's own precision, or leave autocast for the product"
            )
        if math.prod(image.shape) != math.prod(shape) or (len(shape) == 2 and tuple(image.shape) != shape):
            raise ValueError(f"operator: a product has the shape {tuple(image.shape)}: {shape} is needed")
        with torch.no_grad():
            place.copy_(image.detach().reshape(shape))

    def room(self, count: int) -> Any:
        return self.torch.empty((count, self.dim), dtype=self.dtype, device=self.device)

    @_plainly
    def is_finite(self, x: Any) -> bool:
        # Both pass NaN on; a mask would take memory.
        return all(math.isfinite(bound) for bound in self.torch.stack(self.torch.aminmax(x)).tolist())

    @_plainly
    def normal(self, count: int) -> Any:
        return self.room(count).normal_(generator=self.generator)

    @_plainly
    def signs(self, count: int) -> Any:
        # Bit by bit of whole words: Bernoulli's numbers one by one take as long as a small network's product.
        torch, entries = self.torch, count * self.dim
        words = torch.empty(-(-entries // 64), dtype=torch.int64, device=self.device)
        words.random_(-(1 << 63), None, generator=self.generator)
        bit = torch.tensor([1, 2, 4, 8, 16, 32, 64, -128], dtype=torch.int8, device=self.device)
        drawn = (words.view(torch.int8)[:, None] & bit).bool().reshape(-1)[:entries]
        return drawn.to(self.dtype).mul_(2).sub_(1).reshape(count, self.dim)

    @_plainly
    def units(self, start: int, stop: int) -> Any:
        units = self.room(stop - start).zero_()
        units[:, start:stop].fill_diagonal_(1)
        return units

    @_plainly
    def inner(self, x: Any, start: int, stop: int, y: Any) -> Small:
        if len(y) == 1:
            overlaps = (x[start:stop] @ y[0]).unsqueeze(1)
        else:
            overlaps = x[start:stop] @ y.T
        return self._small(overlaps)

    @_plainly
    def dots(self, x: Any, y: Any) -> Small:
        # One after the other: their elementwise product would take as much memory again.
        products = [self.torch.dot(row, other) for row, other in zip(x, y)]
        return self._small(self.torch.stack(products))

    @_plainly
    def add(self, y: Any, x: Any, start: int, stop: int, c: Small) -> None:
        if len(y) == 1:
            y[0].addmv_(x[start:stop].T, self._tensor(c[:, 0]))
        else:
            y.addmm_(self._tensor(c.T), x[start:stop])

    @_plainly
    def combine(self, x: Any, start: int, stop: int, c: Small) -> Any:
        return self._tensor(c.T) @ x[start:stop]

    @_plainly
    def transform(self, x: Any, start: int, stop: int, c: Small) -> None:
        rotation = self._tensor(c.T)
        for first in range(0, self.dim, ENTRIES):
            part = slice(first, first + ENTRIES)
            x[start : start + len(rotation), part] = rotation @ x[start:stop, part]

    @_plainly
    def place(self, x: Any, at: int, y: Any, c: Small) -> None:
        if c.shape == (1, 1):
            self.torch.mul(y[0], float(c[0, 0]), out=x[at])
        else:
            self.torch.mm(self._tensor(c.T), y, out=x[at : at + c.shape[1]])

    @_plainly
    def put(self, x: Any, at: int, y: Any) -> None:
        x[at : at + len(y)] = y

    def rows(self, name: str, given: Any, most: int) -> tuple[Any, int]:
        """The columns of an array or tensor as rows here, and how many they are."""
        try:
            columns = self.torch.as_tensor(given).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{name} is a {type(given).__name__}, of which no tensor can be made: {error}") from None
        if columns.is_complex():
            raise ValueError(f"{name} has complex numbers: real ones are needed")
        if columns.dim() == 1:
            columns = columns.unsqueeze(1)
        if columns.dim() != 2 or len(columns) != self.dim or columns.shape[1] > most:
            raise ValueError(f"{name} has the shape {tuple(columns.shape)}: ({self.dim}, up to {most}) is needed")
        rows = columns.T.to(device=self.device, dtype=self.dtype).contiguous()
        if not bool(self.torch.isfinite(rows).all()):
            raise ValueError(f"{name} has numbers that are not finite")
        return rows, len(rows)

    def memory_left(self) -> int | None:
        """Bytes that tensors here can still have; None where nobody tells."""
        if self.device.type == "cuda":
            cuda = self.torch.cuda
            free: int = cuda.mem_get_info(self.device)[0]
            # What torch has set aside and does not use.
            idle: int = cuda.memory_reserved(self.device) - cuda.memory_allocated(self.device)
            return free + idle
        return _core.memory_left() if self.device.type == "cpu" else None

    def _small(self, tensor: Any) -> Small:
        array: Small = tensor.to(device="cpu", dtype=self.torch.float64).numpy()
        return array

    def _tensor(self, c: Small) -> Any:
        tensor = self.torch.from_numpy(np.ascontiguousarray(c))
        return tensor.to(device=self.device, dtype=self.dtype)
