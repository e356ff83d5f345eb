"""Fluctuation: every way is unbiased, has the error that it states, and weights what is unequal.

Statistical tests have a fixed number of repetitions, fixed seeds and a two-sided bound of z = 4: one in 16,000 would fail by
chance if the seeds were not fixed.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch._fluctuation import Samples, balanced, group_parts
from thalweg.torch._moments import Parts
from thalweg.torch._outputs import Unrecognised, curvature
from thalweg.torch._tree import mapped

Z = 4.0
QUANTITIES = ("fluctuation", "covariance_trace", "gradient_norm_squared")


def classify(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def classify_mean(model: nn.Module, batch: Any) -> Tensor:
    return classify(model, batch).mean()


def setting(loss: Any = classify, seed: int = 0) -> tuple[Samples, dict[str, Tensor]]:
    """A small network, and 600 samples that stand for the law: batches are drawn from them with replacement."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x = torch.randn(600, 3, dtype=torch.double)
    y = torch.randint(0, 3, (600,))
    generator = torch.Generator().manual_seed(seed)
    parameters: list[Tensor] = list(model.parameters())
    return Samples(model, loss, parameters, [(0, 4), (0, 2), (2, 4)], generator), {"x": x, "y": y}


def truth(samples: Samples, law: dict[str, Tensor]) -> dict[str, Tensor]:
    """From every sample's gradient, for each row."""
    rows = []
    gradients = []
    for index in range(len(law["y"])):
        one = {name: value[index : index + 1] for name, value in law.items()}
        gradients.append(torch.autograd.grad(classify(samples.model, one).sum(), samples.parameters))
    for start, end in samples.blocks:
        g = torch.stack([torch.cat([part.flatten() for part in gradient[start:end]]) for gradient in gradients])
        mean = g.mean(0)
        rows.append((g.square().sum(1).mean(), (g - mean).square().sum(1).mean(), mean.square().sum()))
    return {name: torch.stack([row[i] for row in rows]) for i, name in enumerate(QUANTITIES)}


def true_trace(samples: Samples, law: dict[str, Tensor]) -> Tensor:
    """tr Gauss–Newton of each row, from the Jacobian and diag p − ppᵀ of every sample."""
    found = torch.zeros(len(samples.blocks), dtype=torch.double)
    for x in law["x"]:
        z = samples.model(x)
        p = z.softmax(0).detach()
        curved = torch.diag(p) - torch.outer(p, p)
        jacobian = [torch.autograd.grad(z[i], samples.parameters, retain_graph=True) for i in range(3)]
        for row, (start, end) in enumerate(samples.blocks):
            j = torch.stack([torch.cat([part.flatten() for part in line[start:end]]) for line in jacobian])
            found[row] += (j * (curved @ j)).sum() / len(law["x"])
    return found


def drawn(law: dict[str, Tensor], count: int, generator: torch.Generator) -> dict[str, Tensor]:
    index = torch.randint(0, len(law["y"]), (count,), generator=generator)
    return {name: value[index] for name, value in law.items()}


def z_score(values: list[float], expected: float) -> float:
    found = torch.tensor(values, dtype=torch.double)
    return float((found.mean() - expected) / (found.std() / math.sqrt(len(values))))


@pytest.mark.parametrize(
    ("way", "loss", "batch", "repetitions"),
    [
        ("hooks", classify, 13, 400),
        ("chunks", classify_mean, 13, 400),
        ("signs", classify, 13, 400),
        ("signs", classify, 16, 400),
        ("vmap", classify, 13, 150),
        ("samples", classify, 5, 150),
    ],
)
def test_each_way_is_unbiased(way: str, loss: Any, batch: int, repetitions: int) -> None:
    samples, law = setting(loss)
    expected, trace = truth(samples, law), true_trace(samples, law)
    generator = torch.Generator().manual_seed(5)
    found = [samples.fluctuation(drawn(law, batch, generator), way, trace=True).rows for _ in range(repetitions)]
    for row in range(3):
        for name in QUANTITIES:
            assert abs(z_score([one[row][name].value for one in found], expected[name][row].item())) < Z, (name, row)
        assert abs(z_score([one[row]["gauss_newton_trace"].value for one in found], trace[row].item())) < Z
    assert not samples.notes


@pytest.mark.parametrize(("way", "batch", "freedom"), [("hooks", 64, 63), ("chunks", 64, 7)])
def test_intervals_of_95_percent_cover(way: str, batch: int, freedom: int) -> None:
    """300 intervals: 285 ± 3.8 are expected inside. Fewer than 270 or more than 296 would happen once in 700 choices of the seed."""
    samples, law = setting()
    expected, trace = truth(samples, law), true_trace(samples, law)
    quantile = {63: 1.998, 7: 2.365}[freedom]
    generator = torch.Generator().manual_seed(6)
    inside = dict.fromkeys(("fluctuation", "covariance_trace", "gauss_newton_trace"), 0)
    for _ in range(300):
        row = samples.fluctuation(drawn(law, batch, generator), way, trace=True).rows[0]
        for name in inside:
            true = trace[0].item() if name == "gauss_newton_trace" else expected[name][0].item()
            inside[name] += abs(row[name].value - true) <= quantile * row[name].error
    assert all(270 <= count <= 296 for count in inside.values()), inside


def test_signs_cover_the_batch_s_own_covariance() -> None:
    """300 intervals of 4 draws each (Student's t with 3 degrees of freedom): 285 ± 3.8 are expected inside."""
    samples, law = setting()
    generator = torch.Generator().manual_seed(7)
    batch = drawn(law, 32, generator)
    true = samples.fluctuation(batch, "hooks", trace=False).rows[0]["covariance_trace"].value
    inside = 0
    for _ in range(300):
        found = samples.fluctuation(batch, "signs", trace=False).rows[0]["covariance_trace"]
        inside += abs(found.value - true) <= 3.182 * found.error
    assert 270 <= inside <= 296, inside


def test_ways_agree_on_one_batch() -> None:
    samples, law = setting()
    batch = drawn(law, 12, torch.Generator().manual_seed(0))
    rows = [samples.fluctuation(batch, way, trace=False).rows for way in ("hooks", "vmap", "samples")]
    for one, other, third in zip(*rows):
        for name, value in one.items():
            if name == "loss":
                continue  # The hooks' way has it beside them.
            assert value.value == pytest.approx(other[name].value, rel=1e-12)
            assert value.value == pytest.approx(third[name].value, rel=1e-12)
            assert value.error == pytest.approx(other[name].error, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("way", ["hooks", "vmap", "samples"])
def test_dropout_has_no_part_in_the_mean_gradient(way: str) -> None:
    """‖∇L‖² over batches and masks is that of the mean gradient; the batch's own masks beside those of samples made it negative."""
    torch.manual_seed(0)
    x = torch.randn(2000, 4, dtype=torch.float64)
    y = (x[:, :1] > 0).double()
    model = nn.Sequential(nn.Linear(4, 12, bias=False), nn.Dropout(0.8), nn.Linear(12, 1, bias=False)).double()

    def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        found: Tensor = (model(batch[0]) - batch[1]).square().sum(1) / 2
        return found

    parameters = list(model.parameters())
    samples = Samples(model, squared, parameters, [(0, 2)], torch.Generator().manual_seed(0))
    means = [torch.autograd.grad(squared(model, (x, y)).mean(), parameters) for _ in range(300)]
    true = sum(float((sum(one[i] for one in means) / len(means)).square().sum()) for i in range(2))
    found = []
    for _ in range(400):
        chosen = torch.randint(len(x), (8,))
        found.append(samples.fluctuation((x[chosen], y[chosen]), way, trace=False).rows[0]["gradient_norm_squared"].value)
    values = torch.tensor(found)
    z = float((values.mean() - true) / (values.std() / math.sqrt(len(values))))
    assert abs(z) < 4, z


def unequal(repetitions: int, counted: list[int]) -> list[float]:
    """tr C from groups of 2, 2 and 11 samples that are taken for groups of `counted`."""
    samples, law = setting()
    generator = torch.Generator().manual_seed(8)
    found = []
    for _ in range(repetitions):
        gradients = []
        for size in (2, 2, 11):
            batch = drawn(law, size, generator)
            gradients.append(list(torch.autograd.grad(classify_mean(samples.model, batch), samples.parameters)))
        found.append(group_parts(gradients, counted, samples.rows).values()[0]["covariance_trace"].value)
    return found


def test_groups_of_unequal_size_have_their_weights() -> None:
    samples, law = setting()
    expected = truth(samples, law)["covariance_trace"][0].item()
    assert abs(z_score(unequal(600, [2, 2, 11]), expected)) < Z
    # Counted as full, the last group spoils it.
    assert abs(z_score(unequal(600, [5, 5, 5]), expected)) > 2 * Z


def test_the_jackknife_in_closed_form_is_that_of_leaving_out() -> None:
    torch.manual_seed(0)
    gradients, sizes = torch.randn(5, 7, dtype=torch.double) + 0.7, [1, 2, 3, 4, 5]

    def quantities(keep: list[int]) -> dict[str, Tensor]:
        mean = sum(sizes[k] * gradients[k] for k in keep) / sum(sizes[k] for k in keep)
        squares, slopes = gradients[keep].square().sum(1), gradients[keep] @ mean
        curvature = gradients[keep].abs().sum(1)
        parts = Parts(squares[None], slopes[None], torch.tensor([sizes[k] for k in keep]).double(), curvature[None])
        return parts._quantities(torch.ones(len(keep), 1, dtype=torch.double))

    found = group_parts([[g] for g in gradients], sizes, lambda blocks: blocks)
    parts = Parts(found.squares, found.slopes, found.sizes, gradients.abs().sum(1)[None])
    for name, value in parts.values()[0].items():
        left_out = torch.stack([quantities([k for k in range(5) if k != out])[name][0, 0] for out in range(5)])
        expected = (4 / 5 * (left_out - left_out.mean()).square().sum()).sqrt().item()
        plain = quantities(list(range(5)))[name].item()
        if name in ("noise_scale", "ratio"):
            plain = 5 * plain - 4 * left_out.mean().item()
        assert value.value == pytest.approx(plain, rel=1e-12)
        assert value.error == pytest.approx(expected, rel=1e-9)


def test_two_groups_have_a_value_and_no_error() -> None:
    found = group_parts([[torch.tensor([1.0])], [torch.tensor([3.0])]], [1, 1], lambda blocks: blocks.double())
    value = found.values()[0]["covariance_trace"]
    assert value.value == 2.0 and math.isnan(value.error)


@pytest.mark.parametrize("samples", [6, 7])
def test_balanced_signs(samples: int) -> None:
    found = balanced(samples, torch.Generator().manual_seed(0))
    assert found.sum() == 0 and found.abs().sum() == samples - samples % 2


def test_batch_norm_in_training_takes_signs_and_says_why() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    samples = Samples(model, classify, list(model.parameters()), [(0, 6)], torch.Generator())
    batch = {"x": torch.randn(8, 3, dtype=torch.double), "y": torch.randint(0, 3, (8,))}
    assert samples.choose(batch) == "signs"
    assert "BatchNorm" in samples.notes[0]
    model.eval()
    assert samples.choose(batch) == "hooks"


def test_a_mean_loss_takes_chunks_and_an_unknown_layer_too() -> None:
    samples, law = setting(classify_mean)
    batch = drawn(law, 8, torch.Generator())
    assert samples.choose(batch) == "chunks"
    samples, law = setting()
    outside = nn.Sequential(nn.Linear(3, 3)).double()
    samples.model, samples.parameters = outside, list(outside.parameters())
    samples.loss = lambda model, batch: functional.linear(model(batch["x"]), model[0].weight).square().sum(1)
    assert samples.choose(batch) == "chunks"
    assert "used outside" in samples.notes[0]


def test_single_samples_are_refused_where_there_are_none() -> None:
    samples, law = setting(classify_mean)
    batch = drawn(law, 8, torch.Generator())
    for way in ("hooks", "signs"):
        with pytest.raises(ValueError, match="`loss` returned a mean"):
            samples.fluctuation(batch, way, trace=False)
    one = drawn(law, 1, torch.Generator())
    with pytest.raises(ValueError, match="one sample"):
        samples.fluctuation(one, "chunks", trace=False)


LOSSES: dict[str, Any] = {
    "cross-entropy": lambda z: functional.cross_entropy(z, torch.zeros(len(z), dtype=torch.long), reduction="none"),
    "smoothed": lambda z: functional.cross_entropy(
        z, torch.ones(len(z), dtype=torch.long), reduction="none", label_smoothing=0.1
    ),
    "soft labels": lambda z: functional.cross_entropy(z, torch.full_like(z, 0.25), reduction="none"),
    "half squared error": lambda z: (z - 1).square().sum(1) / 2,
    "mean squared error": lambda z: functional.mse_loss(z, torch.ones_like(z), reduction="none").mean(1),
    "binary": lambda z: functional.binary_cross_entropy_with_logits(z, torch.ones_like(z), reduction="none").sum(1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_drawn_vectors_have_the_loss_s_curvature_as_covariance(name: str) -> None:
    """Every entry of the covariance of 4000 draws, against the Hessian by differentiating twice."""
    torch.manual_seed(0)
    z = torch.randn(1, 4, dtype=torch.double, requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    curved = curvature(LOSSES[name](z), z, generator)
    expected = torch.autograd.functional.hessian(lambda z: LOSSES[name](z).sum(), z).reshape(4, 4)
    draws = torch.stack([curved.draw(generator)[0] for _ in range(4000)])
    products = torch.einsum("ni,nj->nij", draws, draws)
    error = products.std(0) / math.sqrt(4000) + 1e-12
    assert ((products.mean(0) - expected).abs() / error).max() < Z
    assert (draws.mean(0).abs() / (draws.std(0) / math.sqrt(4000))).max() < Z


def test_positions_that_the_loss_leaves_out_have_no_weight() -> None:
    """And classes may be dimension 1, as torch's cross-entropy has them."""
    torch.manual_seed(0)
    z = torch.randn(2, 5, 3, dtype=torch.double, requires_grad=True)
    y = torch.tensor([[1, -100, 2], [0, 4, -100]])
    losses = functional.cross_entropy(z, y, reduction="none").mean(1)
    curved = curvature(losses, z, torch.Generator().manual_seed(0))
    assert curved.kind == "cross-entropy" and curved.dimension == 1
    assert torch.allclose(curved.weight, (y != -100).double() / 3)
    assert (curved.draw(torch.Generator())[0, :, 1] == 0).all()
    p = z.detach().softmax(1)
    # One row a sample, of all its positions, in coordinates across the classes' sum.
    residuals = curved.by_sample(2)
    assert residuals is not None and residuals.shape == (2, 12)
    one = (p[0, :, 0] - functional.one_hot(y[0, 0], 5)) / 3
    two = (p[0, :, 2] - functional.one_hot(y[0, 2], 5)) / 3
    assert residuals[0].square().sum().item() == pytest.approx((one.square().sum() + two.square().sum()).item())
    assert (residuals.reshape(2, 3, 4)[0, 1] == 0).all()


def test_a_loss_that_couples_outputs_otherwise_is_not_recognised() -> None:
    z = torch.randn(2, 4, dtype=torch.double, requires_grad=True)
    with pytest.raises(Unrecognised, match="neither"):
        curvature(z.sum(1).square(), z, torch.Generator().manual_seed(0))
    with pytest.raises(Unrecognised, match="does not curve"):
        curvature(z.sum(1), z, torch.Generator().manual_seed(0))


def test_a_dictionary_is_cut_sample_by_sample() -> None:
    samples, law = setting()
    batch = drawn(law, 11, torch.Generator())
    parts = samples._cut(batch)
    assert [size for _, size in parts] == [2, 2, 2, 1, 1, 1, 1, 1]
    together = torch.cat([part["x"] for part, _ in parts])
    assert torch.equal(together.sort(0).values, batch["x"].sort(0).values)
    assert mapped(lambda t: t, batch).keys() == batch.keys()
