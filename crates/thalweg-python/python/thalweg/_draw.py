"""What drawing needs: matplotlib, where it is installed."""

from __future__ import annotations

from typing import Any

#: What stands on the axis of each quantity.
LABELS = {
    "sharpness": "sharpness T",
    "lambda_max": "largest Hessian eigenvalue",
    "fluctuation": "fluctuation F",
    "loss": "loss L",
}


def axes_for(axes: Any, xlabel: str, quantity: str) -> Any:
    """``axes`` with labels, or new ones where it is ``None``."""
    if axes is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("drawing needs matplotlib: pip install 'thalweg[plot]'") from error
        axes = pyplot.figure().add_subplot()
    axes.set_xlabel(xlabel)
    axes.set_ylabel(LABELS.get(quantity, quantity))
    return axes
