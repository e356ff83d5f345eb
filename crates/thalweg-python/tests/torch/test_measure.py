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
from thalweg.torch import import_, measure, sharpness
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
    done = subprocess.run([program, "report", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (page,) = tmp_path.glob("*.html")
    assert "language" in page.read_text()


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


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(5), nn.Dropout(0.3)])
def test_a_scalar_loss_without_single_samples(layer: nn.Module) -> None:
    """The error names the ways out, and these are ways out."""
    model = nn.Sequential(nn.Linear(3, 5), layer, nn.Linear(5, 4)).double()
    data = classified(12, 12)
    with pytest.raises(ValueError, match=r"reduction='none'.*model.eval\(\).*thalweg.torch.hessian"):
        measure(model, mean_of_classes, data, **LITTLE)
    assert thalweg.trace(thalweg.torch.hessian(model, mean_of_classes, data), products=20).value > 0
    assert measure(model, classes, data, **LITTLE).networks[0]["fluctuation"]["value"] > 0
    model.eval()
    assert measure(model, mean_of_classes, data, **LITTLE).networks[0]["fluctuation"]["value"] > 0


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
