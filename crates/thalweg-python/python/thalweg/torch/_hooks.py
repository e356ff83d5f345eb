"""Hooks with which a watched model can be saved, copied and outlive what watches it: they are no part of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch


class Hook:
    """Calls a bound method, with `given` before what a hook is called with, as long as the method's object is used elsewhere.

    Copies, and what a file gives back, do nothing; they need nothing of this package.
    """

    def __init__(self, method: Callable[..., None], *given: Any) -> None:
        self._method = weakref.WeakMethod(method)
        self._given = given

    def __call__(self, *arguments: Any) -> None:
        # Compiled code would keep this after the hook is gone.
        if torch.compiler.is_compiling():
            return
        method = self._method()
        if method is not None:
            method(*self._given, *arguments)

    def __deepcopy__(self, memo: Any) -> Callable[..., None]:
        return nullcontext().__exit__

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")
