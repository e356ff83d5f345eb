"""The probe in a plain loop: the run stays the same, bit for bit, and the numbers are those of the references."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import Probe, measure

Batch = tuple[Tensor, Tensor]


def loss(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def mean_loss(model: nn.Module, batch: Batch) -> Tensor:
    return loss(model, batch).mean()


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(8, 3))


ALL = ("fluctuation", "gauss_newton_trace", "lambda_max", "sharpness", "critical_sharpness")


def data() -> Batch:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(64, 6, generator=generator), torch.randint(0, 3, (64,), generator=generator)


def train(
    make: Callable[[], nn.Module],
    probe: Callable[[nn.Module, Any], Probe] | None,
    *,
    steps: int = 40,
    optimizer: Callable[..., Any] = torch.optim.SGD,
    microbatches: int = 1,
    compiled: bool = False,
) -> tuple[list[Tensor], Probe | None]:
    """A loop with random augmentation, dropout and what `make` has; its weights and buffers at the end."""
    torch.manual_seed(0)
    model = make()
    run = torch.compile(model, backend="aot_eager") if compiled else model
    stepper = optimizer(model.parameters(), lr=0.05)
    x, y = data()
    watcher = None if probe is None else probe(run, stepper)
    for _ in range(steps):
        for _ in range(microbatches):
            index = torch.randint(0, len(y), (16,))
            batch = (x[index] + 0.1 * torch.randn(16, 6), y[index])
            (mean_loss(run, batch) / microbatches).backward()
        if watcher is not None:
            watcher.step(batch)
        stepper.step()
        stepper.zero_grad()
    if watcher is not None:
        watcher.close()
    return [*model.state_dict().values(), torch.get_rng_state()], watcher


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(*pair) for pair in zip(one, other))


def everything(**more: Any) -> Callable[[nn.Module, Any], Probe]:
    """A probe that measures all at every third step."""

    def make(model: nn.Module, optimizer: Any) -> Probe:
        names = more.get("quantities", ALL)
        settings = {"loss": loss, "sharpness_set": data(), "quantities": names, "every": dict.fromkeys(names, 3), **more}
        if more.get("fluctuation") != "microbatches":
            # It comes with the fluctuation.
            settings["every"].pop("gauss_newton_trace", None)
        return Probe(model, optimizer=optimizer, **settings)

    return make


def values(probe: Probe | None, quantity: str, layer: str = "") -> list[float]:
    assert probe is not None
    return [row.value for row in probe.rows if (row.quantity, row.layer) == (quantity, layer)]


@pytest.mark.parametrize(
    ("make", "way"),
    [
        *((perceptron, way) for way in ("auto", "hooks", "vmap", "chunks", "signs", "microbatches")),
        *((normalised, way) for way in ("auto", "chunks", "signs", "microbatches")),
    ],
)
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_the_run_stays_the_same_bit_for_bit(make: Callable[[], nn.Module], way: str, optimizer: Any) -> None:
    several = 4 if way == "microbatches" else 1
    alone, _ = train(make, None, optimizer=optimizer, microbatches=several)
    names = ALL if optimizer is torch.optim.SGD else (*ALL, "preconditioned_lambda_max")
    probe = everything(fluctuation=way, layers=True, quantities=names)
    watched, found = train(make, probe, optimizer=optimizer, microbatches=several)
    assert found is not None and same(alone, watched)
    missing = {name for name in names if not values(found, name)}
    assert not missing


@pytest.mark.parametrize(("way", "sentence"), [("hooks", "no norms by hooks: .*BatchNorm.*; set `fluctuation` to 'signs'"), ("vmap", "is 'vmap', but BatchNorm layers in training mode")])
def test_single_samples_of_batch_norm_are_refused(way: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        train(normalised, lambda model, optimizer: Probe(model, loss=loss, fluctuation=way))


def test_what_vmap_does_not_know_goes_one_sample_after_another() -> None:
    class Deciding(nn.Module):
        """A layer of one's own that looks at numbers to decide what to do."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 6))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight.T if x.isfinite().all().item() else x[:, :3]

    alone, _ = train(Deciding, None, steps=6)
    watched, probe = train(Deciding, everything(fluctuation="vmap", quantities=["fluctuation", "gauss_newton_trace"]), steps=6)
    assert probe is not None and same(alone, watched)
    assert {row.method for row in probe.rows if row.quantity == "fluctuation"} == {"samples"}
    assert "one sample after another" in probe.notes[0]
    # By itself the probe would have cut the batch, and said why.
    _, probe = train(Deciding, everything(quantities=["fluctuation"]), steps=6)
    assert probe is not None and {row.method for row in probe.rows if row.quantity == "fluctuation"} == {"chunks"}
    assert "Deciding" in probe.notes[0]


def test_recurrent_layers_are_known_and_nothing_is_said() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(self.inner(x.reshape(len(x), 3, 2))[0][:, -1])
            return found

    alone, _ = train(Recurrent, None, steps=6)
    watched, probe = train(Recurrent, everything(), steps=6)
    assert probe is not None and same(alone, watched)
    assert {row.method for row in probe.rows if row.quantity == "fluctuation"} == {"hooks"}


def test_gradients_of_mixed_precision_are_unscaled() -> None:
    """A scale of 2¹⁰ divides out exactly."""
    found = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        torch.manual_seed(0)
        model = perceptron().eval()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        probe = Probe(model, loss=loss, optimizer=optimizer, scaler=scaler, fluctuation="microbatches", quantities=["fluctuation"])
        for part in range(4):
            batch = tuple(tensor[16 * part : 16 * part + 16] for tensor in data())
            value = mean_loss(model, batch) / 4  # type: ignore[arg-type]
            (value if scaler is None else scaler.scale(value)).backward()
        probe.step(batch)
        found.append([(row.quantity, row.value) for row in probe.rows])
    assert found[0] == found[1] and len(found[0]) == 4


def test_the_sum_and_the_mean_of_microbatches() -> None:
    found = []
    for accumulation, divisor in (("mean", 4), ("sum", 1)):
        torch.manual_seed(0)
        model = perceptron().eval()
        probe = Probe(model, loss=loss, accumulation=accumulation, quantities=["fluctuation"])
        for part in range(4):
            batch = tuple(tensor[16 * part : 16 * part + 16] for tensor in data())
            (mean_loss(model, batch) / divisor).backward()  # type: ignore[arg-type]
        probe.step(batch)
        found.append([row.value for row in probe.rows])
    assert found[0] == found[1]


def test_a_probe_that_changes_the_run_is_seen() -> None:
    class Clumsy(Probe):
        def step(self, batch: Any) -> None:
            super().step(batch)
            torch.rand(1)

    alone, _ = train(perceptron, None)
    watched, _ = train(perceptron, lambda model, optimizer: Clumsy(model, loss=loss))
    assert not same(alone, watched)


def test_the_same_settings_measure_the_same_numbers_at_the_same_steps() -> None:
    one, other = (train(perceptron, lambda m, o: Probe(m, loss=loss, optimizer=o, sharpness_set=data(), overhead=3.0))[1] for _ in "ab")
    assert one is not None and other is not None
    assert len(one.rows) > 50 and [repr(row) for row in one.rows] == [repr(row) for row in other.rows]


def test_the_budget_is_kept() -> None:
    for overhead in (0.05, 0.5, 2.0):
        _, probe = train(perceptron, lambda m, o: Probe(m, loss=loss, optimizer=o, sharpness_set=data(), overhead=overhead), steps=100)
        assert probe is not None and probe._schedule is not None
        # One measurement of each is paid for afterwards.
        most = sum(max(item.costs) for item in probe._schedule.items)
        assert overhead * 100 - 1 <= probe._schedule.spent <= overhead * 100 + most
        assert values(probe, "lambda_max") and min(row.step for row in probe.rows if row.quantity == "sharpness") == 0


def test_what_is_long_in_coming_is_announced() -> None:
    """At the very step at which it then comes; not where the distance is fixed or short."""

    def started(**settings: Any) -> Probe:
        _, probe = train(perceptron, lambda m, o: Probe(m, loss=loss, sharpness_set=data(), first_step=7, **settings), steps=1)
        assert probe is not None
        return probe

    probe = started()
    (note,) = [note for note in probe.notes if "at step" in note]
    schedule = probe._schedule
    assert schedule is not None
    found = {name: int(step) for name, step in re.findall(r"(\w+) at step (\d+)", note)}
    assert set(found) == {"lambda_max", "sharpness"}
    later: dict[str, int] = {}
    for step in range(8, 20_000):
        for item in schedule.due(step):
            later.setdefault(item.name, step)
    assert found == {name: later[name] for name in found}
    assert not any("at step" in note for note in started(overhead=5.0).notes + started(every={"lambda_max": 5000, "sharpness": 50}).notes)


@pytest.mark.parametrize("first", [0, 7])
def test_what_has_a_fixed_interval_is_measured_at_the_first_step_too(first: int) -> None:
    names = {"fluctuation": 4, "lambda_max": 3}
    _, probe = train(perceptron, lambda m, o: Probe(m, loss=loss, sharpness_set=data(), every=names, first_step=first), steps=10)
    assert probe is not None
    for name, steps in {"fluctuation": [0, 4, 8], "lambda_max": [0, 3, 6, 9]}.items():
        assert [row.step - first for row in probe.rows if row.quantity == name] == steps


def test_microbatches_are_watched_in_the_steps_that_are_due() -> None:
    _, probe = train(perceptron, lambda m, o: Probe(m, loss=loss, every={"fluctuation": 3}, quantities=["fluctuation"]), steps=7, microbatches=3)
    assert probe is not None
    assert [(row.step, row.method) for row in probe.rows if row.quantity == "fluctuation"] == [(s, "microbatches") for s in (0, 3, 6)]


def test_lambda_max_and_the_trace_are_those_of_the_dense_hessian() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x, y = data()
    batch = (x.double(), y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    names = ["lambda_max", "sharpness"]
    probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=batch, quantities=names, every=dict.fromkeys(names, 1))
    shapes = [p.shape for p in model.parameters()]

    def function(theta: Tensor) -> Tensor:
        parts = theta.split([shape.numel() for shape in shapes])
        named = {name: part.reshape(shape) for (name, _), part, shape in zip(model.named_parameters(), parts, shapes)}
        return functional.cross_entropy(torch.func.functional_call(model, named, (batch[0],)), y)

    tops, pulls = [], []
    for step in range(24):
        theta = torch.cat([p.detach().flatten() for p in model.parameters()])
        dense = torch.autograd.functional.hessian(function, theta)
        tops.append(torch.linalg.eigvalsh(dense)[-1].item())
        mean_loss(model, batch).backward()
        probe.step(batch)
        last = [row for row in probe.rows if row.quantity == "sharpness"][-1]
        pulls.append((last.value - dense.trace().item()) / last.error)
        optimizer.step()
        optimizer.zero_grad()
    measured = values(probe, "lambda_max")
    assert max(abs(found - true) / true for found, true in zip(measured, tops)) < 0.02
    # 24 traces, each of 8 probes: scaled errors follow Student's t with 7 degrees of freedom, 8 of which are below 1e-4.
    assert max(map(abs, pulls)) < 8
    assert abs(sum(pulls)) / math.sqrt(24 * 7 / 5) < 4
    assert values(probe, "edge_of_stability") == [2 / 0.3] * 24
    assert values(probe, "stability_threshold") == [pytest.approx(3.8 / 0.3)] * 24


def test_the_preconditioned_sharpness_is_that_of_the_scaled_dense_hessian() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3).double()
    x, y = data()
    batch = (x.double(), y)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    names = ["preconditioned_lambda_max"]
    probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=batch, quantities=names, every={names[0]: 1})

    def function(theta: Tensor) -> Tensor:
        return functional.cross_entropy(batch[0] @ theta[:18].reshape(3, 6).T + theta[18:], y)

    expected = []
    for step in range(6):
        mean_loss(model, batch).backward()
        if step:
            state = [optimizer.state[p] for p in model.parameters()]
            squares = torch.cat([s["exp_avg_sq"].flatten() for s in state]) / (1 - 0.999**step)
            scale = (1 - 0.9**step) * (squares.sqrt() + 1e-8)
            theta = torch.cat([p.detach().flatten() for p in model.parameters()])
            dense = torch.autograd.functional.hessian(function, theta)
            expected.append(torch.linalg.eigvals(dense / scale[:, None]).real.max().item())
        probe.step(batch)
        optimizer.step()
        optimizer.zero_grad()
    assert values(probe, names[0]) == [pytest.approx(value, rel=0.02) for value in expected]
    assert values(probe, "stability_threshold")[0] == pytest.approx(38 / 0.01)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.RMSprop])
def test_a_parameter_without_a_gradient_has_no_part_in_the_preconditioned_sharpness(kind: Any) -> None:
    def measured(unused: bool) -> list[float]:
        torch.manual_seed(0)
        model = nn.Linear(6, 3).double()
        if unused:
            model.unused = nn.Linear(5, 2).double()
        batch = data()[0].double(), data()[1]
        optimizer = kind(model.parameters(), lr=0.01)
        names = ["preconditioned_lambda_max"]
        probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=batch, quantities=names, every={names[0]: 1})
        for _ in range(3):
            mean_loss(model, batch).backward()
            probe.step(batch)
            optimizer.step()
            optimizer.zero_grad()
        assert len(values(probe, "stability_threshold")) == 2
        return values(probe, names[0])

    assert measured(True) == [pytest.approx(value, rel=0.02) for value in measured(False)]


def test_critical_sharpness_of_a_quadratic_is_the_rayleigh_quotient_along_the_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 1, bias=False).double()
    x = torch.randn(50, 4, dtype=torch.double) * torch.tensor([3.0, 1.0, 0.5, 0.1])
    hessian = x.T @ x / 50

    def squared(model: nn.Module, batch: Tensor) -> Tensor:
        return model(batch).square().sum(1) / 2

    for eta in (1e-3, 0.05, 1.5):
        optimizer = torch.optim.SGD(model.parameters(), lr=eta)
        names = ["critical_sharpness"]
        probe = Probe(model, loss=squared, optimizer=optimizer, sharpness_set=x, quantities=names, every={names[0]: 1})
        squared(model, x).mean().backward()
        (weight,) = model.parameters()
        assert weight.grad is not None
        gradient = weight.grad.flatten().clone()
        probe.step(x)
        assert not probe.rows
        optimizer.step()
        optimizer.zero_grad()
        squared(model, x).mean().backward()
        probe.step(x)
        optimizer.zero_grad()
        (row,) = probe.rows
        assert row.step == 0
        expected = float(gradient @ hessian @ gradient / (gradient @ gradient))
        assert abs(row.value - expected) <= row.error <= 0.05 * expected
        probe.close()


def test_microbatches_of_accumulation_are_seen_and_free_of_bias() -> None:
    """400 steps at a fixed point: z = 4, for tr C and for F, against all samples' gradients."""
    torch.manual_seed(0)
    model = nn.Linear(6, 3).double()
    x, y = data()
    x = x.double()
    probe = Probe(model, loss=loss, every={"fluctuation": 1}, quantities=["fluctuation"])
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        for _ in range(4):
            index = torch.randint(0, 64, (8,), generator=generator)
            (mean_loss(model, (x[index], y[index])) / 4).backward()
        probe.step((x[index], y[index]))
        model.zero_grad()
    assert {row.method for row in probe.rows} == {"microbatches"}
    gradients = []
    for i in range(64):
        parts = torch.autograd.grad(mean_loss(model, (x[i : i + 1], y[i : i + 1])), list(model.parameters()))
        gradients.append(torch.cat([part.flatten() for part in parts]))
    g = torch.stack(gradients)
    for name, true in (
        ("fluctuation", g.square().sum(1).mean()),
        ("covariance_trace", (g - g.mean(0)).square().sum(1).mean()),
    ):
        found = torch.tensor(values(probe, name))
        assert abs((found.mean() - true) / (found.std() / 20)) < 4
    # 95 % intervals with 3 degrees of freedom: 380 ± 4.4 are expected to cover; jackknife errors of 4 groups cover less.
    rows = [row for row in probe.rows if row.quantity == "covariance_trace"]
    true = (g - g.mean(0)).square().sum(1).mean().item()
    assert 350 <= sum(abs(row.value - true) <= 3.182 * row.error for row in rows) <= 396


def test_many_microbatches_are_kept_in_few_groups() -> None:
    from thalweg.torch._microbatches import KEPT, Microbatches

    parameter = nn.Parameter(torch.zeros(2))
    watch = Microbatches([parameter])
    for passes in range(1, 40):
        watch.arm()
        for index in range(passes):
            (parameter * torch.tensor([1.0, float(index)])).sum().backward()
        taken = watch.take()
        groups, counts = taken.groups, taken.counts
        assert taken.last[0].tolist() == [1.0, passes - 1.0]
        assert sum(counts) == passes and len(groups) <= KEPT
        assert [group[0][0].item() for group in groups] == counts
        assert sum(group[0][1].item() for group in groups) == passes * (passes - 1) / 2
        assert not watch.armed and not parameter._backward_hooks


def test_layers_add_up() -> None:
    _, probe = train(perceptron, everything(fluctuation="hooks", layers=True, quantities=["fluctuation", "gauss_newton_trace"]))
    for name in ("fluctuation", "covariance_trace", "gradient_norm_squared", "gauss_newton_trace"):
        parts = [sum(pair) for pair in zip(values(probe, name, "0"), values(probe, name, "3"))]
        assert len(parts) == 14 and parts == [pytest.approx(whole, rel=1e-5) for whole in values(probe, name)]


def test_compiled_models_are_measured_without_the_compiler() -> None:
    alone, _ = train(normalised, None, steps=9, compiled=True)
    watched, probe = train(normalised, everything(), steps=9, compiled=True)
    assert same(alone, watched)
    _, eager = train(normalised, everything(), steps=9)
    assert values(probe, "lambda_max")[0] == pytest.approx(values(eager, "lambda_max")[0], rel=1e-4)


def test_a_training_that_diverges_goes_on() -> None:
    def explode(model: nn.Module, optimizer: Any) -> Probe:
        with torch.no_grad():
            next(model.parameters()).fill_(math.inf)
        return everything()(model, optimizer)

    _, probe = train(perceptron, explode, steps=6)
    assert all(math.isnan(value) for value in values(probe, "lambda_max")) and values(probe, "lambda_max")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "overhead": ({"overhead": 0}, "`overhead` is 0"),
    "way": ({"fluctuation": "guess"}, "`fluctuation` is 'guess'"),
    "accumulation": ({"accumulation": "max"}, "`accumulation` is 'max'"),
    "quantity": ({"quantities": ["beauty"]}, "'beauty'"),
    "no quantity": ({"quantities": []}, "`quantities` is empty"),
    "no set": ({"quantities": ["lambda_max"]}, "needs a `sharpness_set`"),
    "no Adam": ({"quantities": ["preconditioned_lambda_max"], "sharpness_set": data()}, "needs `optimizer`"),
    "no rate": ({"quantities": ["critical_sharpness"], "sharpness_set": data()}, "needs `optimizer`"),
    "every what": ({"every": {"lambda_max": 3}}, "`every` names lambda_max, which this probe does not measure: .*`quantities` chooses"),
    "every when": ({"every": {"fluctuation": 0}}, "`every"),
    "loss": ({"loss": 3}, "`loss` is int"),
    "set": ({"sharpness_set": 3}, "`sharpness_set` is int, which gives no batches"),
    "empty set": ({"sharpness_set": []}, "`sharpness_set` holds no batch"),
    "seed": ({"seed": 2**65}, r"`seed` is 36893488147419103232: .* to 2\*\*63 - 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused(name: str) -> None:
    settings, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        Probe(perceptron(), **{"loss": loss, **settings})


def test_numbers_of_numpy_are_taken() -> None:
    numbers = {"overhead": np.float32(0.25), "seed": np.int64(3), "first_step": np.uint8(2), "every": {"fluctuation": np.int32(2)}}
    with Probe(perceptron(), loss=loss, **numbers):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("way", ["hooks", "vmap", "chunks", "signs"])
def test_an_empty_batch_is_called_so(way: str) -> None:
    with Probe(perceptron(), loss=loss, fluctuation=way) as probe, pytest.raises(ValueError, match="`batch` has (no sample|fewer than two samples)"):
        probe.step(tuple(tensor[:0] for tensor in data()))


def test_wrong_models_and_late_steps_are_refused() -> None:
    model = perceptron().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter with requires_grad=True"):
        Probe(model, loss=loss)
    with pytest.raises(ValueError, match="`model` is str"):
        Probe("model", loss=loss)  # type: ignore[arg-type]
    with Probe(perceptron(), loss=loss) as probe:
        pass
    with pytest.raises(ValueError, match="closed"):
        probe.step(data())


@pytest.mark.parametrize("way", ["auto", "chunks", "signs", "vmap", "microbatches"])
def test_complex_parameters_are_refused_by_every_way(way: str) -> None:
    with pytest.raises(ValueError, match="weight of `model` is torch.complex64: .*torch.view_as_real"):
        Probe(nn.Linear(3, 2, dtype=torch.complex64), loss=loss, fluctuation=way)


def test_complex_parameters_that_are_thawed_end_no_training() -> None:
    model = nn.ModuleDict({"real": perceptron(), "complex": nn.Linear(2, 2, dtype=torch.complex64)})
    model["complex"].requires_grad_(False)

    def real(model: nn.Module, batch: Batch) -> Tensor:
        return loss(model["real"], batch)  # type: ignore[index]

    probe = Probe(model, loss=real, every={"fluctuation": 1})
    probe.step(data())
    rows = len(probe.rows)
    model["complex"].requires_grad_(True)
    with pytest.warns(RuntimeWarning, match="complex.weight of `model` is torch.complex64"):
        probe.step(data())
    assert len(probe.rows) == rows > 0


class Aligned(nn.Module):
    """Gives the log-probabilities of CTC, whose backward pass has no derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x).log_softmax(-1)


def ctc(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    x, labels, lengths = batch
    return functional.ctc_loss(model(x).transpose(0, 1), labels, torch.full_like(lengths, x.shape[1]), lengths, reduction="none")


@pytest.mark.parametrize("way", ["auto", "chunks", "signs"])
def test_the_fluctuation_needs_no_second_derivative(way: str) -> None:
    torch.manual_seed(0)
    model, batch = Aligned(), (torch.randn(8, 7, 4), torch.randint(1, 5, (8, 3)), torch.full((8,), 3))
    probe = Probe(model, loss=ctc, fluctuation=way)
    ctc(model, batch).mean().backward()
    probe.step(batch)
    quantities = {row.quantity for row in probe.rows}
    assert "fluctuation" in quantities and "gauss_newton_trace" not in quantities
    assert any("no tr Gauss–Newton: derivative for" in note for note in probe.notes)
    with pytest.raises(ValueError, match="cannot be differentiated twice"):
        measure(model, ctc, batch)


def test_one_gradient_is_no_scatter() -> None:
    model = perceptron()
    probe = Probe(model, loss=loss, fluctuation="microbatches")
    mean_loss(model, data()).backward()
    with pytest.raises(ValueError, match="one backward pass on one process"):
        probe.step(data())
