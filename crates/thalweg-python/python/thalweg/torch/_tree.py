"""Batches and outputs: tensors in tuples, lists, dictionaries and dataclasses, as deep as it goes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor


def tensors(tree: Any) -> Iterator[Tensor]:
    """All tensors in `tree`, in order; what is not known to hold tensors is passed over."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from tensors(value)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            yield from tensors(value)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from tensors(getattr(tree, field.name))


def mapped(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """A copy of `tree` with `change` of every tensor in place of it; all else is the same object."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, MutableMapping):
        # Of the same class, which may be one of a library's own with attributes.
        found = copy.copy(tree)
        for key, value in tree.items():
            found[key] = mapped(change, value)
        return found
    if isinstance(tree, Mapping):
        return {key: mapped(change, value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return _tuple(tree, [mapped(change, value) for value in tree])
    if isinstance(tree, list):
        # Of the same class, as mappings are.
        copied = copy.copy(tree)
        copied[:] = [mapped(change, value) for value in tree]
        return copied
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        replaced: Any = copy.copy(tree)
        for field in dataclasses.fields(tree):
            object.__setattr__(replaced, field.name, mapped(change, getattr(tree, field.name)))
        return replaced
    return tree


def _tuple(like: tuple[Any, ...], values: list[Any]) -> Any:
    kind: Any = type(like)
    if hasattr(like, "_fields"):
        # A named tuple takes its fields one by one.
        return kind(*values)
    # PyTorch's own named results (of topk, max, svd) take them all at once.
    return kind(values) if hasattr(kind, "n_sequence_fields") else tuple(values)
