"""A model that is watched is saved and copied as any other, and keeps nothing for a probe that is gone."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import Probe
from thalweg.torch._microbatches import INPUTS


def loss(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def batch(samples: int = 8) -> tuple[Tensor, Tensor]:
    return torch.randn(samples, 4), torch.randint(3, (samples,))


def watched(steps: int = 0) -> tuple[nn.Module, Probe]:
    """A model under a probe that looks at the next step's microbatches."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    probe = Probe(model, loss=loss, quantities=["fluctuation"], every={"fluctuation": 1})
    for _ in range(steps):
        accumulated(model, probe)
    assert probe.watching
    return model, probe


def accumulated(model: nn.Module, probe: Probe) -> None:
    for _ in range(4):
        last = batch()
        (loss(model, last).mean() / 4).backward()
    probe.step(last)
    model.zero_grad()


def through_torch(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("way", [through_torch, lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy])
def test_a_watched_model_is_copied_without_its_watch(way: Any, steps: int) -> None:
    model, probe = watched(steps)
    found = way(model)
    inputs = []
    for _ in range(3):
        one = batch()
        loss(found, one).mean().backward()
        inputs.append(weakref.ref(one[0]))
    del one
    gc.collect()
    assert [ref() for ref in inputs] == [None] * 3
    # The model itself is watched as before.
    accumulated(model, probe)
    assert probe.rows[-1].method == "microbatches"


def test_a_file_needs_nothing_of_this_package(tmp_path: Path) -> None:
    model, _probe = watched()
    torch.save(model, tmp_path / "model.pt")
    text = "import sys, torch; sys.modules['thalweg'] = None; print(torch.load(sys.argv[1], weights_only=False)(torch.ones(1, 4)).shape)"
    subprocess.run([sys.executable, "-c", text, tmp_path / "model.pt"], check=True)


def test_a_probe_that_is_dropped_leaves_the_model() -> None:
    model, probe = watched()
    del probe
    gc.collect()
    assert not model._forward_pre_hooks
    assert not any(parameter._backward_hooks for parameter in model.parameters())


def test_what_is_kept_before_the_first_step_is_bounded() -> None:
    model, _probe = watched()
    inputs = []
    for _ in range(INPUTS + 40):
        one = batch()
        loss(model, one).mean().backward()
        inputs.append(weakref.ref(one[0]))
    del one
    gc.collect()
    assert sum(ref() is not None for ref in inputs) <= INPUTS
