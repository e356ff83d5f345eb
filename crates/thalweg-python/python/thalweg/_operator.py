"""Operators of every kind, as the core calls them: on numpy's arrays, in double or single precision, or on tensors."""

from __future__ import annotations

import sys
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import whole
from ._scale import Scale
from ._singles import Singles
from ._tensors import Tensors


class Arrays:
    """An operator on numpy's vectors of this type, float64 unless another is given; the core keeps those of float64."""

    elsewhere = False
    where = "for this process"
    epsilon = float(np.finfo(np.float64).eps)
    itemsize = 8

    def __init__(self, operator: Any, n: int, dtype: type[np.floating[Any]] = np.float64) -> None:
        self.operator = operator
        self.dim = n
        self._dtype = dtype
        self._is_matrix = isinstance(operator, np.ndarray) or hasattr(operator, "tocsr")
        #: Whether many vectors are multiplied faster together than one by one.
        self.at_once = self._is_matrix or _has_matmat(operator)
        precision = np.finfo(dtype)
        self._scale = Scale(float(precision.eps), float(precision.tiny))

    @property
    def exponent(self) -> int:
        """By which power of two products are larger than the operator's own."""
        return self._scale.exponent

    def apply(self, rows: NDArray[Any]) -> NDArray[Any]:
        """2^exponent A x for each row x."""
        images = self._images(rows)
        self._scale.find(lambda: _largest(images), lambda: _largest(self._images(self._random())))
        return np.ldexp(images, self.exponent) if self.exponent else images

    def _random(self) -> NDArray[Any]:
        return np.random.default_rng(0).standard_normal((1, self.dim)).astype(self._dtype)

    def _images(self, rows: NDArray[Any]) -> NDArray[Any]:
        operator, count = self.operator, len(rows)
        if count > 1 and self._is_matrix:
            return self._real(operator @ rows.T, (self.dim, count)).T.copy()
        if count > 1 and self.at_once:
            return self._real(operator.matmat(rows.T), (self.dim, count)).T.copy()
        if count == 1:
            return self._real(self._one(rows[0]), (self.dim,)).reshape(1, -1)
        images = np.empty_like(rows)
        for image, row in zip(images, rows):
            image[:] = self._real(self._one(row), (self.dim,))
        return images

    def _one(self, vector: NDArray[Any]) -> Any:
        if hasattr(self.operator, "matvec"):
            return self.operator.matvec(vector)
        if hasattr(self.operator, "__matmul__"):
            return self.operator @ vector
        return self.operator(vector)

    def _real(self, image: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        array = np.asarray(image)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"operator: a product has numbers of type {array.dtype}, real ones are needed")
        if array.shape != shape and array.size == np.prod(shape) and len(shape) == 1:
            array = array.reshape(shape)
        if array.shape != shape:
            raise ValueError(f"operator: a product has the shape {array.shape}: {shape} is needed")
        return np.ascontiguousarray(array, dtype=self._dtype)

    def memory_left(self) -> int | None:
        """Bytes that arrays can still have; None where nobody tells."""
        return _core.memory_left()


def _largest(images: NDArray[Any]) -> float:
    return max(float(images.max()), -float(images.min()))


def _has_matmat(operator: Any) -> bool:
    """Whether a product with several vectors is the operator's own.

    A scipy ``LinearOperator`` without one goes through the columns, as (n, 1): nothing is won, and functions that were written
    for vectors (n,), as ``eigsh`` calls them, fail or multiply out to (n, n).
    """
    if not hasattr(operator, "matmat"):
        return False
    interface = sys.modules.get("scipy.sparse.linalg")
    if interface is None or not isinstance(operator, interface.LinearOperator):
        return True
    if type(operator)._matmat is interface.LinearOperator._matmat:
        return False
    # scipy has no public name for a function that was not given; without this one its columns are taken as before.
    return getattr(operator, "_CustomLinearOperator__matmat_impl", operator) is not None


#: What the core works with.
Space = Union[Arrays, Singles, Tensors]


def space(operator: Any, n: int | None, like: Any, seed: int) -> Space:
    """How to call ``operator``: on tensors where it is torch's, or ``like`` is one; on arrays elsewhere, in its own precision."""
    seed = whole("seed", seed, 0)
    if isinstance(operator, (list, tuple)):
        operator = np.asarray(operator)
    tensors = _tensor_kind(operator, like)
    if n is not None:
        n = whole("n", n, 1)
    size = _size(operator, n)
    if size is None and like is not None:
        size = int(like.size if isinstance(like, np.ndarray) else like.numel())
    if size is None:
        raise ValueError(
            "n is missing: the operator has no `shape`, so say how long its vectors are"
        )
    if size < 1:
        raise ValueError(f"operator: its vectors have the length {size}: at least 1 is needed")
    if not (callable(operator) or hasattr(operator, "__matmul__") or hasattr(operator, "matvec")):
        raise ValueError(
            f"operator is a {type(operator).__name__}: needed is a function v -> A v, or what has `shape` and `@`"
        )
    if tensors is not None:
        torch, device, dtype = tensors
        made: Space = Tensors(torch, operator, size, device, dtype, seed)
        if isinstance(operator, torch.Tensor):
            _symmetric(operator.detach(), made.epsilon)
        return made
    if isinstance(operator, np.ndarray):
        if operator.dtype == np.bool_:
            operator = operator.astype(np.int8)
        if operator.dtype.kind not in "fiub":
            raise ValueError(f"operator is an array of {operator.dtype}, real numbers are needed")
        epsilon = np.finfo(operator.dtype if operator.dtype.kind == "f" else np.float64).eps
        _symmetric(operator, float(epsilon))
    given = operator if like is None else like
    if getattr(given, "dtype", None) == np.float32:
        return Singles(Arrays(operator, size, np.float32), seed)
    return Arrays(operator, size)


def _tensor_kind(operator: Any, like: Any) -> tuple[Any, Any, Any] | None:
    """torch, device and dtype of the vectors; None for numpy's. Nobody who has a tensor has not imported torch."""
    torch = sys.modules.get("torch")
    if isinstance(like, np.ndarray) and like.dtype in (np.float32, np.float64):
        if torch is not None and isinstance(getattr(operator, "dtype", None), torch.dtype):
            raise ValueError("like is an array of numpy's, but the operator acts on torch tensors: leave `like` out")
        return None
    if torch is not None and hasattr(torch, "Tensor") and isinstance(like, torch.Tensor):
        return torch, like.device, like.dtype
    if like is not None:
        what = f"an array of {like.dtype}" if isinstance(like, np.ndarray) else f"a {type(like).__name__}"
        raise ValueError(f"like is {what}: a torch tensor, or an array of float32 or float64, is needed")
    if torch is None or not hasattr(torch, "dtype"):
        return None
    dtype = getattr(operator, "dtype", None)
    if isinstance(dtype, torch.dtype):
        device = getattr(operator, "device", None)
        return torch, torch.device("cpu") if device is None else torch.device(device), dtype
    return None


def _size(operator: Any, n: int | None) -> int | None:
    """The length of vectors: that of the operator's shape, with which ``n`` must agree."""
    shape = getattr(operator, "shape", None)
    if shape is None:
        return n
    sizes = tuple(int(size) for size in shape)
    if len(sizes) != 2 or sizes[0] != sizes[1]:
        raise ValueError(f"operator has the shape {sizes}: it must be square")
    if n is not None and n != sizes[0]:
        raise ValueError(f"n = {n}, and the operator has the shape {sizes}")
    return sizes[0]


def _symmetric(matrix: Any, epsilon: float) -> None:
    """A matrix is looked at before it is used; other operators would cost products, see ``check_symmetry``."""
    size = float(abs(matrix).max())
    difference = float(abs(matrix - matrix.T).max())
    if difference > epsilon**0.5 * size:
        raise ValueError(
            f"operator is not symmetric: A − Aᵀ has entries up to {difference:.2g}; (A + Aᵀ)/2 is its symmetric part"
        )
