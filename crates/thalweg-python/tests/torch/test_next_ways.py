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
from thalweg.torch._evaluating import evaluating

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


class Places(nn.Module):
    """Tokens, with a parameter that is added at every position: no layer gives it, so that hooks see the whole model."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.head = nn.Embedding(5, 4), nn.Parameter(torch.randn(6, 4)), nn.Linear(4, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.head(torch.tanh(self.words(tokens) + self.places))
        return found


def of_tokens(model: nn.Module, batch: Any) -> Tensor:
    """The unit is the token: more losses than sequences."""
    return functional.cross_entropy(model(batch[0]).flatten(0, 1), batch[0].flatten(), reduction="none")


def of_known_tokens(model: nn.Module, batch: Any) -> Tensor:
    (tokens,) = batch
    return functional.cross_entropy(model(tokens)[tokens > 0], tokens[tokens > 0], reduction="none")


class Positions(nn.Module):
    """Sequences first inside, so that a layer's first dimension is not the samples'."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.head = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.head(self.mix(inputs.transpose(0, 1)).mean(0))
        return found


class Packed(nn.Module):
    """A recurrent layer that gives no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.LSTM(4, 3), nn.Linear(3, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        lengths = torch.full((len(inputs),), inputs.shape[1])
        packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True)
        found: Tensor = self.head(self.inner(packed)[1][0][-1])
        return found


class OneSize(nn.Module):
    """Takes batches of twelve alone."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.inner, self.error = network(), error

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) != 12:
            raise self.error("twelve samples are needed")
        found: Tensor = self.inner(inputs)
        return found


TOKENS = (torch.randint(1, 5, (8, 6), generator=torch.Generator().manual_seed(0)),)
SEQUENCES = (torch.randn(12, 5, 4).double(), torch.randn(12, 3).double())


@pytest.mark.parametrize(
    ("made", "loss", "data"),
    [
        (Places, of_tokens, TOKENS),
        (Places, of_known_tokens, (TOKENS[0] % 4,)),
        (Positions, squares, SEQUENCES),
        (Packed, squares, SEQUENCES),
        (lambda: OneSize(TypeError), squares, batch()),
        (lambda: OneSize(AssertionError), squares, batch()),
    ],
    ids=["tokens", "masked-tokens", "sequences-first", "packed", "TypeError", "AssertionError"],
)
def test_what_fails_under_hooks_or_on_parts_is_measured_all_the_same(made: Any, loss: Any, data: Any) -> None:
    model = made().double()
    expected = fluctuation(model, loss, data)
    (found,) = measure(model, loss, data, **LITTLE).networks
    assert found["fluctuation"]["value"] == pytest.approx(expected, rel=1e-9)
    probe = Probe(model, loss=loss)
    probe.step(data)
    assert probe.rows[0].quantity == "fluctuation"
    assert probe.rows[0].value == pytest.approx(expected, rel=1)


def nothing_alone(error: type[Exception]) -> Callable[[nn.Module, Any], Tensor]:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        if len(batch[0]) == 1:
            raise error("one sample")
        return squares(model, batch).mean()

    return loss


@pytest.mark.parametrize("error", [IndexError, KeyError, AssertionError, TypeError])
def test_a_mean_that_fails_on_a_single_sample(error: type[Exception]) -> None:
    (found,) = measure(network(), nothing_alone(error), [batch(), batch(), batch()], **LITTLE).networks
    assert any("failed on a single sample" in note for note in found["notes"])
    assert found["fluctuation"]["value"] > 0 and found["residuals"] is None


@pytest.mark.parametrize("error", [IndexError, KeyError, RuntimeError, ValueError, TypeError])
def test_a_loss_of_ones_own_that_fails_says_so_itself(error: type[Exception]) -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        raise error("of my own")

    with pytest.raises(error, match="of my own"):
        measure(network(), loss, batch(), **LITTLE)


def test_an_operation_that_hooks_meet_later_is_left_to_other_ways() -> None:
    """From the second batch on the model's code fails where layers are watched: parts are taken, and a note says why."""

    class Later(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = network(), 0

        def forward(self, inputs: Tensor) -> Tensor:
            found: Tensor = self.inner(inputs)
            if self.calls and any(module._forward_hooks for module in self.inner):
                raise KeyError("watched")
            return found

    model, data = Later(), batch()
    probe = Probe(model, loss=squares, every={"fluctuation": 1})
    probe.step(data)
    model.calls = 1
    probe.step(data)
    assert [row.method for row in probe.rows if row.quantity == "fluctuation"] == ["hooks", "chunks"]
    assert any("fluctuation by hooks failed: 'watched'" in note for note in probe.notes)


def equation(model: nn.Module, batch: Any) -> Tensor:
    """The residual of u' = u, as a network that solves a differential equation is trained on."""
    inputs = batch[0].clone().requires_grad_()
    values = model(inputs)[:, 0]
    (slopes,) = torch.autograd.grad(values.sum(), inputs, create_graph=True)
    return (slopes[:, 0] - values).square()


def penalised(model: nn.Module, batch: Any) -> Tensor:
    inputs = batch[0].clone().requires_grad_()
    found = model(inputs)
    (slopes,) = torch.autograd.grad(found.sum(), inputs, create_graph=True)
    return (found - batch[1]).square().sum(1) + 0.1 * slopes.square().sum(1)


def penalised_always(model: nn.Module, batch: Any) -> Tensor:
    with torch.enable_grad():
        return penalised(model, batch)


DIFFERENTIATING = [equation, penalised, penalised_always, lambda model, batch: penalised(model, batch).mean()]


@pytest.mark.parametrize("loss", DIFFERENTIATING, ids=["equation", "penalty", "penalty-with-grad", "mean"])
def test_a_loss_that_differentiates_inside(loss: Any) -> None:
    """Fluctuation and eigenvalues as they are; the Gauss–Newton matrix, which is of the output alone, is not there, with a note."""
    model, data = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double(), batch()
    (found,) = measure(model, loss, data, **{**LITTLE, "trace_products": 100}).networks
    vector = penalised if loss is DIFFERENTIATING[3] else loss
    assert found["fluctuation"]["value"] == pytest.approx(fluctuation(model, vector, data), rel=1e-9)
    parameters = list(model.parameters())
    names = [name for name, _ in model.named_parameters()]

    def value(*numbers: Tensor) -> Tensor:
        return torch.func.functional_call(Of(model, loss, data), {f"model.{name}": one for name, one in zip(names, numbers)}, ())

    blocks = torch.autograd.functional.hessian(value, tuple(parameters))
    exact = torch.cat([torch.cat([b.reshape(p.numel(), -1) for b in row], 1) for p, row in zip(parameters, blocks)])
    assert found["sharpness"]["value"] == pytest.approx(exact.trace().item(), rel=1e-9)
    assert found["top"][0]["value"] == pytest.approx(torch.linalg.eigvalsh(exact)[-1].item(), rel=1e-6)
    assert found["gauss_newton_trace"] is None and found["ratio"] is None
    assert any("not depend on them through the output alone" in note for note in found["notes"])


class Of(nn.Module):
    def __init__(self, model: nn.Module, loss: Any, batch: Any) -> None:
        super().__init__()
        self.model, self.loss, self.batch = model, loss, batch

    def forward(self) -> Tensor:
        found: Tensor = self.loss(self.model, self.batch).mean()
        return found


@pytest.mark.parametrize("loss", DIFFERENTIATING, ids=["equation", "penalty", "penalty-with-grad", "mean"])
def test_a_probe_of_a_loss_that_differentiates_inside(loss: Any) -> None:
    model, data = network(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    quantities = ["fluctuation", "gauss_newton_trace", "lambda_max", "critical_sharpness"]
    probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=data, quantities=quantities)
    for _ in range(2):
        optimizer.zero_grad()
        loss(model, data).mean().backward()
        probe.step(data)
        optimizer.step()
    found = {row.quantity: row.value for row in probe.rows}
    vector = penalised if loss is DIFFERENTIATING[3] else loss
    assert found["fluctuation"] == pytest.approx(fluctuation(model, vector, data), rel=1)
    assert found["lambda_max"] > 0 and found["critical_sharpness"] > 0
    assert "gauss_newton_trace" not in found
    assert any("no tr Gauss–Newton: the loss differentiates the model itself" in note for note in probe.notes)


class Bags(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.bags, self.head = nn.EmbeddingBag(7, 4, **options), nn.Linear(4, 3)

    def forward(self, *given: Any) -> Tensor:
        found: Tensor = self.head(torch.tanh(self.bags(*given)))
        return found


BAGS: list[dict[str, Any]] = [{}, {"mode": "sum"}, {"mode": "max"}, {"padding_idx": -6}, {"mode": "max", "padding_idx": 1}]


@pytest.mark.parametrize("options", BAGS)
def test_bags_of_embeddings_by_their_formula(options: dict[str, Any]) -> None:
    """What PyTorch's kernel gives, with its gradient, for indices in rows and after one another; one bag holds padding alone."""
    model = Bags(**options).double()
    rows = torch.randint(7, (5, 6))
    rows[2] = 1
    ends = torch.tensor([0, 4, 4, 9, 21])
    for given in ((rows,), (rows.flatten(), ends)):
        expected = model(*given)
        slopes = torch.autograd.grad(expected.sum(), list(model.parameters()))
        with evaluating(model, 0):
            found = model(*given)
            again = torch.autograd.grad(found.sum(), list(model.parameters()))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        for one, other in zip(again, slopes):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_bags_with_weights_and_the_last_offset() -> None:
    model = nn.EmbeddingBag(7, 4, mode="sum", include_last_offset=True, padding_idx=3).double()
    indices, weights = torch.randint(7, (12,)), torch.rand(12).double()
    ends = torch.tensor([0, 5, 12])
    expected = model(indices, ends, per_sample_weights=weights)
    with evaluating(model, 0):
        torch.testing.assert_close(model(indices, ends, per_sample_weights=weights), expected)


@pytest.mark.parametrize("options", BAGS)
def test_a_model_with_bags_is_measured(options: dict[str, Any]) -> None:
    model = Bags(**options).double()
    data = (torch.randint(7, (12, 5)), torch.randn(12, 3).double())
    (found,) = measure(model, squares, data, **LITTLE).networks
    assert found["fluctuation"]["value"] == pytest.approx(fluctuation(model, squares, data), rel=1e-9)
    assert not any("symmetric" in note or "one sample at a time" in note for note in found["notes"])


@pytest.mark.filterwarnings("ignore:.*torch.jit:")
def test_a_scripted_module_is_refused() -> None:
    scripted = torch.jit.script(network())
    with pytest.raises(ValueError, match="`model` is a scripted module"):
        measure(scripted, squares, batch(), **LITTLE)
    with pytest.raises(ValueError, match="`model` is a scripted module"):
        Probe(scripted, loss=squares)
