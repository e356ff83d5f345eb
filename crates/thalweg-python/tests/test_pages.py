"""README and book show Python that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

PAGES = ["README.md", "docs/src/python.md", "crates/thalweg-python/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    # What needs PyTorch is run by the tests that have it.
    blocks = [block for block in blocks if "torch" not in block]
    assert blocks
    # One after another: a page goes on with what it has.
    exec(compile("\n".join(blocks), page, "exec"), {})
