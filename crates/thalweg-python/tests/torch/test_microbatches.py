"""Backward passes are microbatches only where they are, and each has the weight of its samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import Probe
from thalweg.torch._microbatches import Microbatches, Taken
from thalweg.torch._weighting import Weighting, weighting

SIZES = (40, 40, 8)


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().sum(1) / 2


def classify(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def found(probe: Probe, name: str) -> Any:
    return next(row for row in probe.rows if row.quantity == name)


def covariances(backward: Callable[[Tensor, int], Tensor], repetitions: int = 200) -> tuple[float, set[str]]:
    """z of tr Cov from microbatches of 40, 40 and 8 samples x, y ~ N(0, 1) at w = 0, where tr Cov(xy) = 4; and the methods."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1, bias=False)
    nn.init.zeros_(model.weight)
    values, methods = [], set()
    for _ in range(repetitions):
        probe = Probe(model, loss=squared, quantities=["fluctuation"])
        for count in SIZES:
            batch = torch.randn(count, 4), torch.randn(count, 1)
            backward(squared(model, batch), count).backward()  # type: ignore[no-untyped-call]
        probe.step(batch)
        model.zero_grad()
        row = found(probe, "covariance_trace")
        values.append(row.value)
        methods.add(row.method)
    values_ = torch.tensor(values)
    return float((values_.mean() - 4) / (values_.std() / math.sqrt(repetitions))), methods


def mean_of_means(losses: Tensor, count: int) -> Tensor:
    return losses.mean() / len(SIZES)


def mean_of_samples(losses: Tensor, count: int) -> Tensor:
    return losses.sum() / sum(SIZES)


@pytest.mark.parametrize("backward", [mean_of_means, mean_of_samples])
def test_microbatches_of_unequal_size(backward: Callable[[Tensor, int], Tensor]) -> None:
    z, methods = covariances(backward)
    assert methods == {"microbatches"} and abs(z) < 4


def test_the_last_microbatch_counted_as_full_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Taken.means

    def full(self: Taken, **given: Any) -> Any:
        self.sizes = [40] * len(self.sizes)
        return right(self, **given)

    monkeypatch.setattr(Taken, "means", full)
    assert abs(covariances(mean_of_means)[0]) > 8


def test_groups_of_many_unequal_microbatches_have_the_variance_of_their_weight() -> None:
    """Gradients with variance 1/b: a group's mean has variance 1/weight, in both weightings."""
    sizes = [1, 2, 3, 4, 5]
    for by_samples in (False, True):
        variance, mean = [0.0, 0.0], [0.0, 0.0]
        for index, size in enumerate(sizes):
            # The only pass whose gradient is not 0, so that its factor shows.
            share = size / sum(sizes) if by_samples else 1 / len(sizes)
            groups = [[torch.tensor([share if index < 3 else 0.0])], [torch.tensor([share if index >= 3 else 0.0])]]
            means, weights = Taken(groups, [3, 2], sizes).means(by_samples=by_samples, scale=1.0)
            for group in range(2):
                factor = means[group][0].item()
                mean[group] += factor
                variance[group] += factor**2 / size
        assert mean == pytest.approx([1.0, 1.0])
        assert [1 / weight for weight in weights] == pytest.approx(variance)


def three_losses(model: nn.Module, batch: Any) -> None:
    z = model(batch[0])
    functional.cross_entropy(z, batch[1]).backward(retain_graph=True)
    (1e-3 * z.square().mean()).backward(retain_graph=True)
    (1e-3 * sum(p.square().sum() for p in model.parameters())).backward()


def three_passes_of_one_batch(model: nn.Module, batch: Any) -> None:
    for _ in range(3):
        classify(model, batch).mean().backward()


def another_loss_last(model: nn.Module, batch: Any) -> None:
    x, y = batch
    for part in (slice(0, 20), slice(20, 40)):
        classify(model, (x[part], y[part])).mean().backward()
    model(x[40:]).square().mean().backward()


@pytest.mark.parametrize("backward", [three_losses, three_passes_of_one_batch, another_loss_last])
def test_other_backward_passes_are_no_microbatches(backward: Callable[[nn.Module, Any], None]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    batch = torch.randn(64, 6), torch.randint(3, (64,))
    with Probe(model, loss=classify, quantities=["fluctuation"]) as alone:
        classify(model, batch).mean().backward()
        alone.step(batch)
    with Probe(model, loss=classify, quantities=["fluctuation"]) as probe:
        backward(model, batch)
        probe.step(batch)
    assert [(row.quantity, row.value, row.method) for row in probe.rows] == [
        (row.quantity, row.value, row.method) for row in alone.rows
    ]
    assert any("not taken for microbatches" in note for note in probe.notes)


def test_the_last_pass_must_have_the_gradient_of_the_loss() -> None:
    """Three passes of as many samples, each with a forward pass of its own; but the last one is of another loss."""
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"])
    for last in (False, False, True):
        batch = torch.randn(16, 6), torch.randint(3, (16,))
        (model(batch[0]).square().mean() if last else classify(model, batch).mean() / 3).backward()
    probe.step(batch)
    assert found(probe, "fluctuation").method == "hooks"
    assert any("not that of `loss`" in note for note in probe.notes)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_a_trainer_that_divides_by_another_number_gives_the_weight(as_tensor: bool) -> None:
    values, methods = [], []
    for factor, told in ((1.0, False), (5 / 6, True), (5 / 6, False)):
        torch.manual_seed(0)
        model = nn.Linear(6, 3)
        probe = Probe(model, loss=classify, quantities=["fluctuation"])
        for _ in range(4):
            batch = torch.randn(16, 6), torch.randint(3, (16,))
            if told:
                probe.microbatch(batch, weight=torch.tensor(factor / 4) if as_tensor else factor / 4)
            (factor * classify(model, batch).mean() / 4).backward()
        probe.step(batch)
        values.append(found(probe, "fluctuation").value)
        methods.append(found(probe, "fluctuation").method)
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    assert methods == ["microbatches", "microbatches", "hooks"]
    assert "0.8333 times as long" in probe.notes[0] and "weight=" in probe.notes[0]


def over_tokens(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return functional.cross_entropy(model(batch[0]).transpose(1, 2), batch[1], ignore_index=-100)


def sequences(lengths: list[int]) -> tuple[Tensor, Tensor]:
    labels = torch.randint(7, (len(lengths), 8))
    for row, length in zip(labels, lengths):
        row[length:] = -100
    return torch.randint(7, (len(lengths), 8)), labels


def tokens(batch: tuple[Tensor, Tensor]) -> int:
    return int(batch[1].ne(-100).sum())


def test_sequences_count_by_their_tokens_whatever_the_first_step_was() -> None:
    """A mean over the tokens of all microbatches: F of Σ_t ∇ℓ_t over the mean number of tokens, at a fixed point; z = 4 for each start."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 7)).double()
    parameters = list(model.parameters())
    # Lengths are drawn from 1 to 8: 4.5 on average.
    squares = []
    for length in torch.randint(1, 9, (8000,)).tolist():
        batch = sequences([length])
        parts = torch.autograd.grad(over_tokens(model, batch) * length, parameters)
        squares.append(sum(float(part.square().sum()) for part in parts) / 4.5**2)
    law = torch.tensor(squares)
    true = float(law.mean())
    for first in (8, 2):
        torch.manual_seed(1)
        probe = Probe(model, loss=over_tokens, quantities=["fluctuation"], every={"fluctuation": 1})
        for step in range(250):
            several = [sequences(torch.randint(1, 9, (32,)).tolist()) for _ in range(4)]
            if step == 0:
                several[-1] = sequences([first] * 32)
            whole = sum(map(tokens, several))
            for batch in several:
                probe.microbatch(batch, weight=tokens(batch) / whole)
                (over_tokens(model, batch) * tokens(batch) / whole).backward()
            probe.step(batch)
            model.zero_grad()
        values = torch.tensor([row.value for row in probe.rows if row.quantity == "fluctuation"][1:])
        assert {row.method for row in probe.rows} == {"microbatches"} and len(values) == 249
        error = math.hypot(float(values.std()) / math.sqrt(249), float(law.std()) / math.sqrt(8000))
        assert abs(float(values.mean()) - true) < 4 * error, (first, values.mean(), true)
    assert any("a sequence by its tokens" in note for note in probe.notes)


def test_weights_of_tokens_that_are_not_given_are_seen_at_every_step() -> None:
    """The first step's microbatches are alike; those of the second are not, and the next way is taken from then on, which is said once."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 7))
    probe = Probe(model, loss=over_tokens, quantities=["fluctuation"], every={"fluctuation": 1})
    for lengths in ((8, 8, 8), (8, 8, 2), (5, 5, 5)):
        several = [sequences([length] * 16) for length in lengths]
        for batch in several:
            (over_tokens(model, batch) * tokens(batch) / sum(map(tokens, several))).backward()
        probe.step(batch)
        model.zero_grad()
    assert [row.method for row in probe.rows if row.quantity == "fluctuation"] == ["microbatches", "chunks", "chunks"]
    assert sum("not taken for microbatches" in note for note in probe.notes) == 1
    assert any("0.3333 times as long" in note for note in probe.notes)


def test_a_fluctuation_that_no_way_is_left_for_is_measured_no_more() -> None:
    """A scalar mean over tokens, whose parts are not its own: where microbatches become unlike there is no other way."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 7))
    probe = Probe(model, loss=over_tokens, every={"fluctuation": 1, "gauss_newton_trace": 1})
    for lengths in ((8, 8, 8), (8, 8, 2), (8, 8, 8), (8, 8, 8)):
        several = [sequences([length] * 8 + [length // 2] * 8) for length in lengths]
        for batch in several:
            (over_tokens(model, batch) * tokens(batch) / sum(map(tokens, several))).backward()
        probe.step(batch)
        model.zero_grad()
    assert [row.step for row in probe.rows if row.quantity == "fluctuation"] == [0]
    assert sum("not taken for microbatches" in note for note in probe.notes) == 1


def test_a_scale_that_is_not_given_is_seen_when_it_grows() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"], every={"fluctuation": 1})
    for scale in (1.0, 2.0):
        for _ in range(4):
            batch = torch.randn(16, 6), torch.randint(3, (16,))
            (scale * classify(model, batch).mean() / 4).backward()
        probe.step(batch)
        model.zero_grad()
    assert [row.method for row in probe.rows if row.quantity == "fluctuation"] == ["microbatches", "hooks"]
    assert any("`scaler`" in note for note in probe.notes)


def test_fewer_microbatches_than_the_training_divides_by_are_seen() -> None:
    """As an epoch's last step has."""
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"], every={"fluctuation": 1})
    for count in (4, 3):
        for _ in range(count):
            batch = torch.randn(16, 6), torch.randint(3, (16,))
            (classify(model, batch).mean() / 4).backward()
        probe.step(batch)
        model.zero_grad()
    assert [row.method for row in probe.rows if row.quantity == "fluctuation"] == ["microbatches", "hooks"]


def test_the_weighting_is_that_which_fits_best() -> None:
    """39 samples after 40 and 40: mean of means and mean of samples are 2 % apart. Given weights are taken where others fit the last pass too."""
    own = [torch.tensor([1.0, -2.0])]

    def found(last: float, weights: list[float]) -> Any:
        taken = Taken([own, own, own], [1, 1, 1], [40, 40, 39], weights, last=[own[0] * last])
        return weighting(taken, own, 39, scale=1.0, summed=False)[0]

    assert found(39 / 119, []) == Weighting(True, 1.0, 1.0) and found(1 / 3, []) == Weighting(False, 1.0, 1.0)
    assert found(1 / 3, [0.2, 0.3, 1 / 3]) == Weighting(True, pytest.approx(0.5 + 1 / 3), 1.0, True)
    assert found(1 / 3, [0.5, 0.5, 0.5]) == Weighting(False, 1.0, 1.0)
    assert found(0.5, [0.5, 0.5, 0.5]) == Weighting(False, 1.5, 1.0)
    assert found(0.5, []) is None


@pytest.mark.parametrize("by_samples", [False, True])
def test_a_last_microbatch_of_mean_size_does_not_tell_the_weighting(by_samples: bool) -> None:
    """16, 4 and 10 samples: refused with the way out; given as weights, or after a step that told, each is measured as what it is."""

    def measured(steps: list[tuple[int, ...]], weights: bool) -> Probe:
        torch.manual_seed(0)
        model = nn.Linear(6, 3)
        probe = Probe(model, loss=classify, quantities=["fluctuation"], every={"fluctuation": 1})
        for sizes in steps:
            # The same samples whatever came before.
            torch.manual_seed(1)
            for count in sizes:
                batch = torch.randn(count, 6), torch.randint(3, (count,))
                weight = count / sum(sizes) if by_samples else 1 / len(sizes)
                if weights:
                    probe.microbatch(batch, weight=weight)
                (classify(model, batch).mean() * weight).backward()
            probe.step(batch)
            model.zero_grad()
        return probe

    refused = measured([(16, 4, 10)], False)
    assert found(refused, "fluctuation").method == "hooks" and "`probe.microbatch(batch, weight=…)`" in refused.notes[0]
    given = found(measured([(16, 4, 10)], True), "fluctuation")
    after = [row for row in measured([(16, 10, 4), (16, 4, 10)], False).rows if row.quantity == "fluctuation"]
    assert [row.method for row in (given, *after)] == ["microbatches"] * 3
    assert after[1].value == pytest.approx(given.value, rel=1e-5)
    # Sizes that are nearly the same give nearly the same by both.
    assert found(measured([(100, 101, 100, 99, 100)], False), "fluctuation").method == "microbatches"


def test_the_last_microbatch_s_pass_is_paid_for() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"], overhead=0.05)
    assert probe.watching
    for _ in range(4):
        batch = torch.randn(16, 6), torch.randint(3, (16,))
        (classify(model, batch).mean() / 4).backward()
    probe.step(batch)
    assert not probe.watching and probe.schedule["fluctuation"] == pytest.approx((0.2 + 1 / 4) / 0.05)


@pytest.mark.parametrize("weight", [-0.1, "1", torch.ones(2)])
def test_a_wrong_weight_is_named(weight: Any) -> None:
    with pytest.raises(ValueError, match="`weight` is"):
        Probe(nn.Linear(6, 3), loss=classify).microbatch(torch.zeros(4, 6), weight=weight)


def test_weights_are_given_for_all_microbatches_or_none() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"])
    for index in range(3):
        batch = torch.randn(16, 6), torch.randint(3, (16,))
        probe.microbatch(batch, weight=1 / 3 if index else None)
        (classify(model, batch).mean() / 3).backward()
    probe.step(batch)
    assert found(probe, "fluctuation").method == "hooks"
    assert any("were given for 3 backward passes" in note for note in probe.notes)


def test_sizes_may_be_said() -> None:
    """Where the model is not called as a module."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 3))

    def inner(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model[0](batch[0]), batch[1], reduction="none")  # type: ignore[index]

    for said in (False, True):
        probe = Probe(model, loss=inner, quantities=["fluctuation"])
        for _ in range(4):
            batch = torch.randn(16, 6), torch.randint(3, (16,))
            if said:
                probe.microbatch(batch)
            (inner(model, batch).mean() / 4).backward()
        probe.step(batch)
        assert found(probe, "fluctuation").method == ("microbatches" if said else "hooks")


def test_steps_that_differ_from_the_first() -> None:
    """An epoch's last steps: a smaller microbatch, and one alone, which hooks measure."""
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, quantities=["fluctuation"], every={"fluctuation": 1})
    methods = []
    for sizes in ((16, 16, 16), (16, 16, 4), (16,), (16, 16, 16)):
        for count in sizes:
            batch = torch.randn(count, 6), torch.randint(3, (count,))
            (classify(model, batch).mean() / len(sizes)).backward()
        probe.step(batch)
        model.zero_grad()
        methods.append(probe.rows[-1].method)
    assert methods == ["microbatches", "microbatches", "hooks", "microbatches"]
    assert any("one alone" in note for note in probe.notes)


def test_a_forward_pass_without_gradients_does_not_count() -> None:
    model = nn.Linear(2, 1)
    watch = Microbatches(list(model.parameters()), model)
    watch.arm()
    for count in (3, 5):
        with torch.no_grad():
            model(torch.zeros(9, 2))
        model(torch.zeros(count, 2)).sum().backward()
    taken = watch.take()
    assert taken.sizes == [3, 5] and not taken.why


@pytest.mark.parametrize("accumulation", ["sum", "mean"])
def test_passes_before_the_optimizers_step_belong_to_no_later_one(accumulation: str) -> None:
    """As those of SAM at perturbed weights are."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    probe = Probe(model, loss=classify, every={"fluctuation": 1}, quantities=["fluctuation"], accumulation=accumulation)
    divisor = 1 if accumulation == "sum" else 4

    def passes(batches: list[tuple[Tensor, Tensor]]) -> None:
        for batch in batches:
            (classify(model, batch).mean() / divisor).backward()

    def move(by: float) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(by)
        model.zero_grad()

    for step in range(3):
        batches = [(torch.randn(16, 6), torch.randint(3, (16,))) for _ in range(4)]
        passes(batches)
        probe.step(batches[-1])
        own = [torch.autograd.grad(classify(model, batch).mean(), list(model.parameters())) for batch in batches]
        means = torch.stack([torch.cat([part.flatten() for part in one]) for one in own]).double()
        expected = 16 * float((means - means.mean(0)).square().sum()) / 3
        row = next(row for row in probe.rows if row.step == step and row.quantity == "covariance_trace")
        assert row.method == "microbatches" and row.value == pytest.approx(expected, rel=1e-4)
        move(0.5)
        passes(batches)
        move(-0.5)


def test_embeddings_that_shorten_their_rows_in_each_pass_have_microbatches() -> None:
    """What a forward pass writes is no step of the optimizer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(8, 4, max_norm=0.5), nn.Flatten(), nn.Linear(12, 3))
    probe = Probe(model, loss=classify, every={"fluctuation": 1}, quantities=["fluctuation"])
    batches = [(torch.randint(8, (16, 3)), torch.randint(3, (16,))) for _ in range(4)]
    for batch in batches:
        (classify(model, batch).mean() / 4).backward()
    probe.step(batches[-1])
    assert found(probe, "fluctuation").method == "microbatches"


def test_sparse_gradients_are_those_of_the_same_table() -> None:
    values = []
    for sparse in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(8, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 3))
        probe = Probe(model, loss=classify, every={"fluctuation": 1}, quantities=["fluctuation"])
        batches = [(torch.randint(8, (16, 3)), torch.randint(3, (16,))) for _ in range(4)]
        for batch in batches:
            (classify(model, batch).mean() / 4).backward()
        probe.step(batches[-1])
        values.append(found(probe, "fluctuation"))
    assert [one.method for one in values] == ["microbatches"] * 2
    assert values[0].value == pytest.approx(values[1].value, rel=1e-5)


def test_what_fails_where_microbatches_come_together_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> None:
        raise RuntimeError("out of memory, say")

    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=classify, every={"fluctuation": 1}, quantities=["fluctuation"])
    monkeypatch.setattr(probe._processes, "gathered", fails)
    batches = [(torch.randn(16, 6), torch.randint(3, (16,))) for _ in range(4)]
    for batch in batches:
        (classify(model, batch).mean() / 4).backward()
    with pytest.warns(RuntimeWarning, match="out of memory, say"):
        probe.step(batches[-1])
    assert not probe.rows
