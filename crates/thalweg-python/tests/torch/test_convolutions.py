"""Products with the Hessian of convolutional networks, whose convolutions are differentiated by formulas of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_products import assert_is, cross_entropy, dense, reference
from torch import Tensor, nn

from thalweg.torch._convolutions import CONVOLUTIONS, Convolution, Convolutions
from thalweg.torch._objective import Objective
from thalweg.torch._products import Hessian


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(6)


class Classifier(nn.Module):
    """Two such layers between smooth bends, and the mean over places."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x))).tanh().flatten(2).mean(2)


#: Two layers to four classes, and the shape of a sample.
LAYERS: dict[str, tuple[Callable[[], tuple[nn.Module, nn.Module]], tuple[int, ...]]] = {
    "one axis, strides that leave a rest": (lambda: (nn.Conv1d(2, 4, 3, stride=2), nn.Conv1d(4, 4, 2)), (2, 10)),
    "two axes": (lambda: (nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3)), (1, 5, 6)),
    "groups, dilation, no bias": (
        lambda: (nn.Conv2d(2, 4, (3, 2), dilation=(1, 2), groups=2, bias=False), nn.Conv2d(4, 4, 2, stride=(1, 2), groups=4)),
        (2, 6, 6),
    ),
    "padding by name, around the edges": (
        lambda: (nn.Conv2d(1, 2, 3, padding="same"), nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")),
        (1, 4, 4),
    ),
    "three axes": (lambda: (nn.Conv3d(1, 2, 2), nn.Conv3d(2, 4, 2, padding=1)), (1, 3, 4, 3)),
}


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_hessian_of_convolutions_is_exact(name: str, one_by_one: bool) -> None:
    made, shape = LAYERS[name]
    model = Classifier(*made()).double()
    batch = (torch.randn(5, *shape).double(), torch.randint(4, (5,)))
    products = Hessian(Objective(model, cross_entropy, batch))
    products._one_by_one = one_by_one
    assert_is(dense(products), reference(model, cross_entropy, batch))
    assert products._one_by_one == one_by_one


def test_of_frozen_layers_only_what_is_needed_is_differentiated() -> None:
    model = Classifier(nn.Conv1d(2, 3, 3), nn.Conv1d(3, 4, 3)).double()
    for frozen in (model.first.weight, model.second.bias):
        frozen.requires_grad_(False)
    batch = (torch.randn(5, 2, 9).double(), torch.randint(4, (5,)))
    assert_is(dense(Hessian(Objective(model, cross_entropy, batch))), reference(model, cross_entropy, batch))


# PyTorch's own forward derivatives compile some of its rules by it.
@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")
def test_the_formulas_are_used_where_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    apply = Convolution.apply
    monkeypatch.setattr(Convolution, "apply", lambda *given: used.append(given[0].dim()) or apply(*given))

    def convolved(x: Tensor, w: Tensor, **how: Any) -> Tensor:
        with Convolutions():
            return CONVOLUTIONS[x.dim() - 3 if x.dim() == w.dim() else x.dim() - 2](x, w, **how)

    x, w = torch.randn(2, 3, 8), torch.randn(4, 3, 3)
    for how in ({}, {"stride": 2}, {"padding": [1]}, {"bias": torch.randn(4)}):
        assert torch.equal(convolved(x, w, **how), torch.conv1d(x, w, **how))
    plane, kernel = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3)
    assert torch.equal(convolved(plane, kernel, stride=[2]), torch.conv2d(plane, kernel, stride=[2]))
    assert used == [3, 3, 3, 3, 4]
    # Without a batch, with padding by name, under autocast and forward derivatives they are PyTorch's own.
    convolved(x[0], w)
    convolved(x, w, padding="same")
    with torch.autocast("cpu"):
        assert convolved(x, w).dtype == torch.bfloat16
    _, slope = torch.func.jvp(lambda x: convolved(x, w), (x,), (torch.ones_like(x),))
    assert torch.allclose(slope, torch.conv1d(torch.ones_like(x), w), atol=1e-5)
    assert len(used) == 5


def test_a_model_may_map_its_convolutions() -> None:
    class Mapped(nn.Module):
        """Maps over the samples itself."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv1d(2, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = torch.vmap(lambda one: self.layer(one[None])[0])(x).tanh().mean(2)
            return found

    class Plain(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.layer(x).tanh().mean(2)
            return found

    model = Mapped().double()
    batch = (torch.randn(5, 2, 6).double(), torch.randint(4, (5,)))
    assert_is(dense(Hessian(Objective(model, cross_entropy, batch))), reference(Plain(model.layer), cross_entropy, batch))
