"""What README and book show of PyTorch runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


# torch.func.jvp loads what PyTorch itself has put aside.
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@pytest.mark.parametrize("page", ["README.md", "docs/src/pytorch.md"])
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    blocks = [block for block in blocks if page != "README.md" or "torch" in block]
    assert blocks
    exec(compile("\n".join(blocks), page, "exec"), {})
