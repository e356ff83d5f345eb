"""A measurement leaves a training as it was, after an exception too."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch._state import preserved


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def disturb(net: nn.Module) -> None:
    """Everything that a measurement could leave behind."""
    net(torch.randn(5, 3)).sum().backward()
    random.random(), np.random.rand(), torch.randn(3)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    net[0].eval()  # type: ignore[index]
    net[1].running_mean = torch.ones(4)  # type: ignore[index]


def picture(net: nn.Module) -> list[object]:
    gradients = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    flags = [m.training for m in net.modules()] + [p.requires_grad for p in net.parameters()]
    arrays = np.random.get_state()
    drawn = (arrays[1].tobytes(), *arrays[2:])
    return [torch.get_rng_state(), random.getstate(), drawn, gradients, flags, net.state_dict()]


def equal(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.mark.parametrize("fails", [False, True])
def test_all_is_put_back(fails: bool) -> None:
    net = model()
    net(torch.randn(5, 3)).sum().backward()
    before = picture(net)
    before[-1] = {name: value.clone() for name, value in net.state_dict().items()}
    buffers = list(net.buffers())
    versions = [buffer._version for buffer in buffers]
    try:
        with torch.no_grad(), preserved(net):
            assert torch.is_grad_enabled()
            disturb(net)
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert equal(picture(net), before)
    assert all(one is other for one, other in zip(net.buffers(), buffers))
    assert [buffer._version for buffer in buffers] == versions


def test_a_gradient_that_was_none_stays_none() -> None:
    net = model()
    with preserved(net):
        net(torch.randn(5, 3)).sum().backward()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_seed_decides_what_is_drawn_inside() -> None:
    net = model()
    with preserved(net, seed=3):
        one = net(torch.ones(5, 3))
    torch.randn(7)
    with preserved(net, seed=3):
        assert torch.equal(net(torch.ones(5, 3)), one)
    with preserved(net, seed=4):
        assert not torch.equal(net(torch.ones(5, 3)), one)


class Noisy(nn.Module):
    """Adds noise from a generator that it keeps."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner, self.kind = nn.Linear(3, 3), kind
        self.own: Any = torch.Generator().manual_seed(5) if kind == "torch" else np.random.default_rng(5)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "torch":
            noise = torch.randn(x.shape, generator=self.own)
        else:
            drawn = random.gauss(0, 1) * np.random.rand() if self.kind == "global" else self.own.standard_normal()
            noise = torch.full(x.shape, float(drawn))
        found: Tensor = self.inner(x + noise)
        return found


def summed(model: nn.Module, x: Tensor) -> Tensor:
    return model(x).square().sum(1)


@pytest.mark.parametrize("kind", ["torch", "numpy", "global"])
def test_generators_of_modules_are_put_back(kind: str) -> None:
    from thalweg.torch import Probe, measure

    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))

    def train(watched: bool) -> Tensor:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        model = Noisy(kind)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        probe = Probe(model, loss=summed, sharpness_set=x, every={"lambda_max": 2})
        for step in range(6):
            batch = x[8 * step : 8 * step + 8]
            summed(model, batch).mean().backward()
            if watched:
                probe.step(batch)
                assert len(measure(model, summed, x, top=1, density_probes=2).networks) == 1
            optimizer.step()
            optimizer.zero_grad()
        assert not watched or (probe.rows and not any("other numbers" in note for note in probe.notes))
        return model.inner.weight.detach()

    assert torch.equal(train(False), train(True))


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_a_loss_that_draws_from_a_generator_of_its_own_is_seen(kind: str) -> None:
    from thalweg.torch import Probe, measure

    own, arrays = torch.Generator().manual_seed(5), np.random.default_rng(5)

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        noise = torch.randn(x.shape, generator=own) if kind == "torch" else torch.tensor(arrays.standard_normal(x.shape)).float()
        return summed(model, x + noise)

    model, x = nn.Linear(3, 3), torch.randn(32, 3)
    with Probe(model, loss=loss) as probe, pytest.warns(RuntimeWarning, match="`loss` gives other numbers when it is called again"):
        loss(model, x).mean().backward()
        probe.step(x)
    assert probe.rows and any("the run is not the same" in note for note in probe.notes)
    assert any("of no one function" in note for note in measure(model, loss, x, top=1).networks[0]["notes"])


class Words(nn.Module):
    """Embeddings that shorten the rows that they read, one of them with the head's own weight."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.first = (nn.EmbeddingBag if kind == "bag" else nn.Embedding)(10, 4, max_norm=1.0)
        self.head = nn.Linear(4, 10)
        if kind == "tied":
            self.head.weight = self.first.weight
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(x)
        found: Tensor = self.head((inner if inner.dim() == 2 else inner.mean(1)).tanh())
        return found


@pytest.mark.parametrize("kind", ["apart", "tied", "bag"])
def test_embeddings_that_shorten_rows_are_put_back(kind: str) -> None:
    from thalweg.torch import Probe, hessian, measure

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def train(watched: bool) -> Words:
        torch.manual_seed(0)
        model = Words(kind)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        fixed = torch.randint(10, (32, 3)), torch.randint(10, (32,))
        # A bag has no second derivative.
        names = ["fluctuation", "critical_sharpness", *(["lambda_max"] if kind != "bag" else [])]
        probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=fixed, quantities=names, every=dict.fromkeys(names, 2))
        for _ in range(8):
            batch = torch.randint(5, (8, 3)), torch.randint(10, (8,))
            loss(model, batch).mean().backward()
            if watched:
                probe.step(batch)
            optimizer.step()
            optimizer.zero_grad()
        assert not watched or set(names) <= {row.quantity for row in probe.rows}
        return model

    alone, watched = train(False).state_dict(), train(True).state_dict()
    assert all(torch.equal(alone[name], watched[name]) for name in alone)

    if kind == "bag":
        return
    model = train(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = torch.arange(30).reshape(10, 3) % 10, torch.arange(10)
    found = measure(model, loss, data, top=1).networks[0]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    # The curvature at the shortened rows, where nothing shortens any more.
    plain = train(False)
    loss(plain, data)
    plain.first.max_norm = None
    expected = measure(plain, loss, data, top=1).networks[0]
    for name in ("top", "fluctuation", "sharpness"):
        value = [record[name][0] if name == "top" else record[name] for record in (found, expected)]
        assert value[0]["value"] == pytest.approx(value[1]["value"], rel=1e-9)
    operators = hessian(model, loss, data), hessian(plain, loss, data)
    for _ in range(2):
        one, other = (operator @ torch.ones(found["parameters"], dtype=torch.double) for operator in operators)
        assert torch.allclose(one, other, rtol=1e-9)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_without_the_guard_the_same_disturbance_is_seen() -> None:
    net = model()
    before = picture(net)
    before[-1] = {name: value.clone() for name, value in net.state_dict().items()}
    disturb(net)
    assert not any(equal(*pair) for pair in zip(picture(net), before))
