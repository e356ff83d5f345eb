"""A mean over samples as the sum of its parts, and the trace by vectors of each part's own."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
import torch
from test_products import classified, cross_entropy
from torch import Tensor, nn

import thalweg
import thalweg.torch
from thalweg.torch import _objective, _pieces

#: Estimates from one seed each. Their standard deviation is known to 1/√(2 · 199), or 5 %.
SEEDS = range(200)
PRODUCTS = 4


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def model(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), *between, nn.Linear(6, 4)).double()


def assert_sum(operator: Any, terms: int) -> None:
    found = operator.thalweg_terms()
    assert len(found) == terms
    vector = torch.randn(operator.shape[0]).double()
    whole = operator @ vector
    assert (sum(term @ vector for term in found) - whole).norm() <= 1e-13 * whole.norm()


def test_parts_of_one_batch_and_batches_of_unequal_size_add_up() -> None:
    for make in (thalweg.torch.hessian, thalweg.torch.gauss_newton):
        # 84 samples by parts of at most ⌈84/8⌉ = 11.
        assert_sum(make(model(), cross_entropy, classified(84)), 8)
        # ⌈75/8⌉ = 10 samples at most a part: 3 of 30, 1 of 5 and 4 of 40.
        assert_sum(make(model(), cross_entropy, classified(30, 5, 40)), 8)
        many = classified(2, 5, 3, 4, 2, 2, 9, 1, 3)
        assert_sum(make(model(), cross_entropy, many), 9)


def test_parts_are_found_at_parameters_that_have_moved_on() -> None:
    network = model()
    operator = thalweg.torch.hessian(network, cross_entropy, classified(84))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
    assert_sum(operator, 8)


@pytest.mark.parametrize("between", [nn.BatchNorm1d(6), nn.Dropout(0.5)])
def test_parts_are_those_of_the_mode_of_the_moment(between: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    # Parts for the caches too.
    monkeypatch.setattr(_pieces, "LARGEST", 8 * 6 * 20)
    network, batch = model(between).eval(), classified(84)
    operator = thalweg.torch.hessian(network, cross_entropy, batch)
    vector = torch.randn(operator.shape[0]).double()
    assert len(operator.thalweg_terms()) > 1
    for parts, mode in ((False, True), (True, False)):
        network.train(mode)
        assert_sum(operator, len(operator.thalweg_terms()))
        assert (len(operator.thalweg_terms()) > 1) == parts
        fresh = thalweg.torch.hessian(network, cross_entropy, batch) @ vector
        assert (operator @ vector - fresh).norm() <= 1e-12 * fresh.norm()


def test_frozen_parameters_are_told_whatever_was_done_before() -> None:
    network = model()
    operator = thalweg.torch.hessian(network, cross_entropy, classified(84))
    network[0].weight.requires_grad_(False)
    with pytest.raises(ValueError, match="make the operator anew"):
        thalweg.trace(operator, products=PRODUCTS, method="hutchinson")


def test_samples_that_see_one_another_stay_together() -> None:
    assert_sum(thalweg.torch.hessian(model(nn.BatchNorm1d(6)), cross_entropy, classified(40, 30)), 2)
    # Each batch keeps its masks.
    assert_sum(thalweg.torch.hessian(model(nn.Dropout(0.5)), cross_entropy, classified(40, 30)), 2)

    def centred(model: nn.Module, batch: Any) -> Tensor:
        output: Tensor = model(batch[0])
        losses: Tensor = (output - output.mean(0)).square().sum(1)
        return losses

    assert_sum(thalweg.torch.hessian(model(), centred, classified(40)), 1)


class Standardised(nn.Module):
    """Normalises by its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


class Centred(nn.Module):
    """Takes its batch's mean away."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


@pytest.mark.parametrize("between", [Standardised(), Centred()])
def test_samples_that_see_one_another_behind_a_head_of_zeros_stay_together(between: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """No loss depends on what comes before such a head, and so none tells of it; the head's gradient does."""
    network = model(between)
    nn.init.zeros_(network[-1].weight)
    assert_sum(thalweg.torch.hessian(network, cross_entropy, classified(84)), 1)
    monkeypatch.setattr(_pieces, "LARGEST", 8 * 6 * 20)
    assert len(thalweg.torch.hessian(network, cross_entropy, classified(84)).objective.batches) == 1


def test_parts_of_a_vector_are_compared_by_gradients_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = 0
    own = _objective.Objective._weighted_gradient

    def counted(objective: _objective.Objective, index: int, weights: Tensor) -> Tensor:
        nonlocal gradients
        gradients += 1
        return own(objective, index, weights)

    operator = thalweg.torch.hessian(model(), cross_entropy, classified(84))
    monkeypatch.setattr(_objective.Objective, "_weighted_gradient", counted)
    assert len(operator.thalweg_terms()) == 8 and gradients == 3
    assert len(operator.thalweg_terms()) == 8 and gradients == 3


def test_a_part_whose_passes_are_cheaper_than_a_vector_is_not_made() -> None:
    wide = nn.Sequential(nn.Linear(3, 300), nn.Tanh(), nn.Linear(300, 4)).double()
    # 2504 parameters, and for a sample 2 · 300 + 3 + 4 numbers or so are kept: at least 5 samples a part.
    sizes = [sum(term.objective.sizes) for term in thalweg.torch.hessian(wide, cross_entropy, classified(16)).thalweg_terms()]
    assert len(sizes) <= 4 and sum(sizes) == 16


def test_the_covariance_about_the_mean_of_all_is_no_sum() -> None:
    from thalweg.torch._cut import Cut
    from thalweg.torch._products import GradientCovariance

    objective = _objective.Objective(model(), cross_entropy, classified(20))

    def outputs(index: int) -> tuple[list[Any], list[Any]]:
        cut = Cut(objective, index, verify=False)
        return cut.outputs, cut.residuals

    covariance = GradientCovariance(objective, outputs)
    assert covariance.thalweg_terms() == [covariance]


def test_own_vectors_scatter_less_and_say_by_how_much() -> None:
    network, batch = model(), classified(64)
    operator = thalweg.torch.hessian(network, cross_entropy, batch)
    exact = float(torch.trace(operator.apply_block(torch.eye(operator.shape[0]).double())))

    def estimates(of: Any) -> list[thalweg.Estimate]:
        return [thalweg.trace(of, products=PRODUCTS, method="hutchinson", seed=seed) for seed in SEEDS]

    class Whole:
        """The same products, not as a sum."""

        shape, dtype, device = operator.shape, operator.dtype, operator.device

        def __matmul__(self, other: Tensor) -> Tensor:
            return operator @ other

    own, common = estimates(operator), estimates(Whole())
    for found in (own, common):
        scatter = statistics.stdev(one.value for one in found)
        stated = math.sqrt(statistics.fmean(one.error**2 for one in found))
        # By chance beyond these less than once in 10⁴ runs: four standard deviations of mean and of scatter.
        assert abs(statistics.fmean(one.value for one in found) - exact) < 4 * scatter / math.sqrt(len(SEEDS))
        # 5 % of the scatter, 3 % of what is stated, and more for tails.
        assert stated == pytest.approx(scatter, rel=4 * 0.07)
        assert {(one.kind, one.products) for one in found} == {("standard-error", PRODUCTS)}
    own_scatter, common_scatter = (statistics.stdev(one.value for one in found) for found in (own, common))
    assert own_scatter < 0.8 * common_scatter
