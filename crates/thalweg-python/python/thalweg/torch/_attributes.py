"""What modules keep beside parameters and buffers: counters, pointers into queues, caches. A forward pass that is only measured must not move them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
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
def attributes_kept(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Puts back the modules' plain attributes, with what lists, dicts, arrays and tensors among them hold; of what lies deeper in these only which object it is."""
    before = [(module, {name: (value, _holding(value)) for name, value in vars(module).items() if name not in _OWN}) for module in modules]
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
    if isinstance(value, (list, deque, dict, set)):
        return _collection(value)
    return None


def _tensor(value: Tensor) -> Callable[[], None]:
    held, version = value.clone(), _version(value)

    def restore() -> None:
        # Numbers tell more than versions: `.data` and numpy write without a mark. A graph that holds what is as it was stays valid.
        if not _same(value, held, _version(value) == version):
            with torch.no_grad():
                value.copy_(held)

    return restore


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _same(one: Tensor, other: Tensor, unwritten: bool) -> bool:
    """Whether two tensors have the same numbers; of kinds that cannot be compared, what is known of writing."""
    if one.layout != torch.strided or one.is_meta or one.is_quantized:
        return unwritten
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


def _collection(value: Any) -> Callable[[], None]:
    # What a class of its own (Counter, OrderedDict) does on the way in is done when it comes back, and only if it must.
    held: Any = dict(value) if isinstance(value, dict) else list(value)

    def restore() -> None:
        if not _holds(value, held):
            value.clear()
            (value.extend if isinstance(value, (list, deque)) else value.update)(held)

    return restore


def _holds(value: Any, held: Any) -> bool:
    """Whether the same objects are in it as were, in the same order."""
    now, before = ([*one.items()] if isinstance(one, dict) else [(None, item) for item in one] for one in (value, held))
    return len(now) == len(before) and all(a is c and b is d for (a, b), (c, d) in zip(now, before))
