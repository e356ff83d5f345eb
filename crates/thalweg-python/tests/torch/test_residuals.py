"""Residuals: one definition, samples as the unit, and errors that cover."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import Probe
from thalweg.torch._residuals import WANTED, Pool, residual_trace

#: Student's t with 7 degrees of freedom, 95 %.
QUANTILE = 2.365


@pytest.mark.parametrize("spectrum", [[1.0] * 10, [1.0, 4.0, 9.0], [1.0, 1.0, 1.0, 1.0, 100.0], [float(k) for k in range(1, 11)]])
def test_the_condition_number_s_error_covers(spectrum: list[float]) -> None:
    """200 windows: 190 ± 3 would be expected inside of an exact interval. What the samples' own spectrum gives does not cover."""
    generator = torch.Generator().manual_seed(0)
    true, inside, plain = max(spectrum) / min(spectrum), 0, 0.0
    for _ in range(200):
        pool, step, seen = Pool(), 0, []
        while True:
            residuals = torch.randn(32, len(spectrum), generator=generator, dtype=torch.double) * torch.tensor(spectrum).sqrt()
            seen.append(residuals)
            found = pool.add(step, residuals)
            step += 1
            if found is not None:
                break
            assert 32 * step < WANTED * len(spectrum)
        assert 32 * step >= WANTED * len(spectrum) and found[1].endswith(f"steps 0 to {step - 1}")
        inside += abs(found[0].value - true) <= QUANTILE * found[0].error
        values = torch.linalg.eigvalsh(torch.cov(torch.cat(seen).T))
        plain += (values[-1] / values[0]).item() / 200
    assert inside >= 178
    if len(set(spectrum)) == 1:
        assert plain > 1.6


def test_a_condition_number_that_few_samples_decide_is_none() -> None:
    """One sample far from the others: the directions of the parts without it say nothing of it, and the ratio may be anything."""
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(50):
        residuals = torch.randn(60, 3, generator=generator, dtype=torch.double)
        residuals[7] = 1e3 * torch.randn(3, generator=generator, dtype=torch.double)
        found = Pool().add(0, residuals)
        assert found is not None
        values.append(found[0])
    assert all(math.isnan(value.value) or value.error < value.value for value in values)
    assert sum(math.isnan(value.value) for value in values) > 25


def test_the_window_begins_anew_with_other_outputs() -> None:
    pool = Pool()
    assert pool.add(0, torch.randn(30, 2).double()) is None
    assert pool.add(1, torch.randn(30, 3).double()) is None
    assert pool.add(2, torch.randn(5, 1).double()) is None
    found = pool.add(3, torch.randn(30, 3).double())
    assert found is not None and found[1] == "60 samples of steps 1 to 3"


def test_the_trace_s_error_is_that_of_leaving_samples_out() -> None:
    torch.manual_seed(0)
    residuals = torch.randn(9, 4).double()
    found = residual_trace(residuals)
    assert found is not None
    assert found.value == pytest.approx(torch.cov(residuals.T).trace().item())
    left = torch.tensor([torch.cov(residuals[torch.arange(9) != out].T).trace() for out in range(9)])
    assert found.error == pytest.approx((8 / 9 * (left - left.mean()).square().sum()).sqrt().item(), rel=1e-5)


def classes(model: nn.Module, batch: Any) -> Tensor:
    x, y = batch
    found = functional.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none")
    return found.view(len(x), -1).mean(1)


def test_positions_of_one_sample_are_one_observation() -> None:
    """Labels that all positions of a sequence share: the error is that of 32 sequences, not of 512 positions."""
    torch.manual_seed(0)
    model = nn.Linear(1, 2, bias=False)
    nn.init.zeros_(model.weight)
    pulls = []
    values = []
    for _ in range(100):
        y = (torch.rand(32, 1) < 0.2).long().expand(32, 16).contiguous()
        batch = torch.randn(32, 16, 1), y
        probe = Probe(model, loss=classes)
        classes(model, batch).mean().backward()
        probe.step(batch)
        row = next(row for row in probe.rows if row.quantity == "residual_trace")
        values.append(row.value)
        pulls.append(row.error)
    # Cov of the label times |p − y|² = 1/2, over 16 positions of weight 1/16 each.
    spread = torch.tensor(values).std().item()
    assert sum(values) / 100 == pytest.approx(2 * 0.2 * 0.8 / 16, rel=0.06)
    assert 0.7 * spread < sum(pulls) / 100 < 1.4 * spread


def test_they_are_those_of_measure() -> None:
    """∂ℓ/∂f, centred, whatever the loss's factor: its covariance over samples."""
    torch.manual_seed(0)
    model = nn.Linear(6, 2).double()
    batch = torch.randn(50, 6).double(), torch.randn(50, 2).double()
    for factor in (0.5, 1.0):

        def squared(model: nn.Module, batch: Any, factor: float = factor) -> Tensor:
            return factor * (model(batch[0]) - batch[1]).square().sum(1)

        probe = Probe(model, loss=squared)
        squared(model, batch).mean().backward()
        probe.step(batch)
        row = next(row for row in probe.rows if row.quantity == "residual_trace")
        residuals = 2 * factor * (model(batch[0]) - batch[1]).detach()
        assert row.value == pytest.approx(torch.cov(residuals.T).trace().item())
