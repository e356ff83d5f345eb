"""Models and losses that do not bear being watched, cut or parted: the next way is taken, with a note, or the reason is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_samples import gradients
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import Probe, measure

#: Little work, for where the numbers do not matter.
LITTLE: dict[str, Any] = {"top": 1, "trace_products": 10, "density_probes": 2, "density_steps": 5, "draws": 2}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def batch(samples: int = 12) -> tuple[Tensor, Tensor]:
    return torch.randn(samples, 4).double(), torch.randn(samples, 3).double()


def squares(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) - batch[1]).square().sum(1)


def fluctuation(model: nn.Module, loss: Callable[[Any, Any], Tensor], batch: Any) -> float:
    return gradients(model, loss, [batch]).square().sum(1).mean().item()


def of_pairs(model: nn.Module, batch: Any) -> Tensor:
    """A mean over pairs of samples: of one sample it is 0/0."""
    found = model(batch[0])
    one, other = torch.triu_indices(len(found), len(found), 1)
    return (found[one] - found[other]).square().sum(1).mean()


def of_spread(model: nn.Module, batch: Any) -> Tensor:
    return (1 - model(batch[0]).std(0)).relu().mean() + squares(model, batch).mean()


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize("loss", [of_pairs, of_spread])
@pytest.mark.parametrize("samples", [8, 12])
def test_a_loss_that_is_no_number_on_a_single_sample(loss: Any, samples: int) -> None:
    model, data = network(), batch(samples)
    (found,) = measure(model, loss, data, **LITTLE).networks
    assert found["fluctuation"] is None
    assert any("one by one have the mean nan" in note for note in found["notes"])
    with pytest.raises(ValueError, match="no parts of the batch"):
        Probe(model, loss=loss).step(data)


class Scaled(nn.Module):
    """With a parameter of no dimension, as the temperature of a contrastive model is."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor(1.5))

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.scale * self.map(inputs)
        return found


@pytest.mark.parametrize("way", ["auto", "vmap"])
def test_a_parameter_without_dimensions(way: str) -> None:
    model, data = Scaled().double(), batch()
    (found,) = measure(model, squares, data, **LITTLE).networks
    expected = fluctuation(model, squares, data)
    assert found["fluctuation"]["value"] == pytest.approx(expected, rel=1e-9)
    probe = Probe(model, loss=squares, fluctuation=way)
    probe.step(data)
    assert probe.rows[0].value == pytest.approx(expected, rel=1e-9)
    assert probe.rows[0].method == ("hooks" if way == "auto" else "vmap")
