"""What is looked at before hooks are trusted: nothing that is right is refused, and nothing coupled goes through."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import measure
from thalweg.torch._fluctuation import Samples
from thalweg.torch._moments import unbiased
from thalweg.torch._norms import shared_layers


def samples(model: nn.Module, loss: Any) -> Samples:
    parameters: list[Tensor] = list(model.parameters())
    return Samples(model, loss, parameters, [(0, len(parameters))], torch.Generator().manual_seed(0))


def classify(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]).float(), batch[1], reduction="none")


def test_a_sample_without_loss_does_not_hide_that_samples_are_coupled() -> None:
    """The one in the middle, which alone was looked at once."""
    torch.manual_seed(0)
    weight = torch.ones(16)
    weight[8] = 0.0

    def coupled(model: nn.Module, batch: Tensor) -> Tensor:
        z = model(batch).squeeze(1)
        return (z - z.mean()).square() * weight

    found = samples(nn.Linear(6, 1), coupled)
    assert found.choose(torch.randn(16, 6)) == "signs"
    assert "gave for others" in found.notes[0]


def test_autocast_has_the_tolerance_of_what_it_computes_in() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
    batch = torch.randn(64, 6), torch.randint(3, (64,))

    def cast(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return classify(model, batch)

    assert samples(model, cast).choose(batch) == "hooks"


class Tied(nn.Module):
    """Its read-out is used outside a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.inner = nn.Embedding(30, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        h = self.table(x)
        return functional.linear(h + torch.tanh(self.inner(h)), self.table.weight)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_few_digits_hide_no_weight_that_is_used_elsewhere(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    model = Tied()
    nn.init.normal_(model.table.weight, std=0.5)
    words = torch.randint(30, (24, 9))

    def cast(model: nn.Module, batch: Tensor) -> Tensor:
        with torch.autocast("cpu", precision):
            found = model(batch[:, :-1])
        return functional.cross_entropy(found.float().transpose(1, 2), batch[:, 1:], reduction="none").mean(1)

    squares = []
    for index in range(len(words)):
        gradients = torch.autograd.grad(cast(model, words[index : index + 1]).sum(), list(model.parameters()))
        squares.append(sum(float(part.double().square().sum()) for part in gradients))
    (found,) = measure(model, cast, words, top=1, trace_products=8, density_probes=2, density_steps=5).networks
    assert found["fluctuation"]["value"] == pytest.approx(sum(squares) / len(squares), rel=1e-3)
    assert samples(model, cast).choose(words) == "chunks"


def test_an_input_of_few_digits_loosens_nothing() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(6, 16), nn.Linear(16, 16)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = first, second

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x.bfloat16().float())
            return self.second(h) + functional.linear(h, self.second.weight)

    assert samples(Twice(), classify).choose((torch.randn(32, 6), torch.randint(16, (32,)))) == "chunks"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_hooks_go_at_a_minimum_where_the_gradient_is_rounding(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(256, 6).double(), torch.randn(256, 2).double()
    model = nn.Linear(6, 2, bias=False).to(dtype)
    with torch.no_grad():
        model.weight.copy_(torch.linalg.lstsq(x, y).solution.T)

    def squared(model: nn.Module, batch: Any) -> Tensor:
        return (model(batch[0]) - batch[1]).square().sum(1) / 2

    found = samples(model, squared)
    batch = x.to(dtype), y.to(dtype)
    assert found.choose(batch) == "hooks"
    residual = (model(batch[0]) - batch[1]).detach()
    expected = (residual.square().sum(1) * batch[0].square().sum(1)).mean().item()
    assert found.fluctuation(batch, "hooks", trace=False).rows[0]["fluctuation"].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("more", [{}, {"bidirectional": True, "num_layers": 2}])
def test_recurrent_layers_in_every_precision(kind: Any, dtype: torch.dtype, more: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = kind(6, 3, batch_first=True, **more).to(dtype)

    def last(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0])[0][:, -1, :3], batch[1], reduction="none")

    batch = torch.randn(8, 5, 6, dtype=dtype), torch.randint(3, (8,))
    found = samples(model, last)
    assert found.choose(batch) == "hooks"
    value = found.fluctuation(batch, "hooks", trace=False).rows[0]["fluctuation"].value
    one = found.fluctuation(batch, "samples", trace=False).rows[0]["fluctuation"].value
    assert value == pytest.approx(one, rel=1e-4)


def test_a_ratio_loses_its_first_bias() -> None:
    """1/x̄ of 20 numbers of mean 1 and variance 1/4: 1 + 1/80 before, and nearly 1 after."""
    generator = torch.Generator().manual_seed(0)
    numbers = 1 + 0.5 * torch.randn(4000, 20, generator=generator).double()
    plain, better = [], []
    for row in numbers:
        left = ((row.sum() - row) / 19).reciprocal().tolist()
        plain.append(1 / row.mean().item())
        better.append(unbiased(plain[-1], left))
    z = [((torch.tensor(values).mean() - 1) / (torch.tensor(values).std() / 4000**0.5)).item() for values in (plain, better)]
    assert z[0] > 4 and abs(z[1]) < 4
    assert unbiased(1.0, [float("nan")] * 4) == 1.0


def test_what_signs_errors_are_of_is_said() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    found = samples(model, classify).fluctuation((torch.randn(16, 6), torch.randint(3, (16,))), "signs", trace=True)
    assert found.method == "signs (error on this batch)" and found.trace_method == "labels (error on this batch)"


def test_a_derivative_of_nothing_is_no_coupling() -> None:
    """The entropy's derivative by the second use of the model is 0: what is left is rounding, with weights or without."""

    def entropy(model: nn.Module, batch: Any) -> Tensor:
        return -(model(batch[0]).softmax(1) * model(batch[0]).log_softmax(1)).sum(1)

    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)
        data = (torch.randn(16, 4).to(dtype),)
        shared_layers(model, list(model.parameters()), 16, lambda: entropy(model, data))
        (found,) = measure(model, entropy, data, top=1, trace_products=10, density_probes=2, density_steps=5).networks
        assert not any("one sample at a time" in note for note in found["notes"])


def test_a_layer_that_computes_in_single_precision_has_its_rounding() -> None:
    """As transformers' norms do whatever the weights are."""

    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(6) + 0.5)

        def forward(self, x: Tensor) -> Tensor:
            single = x.float()
            return self.weight * (single * torch.rsqrt(single.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), Root(), nn.Tanh(), nn.Linear(6, 3)).double()
    data = (torch.randn(16, 4).double(), torch.randint(3, (16,)))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    shared_layers(model, list(model.parameters()), 16, lambda: loss(model, data))
    (found,) = measure(model, loss, data, top=1, trace_products=10, density_probes=2, density_steps=5).networks
    assert not any("one sample at a time" in note for note in found["notes"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_parameter_that_the_loss_does_not_see_is_not_used_elsewhere(dtype: torch.dtype) -> None:
    """A key's bias adds the same to all scores of a row: its gradient is 0, and what is computed of it is rounding."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            weights = (self.query(x) @ self.key(x).mT).softmax(-1)
            found: Tensor = self.head((weights @ x).mean(1))
            return found

    for seed in range(5):
        torch.manual_seed(seed)
        model = Attention().to(dtype)
        data = (torch.randn(16, 6, 4).to(dtype), torch.randint(3, (16,)))
        shared_layers(model, list(model.parameters()), 16, lambda: classify_as_is(model, data))


def classify_as_is(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def watched(model: nn.Module, loss: Any) -> Any:
    """Measures a batch by hooks, or by what is taken where they fail: gives F by its way, and the samples' own."""
    found = samples(model, loss)

    def measured(batch: Any) -> tuple[str, float, float]:
        own = [torch.autograd.grad(one, list(model.parameters()), retain_graph=True) for one in loss(model, batch)]
        truth = sum(float(part.double().square().sum()) for one in own for part in one) / len(own)
        result = found.fluctuation(batch, "hooks", trace=False, strict=False)
        return result.method, result.rows[0]["fluctuation"].value, truth

    return measured


class Placed(nn.Module):
    """As Swin's second version: a perceptron makes the positions' vectors from a table, once for all samples."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.inner, self.out = nn.Linear(1, 16), nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        placed = torch.tanh(self.places(torch.linspace(-1, 1, 8).unsqueeze(1)))
        out: Tensor = self.out(torch.relu(self.inner(x) * placed).mean(1))
        return out


def test_hooks_are_verified_anew_where_the_batch_has_another_size() -> None:
    """Eight positions are no multiple of twelve samples, but of the last batches' eight, four and two."""
    torch.manual_seed(0)
    measured = watched(Placed(), classify_as_is)
    for size in (12, 12, 8, 4, 2):
        way, value, truth = measured((torch.randn(size, 8, 6), torch.randint(3, (size,))))
        assert way == "hooks"
        assert value == pytest.approx(truth, rel=1e-5)


def test_graphs_in_one_batch_have_as_many_nodes_as_they_like() -> None:
    """Rows of layers are nodes; the first batch's graphs have four each, as though rows were dealt out evenly."""
    torch.manual_seed(0)
    inner, out = nn.Linear(5, 8), nn.Linear(8, 3)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        summed = torch.zeros(len(batch["y"]), 8).index_add(0, batch["graph"], torch.relu(inner(batch["x"])))
        return functional.cross_entropy(out(summed), batch["y"], reduction="none")

    measured = watched(nn.ModuleList([inner, out]), loss)
    for sizes, expected in (([4, 4, 4, 4], "hooks"), ([4, 4, 4, 4], "hooks"), ([1, 7, 2, 6], "signs")):
        graph = torch.repeat_interleave(torch.arange(4), torch.tensor(sizes))
        way, value, truth = measured({"x": torch.randn(16, 5), "graph": graph, "y": torch.randint(3, (4,))})
        assert way.split()[0] == expected
        assert expected == "signs" or value == pytest.approx(truth, rel=1e-5)


def test_a_penalty_that_is_switched_on_later_is_seen() -> None:
    torch.manual_seed(0)
    weight = 0.0

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return classify_as_is(model, batch) + weight * sum(p.square().sum() for p in model.parameters())

    model = nn.Linear(6, 3)
    found = samples(model, loss)
    batch = torch.randn(16, 6), torch.randint(3, (16,))
    assert found.fluctuation(batch, "hooks", trace=False, strict=False).method == "hooks"
    weight = 0.1
    assert found.fluctuation(batch, "hooks", trace=False, strict=False).method == "chunks"
    assert any("at some step" in note and "do not add up" in note for note in found.notes)
    assert len(found.notes) == 1
