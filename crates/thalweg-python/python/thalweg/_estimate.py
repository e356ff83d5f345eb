"""One computed number with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Estimate:
    """One computed number with its error, its cost, and whether it may be relied on.

    Attributes
    ----------
    value : float
        The number.
    error : float
        How far it may be from the truth, in the unit of the value.
    kind : {"rounding", "standard-error", "residual"}
        What the error is. ``rounding``: nothing but rounding stands between value and truth, and ``error`` is 0.
        ``standard-error``: the value is random, and this is its standard deviation. ``residual``: ‖A v − θ v‖ of a unit
        vector v; some eigenvalue is within this distance of θ.
    products : int
        Products of the operator with one vector; shared by all that came out of one call.
    converged : bool
        Whether the accuracy asked for was reached.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg import trace
    >>> found = trace(np.diag([1.0, 2.0]))
    >>> found
    Estimate(value=3.0, error=0.0, kind='rounding', products=2, converged=True)
    >>> float(found)
    3.0
    """

    value: float
    error: float
    kind: Literal["rounding", "standard-error", "residual"]
    products: int
    converged: bool

    def __float__(self) -> float:
        return self.value

    def to_dict(self) -> dict[str, Any]:
        """With the keys of the program's ``--json``: value, error, kind, matvecs, converged."""
        return {
            "value": self.value,
            "error": self.error,
            "kind": self.kind,
            "matvecs": self.products,
            "converged": self.converged,
        }
