"""Sharpness and fluctuation of one's own PyTorch models.

Needs PyTorch: ``pip install "thalweg[torch]"``. Nothing of the model, its gradients or the random states is changed by
what is measured here.
"""

from __future__ import annotations

try:
    import torch as _torch
except ImportError as _error:
    raise ImportError('thalweg.torch needs PyTorch: pip install "thalweg[torch]"') from _error
del _torch

__all__: list[str] = []
