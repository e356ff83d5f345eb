"""Curvature of anything: eigenpairs, trace and spectral density of a symmetric operator known by its products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import number, whole
from ._estimate import Estimate
from ._operator import Arrays, Space, space
from ._scale import shifted

#: By how much the seeds of a sum's terms differ: by what nobody adds to a seed by hand.
TERM_STRIDE = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Eigenvalues with their vectors, made by :func:`eigenpairs`.

    Attributes
    ----------
    values : list of Estimate
        k eigenvalues, from the end of the spectrum inwards, each with its residual.
    vectors : ndarray or tensor, (n, k)
        Orthonormal, in the same order; in the operator's precision, and tensors on its device. Columns lie one after
        the other in memory.
    converged : bool
        Whether all values have converged.
    """

    values: list[Estimate]
    vectors: Any

    @property
    def converged(self) -> bool:
        return all(value.converged for value in self.values)


class Density:
    """The distribution of eigenvalues, of total mass 1, made by :func:`density`.

    φ(λ) = (1/n) Σ_i δ(λ − λ_i). Every integral over it has two errors: that of sampling, and that of quadrature. ``error``
    is the root of the sum of their squares, and ``converged`` says that the second is below the first.

    Attributes
    ----------
    range : tuple of float
        The smallest and the largest node: within the spectrum, and close to its ends.
    """

    def __init__(self, inner: _core.Density, exponent: int = 0) -> None:
        #: Of the operator times 2^exponent.
        self._inner = inner
        self._exponent = exponent

    @property
    def range(self) -> tuple[float, float]:
        low, high = self._inner.range()
        return shifted(low, -self._exponent), shifted(high, -self._exponent)

    @property
    def drawn_width(self) -> float:
        """The standard deviation by which a drawing is smoothed: a fiftieth of the range."""
        return shifted(self._inner.drawn_width(), -self._exponent)

    def moment(self, power: int) -> Estimate:
        """∫ λ^p φ = (1/n) tr A^p."""
        power = whole("power", power, 0)
        if power >= 2**31:
            raise ValueError(f"power = {power}: must be below 2**31")
        return _estimate(self._inner.moment(power), power * self._exponent)

    def cumulative(self, x: float) -> Estimate:
        """The part of the eigenvalues that are at most ``x``.

        Outside of ``range`` nothing is seen of them: 0 and 1 are given there, and of eigenvalues over many decades some may lie beyond.
        """
        return Estimate(*self._inner.cumulative(shifted(_finite("x", x), self._exponent)))

    def smoothed(self, x: float, width: float) -> Estimate:
        """φ at ``x``, smoothed by a Gaussian of standard deviation ``width`` > 0."""
        x, width = shifted(_finite("x", x), self._exponent), shifted(number("width", width), self._exponent)
        return _estimate(self._inner.smoothed(x, width), -self._exponent)

    def curve(
        self, points: int = 400, width: float | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What to draw: points on the axis, the smoothed density there, and its standard errors; (points,) each.

        ``width`` is :attr:`drawn_width` by default; the axis reaches three widths beyond the range.
        """
        points = whole("points", points, 2)
        own = self._inner.drawn_width() if width is None else shifted(number("width", width), self._exponent)
        axis, values, errors = self._inner.curve(points, own)
        return np.ldexp(axis, -self._exponent), np.ldexp(values, self._exponent), np.ldexp(errors, self._exponent)

    def __repr__(self) -> str:
        low, high = self.range
        return f"Density(range=({low:.6g}, {high:.6g}))"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._inner.text(), self._exponent)


def _finite(name: str, value: Any) -> float:
    found = number(name, value)
    if not math.isfinite(found):
        raise ValueError(f"{name} = {found}: must be finite")
    return found


def _restored(text: str, exponent: int = 0) -> Density:
    return Density(_core.restore_density(text), exponent)


def _estimate(numbers: tuple[Any, ...], exponent: int) -> Estimate:
    """The core's estimate of a number 2^exponent times as large as the one that is asked for."""
    value, error, *rest = numbers
    return Estimate(shifted(value, -exponent), shifted(error, -exponent), *rest)


def eigenpairs(
    operator: Any,
    n: int | None = None,
    k: int = 1,
    *,
    end: str = "top",
    tolerance: float | None = None,
    max_products: int | None = None,
    basis: int | None = None,
    warm: Any = None,
    seed: int = 0,
    like: Any = None,
) -> Eigenpairs:
    """The k largest or smallest eigenvalues of a symmetric operator, by value, with their multiplicities.

    Block Lanczos with full reorthogonalisation and thick restart (Wu and Simon, SIAM J. Matrix Anal. Appl. 22, 2000). A pair
    counts as converged when its residual is small and a further pair says that no larger one was passed over.

    Parameters
    ----------
    operator : callable, or what has ``shape`` and ``@``
        v -> A v for vectors (n,); or a matrix, a scipy ``LinearOperator``, a curvlinops operator, a tensor. An operator of
        torch's (it has a torch ``dtype``) gets tensors, on its ``device``; others get arrays, of float32 where that is their ``dtype``, of
        float64 else. Several vectors at once, as
        rows (k, n), are given to its method ``apply_block`` if it has one and works on tensors; as columns to ``matmat``. A
        product's exception ends the call and comes out as it is. That A is symmetric is looked at for matrices alone: see
        :func:`check_symmetry`.
    n : int, optional
        The length of vectors, for an operator without ``shape``.
    k : int
        How many.
    end : {"top", "bottom"}
        The largest, descending, or the smallest, ascending.
    tolerance : float, optional
        The residual to be reached, in units of ‖A‖: 1e-6, or 200 times the precision if that is more (2.4e-5 for float32).
        The value's error is at most that; where other eigenvalues are a distance g away, its square over g.
    max_products : int, optional
        At most so many products; 2000, or 20 (k + 1), by default.
    basis : int, optional
        The most basis vectors that are kept, at least 2 (k + 1); by default 32 for one pair, 64 for seven or more, and 4 (k + 1) for
        many. Fewer take less memory and more products. :func:`curvature_memory` says how much.
    warm : array or tensor, (n,) or (n, up to k), or Eigenpairs, optional
        Where to start: the eigenvectors of a nearby operator.
    seed : int
        Of the random start. The same seed gives the same numbers.
    like : tensor or array, optional
        What vectors shall be: a tensor with their device and precision, or an array of float32 or float64. For a callable, or
        to work on an operator of float32 in double precision.

    Returns
    -------
    Eigenpairs
        Where the products did not suffice, ``converged`` says so.

    Raises
    ------
    ValueError
        Where an argument is not in its range, a product has the wrong shape or is not finite, or there is too little memory: the
        work is refused before it begins.

    Examples
    --------
    >>> import numpy as np
    >>> scale = np.linspace(0.0, 1.0, 1000) ** 4
    >>> found = eigenpairs(lambda v: scale * v, 1000, k=2)
    >>> [round(pair.value, 6) for pair in found.values], found.converged
    ([1.0, 0.996002], True)
    """
    where = space(operator, n, like, seed)
    k = whole("k", k, 1)
    if max_products is not None:
        max_products = whole("max_products", max_products, 1)
    if basis is not None:
        basis = whole("basis", basis, 1)
    if tolerance is None:
        tolerance = _core.eigen_tolerance(where.epsilon)
    elif not where.epsilon <= number("tolerance", tolerance):
        raise ValueError(f"tolerance = {tolerance}: must be at least {where.epsilon:.2g}, the precision of the vectors")
    vectors, kept = _core.eigen_room(where.dim, k, max_products, basis)
    _fits(where, vectors, f"a basis of {kept}", f"basis={2 * (k + 1)} takes the fewest vectors")
    start = None if warm is None else _rows(where, warm, k)
    numbers, rows = _core.eigenpairs(
        where, k, end, tolerance, max_products, basis, start, int(seed)
    )
    return Eigenpairs([_estimate(found, where.exponent) for found in numbers], rows.T)


def trace(
    operator: Any,
    n: int | None = None,
    *,
    products: int = 200,
    method: str = "xtrace",
    tolerance: float = 0.01,
    seed: int = 0,
    like: Any = None,
) -> Estimate:
    """The trace of a symmetric operator: exactly where n is at most ``products``, else by random probes.

    Parameters
    ----------
    operator, n, seed, like
        As for :func:`eigenpairs`.
    products : int
        How many products. All are made: to stop as soon as the error looks small would make it too small.
    method : {"xtrace", "hutch++", "hutchinson"}
        All are unbiased. XTrace (Epperly, Tropp and Webber, 2024) and Hutch++ (Meyer et al., 2021) are best where the
        spectrum decays; Hutchinson's takes the fewest vectors. With it an operator of several samples from
        :mod:`thalweg.torch` is taken as the sum of its parts, and each part has vectors of its own: what they
        have in common then averages out over parts too, at the same number of products.
    tolerance : float
        The estimate has converged when its standard error is at most this times its value.

    Raises
    ------
    ValueError
        As :func:`eigenpairs`.

    Examples
    --------
    >>> import numpy as np
    >>> scale = 1.0 / np.arange(1.0, 5001.0) ** 2
    >>> found = trace(lambda v: scale * v, 5000)
    >>> bool(abs(found.value - scale.sum()) < 5 * found.error), found.kind
    (True, 'standard-error')
    """
    where = space(operator, n, like, seed)
    products, tolerance = whole("products", products, 1), number("tolerance", tolerance)
    vectors = _core.trace_vectors(where.dim, products, method)
    fewer = _core.trace_vectors(where.dim, 2, "hutchinson")
    few = "there is no smaller way" if vectors <= fewer else f'method="hutchinson" takes the fewest vectors, with products=2 no more than {fewer}'
    _fits(where, vectors, f"{method} with {products} products", few)
    if method == "hutchinson" and hasattr(operator, "thalweg_terms") and where.dim > products:
        terms = operator.thalweg_terms()
        if len(terms) > 1:
            return _sum_of_traces(terms, products, tolerance, int(seed), like)
    return _estimate(_core.trace(where, products, method, tolerance, int(seed)), where.exponent)


def _sum_of_traces(terms: Sequence[Any], products: int, tolerance: float, seed: int, like: Any) -> Estimate:
    """The trace of a sum, by `products` probes for each term: independent, so that their variances add."""
    value, variance = 0.0, 0.0
    for index, term in enumerate(terms):
        own = (seed + index * TERM_STRIDE) % (1 << 63)
        where = space(term, None, like, own)
        found = _estimate(_core.trace(where, products, "hutchinson", tolerance, own), where.exponent)
        value, variance = value + found.value, variance + found.error**2
        # One graph in memory, not all.
        term.release()
    error = math.sqrt(variance)
    return Estimate(value, error, "standard-error", products, error <= tolerance * abs(value))


def density(
    operator: Any,
    n: int | None = None,
    *,
    probes: int = 8,
    steps: int = 80,
    seed: int = 0,
    like: Any = None,
) -> Density:
    """The spectral density of a symmetric operator, by stochastic Lanczos quadrature (Ubaru, Chen and Saad, 2017).

    Where n is at most ``probes`` · ``steps`` the eigenvalues themselves are computed, exactly.

    Parameters
    ----------
    operator, n, seed, like
        As for :func:`eigenpairs`.
    probes : int
        Random vectors, at least 2. The error of sampling falls as 1/√probes.
    steps : int
        Lanczos steps for each, at least 2: so many products and basis vectors.

    Raises
    ------
    ValueError
        As :func:`eigenpairs`.

    Examples
    --------
    >>> import numpy as np
    >>> scale = np.where(np.arange(2000) < 500, 3.0, 0.0)
    >>> found = density(lambda v: scale * v, 2000, probes=8, steps=10)
    >>> share = found.cumulative(1.0)
    >>> abs(share.value - 0.75) < 5 * share.error
    True
    """
    where = space(operator, n, like, seed)
    probes, steps = whole("probes", probes, 1), whole("steps", steps, 1)
    vectors = _core.density_vectors(where.dim, probes, steps)
    _fits(where, vectors, f"a basis of {steps}", "fewer steps take fewer vectors")
    inner = _core.density(where, probes, steps, int(seed))
    return Density(inner, where.exponent)


def check_symmetry(operator: Any, n: int | None = None, *, seed: int = 0, like: Any = None) -> None:
    """Raise ``ValueError`` where an operator is not symmetric, by four products.

    xᵀA y and yᵀA x are compared for four random vectors: ‖A − Aᵀ‖/‖A‖ (Frobenius) is estimated from them, and may be the
    square root of the vectors' precision (1.5e-8 in float64, 3.5e-4 in float32).

    Parameters
    ----------
    operator, n, seed, like
        As for :func:`eigenpairs`.

    Examples
    --------
    >>> check_symmetry(lambda v: 2.0 * v, 10)
    """
    where = space(operator, n, like, seed)
    _core.check_symmetry(where, where.epsilon, int(seed))


def curvature_memory(
    n: int,
    *,
    k: int | None = None,
    basis: int | None = None,
    max_products: int | None = None,
    products: int | None = None,
    method: str = "xtrace",
    probes: int = 8,
    steps: int | None = None,
    itemsize: int = 8,
) -> int:
    """Bytes that the vectors of a call take at once, to be asked beforehand; what the operator takes is its own.

    Give ``k`` for :func:`eigenpairs`, ``products`` for :func:`trace`, ``steps`` for :func:`density`: the answer is for the one that
    needs most of those given.

    Parameters
    ----------
    n : int
        The length of vectors.
    k, basis, max_products, products, method, probes, steps
        As for the call.
    itemsize : int
        Bytes of a number: 8 for float64, 4 for float32.

    Examples
    --------
    Ten million parameters in single precision, with the usual basis and with a few vectors:

    >>> curvature_memory(10_000_000, k=1, itemsize=4) / 1e9
    1.72
    >>> curvature_memory(10_000_000, k=1, basis=4, itemsize=4) / 1e9
    0.6
    """
    n, itemsize = whole("n", n, 1), whole("itemsize", itemsize, 1)
    if max_products is not None:
        max_products = whole("max_products", max_products, 1)
    if basis is not None:
        basis = whole("basis", basis, 1)
    vectors = 0
    if k is not None:
        vectors = max(vectors, _core.eigen_room(n, whole("k", k, 1), max_products, basis)[0])
    if products is not None:
        vectors = max(vectors, _core.trace_vectors(n, whole("products", products, 1), method))
    if steps is not None:
        vectors = max(vectors, _core.density_vectors(n, whole("probes", probes, 1), whole("steps", steps, 1)))
    if vectors == 0:
        raise ValueError("give k, products or steps: which call is meant is not known")
    return vectors * n * itemsize


def _fits(where: Space, vectors: int, what: str, advice: str) -> None:
    """Refuses work whose vectors need more memory than there is."""
    needed = vectors * where.dim * where.itemsize
    left = where.memory_left()
    if left is not None and needed > left:
        raise ValueError(
            f"n = {where.dim} with {what} takes {vectors} vectors at once, {needed / 1e9:.3g} GB, and {left / 1e9:.3g} GB "
            f"are left {where.where}: {advice}"
        )


def _is_complex(given: Any) -> bool:
    """Whether numbers are complex; not where they are no array."""
    try:
        return np.iscomplexobj(given)
    except ValueError:
        return False


def _rows(where: Space, warm: Any, k: int) -> tuple[Any, int]:
    """The warm start, one row one vector, and how many there are."""
    if isinstance(warm, Eigenpairs):
        warm = warm.vectors
    if not isinstance(where, Arrays):
        return where.rows("warm", warm, k)
    if _is_complex(warm):
        raise ValueError("warm has complex numbers: real ones are needed")
    try:
        columns = np.asarray(warm, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"warm is a {type(warm).__name__}, of which no array of numbers can be made: {error}") from None
    if columns.ndim == 1:
        columns = columns[:, np.newaxis]
    if columns.ndim != 2:
        raise ValueError(f"warm has the shape {columns.shape}: ({where.dim}, up to k) is needed")
    return np.ascontiguousarray(columns.T), columns.shape[1]
