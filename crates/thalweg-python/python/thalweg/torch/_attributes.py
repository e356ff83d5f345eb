"""What modules keep beside parameters and buffers: counters, pointers into queues, caches. A forward pass that is only measured must not move them."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: What PyTorch itself keeps in every module.
_OWN = frozenset(vars(nn.Module()))
#: Nothing was there.
_NONE = object()


@contextmanager
def attributes_kept(model: nn.Module) -> Iterator[None]:
    """Puts back the modules' plain attributes, with what lists, dicts, arrays and tensors among them hold; of what lies deeper in these only which object it is."""
    before = [(module, {name: (value, _holding(value)) for name, value in vars(module).items() if name not in _OWN}) for module in model.modules()]
    try:
        yield
    finally:
        for module, held in before:
            here = vars(module)
            for name in [name for name in here if name not in _OWN and name not in held]:
                del here[name]
            for name, (value, restore) in held.items():
                if here.get(name, _NONE) is not value:
                    here[name] = value
                if restore is not None:
                    restore()


def _holding(value: Any) -> Callable[[], None] | None:
    """What gives `value` back what it holds now; None where it holds nothing that can be changed in place."""
    if isinstance(value, Tensor):
        return None if value.requires_grad else _tensor(value)
    if isinstance(value, np.ndarray):
        array = value.copy()
        return lambda: np.copyto(value, array)
    if type(value) in (list, deque, dict, set):
        return _collection(value)
    return None


def _tensor(value: Tensor) -> Callable[[], None]:
    held, version = value.clone(), value._version

    def restore() -> None:
        # A graph that holds it would be invalidated for nothing.
        if value._version != version:
            with torch.no_grad():
                value.copy_(held)

    return restore


def _collection(value: Any) -> Callable[[], None]:
    held = copy.copy(value)

    def restore() -> None:
        value.clear()
        (value.extend if isinstance(value, (list, deque)) else value.update)(held)

    return restore
