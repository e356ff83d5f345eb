"""What a loss does to its batch and to modules beside the model stays without consequence."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

import thalweg.torch
from thalweg.torch._asked import REPLACES, WRITES, asked
from thalweg.torch._state import preserved
from thalweg.torch._tree import mapped

FEW: dict[str, Any] = {"top": 1, "trace_products": 4, "density_probes": 2, "density_steps": 2}


def entropy(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def popping(model: nn.Module, batch: Any) -> Tensor:
    labels = batch.pop("labels")
    return functional.cross_entropy(model(batch["x"]), labels, reduction="none")


def labelled(samples: int = 16) -> dict[str, Tensor]:
    return {"x": torch.randn(samples, 4), "labels": torch.randint(3, (samples,))}


def test_a_loss_may_take_its_labels_out_of_the_batch() -> None:
    torch.manual_seed(0)
    model, fixed, batch = nn.Linear(4, 3), labelled(), labelled()
    network = thalweg.torch.measure(model, popping, [fixed, labelled()], **FEW).networks[0]
    assert network["fluctuation"]["value"] > 0
    probe = thalweg.torch.Probe(model, loss=popping, sharpness_set=fixed)
    popping(model, dict(batch)).mean().backward()
    probe.step(batch)
    assert {"fluctuation", "lambda_max"} <= {row.quantity for row in probe.rows}
    assert list(fixed) == list(batch) == ["x", "labels"]


def test_data_that_a_loss_writes_into_stay_what_they_are() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)

    def normalising(model: nn.Module, batch: Any) -> Tensor:
        return entropy(model, (batch[0].sub_(0.5).div_(0.5), batch[1]))

    fixed, batch = [(torch.rand(32, 4), torch.randint(3, (32,))) for _ in range(2)]
    before = [one[0].clone() for one in (fixed, batch)]
    probe = thalweg.torch.Probe(model, loss=normalising, sharpness_set=fixed, every={"lambda_max": 1, "fluctuation": 1})
    for _ in range(3):
        model.zero_grad()
        entropy(model, batch).mean().backward()
        probe.step(batch)
    assert torch.equal(fixed[0], before[0]) and torch.equal(batch[0], before[1])
    values = [row.value for row in probe.rows if row.quantity == "lambda_max"]
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)
    assert WRITES in probe.notes
    assert WRITES in thalweg.torch.measure(model, normalising, fixed, **FEW).networks[0]["notes"]


def test_one_that_writes_now_and_then_has_copies_afterwards() -> None:
    calls, batch = 0, torch.zeros(3)

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return batch.add_(1.0) if calls > 1 else batch

    ask = asked(loss)
    for _ in range(4):
        ask(nn.Linear(1, 1), batch)
    assert ask.writes and batch.tolist() == [1.0, 1.0, 1.0]
    assert asked(ask) is ask


class Fixed(Mapping[str, Tensor]):
    """A batch that cannot be written to, of a class of its own."""

    def __init__(self, **tensors: Tensor) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


@pytest.mark.parametrize("batch", [{"x": torch.ones(2)}, Fixed(x=torch.ones(2)), [torch.ones(2)], (torch.ones(2),), OrderedDict(x=torch.ones(2))])
def test_a_loss_has_a_batch_of_the_class_that_was_given(batch: Any) -> None:
    classes = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        classes.append(type(batch))
        return torch.zeros(2)

    ask = asked(loss)
    for _ in range(2):
        ask(nn.Linear(1, 1), batch)
    assert classes == [type(batch)] * 2


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


class Named(list):  # type: ignore[type-arg]
    """A list of a class of its own."""


def test_containers_are_copied_as_what_they_are() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    found = mapped(lambda tensor: tensor + 1, [torch.topk(x, 2), Pair(x, x), Named([x])])
    assert type(found[0]) is torch.return_types.topk and torch.equal(found[0].values, torch.topk(x, 2).values + 1)
    assert type(found[1]) is Pair and type(found[2]) is Named


class Largest(nn.Module):
    """Gives one of PyTorch's named results."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Any:
        return torch.topk(self.map(x), 3)


@pytest.mark.parametrize("way", ["auto", "vmap"])
def test_a_model_that_gives_a_named_result(way: str) -> None:
    torch.manual_seed(0)
    model = Largest()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]).values, batch[1], reduction="none")

    probe = thalweg.torch.Probe(model, loss=loss, fluctuation=way)
    batch = torch.randn(16, 4), torch.randint(3, (16,))
    loss(model, batch).mean().backward()
    probe.step(batch)
    assert {"fluctuation", "gauss_newton_trace"} <= {row.quantity for row in probe.rows}


class Codebook(nn.Module):
    """Its codes follow the mean of what is nearest to them, as new parameters in each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.codes = nn.Linear(6, 4), nn.Linear(4, 6), nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        near = functional.one_hot(torch.cdist(z, self.codes).argmin(1), 5).to(z.dtype)
        chosen = near @ self.codes
        if self.training:
            self.codes = nn.Parameter((0.9 * self.codes + 0.1 * near.T @ z).detach())
        out: Tensor = self.decoder(z + chosen)
        return out


def test_parameters_that_a_pass_replaces_are_put_back() -> None:
    torch.manual_seed(0)
    model, x = Codebook(), torch.randn(16, 6)
    codes = model.codes

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        return (model(batch) - batch).square().mean(1)

    moving = thalweg.torch.measure(model, loss, x, **FEW).networks[0]
    assert model.codes is codes and REPLACES in moving["notes"]
    assert moving["fluctuation"]["value"] == thalweg.torch.measure(model.eval(), loss, x, **FEW).networks[0]["fluctuation"]["value"]
    loss(model, x).mean().backward()
    probe = thalweg.torch.Probe(model.train(), loss=loss, sharpness_set=x)
    probe.step(x)
    assert model.codes is codes and {"fluctuation", "lambda_max"} <= {row.quantity for row in probe.rows}


class Counting(nn.Module):
    """Counts its calls, and writes a mean without leaving a mark."""

    def __init__(self, calls: Any) -> None:
        super().__init__()
        self.map, self.calls, self.mean = nn.Linear(4, 3), calls, torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(x)
        self.calls["n"] += 1
        self.mean.data.mul_(0.9).add_(0.1 * y.detach().mean(0))
        return y


@pytest.mark.parametrize("calls", [defaultdict(int, n=2), Counter(n=2), OrderedDict(m=1, n=2)])
def test_dictionaries_of_all_kinds_and_tensors_written_without_a_mark_are_put_back(calls: Any) -> None:
    model, before = Counting(calls), list(calls.items())
    with preserved(model):
        model(torch.randn(5, 4))
        assert calls["n"] == 3
    assert list(calls.items()) == before and not model.mean.any()


def test_what_was_not_written_keeps_its_version() -> None:
    model = Counting({"n": 0})
    model.mean[0] = torch.nan
    version = model.mean._version
    with preserved(model):
        pass
    assert model.mean._version == version


def discriminator(kind: str) -> nn.Module:
    if kind == "BatchNorm":
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    return nn.Sequential(spectral_norm(nn.Linear(6, 8)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(8, 1)))


@pytest.mark.parametrize("kind", ["BatchNorm", "spectral_norm"])
def test_a_network_that_the_loss_calls_is_trained_as_without_a_probe(kind: str) -> None:
    def trained(watched: bool) -> list[Tensor]:
        torch.manual_seed(0)
        maker, judge = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6)), discriminator(kind)
        optimizers = [torch.optim.Adam(one.parameters(), 2e-3) for one in (maker, judge)]
        fixed = torch.randn(16, 4)

        def loss(model: nn.Module, z: Tensor) -> Tensor:
            return functional.softplus(-judge(model(z)))[:, 0]

        every = {"fluctuation": 2, "lambda_max": 2, "sharpness": 2}
        probe = thalweg.torch.Probe(maker, loss=loss, sharpness_set=fixed, every=every) if watched else None
        for _ in range(6):
            x, z = 2 * torch.randn(16, 6) + 1, torch.randn(16, 4)
            optimizers[1].zero_grad()
            (functional.softplus(-judge(x)).mean() + functional.softplus(judge(maker(z).detach())).mean()).backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            loss(maker, z).mean().backward()
            if probe is not None:
                probe.step(z)
            optimizers[0].step()
        return [*maker.state_dict().values(), *judge.state_dict().values()]

    assert all(torch.equal(one, other) for one, other in zip(trained(False), trained(True)))


def test_measuring_leaves_a_network_that_the_loss_calls() -> None:
    torch.manual_seed(0)
    judge = discriminator("BatchNorm")
    buffers, before = dict(judge.named_buffers()), {name: value.clone() for name, value in judge.state_dict().items()}
    thalweg.torch.measure(nn.Linear(4, 6), lambda model, z: judge(model(z))[:, 0].square(), torch.randn(16, 4), **FEW)
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())
    assert all(value is buffers[name] for name, value in judge.named_buffers())


def test_weights_that_are_cached_are_computed_anew() -> None:
    """What `parametrize.cached()` holds belongs to the training's graph, which is gone."""
    torch.manual_seed(0)
    model = nn.Sequential(weight_norm(nn.Linear(4, 6)), nn.Tanh(), nn.Linear(6, 3))
    batch = torch.randn(16, 4), torch.randint(3, (16,))
    probe = thalweg.torch.Probe(model, loss=entropy, sharpness_set=batch)
    with parametrize.cached():
        entropy(model, batch).mean().backward()
        held = model[0].weight
        probe.step(batch)
        assert model[0].weight is held
    assert {"fluctuation", "lambda_max"} <= {row.quantity for row in probe.rows}
