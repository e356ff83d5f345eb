"""Everything of a model of one's own at once: the program's numbers, the same file and page, and notes on what is not there."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_exchange import NETWORKS, close, cross_entropy, experiment, squared_error, trained
from test_products import classified, dense, perceptron
from test_products import cross_entropy as classes
from test_samples import Language, sequence_loss
from torch import Tensor, nn
from torch.nn import functional

import thalweg
from thalweg.torch import Probe, import_, measure, sharpness
from thalweg.torch._groups import between_batches
from thalweg.torch._multilinear import linear_in_each_parameter
from thalweg.torch._objective import Objective
from thalweg.torch._products import GaussNewton, Hessian

#: Little work, for where the numbers do not matter.
LITTLE: dict[str, Any] = {"top": 1, "trace_products": 10, "density_probes": 2, "density_steps": 5, "draws": 2}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def values(estimates: list[dict[str, Any]]) -> list[float]:
    return [estimate["value"] for estimate in estimates]


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_numbers_are_the_programs(name: str, loss: str, tmp_path: Path) -> None:
    """To 1e-9 of what the program gives, in batches of 23 and 17. Eigenvalues carry the error that their residual allows."""
    given = experiment(NETWORKS[name], loss)
    path, batch = trained(tmp_path, given)
    (expected,) = thalweg.measure(path, out=tmp_path / "program", trace_products=400, top=3).networks
    batches = list(zip(*(torch.split(part, 23) for part in batch)))
    (found,) = measure(
        import_(path),
        squared_error if loss == "squared-error" else cross_entropy,
        batches,
        trace_products=400,
        layer_products=400,
        top=3,
        out=tmp_path / "python",
        name="seed-0",
    ).networks
    assert found.keys() - {"notes"} == expected.keys() - {"notes"}
    for key in ("parameters", "samples", "loss", "fluctuation", "covariance_trace", "ratio", "bounds"):
        close(found[key], expected[key])
    scale = max(map(abs, values(expected["top"] + expected["bottom"])))
    for key in ("sharpness", "gauss_newton_trace"):
        assert found[key]["kind"] == expected[key]["kind"] == "rounding"
        assert found[key]["value"] == pytest.approx(expected[key]["value"], rel=1e-9, abs=1e-9 * scale)
    for key in ("top", "bottom"):
        np.testing.assert_allclose(values(found[key]), values(expected[key]), rtol=1e-9, atol=1e-9 * scale)
    largest = max(values(expected["gradient_covariance"]))
    np.testing.assert_allclose(
        values(found["gradient_covariance"]), values(expected["gradient_covariance"]), rtol=1e-9, atol=1e-9 * largest
    )
    for own, other in zip(found["layers"], expected["layers"], strict=True):
        assert own["name"] == other["name"] and own["parameters"] == other["parameters"]
        for key in ("sharpness", "lambda_max"):
            assert own[key]["value"] == pytest.approx(other[key]["value"], rel=1e-9, abs=1e-9 * scale)
        for key in ("fluctuation", "covariance_trace"):
            close(own[key], other[key])
    for key in ("hessian_directions", "covariance_directions", "chance"):
        assert found["alignment"][key] == expected["alignment"][key]
    if expected["alignment"]["overlap"] is not None:
        assert found["alignment"]["overlap"] == pytest.approx(expected["alignment"]["overlap"], abs=1e-6)
    np.testing.assert_allclose(found["density"]["curve"], expected["density"]["curve"], rtol=1e-6, atol=1e-6)
    assert found["density"]["mean"]["value"] == pytest.approx(expected["density"]["mean"]["value"], rel=1e-9, abs=1e-9 * scale)
    # The file is one of the program's own.
    written = json.loads((tmp_path / "python/measured/seed-0.json").read_text())
    assert written.pop("digest").startswith("fnv1a64:")
    assert written["fluctuation"] == found["fluctuation"] and written["top"] == found["top"]


def test_a_measurement_has_a_page(tmp_path: Path) -> None:
    program = os.environ.get("THALWEG_PROGRAM", str(Path(__file__).resolve().parents[4] / "target/debug/thalweg"))
    if not Path(program).exists():
        pytest.skip(f"{program} is not built")
    measure(perceptron(3, 5, 4), classes, classified(16, 3), out=tmp_path, **LITTLE)
    measure(Language().double(), sequence_loss, torch.randint(30, (11, 7)), out=tmp_path, name="language", **LITTLE)
    measure(unlike_alone(nn.BatchNorm1d(5)), mean_of_classes, classified(12), out=tmp_path, name="coupled", **LITTLE)
    done = subprocess.run([program, "report", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (page,) = tmp_path.glob("*.html")
    text = page.read_text()
    assert "language" in text and "coupled" in text and "not known" in text


def test_a_language_model() -> None:
    model = Language().double()
    tokens = torch.randint(30, (11, 7))
    batches = [{"tokens": part} for part in torch.split(tokens, 8)]

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return sequence_loss(model, batch["tokens"])

    found = measure(model, loss, batches, trace_products=60, draws=20, top=2).networks[0]
    objective = Objective(model, loss, batches)
    eigenvalues = torch.linalg.eigvalsh(dense(Hessian(objective)))
    scale = eigenvalues.abs().max().item()
    for estimate, value in zip(found["top"], eigenvalues.flip(0).tolist()):
        assert abs(estimate["value"] - value) <= 1e-6 * scale and estimate["converged"]
    for estimate, value in zip(found["bottom"], eigenvalues.tolist()):
        assert abs(estimate["value"] - value) <= 1e-6 * scale
    # At a false-alarm rate below 1e-4 each.
    assert abs(found["sharpness"]["value"] - eigenvalues.sum().item()) < 5 * found["sharpness"]["error"]
    trace = dense(GaussNewton(objective)).trace().item()
    assert abs(found["gauss_newton_trace"]["value"] - trace) < 5 * found["gauss_newton_trace"]["error"]
    assert found["bounds"] is None and found["residuals"] is not None
    assert any("180 outputs" in note for note in found["notes"])
    assert any("mathematical kernel" in note for note in found["notes"])
    # Layers' own blocks, of the tied weight as one.
    assert found["layers"][0]["name"] == "embed"
    block = dense(Hessian(objective))[:120, :120]
    assert found["layers"][0]["lambda_max"]["value"] == pytest.approx(torch.linalg.eigvalsh(block)[-1].item(), rel=1e-5)


def test_a_scalar_loss_that_calls_the_model_twice() -> None:
    """No Gauss–Newton matrix: what needs one is None, with a sentence."""

    def loss(model: nn.Module, batch: Any) -> Tensor:
        other: Tensor = model(-batch[0]).square().sum(1)
        return (classes(model, batch) + other).mean()

    found = measure(perceptron(3, 5, 4), loss, classified(8, 3), **LITTLE).networks[0]
    for key in ("gauss_newton_trace", "ratio", "residuals", "bounds"):
        assert found[key] is None
    assert sum("2 times" in note for note in found["notes"]) == 1
    assert any("one sample at a time" in note for note in found["notes"])


@pytest.mark.parametrize("training", [False, True])
def test_a_sum_over_samples_is_named(training: bool) -> None:
    """Also where single samples are not treated as in their batch; a mean, and a loss that is 0, is none."""
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 4)).double()
    model.train(training)
    batches = classified(16, 3) + classified(16, 3)

    def total(model: nn.Module, batch: Any) -> Tensor:
        return classes(model, batch).sum()

    found = measure(model, total, batches, **LITTLE).networks[0]
    named = [note for note in found["notes"] if "the sum over a batch's samples" in note]
    assert len(named) == 1 and f"{len(batches[0][0])} times" in named[0] and "reduction='none'" in named[0]
    if not training:
        assert any("sum over its batch" in note for note in found["notes"])
    with pytest.warns(RuntimeWarning, match="the sum over a batch's samples"):
        sharpness(model, total, batches, products=4)
    probe = Probe(model, loss=total, sharpness_set=batches, quantities=["lambda_max"])
    probe.step(batches[0])
    assert any("the sum over a batch's samples" in note for note in probe.notes)
    for other in (lambda model, batch: total(model, batch) / len(batch[0]), lambda model, batch: 0 * total(model, batch)):
        assert not Objective(model, other, batches).summed


def test_what_is_linear_in_each_parameter() -> None:
    """There tr H is tr G, exactly; elsewhere it is not known, or not so."""
    flat = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4)
    ).double()
    batch = (torch.randn(10, 1, 8, 8).double(), torch.randint(4, (10,)))
    assert not linear_in_each_parameter(flat)
    flat.eval()
    # Not where BatchNorm has just these statistics by chance.
    flat[1].running_mean.normal_()  # type: ignore[operator]
    assert linear_in_each_parameter(flat)
    found = measure(flat, classes, batch, **LITTLE).networks[0]
    exact = dense(Hessian(Objective(flat, classes, batch)))
    assert found["sharpness"]["kind"] == "rounding"
    assert found["sharpness"]["value"] == pytest.approx(exact.trace().item(), rel=1e-10)
    alone = sharpness(flat, classes, batch)
    assert alone.value == pytest.approx(exact.trace().item(), rel=1e-10)
    assert alone.kind == "rounding" and alone.products == 4
    flat.append(nn.Softplus())
    curved = dense(Hessian(Objective(flat, classes, batch))).trace().item()
    assert sharpness(flat, classes, batch).value == pytest.approx(curved, rel=1e-10)
    estimate = sharpness(flat, classes, batch, products=20)
    assert estimate.kind == "standard-error" and abs(estimate.value - curved) < 6 * estimate.error
    assert found["layers"][0]["sharpness"]["value"] == pytest.approx(exact[:20, :20].trace().item(), rel=1e-10)

    class Twice(nn.Sequential):
        pass

    shared = nn.Linear(3, 3)
    for model in (
        perceptron(3, 5, 4, activation=nn.Tanh),
        nn.Sequential(shared, nn.ReLU(), shared),
        Twice(nn.Linear(3, 4)),
        nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)),
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
    ):
        assert not linear_in_each_parameter(model)


def _softened(layer: nn.Module) -> None:
    """With its own forward in place of its class's."""
    layer.forward = lambda x: torch.tanh(nn.Linear.forward(layer, x))  # type: ignore


@pytest.mark.parametrize("where", ["layer", "activation", "whole", "parameter", "layer's parameter", "weight", "hook on all"])
def test_what_classes_do_not_tell_is_not_called_exact(where: str) -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4)).double()
    loss, handle = classes, None
    if where == "layer":
        _softened(model[0])
    elif where == "activation":
        model[1].forward = torch.tanh
    elif where == "whole":
        model.forward = lambda x: model[2](torch.tanh(model[0](x)))  # type: ignore
    elif where == "parameter":
        model.scale = nn.Parameter(torch.ones(3).double())

        def loss(model: nn.Module, batch: Any) -> Tensor:
            return classes(model, (batch[0] * model.scale.exp(), batch[1]))  # type: ignore
    elif where == "layer's parameter":
        model[0].a = nn.Parameter(torch.randn(5, 3).double())
    elif where == "weight":
        model[0].bias = None
        del model[0].weight
        model[0].weight = torch.randn(5, 3).double()
    else:
        handle = nn.modules.module.register_module_forward_hook(
            lambda module, _, output: torch.tanh(output) if module is model[0] else None
        )
    batch = classified(12, 3)
    try:
        assert not linear_in_each_parameter(model)
        exact = dense(Hessian(Objective(model, loss, batch))).trace().item()
        assert sharpness(model, loss, batch).value == pytest.approx(exact, rel=1e-9)
        found = measure(model, loss, batch, **{**LITTLE, "trace_products": 200}).networks[0]
        assert found["sharpness"]["value"] == pytest.approx(exact, rel=1e-9)
    finally:
        if handle is not None:
            handle.remove()


@pytest.mark.parametrize("through", ["input", "derivative"])
def test_what_the_loss_does_with_parameters_is_not_called_exact(through: str) -> None:
    """Of a model that is linear in each parameter, a loss may still be none of its output alone: products with the Hessian tell."""
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4)).double()

    def loss(model: Any, batch: Any) -> Tensor:
        if through == "input":
            return classes(model, (batch[0] * model[0].bias.exp().sum(), batch[1]))
        inputs = batch[0].clone().requires_grad_()
        outputs = model(inputs)
        given = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
        (slope,) = torch.autograd.grad(outputs.sum(), inputs, **given)
        return functional.cross_entropy(outputs, batch[1], reduction="none") + slope.square().sum(1)

    batch = classified(12, 3)
    assert linear_in_each_parameter(model)
    exact = dense(Hessian(Objective(model, loss, batch))).trace().item()
    assert sharpness(model, loss, batch).value == pytest.approx(exact, rel=1e-9)
    found = measure(model, loss, batch, **{**LITTLE, "trace_products": 200}).networks[0]
    assert found["sharpness"]["value"] == pytest.approx(exact, rel=1e-9)
    assert any("not taken from tr G" in note for note in found["notes"])


def test_single_precision() -> None:
    model = perceptron(3, 5, 4, activation=nn.Tanh)
    batches = classified(16, 3)
    exact = measure(model, classes, batches, **LITTLE).networks[0]
    single = copy.deepcopy(model).float()
    found = measure(single, classes, [(x.float(), y) for x, y in batches], **LITTLE).networks[0]
    for key in ("loss", "fluctuation", "covariance_trace", "gauss_newton_trace"):
        assert found[key]["value"] == pytest.approx(exact[key]["value"], rel=1e-4)
    assert found["top"][0]["value"] == pytest.approx(exact["top"][0]["value"], rel=1e-3)
    half = copy.deepcopy(model).bfloat16()
    rough = measure(half, classes, [(x.bfloat16(), y) for x, y in batches], **LITTLE).networks[0]
    assert rough["fluctuation"]["value"] == pytest.approx(exact["fluctuation"]["value"], rel=0.1)
    assert any("bfloat16" in note for note in rough["notes"])


def test_dropout_has_one_mask_for_every_number() -> None:
    """Attention with dropout goes one sample at a time, after hooks were tried: its losses were of another mask than its gradient."""
    torch.manual_seed(0)
    x, y = torch.randn(10, 4, 3).double(), torch.randint(3, (10,))
    layer = nn.TransformerEncoderLayer(3, 1, 4, dropout=0.3, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 3)).double().train()
    found = measure(model, classes, (x, y), top=1000, trace_products=50, seed=0).networks[0]
    assert any("one sample at a time" in note for note in found["notes"])
    eigenvalues = sum(one["value"] for one in found["gradient_covariance"])
    assert eigenvalues == pytest.approx(found["covariance_trace"]["value"], rel=1e-9)


def test_dropout_that_is_no_layer_is_told() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(10, 3).double(), torch.randint(3, (10,))
    inner = nn.Linear(3, 4).double()
    dropping = {
        "1 dropout layers": (nn.LSTM(3, 4, 2, dropout=0.5).double(), lambda model, batch: classes(lambda x: model(x)[0], batch)),
        "draws random numbers": (inner, lambda model, batch: classes(lambda x: nn.functional.dropout(model(x)), batch)),
    }
    for sentence, (model, loss) in dropping.items():
        found = measure(model, loss, (x, y), **LITTLE).networks[0]
        assert any(sentence in note for note in found["notes"]), found["notes"]
    quiet = measure(inner, classes, (x, y), **LITTLE).networks[0]
    assert not any("random" in note for note in quiet["notes"])


def test_the_run_stays_the_same() -> None:
    """Bit for bit, with dropout and BatchNorm, when a measurement comes in between."""

    def train(measured: bool) -> list[Tensor]:
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 4))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for step in range(6):
            batch = (torch.randn(16, 3), torch.randint(4, (16,)))
            torch.autograd.backward(classes(model, batch).mean())
            if measured and step == 3:
                measure(model, classes, batch, **LITTLE)
            optimizer.step()
            optimizer.zero_grad()
        return [value.clone() for value in model.state_dict().values()]

    assert all(torch.equal(one, other) for one, other in zip(train(False), train(True)))


class Vector(nn.Module):
    """Gives a parameter itself, which is no sample's own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3).double())

    def forward(self) -> Tensor:
        return self.weight


class Weighted(nn.Module):
    """Inputs (B, 2, 3), each entry of which has its weight; the sum over weights is another where hooks copy them."""

    def __init__(self) -> None:
        super().__init__()
        self.vector, self.last = Vector(), nn.Linear(3, 4).double()

    def forward(self, x: Tensor) -> Tensor:
        weight = self.vector().softmax(0)
        found: Tensor = self.last(x * weight).mean(1)
        return found


class Several(nn.Module):
    """Gives features and predictions."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.first, self.last, self.named = nn.Linear(3, 5).double(), nn.Linear(5, 4).double(), named

    def forward(self, x: Tensor) -> Any:
        features = self.first(x).tanh()
        found = self.last(features)
        return {"features": features, "logits": found} if self.named else (features, found)


def predictions(returned: Any) -> Any:
    if isinstance(returned, dict):
        return returned["logits"]
    return returned[1] if isinstance(returned, tuple) else returned


class Recurrent(nn.Module):
    def __init__(self, layer: Callable[..., nn.RNNBase]) -> None:
        super().__init__()
        self.layer, self.last = layer(3, 3, batch_first=True).double(), nn.Linear(3, 4).double()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.layer(x)[0][:, -1])
        return found


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 4)).double(),
        lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 4)).double(),
        lambda: nn.Sequential(nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)), nn.Tanh(), nn.Linear(3, 4)).double(),
        Weighted,
        lambda: Several(False),
        lambda: Several(True),
        lambda: Recurrent(nn.LSTM),
        lambda: Recurrent(nn.GRU),
    ],
    ids=["weight norm", "spectral norm", "orthogonal", "vector", "tuple", "dictionary", "LSTM", "GRU"],
)
def test_models_that_hooks_may_not_know(make: Callable[[], nn.Module]) -> None:
    """Whichever way it goes: the gradients of single samples by one backward pass each, and their second moments."""
    model = make()
    model.eval()
    inputs = torch.randn(9, 2, 3).double() if isinstance(model, (Weighted, Recurrent)) else torch.randn(9, 3).double()
    labels = torch.randint(4, (9,))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(predictions(model(batch[0])), batch[1], reduction="none")

    (found,) = measure(model, loss, [(inputs[:6], labels[:6]), (inputs[6:], labels[6:])], **LITTLE).networks
    parameters = list(model.parameters())
    samples = loss(model, (inputs, labels))
    rows = [torch.autograd.grad(own, parameters, retain_graph=True, allow_unused=True) for own in samples]
    gradients = torch.stack(
        [torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for g, p in zip(row, parameters)]) for row in rows]
    )
    assert found["loss"]["value"] == pytest.approx(samples.mean().item(), rel=1e-12)
    assert found["fluctuation"]["value"] == pytest.approx(gradients.square().sum(1).mean().item(), rel=1e-9)
    centred = gradients - gradients.mean(0)
    assert found["covariance_trace"]["value"] == pytest.approx(centred.square().sum(1).mean().item(), rel=1e-9)
    curved = GaussNewton(Objective(model, loss, (inputs, labels)))
    assert found["gauss_newton_trace"]["value"] == pytest.approx(dense(curved).trace().item(), rel=1e-9)


def mean_of_classes(model: nn.Module, batch: Any) -> Tensor:
    return classes(model, batch).mean()


def batch_gradients(objective: Objective) -> Tensor:
    """The gradient of each batch's mean loss, with the random numbers that it is measured with, one a row."""
    rows = []
    for index in range(len(objective.batches)):
        with objective.evaluating(index):
            parts = torch.autograd.grad(objective.mean(index), objective.parameters)
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


def unlike_alone(layer: nn.Module) -> nn.Sequential:
    """A network in which a sample of a batch is not what it is alone."""
    return nn.Sequential(nn.Linear(3, 5), layer, nn.Tanh(), nn.Linear(5, 4)).double()


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(5), nn.Dropout(0.3)])
def test_a_scalar_loss_without_single_samples(layer: nn.Module, tmp_path: Path) -> None:
    """All that curvature has, and the fluctuation from the batches' gradients, of unequal sizes; the rest is None, with a note."""
    model = unlike_alone(layer)
    data = classified(8, 8, 8, 6, 6)
    sizes = torch.tensor([8.0, 8, 8, 6, 6]).double()
    (found,) = measure(model, mean_of_classes, data, top=2, trace_products=40, out=tmp_path).networks
    objective = Objective(model, mean_of_classes, data)
    gradients = batch_gradients(objective)
    mean = (sizes @ gradients) / 36
    # Every sum of squares by its definition, also with each batch left out.
    covariance = (sizes * (gradients - mean).square().sum(1)).sum() / 4
    assert found["covariance_trace"]["value"] == pytest.approx(covariance.item(), rel=1e-9)
    fluctuation = mean.square().sum() + (1 - 1 / 36) * covariance
    assert found["fluctuation"]["value"] == pytest.approx(fluctuation.item(), rel=1e-9)
    left_out = []
    for k in range(5):
        rest = torch.arange(5) != k
        b, g = sizes[rest], gradients[rest]
        left_out.append((b * (g - (b @ g) / b.sum()).square().sum(1)).sum() / 3)
    error = (0.8 * (torch.stack(left_out) - torch.stack(left_out).mean()).square().sum()).sqrt().item()
    assert found["covariance_trace"]["standard_error"] == pytest.approx(error, rel=1e-9)
    # Student's t with 4 degrees of freedom.
    assert found["covariance_trace"]["interval"][1] == pytest.approx(covariance.item() + 2.776445105 * error, rel=1e-9)
    losses = torch.tensor(objective.batch_losses, dtype=torch.float64)
    scatter = (sizes * (losses - sizes @ losses / 36).square()).sum() / 4
    assert found["loss"]["value"] == pytest.approx((sizes @ losses / 36).item(), rel=1e-12)
    assert found["loss"]["standard_error"] == pytest.approx((scatter / 36).sqrt().item(), rel=1e-9)
    layer_part = (sizes * (gradients - mean)[:, :20].square().sum(1)).sum() / 4
    assert found["layers"][0]["covariance_trace"]["value"] == pytest.approx(layer_part.item(), rel=1e-9)
    eigenvalues = torch.linalg.eigvalsh(dense(Hessian(objective)))
    scale = eigenvalues.abs().max().item()
    np.testing.assert_allclose(values(found["top"]), eigenvalues.flip(0)[:2], atol=1e-6 * scale)
    # At a false-alarm rate below 1e-4 each.
    assert abs(found["sharpness"]["value"] - eigenvalues.sum().item()) < 6 * found["sharpness"]["error"] + 1e-9
    trace = dense(GaussNewton(objective)).trace().item()
    assert abs(found["gauss_newton_trace"]["value"] - trace) < 6 * found["gauss_newton_trace"]["error"] + 1e-9
    for key in ("ratio", "residuals", "bounds", "conditional", "alignment"):
        assert found[key] is None
    assert found["gradient_covariance"] == found["outputs"] == []
    assert any("5 batches' gradients" in note and "reduction='none'" in note for note in found["notes"])
    written = json.loads((tmp_path / "measured/model.json").read_text())
    assert written["fluctuation"] == found["fluctuation"] and written["alignment"] is None
    # The ways out that the note names.
    assert measure(model, classes, data, **LITTLE).networks[0]["alignment"] is not None
    model.eval()
    assert measure(model, mean_of_classes, data, **LITTLE).networks[0]["alignment"] is not None


def test_one_batch_of_coupled_samples_has_no_fluctuation(tmp_path: Path) -> None:
    """It is absent from dictionary, file and table, and two batches give it without an error."""
    model = unlike_alone(nn.BatchNorm1d(5))
    measured = measure(model, mean_of_classes, classified(12), out=tmp_path, **LITTLE)
    (found,) = measured.networks
    assert found["fluctuation"] is None and found["covariance_trace"] is None
    assert found["layers"][0]["fluctuation"] is None
    assert found["loss"]["standard_error"] is None and found["loss"]["interval"] is None
    assert found["sharpness"]["value"] != 0 and found["gauss_newton_trace"]["value"] > 0
    assert any("give several batches" in note for note in found["notes"])
    assert json.loads((tmp_path / "measured/model.json").read_text())["fluctuation"] is None
    assert "–" in measured._repr_html_()
    (two,) = measure(model, mean_of_classes, classified(6, 6), **LITTLE).networks
    assert two["fluctuation"]["value"] > 0 and two["fluctuation"]["interval"] is None
    assert any("at least 3 batches" in note for note in two["notes"])


def test_batches_of_independent_samples_tell_their_covariance() -> None:
    """Without bias: 400 times 6 batches of 2 to 7 samples, whose gradients have the variance 1.

    A z-test at a false-alarm rate of 1e-4; with all batches counted alike, as though they were of one size, it fails.
    """
    generator = torch.Generator().manual_seed(5)
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(model.weight)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        # ∇ℓ = −y x with x = 1 and y normal: mean 0, variance 1.
        found: Tensor = 0.5 * (model(batch[0]) - batch[1]).square().mean()
        return found

    sizes = [2, 3, 4, 5, 6, 7]
    own: dict[str, list[float]] = {"weighted": [], "alike": []}
    for _ in range(400):
        data = []
        for size in sizes:
            y = torch.randn(size, 1, generator=generator).double()
            data.append((torch.ones(size, 1).double(), y))
        objective = Objective(model, loss, data)
        own["weighted"].append(between_batches(objective)[0]["covariance_trace"]["value"])
        objective.sizes = [4.5] * 6  # type: ignore[list-item]
        own["alike"].append(between_batches(objective)[0]["covariance_trace"]["value"])
    z = {name: (np.mean(found) - 1) / (np.std(found, ddof=1) / 20) for name, found in own.items()}
    assert abs(z["weighted"]) < 3.9
    assert abs(z["alike"]) > 3.9


def test_progress_and_errors() -> None:
    seen: list[tuple[int, int]] = []
    model, batches = perceptron(3, 5, 4), classified(8)
    measure(model, classes, batches, progress=lambda done, total: seen.append((done, total)), **LITTLE)
    assert seen == [(i, 8) for i in range(1, 9)]
    for argument, value in [("top", 0), ("trace_products", 3), ("density_probes", 1.5), ("draws", True), ("layer_products", 2)]:
        with pytest.raises(ValueError, match=f"`{argument}` is {value}"):
            measure(model, classes, batches, **{**LITTLE, argument: value})
    wrong: dict[str, Any]
    for wrong, sentence in [({"out": 5}, "`out` is int"), ({"name": ""}, "`name` is ''"), ({"seed": -1}, "`seed` is -1")]:
        with pytest.raises(ValueError, match=sentence):
            measure(model, classes, batches, **wrong)
    with pytest.raises(ValueError, match="`memory` is -1"):
        thalweg.torch.hessian(model, classes, batches, memory=-1)
    with pytest.raises(ValueError, match="`products` is 1"):
        sharpness(model, classes, batches, products=1)
    same = [measure(model, classes, batches, seed=4, **LITTLE).to_dict() for _ in range(2)]
    assert same[0] == same[1]


def test_notes_say_what_is_there() -> None:
    """An exact trace is no estimate, and what one way does not give may be had by another."""
    (found,) = measure(perceptron(3, 5, 4), classes, classified(16), **{**LITTLE, "trace_products": 40}).networks
    assert [layer["sharpness"]["kind"] for layer in found["layers"]] == ["rounding", "rounding"]
    assert not any("layers' traces" in note for note in found["notes"])
    wide = nn.Sequential(nn.Linear(3, 9), nn.Tanh(), nn.Linear(9, 4)).double()
    (found,) = measure(wide, classes, classified(16), layer_products=5, **LITTLE).networks
    assert "layers' traces that are estimates are by 5 products each" in found["notes"]

    def contrast(model: nn.Module, batch: Any) -> Tensor:
        outputs = model(batch[0])
        return functional.cross_entropy(outputs @ outputs.T, torch.arange(len(outputs)), reduction="none")

    (found,) = measure(perceptron(3, 5, 4), contrast, classified(8), **LITTLE).networks
    assert found["gauss_newton_trace"] is not None
    assert any("tr G is by XTrace" in note for note in found["notes"])
    assert not any(note.startswith("tr G") and "not given" in note for note in found["notes"])

    def twice(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]) + model(-batch[0]), batch[1], reduction="none")

    (found,) = measure(perceptron(3, 5, 4), twice, classified(8), **LITTLE).networks
    assert found["gauss_newton_trace"] is None
    assert "tr G is not given, for the same reason" in found["notes"]


class Once(torch.autograd.Function):
    """tanh with a derivative that has none."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        found = x.tanh()
        context.save_for_backward(found)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, slope: Tensor) -> Tensor:
        (found,) = context.saved_tensors
        return slope * (1 - found.square())


class OnceDifferentiable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(3, 6), nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.leave(Once.apply(self.enter(inputs)))
        return found


def by_frequency() -> nn.Module:
    return nn.Sequential(nn.Embedding(5, 3, scale_grad_by_freq=True), nn.Tanh(), nn.Flatten(), nn.Linear(12, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("made", [OnceDifferentiable, by_frequency])
def test_derivatives_that_are_of_no_loss_are_noted(made: Callable[[], nn.Module], dtype: torch.dtype) -> None:
    inputs = torch.randint(5, (16, 4)) if made is by_frequency else torch.randn(16, 3).to(dtype)
    data = (inputs, torch.randint(4, (16,)))
    (found,) = measure(made().to(dtype), classes, data, **LITTLE).networks
    assert any("products are those of no symmetric matrix" in note for note in found["notes"])


def test_coarse_products_are_not_taken_for_asymmetric_ones() -> None:
    class Coarse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Linear(16, 4))

        def forward(self, inputs: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                found: Tensor = self.inner(inputs)
            return found.float()

    data = (torch.randn(64, 3), torch.randint(4, (64,)))
    (found,) = measure(Coarse(), classes, data, **LITTLE).networks
    assert not any("symmetric" in note for note in found["notes"])
