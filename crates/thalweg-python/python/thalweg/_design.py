"""What to change so that SGD ends at a chosen sharpness."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from ._arguments import listed, number, texts
from ._core import Problem
from ._recipe import Recipe
from ._table import table

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Design:
    """What to change, made by :func:`design`.

    Attributes
    ----------
    target : dict
        The quantity, its value, and whether less will do as well (``or_below``).
    met_already : bool
        Whether nothing has to be changed; then there are no designs.
    before : dict
        ``predicted`` and ``simulated``, without any change; ``not_simulated`` says why SGD could not be run.
    designs : list of dict
        For each lever that reaches the target: ``lever``, ``change`` in words, ``weight_decay``, ``added_noise_covariance`` and
        ``label_weights``, which :func:`predict` takes, ``predicted``, ``simulated`` and ``not_simulated``. ``predicted["warning"]`` is a
        sentence where the theory is not to be believed at this step.
    no_answer : dict of str
        Why other levers do not reach it, with what they reach.
    """

    target: dict[str, Any]
    met_already: bool
    before: dict[str, Any]
    designs: list[dict[str, Any]]
    no_answer: dict[str, str]

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.target = copy.copy(answer["target"])
        self.met_already = bool(answer["met_already"])
        self.before = copy.deepcopy(answer["before"])
        self.designs = copy.deepcopy(answer["designs"])
        self.no_answer = dict(answer["no_answer"])

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg design --json``."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        changes = "; ".join(design["change"] for design in self.designs) or "nothing has to be changed"
        return f"Design({self.target['quantity']} {self._relation()} {self.target['value']:.6g}: {changes})"

    def _relation(self) -> str:
        return "≤" if self.target["or_below"] else "="

    def _repr_html_(self) -> str:
        def row(name: str, of: dict[str, Any]) -> tuple[object, ...]:
            simulated = of["simulated"]["sharpness"]["mean"] if of["simulated"] else None
            return (name, of["predicted"]["sharpness"], simulated, of["predicted"]["lambda_max"])

        rows = [row("before", self.before)]
        rows += [row(design["change"], design) for design in self.designs]
        title = f"What makes {self.target['quantity']} {self._relation()} {self.target['value']:.6g}"
        return table(["", "T predicted", "T of SGD", "λ_max predicted"], rows, title)


def design(
    problem: Problem,
    learning_rate: float,
    batch: int,
    *,
    sharpness: float | None = None,
    ratio: float | None = None,
    lambda_max: float | None = None,
    stable: bool = False,
    by: Sequence[str] | None = None,
    seconds: float = 0.0,
    **recipe: Unpack[Recipe],
) -> Design:
    """Find what to change so that SGD is predicted to end at a sharpness of your choice.

    Parameters
    ----------
    problem : Problem
        What is being solved.
    learning_rate, batch : float and int
        η and B.
    sharpness, ratio, lambda_max : float
        The target, one of them: T and λ_max in loss/weight², or T/T_min.
    stable : bool
        In their place: a stability number below 1 (0.999 is aimed at), that is λ_max below 2(1 + β)/η, and less under SAM and weight decay.
    by : sequence of str, optional
        Levers: "added_noise", "weight_decay", "label_weights", "whitening"; by default all.
    seconds : float
        How long SGD may run to check each design, and the problem as it is; 0 for not at all.
    **recipe
        What is added to plain SGD already: see :class:`Recipe`.

    Raises
    ------
    ValueError
        Where no lever reaches the target, with what each of them reaches, or an argument is not in its range.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(depth=2, input_covariance=np.eye(2), teacher=np.eye(2),
    ...                   noise_covariance=np.diag([1.0, 0.04]))
    >>> flat = design(problem, 0.005, 10, ratio=1.0, by=["added_noise"])
    >>> print(flat.designs[0]["change"])
    add noise of standard deviations 0, 0.979796 to the outputs
    """
    if not isinstance(stable, bool):
        raise ValueError(f"stable = {stable!r}: must be True or False")
    asked = {"sharpness": sharpness, "ratio": ratio, "lambda_max": lambda_max, "stable": 1.0 if stable else None}
    given = [(name, value) for name, value in asked.items() if value is not None]
    if len(given) != 1:
        raise ValueError("one target is needed: `sharpness`, `ratio`, `lambda_max` or `stable`")
    name, value = given[0]
    levers = None if by is None else texts("by", listed("by", by))
    return Design(_core.design(problem, learning_rate, batch, (name, number(name, value)), levers, seconds, dict(recipe)))
