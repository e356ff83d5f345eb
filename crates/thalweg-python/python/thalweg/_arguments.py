"""Arguments of calls, looked at in one place: a ValueError names the argument, says what it is, and what is needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

#: The largest seed that a file of the program's can hold, and the largest whole number that is taken.
LARGEST = 2**63 - 1


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number, Python's or numpy's."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a real number, Python's or numpy's."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(name: str, value: Any, least: int) -> int:
    """``value``, the argument ``name``, if it is a whole number from ``least`` on."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if isinstance(value, bool) or number != value or number < least:
        raise ValueError(f"{name} = {value!r}: must be a whole number of at least {least}")
    if number > LARGEST:
        raise ValueError(f"{name} = {value!r}: must be at most 2**63 - 1")
    return number


def number(name: str, value: Any) -> float:
    """``value``, the argument ``name``, if it is a number; which ones make sense is for others to say."""
    if not is_number(value):
        raise ValueError(f"{name} = {value!r}: must be a number")
    return float(value)


def text(name: str, value: Any) -> str:
    """``value``, the argument ``name``, if it is a text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} = {value!r}: must be a text")
    return value


def path(name: str, value: Any) -> str:
    """``value``, the argument ``name``, if it is a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError(f"{name} = {value!r}: must be a path")
    return os.fspath(value)


def texts(name: str, value: Any) -> list[str]:
    """``value``, the argument ``name``, as a list of texts, which may be empty; not a text, whose letters would be taken for them."""
    return [text(f"{name}[{i}]", one) for i, one in enumerate(_parts(name, value))]


def listed(name: str, value: Any) -> list[Any]:
    """``value``, the argument ``name``, as a list that is not empty; not a text, whose letters would be taken for its parts."""
    found = _parts(name, value)
    if not found:
        raise ValueError(f"{name} is empty: at least one is needed")
    return found


def _parts(name: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, os.PathLike)) or not isinstance(value, Iterable):
        raise ValueError(f"{name} = {value!r}: must be a list, such as [{value!r}]")
    return list(value)
