"""Each sample's part in fluctuation and curvature, against gradients and Jacobians that are formed one by one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from test_products import (
    Attention,
    classified,
    cross_entropy,
    dense,
    gauss_newton_reference,
    mean_cross_entropy,
    perceptron,
    squared_error,
)
from torch import Tensor, nn
from torch.nn import functional

from thalweg import _core
from thalweg.torch._cut import Cut, Inseparable
from thalweg.torch._exact import Exact, Unfit
from thalweg.torch._many import Sampled
from thalweg.torch._objective import Objective
from thalweg.torch._products import GaussNewton, GradientCovariance

Loss = Callable[[nn.Module, Any], Tensor]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(6)


def gradients(model: nn.Module, loss: Loss, batches: list[Any]) -> Tensor:
    """(N, n): one backward pass for each sample, through its batch."""
    rows = []
    parameters = [p for p in model.parameters() if p.requires_grad]
    for batch in batches:
        for value in loss(model, batch):
            found = torch.autograd.grad(value, parameters, retain_graph=True)
            rows.append(torch.cat([part.flatten() for part in found]))
    return torch.stack(rows)


def assert_moments(answer: dict[str, Any], rows: Tensor) -> None:
    """F and tr Cov with their standard errors, from all gradients."""
    squares = rows.square().sum(1)
    deviations = (rows - rows.mean(0)).square().sum(1)
    for name, each in [("fluctuation", squares), ("covariance_trace", deviations)]:
        assert answer[name]["value"] == pytest.approx(each.mean().item(), rel=1e-12)
        assert answer[name]["standard_error"] == pytest.approx(each.std().item() / len(each) ** 0.5, rel=1e-10)


LOSSES: dict[str, tuple[Loss, Callable[[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]]] = {
    "cross-entropy": (cross_entropy, lambda batch: batch),
    "mean cross-entropy": (mean_cross_entropy, lambda batch: batch),
    "squared error": (squared_error, lambda batch: (batch[0], torch.randn(len(batch[0]), 4).double())),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_field_of_the_exact_way(name: str) -> None:
    loss, given = LOSSES[name]
    model = perceptron(3, 5, 4, activation=nn.Tanh)
    batches = [given(batch) for batch in classified(16, 16, 3)]
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    vector = cross_entropy if loss is mean_cross_entropy else loss
    rows = gradients(model, vector, [whole])
    exact = Exact(Objective(model, loss, batches))
    answer = _core.fluctuation(exact)
    assert_moments(answer, rows)
    for layer, columns in zip(answer["layers"], (slice(0, 20), slice(20, 44))):
        assert_moments(layer, rows[:, columns])
    gauss_newton = gauss_newton_reference(model, vector, whole)
    assert answer["gauss_newton_trace"]["value"] == pytest.approx(gauss_newton.trace().item(), rel=1e-12)
    assert answer["layers"][0]["gauss_newton_trace"]["value"] == pytest.approx(gauss_newton[:20, :20].trace().item(), rel=1e-12)
    assert sum(output["value"] for output in answer["outputs"]) == pytest.approx(gauss_newton.trace().item(), rel=1e-12)
    assert answer["loss"]["value"] == pytest.approx(vector(model, whole).mean().item(), rel=1e-12)
    inputs, targets = whole
    output = model(inputs).detach()
    if name == "squared error":
        residuals = output - targets
    else:
        residuals = output.softmax(1) - functional.one_hot(targets, 4)
    covariance = torch.cov(residuals.T, correction=0)
    np.testing.assert_allclose(answer["residuals"]["covariance"], covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(answer["residuals"]["mean"], residuals.mean(0), rtol=1e-10, atol=1e-14)
    # Under independence F would be tr(E[J Jᵀ] E[r rᵀ]), here from the pairs of all Jacobians and all residuals.
    samples = len(inputs)
    together = 0.0
    for x in inputs:
        pulled = [
            torch.autograd.grad(model(x[None]), list(model.parameters()), r[None]) for r in residuals
        ]
        together += sum(part.square().sum().item() for found in pulled for part in found) / samples**2
    assert answer["bounds"]["independent"] == pytest.approx(together, rel=1e-10)
    assert exact.ways == {"hooks": None}


def test_the_gradient_covariance_is_exact() -> None:
    model = perceptron(3, 5, 4)
    batches = classified(16, 16, 3)
    rows = gradients(model, cross_entropy, batches)
    centred = rows - rows.mean(0)
    for loss in (cross_entropy, mean_cross_entropy):
        objective = Objective(model, loss, batches)

        def outputs(index: int) -> tuple[list[Tensor], list[Tensor]]:
            cut = Cut(objective, index)
            return cut.outputs, cut.residuals

        found = dense(GradientCovariance(objective, outputs))
        np.testing.assert_allclose(found, centred.T @ centred / 35, rtol=1e-9, atol=1e-14)


def test_samples_that_depend_on_one_another() -> None:
    """BatchNorm in training: the gradients are those of the samples' losses in their batch, and hooks cannot give them."""
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4)).double()
    batches = classified(12, 8)
    exact = Exact(Objective(model, cross_entropy, batches))
    answer = _core.fluctuation(exact)
    assert_moments(answer, gradients(model, cross_entropy, batches))
    (reason,) = exact.ways.values()
    assert reason is not None and "BatchNorm" in reason
    with pytest.raises(Inseparable, match="failed on a single sample"):
        Exact(Objective(model, mean_cross_entropy, batches))
    model.eval()
    assert_moments(_core.fluctuation(Exact(Objective(model, mean_cross_entropy, batches))), gradients(model, cross_entropy, batches))


def test_dropout_needs_the_samples_losses() -> None:
    model = nn.Sequential(nn.Linear(3, 20), nn.Dropout(0.5), nn.Linear(20, 4)).double()
    (batch,) = classified(20)
    objective = Objective(model, cross_entropy, batch)
    with objective.evaluating(0):
        rows = gradients(model, cross_entropy, [batch])
    assert_moments(_core.fluctuation(Exact(objective)), rows)
    with pytest.raises(Inseparable, match="dropout"):
        Exact(Objective(model, mean_cross_entropy, batch))


def test_a_loss_without_one_output() -> None:
    """Called twice: no Gauss–Newton matrix, and the fluctuation from the samples' losses themselves."""

    def twice(model: nn.Module, batch: Any) -> Tensor:
        inputs, labels = batch
        return functional.cross_entropy(model(inputs) + model(-inputs), labels, reduction="none")

    model = perceptron(3, 5, 4)
    batches = classified(16, 3)
    for loss, way in [(twice, "hooks"), (lambda model, batch: twice(model, batch).mean(), "one sample at a time")]:
        objective = Objective(model, loss, batches)
        with pytest.raises(Unfit, match="2 times"):
            Exact(objective)
        sampled = Sampled(objective, 4, 0)
        answer = sampled.answer()
        assert_moments(answer, gradients(model, twice, batches))
        assert list(sampled.ways) == [way]
        assert answer["gauss_newton_trace"] is None and any("2 times" in note for note in sampled.notes)


def test_a_loss_of_pairs_of_samples() -> None:
    def contrast(model: nn.Module, batch: Any) -> Tensor:
        found: Tensor = model(batch[0])
        return functional.cross_entropy(found @ found.T, torch.arange(len(found)), reduction="none")

    model = perceptron(3, 5, 4)
    batches = classified(8, 6)
    objective = Objective(model, contrast, batches)
    with pytest.raises(Unfit, match="depends on the model's output for another"):
        Exact(objective)
    sampled = Sampled(objective, 4, 0)
    assert_moments(sampled.answer(), gradients(model, contrast, batches))
    assert list(sampled.ways) == ["one sample at a time"]
    with pytest.raises(Inseparable):
        Sampled(Objective(model, lambda model, batch: contrast(model, batch).mean(), batches), 4, 0)


class Language(nn.Module):
    """Tokens in, a distribution over the next at every position out; the embedding is tied to the head."""

    def __init__(self, tokens: int = 30, width: int = 4, positions: int = 6) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        self.place = nn.Embedding(positions, width)
        self.mix = Attention()
        self.head = nn.Linear(width, tokens, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        x = x + self.mix(x)[:, None]
        found: Tensor = self.head(x)
        return found


def sequence_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    logits: Tensor = model(tokens[:, :-1])
    return functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none").mean(1)


def test_a_language_model_by_drawn_labels() -> None:
    """tr G within its error, at a false-alarm rate of 1 in 10⁴ (four standard errors, with t's tails for 40 draws)."""
    model = Language().double()
    batches = list(torch.split(torch.randint(30, (11, 7)), 8))
    # A list of tensors would be one batch.
    objective = Objective(model, sequence_loss, iter(batches))
    with pytest.raises(Unfit, match="180 outputs"):
        Exact(objective)
    sampled = Sampled(objective, 40, 0)
    answer = sampled.answer()
    assert_moments(answer, gradients(model, sequence_loss, batches))
    assert sum(layer["fluctuation"]["value"] for layer in answer["layers"]) == pytest.approx(answer["fluctuation"]["value"])
    exact = dense(GaussNewton(objective)).trace().item()
    found = answer["gauss_newton_trace"]
    assert found["kind"] == "standard-error"
    assert 0 < found["error"] < 0.1 * exact
    assert abs(found["value"] - exact) < 4.4 * found["error"]
    # The classes' residuals p − y over all positions.
    residuals = []
    for tokens in batches:
        p = model(tokens[:, :-1]).softmax(-1) - functional.one_hot(tokens[:, 1:], 30)
        residuals.append(p.detach().reshape(-1, 30))
    covariance = torch.cov(torch.cat(residuals).T, correction=0)
    np.testing.assert_allclose(answer["residuals"]["covariance"], covariance, rtol=1e-9, atol=1e-13)


def test_few_outputs_at_several_positions() -> None:
    """Classes in the last dimension: lines are class · positions + position, whatever the model's own order."""
    model = Language(tokens=5, positions=3).double()
    tokens = torch.randint(5, (9, 4))
    objective = Objective(model, sequence_loss, tokens)
    exact = Exact(objective)
    assert exact.classes == (5, 3) and exact.outputs == 15
    answer = _core.fluctuation(exact)
    assert answer["gauss_newton_trace"]["value"] == pytest.approx(dense(GaussNewton(objective)).trace().item(), rel=1e-12)
    assert_moments(answer, gradients(model, sequence_loss, [tokens]))
    logits = model(tokens[:, :-1]).detach()
    residuals = (logits.softmax(-1) - functional.one_hot(tokens[:, 1:], 5)) / 3
    np.testing.assert_allclose(answer["residuals"]["mean"], residuals.mean(0).T.flatten(), rtol=1e-9, atol=1e-14)


def test_a_loss_with_curvature_of_its_own() -> None:
    """Neither diagonal nor cross-entropy's: the parts are those of the eigenvectors, and their sum is tr G."""

    def loss(model: nn.Module, batch: Any) -> Tensor:
        output: Tensor = model(batch[0]) - batch[1]
        return output.sum(1).cosh() + output.square().sum(1)

    model = perceptron(3, 5, 2, activation=nn.Tanh)
    batch = (torch.randn(15, 3).double(), torch.randn(15, 2).double())
    exact = Exact(Objective(model, loss, batch))
    found = _core.fluctuation(exact)["gauss_newton_trace"]["value"]
    assert found == pytest.approx(gauss_newton_reference(model, loss, batch).trace().item(), rel=1e-12)
    assert any("eigenvectors" in note for note in exact.notes)


def test_what_the_tied_weights_share_has_cross_terms() -> None:
    """Without them the fluctuation would be another, so that this test can fail."""
    model = Language(tokens=5, positions=3).double()
    tokens = torch.randint(5, (9, 4))
    answer = _core.fluctuation(Exact(Objective(model, sequence_loss, tokens)))
    tied = answer["layers"][0]
    assert tied["name"] == "embed"
    untied = Language(tokens=5, positions=3).double()
    untied.load_state_dict(model.state_dict())
    untied.head.weight = nn.Parameter(model.embed.weight.detach().clone())
    apart = _core.fluctuation(Exact(Objective(untied, sequence_loss, tokens)))
    parts = {layer["name"]: layer["fluctuation"]["value"] for layer in apart["layers"]}
    assert abs(parts["embed"] + parts["head"] - tied["fluctuation"]["value"]) > 0.01 * tied["fluctuation"]["value"]


@pytest.mark.parametrize("gap", [5.0, 20.0, 40.0, 60.0])
@pytest.mark.parametrize("outputs", [2, 4])
def test_a_network_that_is_sure_of_its_classes(gap: float, outputs: int) -> None:
    """In single precision residuals and curvature are less than 1 is rounded by, and cross-entropy all the same, with its tr G."""
    torch.manual_seed(4)
    model = nn.Linear(5, outputs)
    with torch.no_grad():
        model.weight.mul_(0.1)
        model.bias[0] = gap
    data = (torch.randn(64, 5), torch.zeros(64, dtype=torch.long))
    exact = Exact(Objective(model, cross_entropy, data))
    assert not exact.notes and exact.classes == (outputs, 1)
    double = Exact(Objective(copy.deepcopy(model).double(), cross_entropy, (data[0].double(), data[1])))
    found, expected = (one.sample_curvature()[1].sum() for one in (exact, double))
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 20.0])
def test_other_losses_have_no_classes(scale: float) -> None:
    """Squared errors, however small they are and however sure a softmax of the outputs would be."""
    torch.manual_seed(4)
    model = nn.Linear(5, 2)
    inputs = torch.randn(64, 5)
    with torch.no_grad():
        model.weight.mul_(scale)
        targets = model(inputs) + scale * 1e-3 * torch.randn(64, 2)
    exact = Exact(Objective(model, lambda model, batch: (model(batch[0]) - batch[1]).square().sum(1), (inputs, targets)))
    assert not exact.notes and exact.classes is None
