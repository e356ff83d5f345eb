"""Sharpness and fluctuation of one's own PyTorch models.

Needs PyTorch: ``pip install "thalweg[torch]"``. Nothing of the model, its gradients or the random states is changed by
what is measured here, but for generators that the loss keeps to itself (see :class:`Probe`).
"""

from __future__ import annotations

try:
    import torch as _torch
except ImportError as _error:
    raise ImportError('thalweg.torch needs PyTorch: pip install "thalweg[torch]"') from _error
del _torch

from ._exchange import export, import_
from ._measure import measure
from ._operators import gauss_newton, hessian, sharpness
from ._probe import Probe

__all__ = ["Probe", "export", "gauss_newton", "hessian", "import_", "measure", "sharpness"]

Probe.__module__ = __name__
