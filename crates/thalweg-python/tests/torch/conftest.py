"""What the tests with PyTorch share. Without PyTorch they are skipped, and say so."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'thalweg[torch]'")
torch.set_num_threads(1)
