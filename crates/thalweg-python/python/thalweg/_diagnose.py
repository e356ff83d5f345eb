"""Which noise labels have, and where it would take SGD."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._arguments import is_whole, listed, texts
from ._table import table

#: Layers, at most.
LAYERS = 100_000


class Diagnosis:
    """The noise of a table's labels, made by :func:`diagnose`.

    Attributes
    ----------
    noise_covariance : ndarray of float64, (d_y, d_y)
        Σε: what a linear fit leaves, over its degrees of freedom.
    noise_condition_number, sharpness, min_sharpness, lambda_max, fluctuation : dict
        ``value`` and ``interval`` (95 %, by resampled rows): κ(Σε), and T, T_min, λ_max and F of a linear network.
    exact_drift : dict or None
        ``sharpness``, ``lambda_max`` and ``fluctuation`` where SGD ends instead, if noise and signal have different axes and
        that is quickly found.
    doubt : str or None
        Why the intervals are not to be trusted, where that is to be seen of them.
    isotropy, heteroscedasticity : float
        p-values: of Σε ∝ I, and of noise that does not depend on the inputs.
    outputs, interventions : list of dict
        Output by output; and what changes of the training would do.
    simulated : list of dict
        SGD on the rows themselves, shuffled in each epoch and drawn with replacement, where that was asked for.
    left_out : list of str
        What of the data was not used, and why.
    """

    noise_covariance: NDArray[np.float64]
    noise_condition_number: dict[str, Any]
    sharpness: dict[str, Any]
    min_sharpness: dict[str, Any]
    lambda_max: dict[str, Any]
    fluctuation: dict[str, Any]
    exact_drift: dict[str, float] | None
    doubt: str | None
    isotropy: float
    heteroscedasticity: float
    outputs: list[dict[str, Any]]
    interventions: list[dict[str, Any]]
    simulated: list[dict[str, Any]]
    left_out: list[str]

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.noise_covariance = np.array(answer["noise_covariance"])
        for name in ("noise_condition_number", "sharpness", "min_sharpness", "lambda_max", "fluctuation"):
            setattr(self, name, copy.deepcopy(answer[name]))
        self.exact_drift = copy.copy(answer["exact_drift"])
        self.doubt = answer["doubt"]
        self.isotropy = answer["isotropy"]["p_value"]
        self.heteroscedasticity = answer["heteroscedasticity"]["p_value"]
        for name in ("outputs", "interventions", "simulated", "left_out"):
            setattr(self, name, copy.deepcopy(answer[name]))

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg diagnose --json``; what is undefined is None."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        return (
            f"Diagnosis(noise_condition_number={self.noise_condition_number['value']:.4g}, "
            f"sharpness={self.sharpness['value']:.4g}, min_sharpness={self.min_sharpness['value']:.4g}, "
            f"isotropy={self.isotropy:.3g}, heteroscedasticity={self.heteroscedasticity:.3g})"
        )

    def _repr_html_(self) -> str:
        rows = [(of["change"], of["sharpness"], of["ratio"], of["lambda_max"]) for of in self.interventions]
        return table(["change", "T", "T/T_min", "λ_max"], rows, "What would change where SGD ends")


class TokenDiagnosis:
    """The noise of a text's tokens, as the network of a finished training leaves it; made by :func:`diagnose_tokens`.

    A token leaves r = p − y, with p the network's probabilities and y 0 but for a 1 at the token that stands there. What has no meaning for
    a text (T, T_min, λ_max, a test of whether noise depends on the inputs) is not there.

    Attributes
    ----------
    noise_covariance : ndarray of float64, (K, K)
        Cov r for K tokens, in the order of ``token_names``.
    noise_spectrum : ndarray of float64, (K − 1,)
        Eigenvalues of E r rᵀ, descending, without the one that is 0.
    noise_condition_number, mismatch_condition_number : dict
        ``value`` and ``interval`` (95 %, by the jackknife over groups of windows): of E r rᵀ, and of its mismatch with E[diag p − p pᵀ].
    mismatch : ndarray of float64, (K − 1,)
        Eigenvalues of the mismatch, descending: all 1 where labels follow the network's probabilities.
    isotropy : float
        p-value of E r rᵀ ∝ I, by whole windows of the text.
    clock : dict or None
        ``slow_time`` Σ η²/B after ``steps`` steps (momentum β counts as η/(1 − β)), and under ``asked`` the ``steps`` that reach the same
        slow time at the η and B that were asked for; None for AdamW.
    tokens : dict
        ``groups`` of tokens by frequency, each with its share of the text, of E‖g‖² and of tr G; ``lopsidedness`` and more.
    token_names : list of str
        The most frequent first.
    notes : list of str
        What has no meaning here, and why.
    """

    noise_covariance: NDArray[np.float64]
    noise_spectrum: NDArray[np.float64]
    noise_condition_number: dict[str, Any]
    mismatch: NDArray[np.float64]
    mismatch_condition_number: dict[str, Any]
    isotropy: float
    clock: dict[str, Any] | None
    tokens: dict[str, Any]
    token_names: list[str]
    notes: list[str]

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        for name in ("noise_covariance", "noise_spectrum", "mismatch"):
            setattr(self, name, np.array(answer[name]))
        for name in ("noise_condition_number", "mismatch_condition_number", "clock", "tokens", "token_names", "notes"):
            setattr(self, name, copy.deepcopy(answer[name]))
        self.isotropy = answer["isotropy"]["p_value"]

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg diagnose --json``; what is undefined is None."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        values = (self.noise_condition_number["value"], self.mismatch_condition_number["value"])
        noise, mismatch = ("∞" if value is None else f"{value:.4g}" for value in values)
        return (
            f"TokenDiagnosis(noise_condition_number={noise}, mismatch_condition_number={mismatch}, isotropy={self.isotropy:.3g})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (" ".join(of["tokens"][:4]), of["labels"]["value"], of["fluctuation"]["value"], of["sharpness"]["value"], of["ratio"]["value"])
            for of in self.tokens["groups"]
        ]
        heads = ["tokens", "of the text", "share of E‖g‖²", "share of tr G", "to expected"]
        return table(heads, rows, "Tokens by frequency")


def diagnose(
    inputs: ArrayLike,
    targets: ArrayLike,
    *,
    target_names: Sequence[str] | None = None,
    depth: int = 2,
    learning_rate: float | None = None,
    batch: int | None = None,
    simulate_seconds: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Find out which noise labels have, and where it would take SGD in a linear network.

    Parameters
    ----------
    inputs : array_like, (n, d_x)
        Rows of inputs, scaled as they are trained on; their means are taken out.
    targets : array_like, (n, d_y) or (n,)
        Rows of targets; or one word for each row, its class.
    target_names : sequence of str, optional
        What the targets are called.
    depth : int
        D, the layers of the linear network.
    learning_rate, batch : float and int, optional
        η and B, both or neither, for interventions that depend on them and for SGD on the rows.
    simulate_seconds : float, optional
        Runs SGD on the rows themselves for so long, beside the prediction.
    resamples : int, optional
        How often rows are resampled for the intervals: 400 times, or fewer where inputs are many.
    seed : int
        Of everything that is drawn.

    Raises
    ------
    ValueError
        Names the argument that is not in its range, or says what the rows lack: too few of them, a target that never changes, no noise.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(1)
    >>> inputs = draw.normal(size=(500, 2))
    >>> targets = inputs + draw.normal(size=(500, 2)) * [1.0, 0.2]
    >>> found = diagnose(inputs, targets, resamples=50)
    >>> bool(found.isotropy < 0.01), bool(15 < found.noise_condition_number["value"] < 40)
    (True, True)
    """
    try:
        rows = np.asarray(targets)
    except ValueError as error:
        raise ValueError(f"`targets` are no array, whose rows have one length: {error}") from None
    if rows.ndim == 0:
        raise ValueError(f"`targets` is {targets!r}: one row is needed for each row of `inputs`")
    for name, given in (("inputs", inputs), ("targets", targets)):
        if np.ma.is_masked(given):
            raise ValueError(f"`{name}` has masked entries: leave out the rows with gaps")
    if rows.dtype.kind == "O" or (rows.dtype.kind in "SU" and not isinstance(targets, np.ndarray)):
        # As an array of words numbers beside them would be words too.
        rows = _of_objects(np.asarray(targets, dtype=object))
    if rows.dtype.kind not in "SUfiub":
        raise ValueError(f"`targets` is an array of {rows.dtype}: real numbers are needed, or words for classes")
    classes = rows.dtype.kind in "SU"
    if classes:
        if rows.ndim != 1:
            raise ValueError(f"`targets` are words of shape {rows.shape}: one class for each row is needed, shape (n,)")
        kinds, places = np.unique(rows.astype(str), return_inverse=True)
        target_names, rows = [str(kind) for kind in kinds], np.eye(len(kinds))[places]
    rows = rows.astype(np.float64)
    if rows.ndim == 1:
        rows = rows[:, np.newaxis]
    if rows.shape[-1] == 0:
        raise ValueError(f"`targets` has the shape {rows.shape}: at least one column is needed")
    if target_names is not None:
        target_names = texts("target_names", listed("target_names", target_names))
        if len(target_names) != rows.shape[-1]:
            raise ValueError(f"`target_names` is {target_names!r}: one is needed for each of the {rows.shape[-1]} columns of `targets`")
        if len(set(target_names)) < len(target_names):
            raise ValueError(f"`target_names` is {target_names!r}: each column needs a name of its own")
    names = list(target_names) if target_names is not None else [f"targets[:, {j}]" for j in range(rows.shape[-1])]
    asked = _asked(depth, learning_rate, batch, resamples, seed, simulate_seconds)
    return Diagnosis(_core.diagnose(inputs, rows, names, classes, asked))


def _of_objects(rows: NDArray[Any]) -> NDArray[Any]:
    """Objects that are all words, or all numbers, as an array of these."""
    if all(isinstance(one, str) for one in rows.flat):
        return rows.astype(str)
    if not all(isinstance(one, (Real, np.bool_)) for one in rows.flat):
        kinds = ", ".join(sorted({type(one).__name__ for one in rows.flat}))
        raise ValueError(f"`targets` has entries of type {kinds}: words alone are needed, or real numbers alone")
    return rows.astype(np.float64)


def diagnose_file(
    path: str | PathLike[str],
    targets: Sequence[str] = (),
    *,
    without: Sequence[str] = (),
    classes: bool = False,
    depth: int = 2,
    learning_rate: float | None = None,
    batch: int | None = None,
    simulate_seconds: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Find out which noise the labels of a file have: what ``thalweg diagnose`` does.

    Parameters
    ----------
    path : path
        A table in CSV or Parquet, a folder of labelled images, ``"mnist"``, a text whose name ends in ``.txt``, or the directory of a
        finished training (but on a text: :func:`diagnose_tokens`).
    targets, without : sequence of str
        Of a table: the columns to be predicted, and those that are not looked at. A target of words is one of classes.
    classes : bool
        Of a table: whether the target's numbers name classes.
    depth, learning_rate, batch, simulate_seconds, resamples, seed
        As in :func:`diagnose`.

    Raises
    ------
    ValueError
        What is wrong with the file, with its line and column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "table.csv")
    ...     _ = path.write_text("x,y\\n" + "".join(f"{i % 7},{i % 7 + i % 3}\\n" for i in range(60)))
    ...     found = diagnose_file(path, ["y"])
    >>> round(float(found.noise_covariance[0, 0]), 1)
    0.7
    """
    asked = _asked(depth, learning_rate, batch, resamples, seed, simulate_seconds)
    return Diagnosis(_core.diagnose_file(path, (texts("targets", targets), texts("without", without), classes), asked))


def diagnose_tokens(
    run: str | PathLike[str], *, learning_rate: float | None = None, batch: int | None = None, seed: int = 0
) -> TokenDiagnosis:
    """Find out which noise the tokens of a text have: what ``thalweg diagnose`` does for the directory of a training on one.

    Parameters
    ----------
    run : path
        The directory of a finished training on a text. The network of its first seed is judged, on up to 256 windows of the text that it was
        not trained on.
    learning_rate, batch : float and int, optional
        η and B, both or neither: ``clock["asked"]`` then says in how many steps SGD moves as far as the run did.
    seed : int
        Of everything that is drawn.

    Raises
    ------
    ValueError
        When there is no such training, or its loss is no cross-entropy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from thalweg import train
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     book = pathlib.Path(folder, "book.txt")
    ...     _ = book.write_text("abacabad" * 100)
    ...     _ = train(
    ...         {
    ...             "learning_rate": 0.1,
    ...             "batch": 4,
    ...             "steps": 10,
    ...             "seeds": 1,
    ...             "loss": "cross-entropy",
    ...             "network": {"kind": "language-model", "tokens": 4, "width": 4, "positions": 4, "heads": 1, "hidden": 4},
    ...             "data": {"kind": "text", "path": str(book)},
    ...             "measure": {"samples": 8, "count": 2},
    ...         },
    ...         out=pathlib.Path(folder, "run"),
    ...     )
    ...     found = diagnose_tokens(pathlib.Path(folder, "run"))
    >>> found.token_names, found.clock and round(found.clock["slow_time"], 3)
    (['a', 'b', 'c', 'd'], 0.025)
    """
    asked = {"learning_rate": learning_rate, "batch": batch, "seed": seed}
    return TokenDiagnosis(_core.diagnose_tokens(run, asked))


def _asked(
    depth: int,
    learning_rate: float | None,
    batch: int | None,
    resamples: int | None,
    seed: int,
    simulate_seconds: float | None,
) -> dict[str, Any]:
    if is_whole(depth) and depth >= 0 and not 1 <= depth <= LAYERS:
        raise ValueError(f"`depth` is {depth}: a network has from 1 to {LAYERS} layers")
    return {
        "depth": depth,
        "learning_rate": learning_rate,
        "batch": batch,
        "resamples": resamples,
        "seed": seed,
        "simulate_seconds": simulate_seconds,
    }
