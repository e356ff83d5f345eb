"""Squared norms of single samples' gradients: hooks against `vmap` and against one sample at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch._norms import Norms, SampleNorms, Unknown, by_vmap, mean_by_vmap, mean_one_by_one, one_by_one, shared_layers

SAMPLES = 4


class Twice(nn.Module):
    """One layer used twice, with what is written in place between."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again = nn.Linear(5, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.again(torch.relu_(self.again(torch.relu_(self.enter(x)))))


class Language(nn.Module):
    """Embeddings of words and positions, a block with a norm, and a head tied to the words."""

    def __init__(self, tied: bool = True, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(7, 6, padding_idx=0), nn.Embedding(5, 6)
        self.norm = nn.LayerNorm(6) if norm is None else norm
        self.inner = nn.Linear(6, 6)
        self.head = nn.Linear(6, 7, bias=False)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        found = self.words(x) + self.places(torch.arange(x.shape[1]))
        return self.head(found + torch.tanh(self.inner(self.norm(found))))


class Root(nn.Module):
    """A norm that no library has, with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(6) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x / (1 + x.square().mean(-1, keepdim=True).sqrt())


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.attention(x, x, x)[0])


def image(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(SAMPLES, *shape)


def words() -> Tensor:
    return torch.randint(0, 7, (SAMPLES, 5))


def cases() -> dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]]:
    def convolutions(*layers: nn.Module) -> Callable[[], nn.Module]:
        return lambda: nn.Sequential(*layers)

    def frozen() -> nn.Module:
        model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
        model[0].weight.requires_grad_(False)
        return model

    return {
        "linear": (lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 3, bias=False)), image(5)),
        "linear over positions": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)), image(2, 3, 5)),
        "frozen": (frozen, image(5)),
        "twice": (Twice, image(5)),
        "conv2d": (convolutions(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 2, (2, 3), stride=(1, 2))), image(3, 6, 7)),
        "conv2d grouped": (convolutions(nn.Conv2d(4, 6, 3, groups=2, dilation=2, padding="same"), nn.Tanh()), image(4, 6, 6)),
        "conv2d circular": (convolutions(nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="circular")), image(2, 5, 6)),
        "conv1d": (convolutions(nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), nn.Tanh(), nn.Conv1d(6, 2, 2)), image(4, 9)),
        "conv3d, not known": (convolutions(nn.Conv3d(2, 3, 2), nn.Tanh()), image(2, 3, 4, 3)),
        "transposed, not known": (convolutions(nn.ConvTranspose2d(2, 3, 2), nn.Tanh()), image(2, 3, 4)),
        "group norm": (convolutions(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Tanh()), image(2, 5, 5)),
        "batch norm in evaluation": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Tanh()).eval(), image(2, 5, 5)),
        "rms norm": (lambda: Language(norm=nn.RMSNorm(6)), words),
        "a norm of one's own": (lambda: Language(norm=Root()), words),
        "tied": (Language, words),
        "not tied": (lambda: Language(tied=False), words),
        "attention": (Attention, image(3, 6)),
    }


def loss(model: nn.Module, batch: Tensor) -> Tensor:
    flat = model(batch).flatten(1)
    return flat.square().sum(1) / 2 + torch.sin(flat).sum(1)


def made(name: str) -> tuple[nn.Module, list[Tensor], Tensor, list[Tensor]]:
    torch.manual_seed(3)
    model, batch = (make() for make in cases()[name])
    model = model.double()
    batch = batch.double() if batch.is_floating_point() else batch
    parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    return model, parameters, batch, [torch.randn_like(p) for p in parameters]


def by_hooks(model: nn.Module, parameters: list[Tensor], batch: Any, along: list[Tensor] | None = None) -> Norms:
    with SampleNorms(model, parameters, SAMPLES) as norms:
        losses = loss(model, batch)
    norms.verify(losses)
    return norms.of([losses], [torch.ones_like(losses)], along)


def same(found: Tensor | None, expected: Tensor | None) -> bool:
    assert found is not None and expected is not None
    return torch.allclose(found, expected, rtol=1e-12, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.parametrize("name", cases())
def test_hooks_equal_one_sample_at_a_time(name: str) -> None:
    model, parameters, batch, along = made(name)
    found, expected = by_hooks(model, parameters, batch, along), one_by_one(parameters, loss, model, batch, along)
    assert same(found.squares, expected.squares)
    assert same(found.slopes, expected.slopes)


@pytest.mark.parametrize("name", cases())
def test_hooks_equal_vmap(name: str) -> None:
    model, parameters, batch, along = made(name)
    found, expected = by_hooks(model, parameters, batch, along), by_vmap(model, parameters, loss, batch, along)
    assert same(found.squares, expected.squares)
    assert same(found.slopes, expected.slopes)


@pytest.mark.parametrize("way", ["vmap", "samples"])
def test_with_dropout_the_mean_is_that_of_the_samples_own_masks(way: str) -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, 3)).double()
    parameters = list(model.parameters())
    batch = torch.randn(SAMPLES, 5, dtype=torch.float64), torch.randint(3, (SAMPLES,))

    def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def seeded(compute: Callable[[], Any]) -> Any:
        torch.manual_seed(4)
        return compute()

    if way == "vmap":
        mean = seeded(lambda: mean_by_vmap(model, parameters, cross_entropy, batch))
        norms = seeded(lambda: by_vmap(model, parameters, cross_entropy, batch, mean))
    else:
        mean = seeded(lambda: mean_one_by_one(parameters, cross_entropy, model, batch))
        norms = seeded(lambda: one_by_one(parameters, cross_entropy, model, batch, mean))
    expected = torch.stack([part.square().sum() for part in mean])
    assert same(norms.slopes.mean(1), expected)
    # With other masks it is not.
    other = torch.autograd.grad(cross_entropy(model, batch).mean(), parameters)
    assert not same(other[0], mean[0])


def test_many_positions_and_many_samples_go_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, parameters, batch, along = made("conv2d")
    expected = by_hooks(model, parameters, batch, along)
    monkeypatch.setattr("thalweg.torch._factors.LARGEST", 1)
    assert same(by_hooks(model, parameters, batch, along).squares, expected.squares)


def test_cross_terms_of_tied_weights_are_no_small_matter() -> None:
    """What a variant without cross terms would give is told apart from the truth, here and by `verify`."""
    model, parameters, batch, _ = made("tied")
    with SampleNorms(model, parameters, SAMPLES) as norms:
        losses = loss(model, batch)
    places = norms._factors([losses], [torch.ones_like(losses)], SAMPLES)[0]
    assert len(places) == 2
    from thalweg.torch._factors import squares_and_slopes

    apart = sum(squares_and_slopes([place], None)[0] for place in places)
    assert not torch.allclose(apart, norms.of([losses], [torch.ones_like(losses)]).squares[0], rtol=0.01)


def test_a_weight_used_outside_its_layer_is_noticed() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(7, 6)

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(self.words(x), self.words.weight)

    torch.manual_seed(0)
    model = Functional().double()
    with pytest.raises(Unknown, match="used outside the layer"):
        by_hooks(model, list(model.parameters()), words())


@pytest.mark.parametrize("affine", [True, False])
def test_samples_that_batch_norm_couples_are_noticed(affine: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6, affine=affine), nn.Linear(6, 2)).double()
    with pytest.raises(Unknown, match="BatchNorm"):
        by_hooks(model, list(model.parameters()), torch.randn(SAMPLES, 5, dtype=torch.double))


def test_a_batch_along_dimension_one_is_noticed() -> None:
    torch.manual_seed(0)
    model = nn.Linear(5, 6).double()
    batch = torch.randn(SAMPLES, SAMPLES, 5, dtype=torch.double)
    with SampleNorms(model, list(model.parameters()), SAMPLES) as norms:
        losses = model(batch).square().sum((0, 2))
    with pytest.raises(Unknown, match="depends on what layer"):
        norms.verify(losses)


def test_a_table_of_positions_whose_length_could_be_the_samples() -> None:
    """Where a length cannot tell positions from samples, derivatives do."""
    model, parameters, _, _ = made("tied")
    batch = torch.randint(0, 7, (5, 5))

    def losses() -> Tensor:
        return loss(model, batch)

    with SampleNorms(model, parameters, 5) as norms:
        found = losses()
    with pytest.raises(Unknown, match="places"):
        norms.verify(found)
    shared = shared_layers(model, parameters, 5, losses).shared
    assert shared == {"places"}
    with SampleNorms(model, parameters, 5, shared) as norms:
        found = losses()
    squares = norms.of([found], [torch.ones_like(found)]).squares
    assert same(squares, by_vmap(model, parameters, loss, batch).squares)


def test_transformers_own_layer() -> None:
    layer = pytest.importorskip("transformers.pytorch_utils").Conv1D
    torch.manual_seed(0)
    model = nn.Sequential(layer(6, 5), nn.Tanh(), layer(2, 6)).double()
    parameters: list[Tensor] = list(model.parameters())
    batch = torch.randn(SAMPLES, 3, 5, dtype=torch.double)
    assert same(by_hooks(model, parameters, batch).squares, by_vmap(model, parameters, loss, batch).squares)


def test_hooks_are_gone_afterwards_and_values_are_untouched() -> None:
    model, parameters, batch, _ = made("tied")
    expected = model(batch)
    with pytest.raises(RuntimeError, match="on purpose"), SampleNorms(model, parameters, SAMPLES):
        assert torch.equal(model(batch), expected)
        raise RuntimeError("on purpose")
    assert all(not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in parameters)


def test_half_precision_is_summed_in_single() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    batch = torch.randn(SAMPLES, 5)
    parameters: list[Tensor] = list(model.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = by_hooks(model, parameters, batch).squares
    assert found.dtype == torch.float32
    assert torch.allclose(found, by_vmap(model, parameters, loss, batch).squares, rtol=0.1)
