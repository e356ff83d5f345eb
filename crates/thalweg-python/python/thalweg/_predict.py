"""Where SGD ends as η → 0."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Problem
from ._recipe import Recipe
from ._table import table

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Prediction:
    """The minimum that SGD converges to as η → 0, made by :func:`predict`.

    Attributes
    ----------
    problem : Problem
        Of which problem.
    sharpness : float
        T, the trace of the Hessian (eq. 14), in loss/weight².
    min_sharpness : float
        T_min, the least sharpness of any global minimum (eq. 15), in loss/weight².
    excess : float
        T − T_min.
    fluctuation : float
        F = E‖∇ℓ‖² of one sample, the least of any global minimum (Theorem 1), in loss²/weight²; B samples have F/B.
    lambda_max : float
        The largest eigenvalue of the Hessian, in loss/weight².
    nonzero_spectrum : ndarray of float64, (d_x d_y,), or None
        All eigenvalues of the Hessian's non-zero block, descending; None where they were not asked for.
    initial_sharpness : dict
        The mean sharpness at Kaiming's and Xavier's starts (eq. 67, 68), by their names.
    condition_bounds : dict or None
        Corollary 1's bounds on T and the noise's condition number; None where Σε is singular, D is 1, or other forces act beside the noise.
    layers : list of dict
        Each layer's share of T and F, its singular values and condition number, W_1 first.
    run : dict or None
        What depends on η and B: stability number, relaxation time in steps, validity, at the end that is predicted; None where they were not given.
    noise_misalignment : float
        0 where noise and signal share their axes; Theorem 1 is not SGD's limit where they do not.
    exact_drift : dict or None
        T, F and λ_max where the exact drift rests, and SGD with it, if noise and signal have different axes and nothing else moves SGD;
        None where they share their axes, that end is far to seek (above 25,000 weights, or d_y rank(Σx) > 200), or the flow does not rest.
    simulated : dict or None
        SGD's own end at η and B, where it was asked for.
    recipe : list of str
        What the theory makes of each addition to plain SGD, in sentences.
    without_forces : dict or None
        T, F and λ_max where noise alone decides, if weight decay or another force beside it does not leave it alone.
    notes : list of str
        What rounding did to the covariances.
    known_digits : int
        How many digits of T, F and λ_max the covariances fix.
    """

    problem: Problem
    sharpness: float
    min_sharpness: float
    excess: float
    fluctuation: float
    lambda_max: float
    nonzero_spectrum: NDArray[np.float64] | None
    initial_sharpness: dict[str, float]
    condition_bounds: dict[str, float] | None
    layers: list[dict[str, Any]]
    run: dict[str, Any] | None
    noise_misalignment: float
    exact_drift: dict[str, float] | None
    simulated: dict[str, Any] | None
    recipe: list[str]
    without_forces: dict[str, float] | None
    notes: list[str]
    known_digits: int

    def __init__(self, problem: Problem, answer: dict[str, Any], asked: tuple[Any, ...]) -> None:
        self._answer = answer
        self._asked = asked
        self.problem = problem
        self.sharpness = answer["sharpness"]
        self.min_sharpness = answer["min_sharpness"]
        self.excess = answer["excess"]
        self.fluctuation = answer["fluctuation"]
        self.lambda_max = answer["lambda_max"]
        spectrum = answer["nonzero_spectrum"]
        self.nonzero_spectrum = None if spectrum is None else np.array(spectrum)
        self.initial_sharpness = dict(answer["initial_sharpness"])
        self.condition_bounds = copy.copy(answer["condition_bounds"])
        self.layers = copy.deepcopy(answer["layers"])
        self.run = copy.deepcopy(answer["run"])
        self.noise_misalignment = answer["noise_misalignment"]
        self.exact_drift = copy.copy(answer["exact_drift"])
        self.simulated = copy.deepcopy(answer["simulated"])
        self.recipe = list(answer["recipe"])
        self.without_forces = copy.copy(answer["without_forces"])
        self.notes = list(answer["notes"])
        self.known_digits = answer["known_digits"]

    @cached_property
    def weights(self) -> list[NDArray[np.float64]]:
        """W_1 … W_D at that minimum, W_k of shape (h_k, h_{k−1}); unique up to rotations between the layers."""
        return _core.minimum(self.problem, *self._asked)

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg predict --json``; what is infinite or undefined is None."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        return (
            f"Prediction(sharpness={self.sharpness:.6g}, min_sharpness={self.min_sharpness:.6g}, "
            f"fluctuation={self.fluctuation:.6g}, lambda_max={self.lambda_max:.6g})"
        )

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]] = [
            ("sharpness", "T", self.sharpness, "loss/weight²", "eq. 14"),
            ("… of the flattest minimum", "T_min", self.min_sharpness, "loss/weight²", "eq. 15"),
            ("largest eigenvalue", "λ_max", self.lambda_max, "loss/weight²", "closed form"),
            ("fluctuation", "F", self.fluctuation, "loss²/weight²", "Theorem 1"),
        ]
        if self.exact_drift is not None:
            rows.append(("sharpness where SGD ends", "T", self.exact_drift["sharpness"], "loss/weight²", "exact drift"))
        if self.run is not None:
            rows.append(("stability number", self.run["stability_formula"], self.run["stability_number"], "", ""))
            rows.append(("relaxation time, in steps", "B/(η₁² rate), η₁ = η/(1 − β)", self.run["relaxation_steps"], "", ""))
        caption = "Where SGD ends as η → 0" if self.exact_drift is None else "Theorem 1's minimum, and where SGD ends as η → 0"
        return table(["quantity", "symbol", "value", "unit", "source"], rows, caption)


def predict(
    problem: Problem,
    learning_rate: float | None = None,
    batch: int | None = None,
    *,
    spectrum: bool | None = None,
    simulate_seconds: float = 0.0,
    **recipe: Unpack[Recipe],
) -> Prediction:
    """Predict the minimum that SGD converges to: sharpness, spectrum, fluctuation.

    The answer is exact in the limit of small steps (Theorem 1): of all global minima, W_D … W_1 = V, SGD with label noise
    drifts to the one of least gradient fluctuation, if noise and signal share their axes. Where they do not SGD ends where the exact
    drift of :func:`flow` rests: ``exact_drift`` has that end.

    Parameters
    ----------
    problem : Problem
        What is being solved.
    learning_rate, batch : float and int, optional
        η and B, both or neither: with them ``run`` says how stable SGD is there, how long it takes, and whether the
        theory is in its range.
    **recipe
        What is added to plain SGD, such as ``weight_decay=1e-4``: see :class:`Recipe`. Weight decay, SAM and dropout need
        ``learning_rate`` and ``batch``.
    spectrum : bool, optional
        Whether to list all d_x d_y eigenvalues; by default where they are at most 65536, or 2500 where forces act beside the
        noise: then a matrix of that size is decomposed for them.

    simulate_seconds : float
        How long SGD itself may run at η and B, from the predicted end, until its sharpness is known to 1 %; 0 for not at all.
        ``simulated`` then has its means with their standard errors, and how far it came.

    Raises
    ------
    ValueError
        Where the noise is zero or singular on outputs that the teacher uses, or an argument is not in its range.
    RuntimeError
        Where a decomposition fails.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(depth=3, input_covariance=np.eye(2), teacher=np.eye(2),
    ...                   noise_covariance=np.diag([1.0, 0.01]))
    >>> end = predict(problem, learning_rate=0.003, batch=10)
    >>> print(f"{end.sharpness:.4f} {end.min_sharpness:.4f} {end.fluctuation:.5f} {end.lambda_max:.4f}")
    31.5505 12.0000 4.30621 19.6794
    >>> print(f"{end.run['relaxation_steps']:.4g}")
    3.761e+07
    >>> bool(np.isclose(end.nonzero_spectrum.sum(), end.sharpness))
    True

    A little weight decay already moves the end to far flatter minima:

    >>> print(f"{predict(problem, 0.003, 10, weight_decay=1e-4).sharpness:.2f}")
    14.02
    """
    asked = (learning_rate, batch, dict(recipe))
    return Prediction(problem, _core.predict(problem, *asked, spectrum, simulate_seconds), asked)
