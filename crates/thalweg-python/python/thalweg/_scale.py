"""The power of two that an operator's products are multiplied by, where their squares would not be numbers of their precision."""

from __future__ import annotations

import math
from collections.abc import Callable


class Scale:
    """Products times 2^exponent, which no rounding changes; 0 for operators of ordinary size.

    Norms and inner products are sums of squares: in single precision those of entries below 1e-19 are too small for it, and
    those above 1e19 too large. Residuals, which are smaller by the precision, still have to be seen.

    Parameters
    ----------
    epsilon, tiny : float
        The precision of the vectors, and their smallest normal number.

    Attributes
    ----------
    exponent : int
        What is known after the first product that is not 0.
    """

    def __init__(self, epsilon: float, tiny: float) -> None:
        self.exponent = 0
        self._known = False
        self._least = math.sqrt(tiny) / epsilon
        self._longest = -math.frexp(tiny)[1]

    def find(self, largest: Callable[[], float], random: Callable[[], float]) -> None:
        """From a product's largest entry; where that is out of bounds, from the one of a random vector's product.

        A first vector may be one that the operator makes next to nothing of.
        """
        if self._known:
            return
        found = largest()
        if found == 0 or not math.isfinite(found):
            return
        self._known = True
        if self._ordinary(found):
            return
        found = random()
        if 0 < found < math.inf and not self._ordinary(found):
            self.exponent = max(-self._longest, min(-math.frexp(found)[1], self._longest))

    def _ordinary(self, largest: float) -> bool:
        return self._least <= largest <= 1 / self._least


def shifted(value: float, exponent: int) -> float:
    """value · 2^exponent."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)
