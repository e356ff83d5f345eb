"""How SGD gets to where it ends."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._core import Problem
from ._draw import axes_for
from ._recipe import Recipe
from ._table import table

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Flow:
    """Sharpness and fluctuation along SGD's way, made by :func:`flow`. Arrays have one entry for each of n times.

    Attributes
    ----------
    problem : Problem
        Of which problem.
    slow_time : ndarray of float64, (n,)
        u = η² t/B.
    step : ndarray of int64, (n,), or None
        t, where the times were given in steps.
    sharpness : ndarray of float64, (n,)
        T, the trace of the Hessian, in loss/weight².
    lambda_max : ndarray of float64, (n,)
        The largest eigenvalue of the Gauss–Newton matrix, which at the minima is the Hessian, in loss/weight².
    fluctuation : ndarray of float64, (n,)
        F, the label noise's part of E‖∇ℓ‖² of one sample, in loss²/weight²; at the minima all of it.
    layer_conditions : ndarray of float64, (n, D)
        Largest over smallest singular value of W_1 … W_D; infinite where the smallest is 0. With ``drift="finite"`` their mean over SGD's fluctuations,
        which has no limit where a layer's smallest singular value may be 0, as where the teacher lacks rank: then it says only that it is large.
    distance : ndarray of float64, (n,), or None
        ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖; without the denominator where that is 0. None with ``drift="finite"``.
    weights : list of ndarray of float64, each (n, h_k, h_{k−1}), or None
        W_1 … W_D along the way; with ``drift="exact"`` up to a rotation of the hidden bases. None with ``drift="finite"``, where SGD fluctuates about them.
    relative_weighted_fluctuation : ndarray of float64, (n,), or None
        E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖² with ``drift="finite"``, NaN while the weights still descend; else None.
    limit : dict or None
        T, λ_max and F as u → ∞ (Theorem 1), by their names; None where it is not known.
    relaxation_slow_time, relaxation_steps : float or None
        Near the limit what is missing shrinks by a factor of e in each such time.
    validity : dict or None
        Whether to believe it at this η and B; None without them.
    """

    problem: Problem
    slow_time: NDArray[np.float64]
    step: NDArray[np.int64] | None
    sharpness: NDArray[np.float64]
    lambda_max: NDArray[np.float64]
    fluctuation: NDArray[np.float64]
    layer_conditions: NDArray[np.float64]
    distance: NDArray[np.float64] | None
    weights: list[NDArray[np.float64]] | None
    relative_weighted_fluctuation: NDArray[np.float64] | None
    limit: dict[str, float] | None
    relaxation_slow_time: float | None
    relaxation_steps: float | None
    validity: dict[str, Any] | None
    notes: list[str]

    def __init__(self, problem: Problem, answer: dict[str, Any], arrays: dict[str, Any]) -> None:
        self._answer = answer
        self.problem = problem
        self.slow_time = arrays["slow_time"]
        self.step = arrays.get("step")
        self.sharpness = arrays["sharpness"]
        self.lambda_max = arrays["lambda_max"]
        self.fluctuation = arrays["fluctuation"]
        self.layer_conditions = arrays["layer_conditions"]
        self.distance = arrays.get("distance")
        self.weights = arrays.get("weights")
        self.relative_weighted_fluctuation = arrays.get("relative_weighted_fluctuation")
        self.limit = copy.copy(answer.get("limit"))
        self.relaxation_slow_time = answer.get("relaxation_slow_time")
        self.relaxation_steps = answer.get("relaxation_steps")
        self.validity = copy.deepcopy(answer["validity"])
        self.notes = list(answer["notes"])

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg flow --json``; what is infinite or undefined is None."""
        return copy.deepcopy(self._answer)

    def plot(self, quantity: str = "sharpness", axes: Any = None) -> Any:
        """Draw ``quantity``, the name of an array, against the time, on matplotlib's ``axes``; gives the axes back."""
        values = getattr(self, quantity, None)
        if not isinstance(values, np.ndarray) or values.shape != self.slow_time.shape:
            raise ValueError(f"`quantity` is {quantity!r}: the name of an array with one number for each time is needed")
        times, label = (self.slow_time, "slow time u = η²t/B") if self.step is None else (self.step, "step t")
        axes = axes_for(axes, label, quantity)
        # The first time is mostly 0, which a logarithm does not show.
        shown = times > 0
        label = "slow flow" if self.relative_weighted_fluctuation is None else "finite-step theory"
        axes.plot(times[shown], values[shown], "--", label=label)
        if shown.sum() > 1:
            axes.set_xscale("log")
        if self.limit is not None and quantity in self.limit:
            axes.axhline(self.limit[quantity], linestyle=":", color="gray", label="limit t → ∞")
        axes.legend()
        return axes

    def __len__(self) -> int:
        return len(self.slow_time)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "Flow(no times)"
        return (
            f"Flow({len(self)} times to u = {self.slow_time[-1]:.6g}, "
            f"sharpness {self.sharpness[0]:.6g} → {self.sharpness[-1]:.6g})"
        )

    def _repr_html_(self) -> str:
        steps = [None] * len(self) if self.step is None else self.step.tolist()
        columns = (self.slow_time, self.sharpness, self.lambda_max, self.fluctuation)
        rows: list[Sequence[object]] = list(zip(steps, *(column.tolist() for column in columns)))
        if self.limit is not None:
            rows.append((None, "∞", self.limit["sharpness"], self.limit["lambda_max"], self.limit["fluctuation"]))
        return table(["step t", "u = η²t/B", "T", "λ_max", "F"], rows)


def flow(
    problem: Problem,
    start_weights: Sequence[ArrayLike] | None = None,
    slow_time: ArrayLike | None = None,
    *,
    learning_rate: float | None = None,
    batch: int | None = None,
    steps: int | Sequence[int] | NDArray[Any] | None = None,
    drift: Literal["symmetric", "exact", "finite"] = "symmetric",
    seed: int = 0,
    init: str | Mapping[str, Any] | None = None,
    **recipe: Unpack[Recipe],
) -> Flow:
    """Follow sharpness and fluctuation along SGD's way to its minimum.

    Gradient descent takes the weights down to the minima; there noise moves SGD along them, in the slow time u = η² t/B
    (beyond the paper). The fluctuation F only falls; the sharpness T may rise, fall, or do both.

    Parameters
    ----------
    problem : Problem
        What is being solved.
    start_weights : sequence of array_like, optional
        W_1 … W_D, W_k of shape (h_k, h_{k−1}). Without them: random ones by ``seed`` and ``init``, those of a simulation.
    slow_time : array_like, (n,), optional
        Slow times u ≥ 0, ascending, counted from the minimum that gradient flow reaches from the start.
    learning_rate, batch, steps : optional
        η, B and the steps t, ascending, in place of ``slow_time``, counted from the start itself. One number is the last
        step: 16 before it then, of equal ratio.
    drift : {"symmetric", "exact", "finite"}
        By symmetric generators, with Theorem 1's minimum as the limit; or SGD's own at leading order in η, for networks
        of at most 2000 inputs times outputs: the same where curvature and noise commute, another on the way elsewhere, and with another end where noise and
        signal have different axes. Both hold as η → 0. With "finite": means over
        SGD's fluctuations at this ``learning_rate`` and ``batch``, which it needs with ``slow_time`` too; for at most four
        inputs and outputs and eight layers.
    seed : int
        Of random starting weights.
    init : str or dict, optional
        Their law: "kaiming" (the default), "xavier", or ``{"kind": "normal", "deviation": 0.1}``.
    **recipe
        What is added to plain SGD: see :class:`Recipe`. Weight decay, SAM and dropout need ``learning_rate`` and ``batch``.

    Raises
    ------
    ValueError
        Names what is wrong: weights of another shape, times that do not ascend, a start at a saddle, η too large.
        With ``drift="finite"`` also: a network that is too large for it, η and B at which SGD's fluctuation has no stationary law.
    RuntimeError
        Where the integrator gives up.

    Examples
    --------
    >>> problem = Problem(depth=2, input_covariance=[[1]], teacher=[[1]], noise_covariance=[[1]])
    >>> path = flow(problem, [[[2.0]], [[0.5]]], [0, 1, 10])
    >>> path.sharpness.round(3).tolist()
    [4.25, 2.43, 2.0]
    >>> path.weights[0].shape
    (3, 1, 1)
    """
    answer, arrays = _core.flow(
        problem, start_weights, slow_time, learning_rate, batch, steps, drift, seed, init, dict(recipe)
    )
    return Flow(problem, answer, arrays)
