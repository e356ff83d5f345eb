"""Critical sharpness: how far the optimizer's step could be stretched before the loss is no lower than where it began."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from ._evaluating import without_graph
from ._norms import Both
from ._objective import Objective

#: The steps that are tried: beyond it the loss counts as one that does not curve upwards.
LONGEST = 2.0**12
#: Relative width to which the crossing is found.
WIDTH = 0.02


class Update:
    """The parameters before one step of the optimizer."""

    def __init__(self, step: int, learning_rate: float, parameters: list[Tensor]) -> None:
        self.step, self.learning_rate = step, learning_rate
        #: Those that the step changed: layers may be frozen or thawed after it.
        self.parameters = parameters
        self.before = [parameter.detach().clone() for parameter in parameters]


@dataclass(frozen=True)
class Critical:
    """The critical sharpness, half the width of the interval that it is known to lie in, and how it was found."""

    value: float
    error: float
    method: str


def critical_sharpness(objective: Objective, update: Update, passes: int) -> Critical:
    """2/η_c, with η_c the smallest step size for which L(θ − η_c d) ≥ L(θ) along the step −η d that was taken.

    For a quadratic loss it is dᵀH d / gᵀd; along the gradient the Rayleigh quotient gᵀH g / ‖g‖², at most λ_max. Found by
    stretching the step until the loss has passed its start, then by regula falsi on (L(θ + αΔ) − L(θ))/α, which is a line
    for a quadratic. At most `passes` forward passes through the set.

    Not a number where the step as it was taken does not begin downhill (noise, or momentum against the gradient), and 0 where
    nothing up to 2¹² times the step goes uphill.
    """
    moves = [now.detach() - before for now, before in zip(update.parameters, update.before)]
    both = Both(objective.model, objective.loss)
    known = {id(parameter): name for name, parameter in objective.model.named_parameters()}
    if any(id(parameter) not in known for parameter in update.parameters):
        return Critical(math.nan, math.nan, "parameters were replaced after the step")
    names = [f"model.{known[id(parameter)]}" for parameter in update.parameters]
    start = 0.0

    def slope(stretch: float) -> float:
        """(L(θ + αΔ) − L(θ))/α."""
        return (loss(stretch) - start) / stretch

    def loss(stretch: float) -> float:
        moved = {name: before + stretch * move for name, before, move in zip(names, update.before, moves)}
        total = 0.0
        for index, weight in enumerate(objective.weights):
            batch = objective.batch(index)
            value = without_graph(lambda: functional_call(both, moved, (batch,)), lambda: objective.evaluating(index))
            total += weight * value.double().item()
        return total

    start = loss(0.0)
    left = passes - 1
    if not any(bool(move.any()) for move in moves) or update.learning_rate <= 0:
        return Critical(math.nan, math.nan, "no step was taken")
    left -= 1
    at = _Bracket(0.0, math.nan, 1.0, slope(1.0))
    # Where the step as it was taken is too long, downhill is looked for nearer.
    while at.above >= 0 and at.low == 0.0 and left > 0:
        at.narrow(at.high / 4, slope(at.high / 4))
        left -= 1
    while at.above < 0 and left > 0 and at.high < LONGEST:
        at = _Bracket(at.high, at.above, 4 * at.high, slope(4 * at.high))
        left -= 1
    if at.low == 0.0:
        return Critical(math.nan, math.nan, "the step does not begin downhill on the sharpness set")
    if at.above < 0:
        return Critical(0.0, 2 / (at.high * update.learning_rate), f"downhill as far as {at.high:g} steps")
    while left > 0 and at.high - at.low > WIDTH * at.high and math.isfinite(at.above):
        tried = at.crossing()
        at.narrow(tried, slope(tried))
        left -= 1
    large, small = 2 / (at.low * update.learning_rate), 2 / (at.high * update.learning_rate)
    return Critical((large + small) / 2, (large - small) / 2, f"along the step, {passes - left} forward passes")


@dataclass
class _Bracket:
    """Two stretches between which (L(θ + αΔ) − L(θ))/α rises through zero, with its values there."""

    low: float
    below: float
    high: float
    above: float

    def narrow(self, tried: float, found: float) -> None:
        """Takes what was found between them."""
        if found < 0:
            self.low, self.below = tried, found
        else:
            self.high, self.above = tried, found

    def crossing(self) -> float:
        """Where a line crosses zero, a little to the side that is farther, so that both sides close in."""
        width = self.high - self.low
        found = self.low - self.below * width / (self.above - self.below)
        nudge = WIDTH / 3 * found
        tried = found + nudge if found - self.low > self.high - found else found - nudge
        return min(max(tried, self.low + width / 50), self.high - width / 50)
