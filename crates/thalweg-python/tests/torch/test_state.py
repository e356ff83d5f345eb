"""A measurement leaves a training as it was, after an exception too."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

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
    return [torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tobytes(), gradients, flags, net.state_dict()]


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


def test_without_the_guard_the_same_disturbance_is_seen() -> None:
    net = model()
    before = picture(net)
    before[-1] = {name: value.clone() for name, value in net.state_dict().items()}
    disturb(net)
    assert not any(equal(*pair) for pair in zip(picture(net), before))
