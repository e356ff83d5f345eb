"""The examples in the docstrings of what needs PyTorch."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(("module", "count"), [("_measure", 10), ("_operators", 5)])
def test_examples(module: str, count: int) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"thalweg.torch.{module}"))
    assert failed == 0 and tried >= count
