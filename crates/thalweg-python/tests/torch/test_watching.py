"""Whatever a model or a log does, a probe ends no training, and says what it could not measure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_products import dense
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from thalweg.torch import Probe
from thalweg.torch._each import EachCurvature
from thalweg.torch._objective import Objective
from thalweg.torch._products import GaussNewton

Batch = tuple[Tensor, Tensor]


def logits(output: Any) -> Tensor:
    found: Tensor = output["logits"] if isinstance(output, dict) else output[-1] if isinstance(output, tuple) else output
    return found


def loss(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(logits(model(batch[0])), batch[1], reduction="none")


class Vector(nn.Module):
    """Gives a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(6))

    def forward(self) -> Tensor:
        return self.weight


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.inner = Vector(), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.inner(x.unsqueeze(1).expand(-1, 5, -1) * self.scale()).mean(1)
        return found


class Several(nn.Module):
    """Gives features too, of which its logits are made."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.named, self.first, self.last = named, nn.Linear(6, 5), nn.Linear(5, 3)
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Any:
        features = self.first(x).relu()
        found = self.last(features) * self.weight
        return {"features": features, "logits": found} if self.named else (features, found)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 3)),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 3)),
    "a parameter": Scaled,
    "features": lambda: Several(False),
    "dictionary": lambda: Several(True),
}


def data(count: int = 16) -> Batch:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, 6, generator=generator), torch.randint(0, 3, (count,), generator=generator)


def all_gradients(model: nn.Module, batch: Batch) -> Tensor:
    parameters = [p for p in model.parameters() if p.requires_grad]
    rows = []
    for one in loss(model, batch):
        parts = torch.autograd.grad(one, parameters, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in zip(parameters, parts)]))
    return torch.stack(rows)


def step(model: nn.Module, probe: Probe, batch: Batch) -> dict[str, Any]:
    known = len(probe.rows)
    loss(model, batch).mean().backward()
    probe.step(batch)
    model.zero_grad()
    return {row.quantity: row for row in probe.rows[known:]}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_one_s_own_kind_is_measured(name: str) -> None:
    torch.manual_seed(0)
    model, batch = MODELS[name](), data()
    rows = step(model, Probe(model, loss=loss), batch)
    if name != "spectral norm":
        g = all_gradients(model, batch)
        exact = rows["fluctuation"].method == "hooks"
        # A parameter beside its layers is not known to hooks in the others.
        assert exact == (name == "weight norm")
        assert rows["fluctuation"].value == pytest.approx(g.square().sum(1).mean().item(), rel=1e-4 if exact else 0.5)
    assert rows["gauss_newton_trace"].value > 0


def test_a_step_before_layers_are_frozen_is_measured_along_all_that_it_moved() -> None:
    def run(frozen: bool) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(3))).double()
        batch = torch.randn(20, 4).double(), torch.randint(4, (20,))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        probe = Probe(
            model, loss=loss, optimizer=optimizer, sharpness_set=batch, quantities=["critical_sharpness"], every={"critical_sharpness": 1}
        )
        for step_ in range(4):
            model[0].requires_grad_(not (frozen and step_ == 3))
            torch.autograd.backward(loss(model, batch).mean())
            probe.step(batch)
            optimizer.step()
            optimizer.zero_grad()
        assert not probe.notes, probe.notes
        return [row.value for row in probe.rows if row.quantity == "critical_sharpness"]

    assert run(frozen=True) == run(frozen=False)


def test_microbatches_go_on_where_layers_are_frozen_and_thawed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))
    probe = Probe(model, loss=loss, every={"fluctuation": 1}, fluctuation="microbatches", quantities=["fluctuation"])
    methods = []
    for trains in (True, False, False, True, True):
        model[0].requires_grad_(trains)
        torch.manual_seed(1)
        for _ in range(4):
            batch = torch.randn(6, 6), torch.randint(3, (6,))
            torch.autograd.backward(loss(model, batch).mean() / 4)
        expected = sum(float(p.grad.square().sum()) for p in model.parameters() if p.requires_grad and p.grad is not None)
        probe.step(batch)
        here = {row.quantity: row for row in probe.rows if row.step == len(methods)}
        methods.append(here["fluctuation"].method)
        if methods[-1] == "microbatches":
            # ‖ḡ‖² = ‖∇L‖² + tr C/N.
            whole = here["gradient_norm_squared"].value + here["covariance_trace"].value / 24
            assert whole == pytest.approx(expected, rel=1e-4)
        model.zero_grad()
    # Gradients of what was thawed just now were not watched.
    assert [method == "microbatches" for method in methods] == [True, True, True, False, True], (methods, probe.notes)


def test_layers_that_are_frozen_and_thawed_are_followed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    batch = data()
    probe = Probe(model, loss=loss, every={"fluctuation": 1}, sharpness_set=batch)
    for trains in (True, False, True):
        model[0].requires_grad_(trains)
        rows = step(model, probe, batch)
        expected = all_gradients(model, batch).square().sum(1).mean().item()
        assert rows["fluctuation"].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("way", ["auto", "hooks", "chunks", "signs", "vmap"])
def test_a_last_batch_of_one_sample_is_passed_over(way: str) -> None:
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=loss, every={"fluctuation": 1}, fluctuation=way)
    assert step(model, probe, data())
    with warnings.catch_warnings():
        # That is how epochs end.
        warnings.simplefilter("error")
        assert not step(model, probe, data(1))
    assert step(model, probe, data()) and any("one sample" in note for note in probe.notes)


def test_a_log_that_fails_is_left_out() -> None:
    class Broken:
        def start(self, settings: Any) -> None:
            pass

        def write(self, rows: Any) -> None:
            raise OSError("no network")

        def close(self) -> None:
            raise OSError("no network")

    model = nn.Linear(6, 3)
    probe = Probe(model, loss=loss, log=[Broken()], every={"fluctuation": 1})
    with pytest.warns(RuntimeWarning, match="no network"):
        step(model, probe, data())
    assert step(model, probe, data())
    probe.close()


def test_a_loss_that_fails_later_is_passed_over() -> None:
    broken = False

    def sometimes(model: nn.Module, batch: Batch) -> Tensor:
        if broken:
            raise RuntimeError("no memory left")
        return loss(model, batch)

    model = nn.Linear(6, 3)
    names = {"fluctuation": 1, "lambda_max": 1, "sharpness": 1}
    probe = Probe(model, loss=sometimes, sharpness_set=data(), every=names)
    step(model, probe, data())
    broken = True
    with pytest.warns(RuntimeWarning, match="no memory left"):
        assert not step(model, probe, data())
    broken = False
    assert {"fluctuation", "lambda_max", "sharpness"} <= set(step(model, probe, data()))


def test_hooks_that_clip_gradients_are_not_part_of_the_loss() -> None:
    torch.manual_seed(0)
    model, batch = nn.Linear(6, 3), data()
    expected = all_gradients(model, batch).square().sum(1).mean().item()
    calls = []
    model.weight.register_hook(lambda gradient: calls.append(1) or gradient * 0.1)
    for way in ("auto", "hooks"):
        rows = step(model, Probe(model, loss=loss, fluctuation=way), batch)
        assert rows["fluctuation"].value == pytest.approx(expected, rel=1e-5)
    # Those of the training.
    assert len(calls) == 2


def scalar_sum(model: nn.Module, batch: Batch) -> Tensor:
    return loss(model, batch).sum()


def over_tokens(model: nn.Module, batch: Batch) -> Tensor:
    """A mean over tokens, of which sample b has as many as its label says, and one more."""
    each, counts = loss(model, batch), batch[1] + 1
    return (each * counts).sum() / counts.sum()


@pytest.mark.parametrize("wrong", [scalar_sum, over_tokens])
def test_a_scalar_that_is_no_mean_over_samples_is_not_cut(wrong: Any) -> None:
    torch.manual_seed(0)
    model, batch = nn.Linear(6, 3), data(64)
    probe = Probe(model, loss=wrong, sharpness_set=batch)
    wrong(model, batch).backward()
    probe.step(batch)
    assert {row.quantity for row in probe.rows} == {"lambda_max", "sharpness"}
    assert any("no parts of the batch" in note for note in probe.notes)
    for way in ("auto", "chunks"):
        with pytest.raises(ValueError, match="no parts of the batch"):
            Probe(model, loss=wrong, fluctuation=way).step(batch)


def test_parts_of_a_batch_that_batch_norm_couples_are_said() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 3))
    batch = data(64)
    for settings in ({"fluctuation": "chunks", "loss": loss}, {"loss": lambda model, batch: loss(model, batch).mean()}):
        probe = Probe(model, **settings)  # type: ignore[arg-type]
        loss(model, batch).mean().backward()
        probe.step(batch)
        assert {row.method for row in probe.rows if row.quantity == "fluctuation"} == {"chunks"}
        assert any("normalised by themselves" in note for note in probe.notes)


@pytest.mark.parametrize("kind", [torch.optim.RAdam, torch.optim.NAdam, torch.optim.Adamax])
def test_other_optimizers_have_no_preconditioned_sharpness(kind: Any) -> None:
    model = nn.Linear(6, 3)
    probe = Probe(model, loss=loss, optimizer=kind(model.parameters()), sharpness_set=data())
    step(model, probe, data())
    names = {row.quantity for row in probe.rows}
    assert "lambda_max" in names and not names & {"preconditioned_lambda_max", "stability_threshold"}
    assert any(kind.__name__ in note for note in probe.notes)

    class Own(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            return None

    class Same(torch.optim.AdamW):
        pass

    from thalweg.torch._optimizers import preconditions

    assert preconditions(Same(model.parameters())) and not preconditions(Own(model.parameters()))


@pytest.mark.parametrize(
    ("kind", "other", "differ"),
    [
        (torch.optim.SGD, {"momentum": 0.9}, "momentum (0, 0.9)"),
        (torch.optim.SGD, {"lr": 0.01}, "learning rate (0.01, 0.1)"),
        (torch.optim.SGD, {"weight_decay": 0.1}, ""),
        (torch.optim.Adam, {"betas": (0.5, 0.999)}, "β1 (0.5, 0.9)"),
        (torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.9)}, ""),
        (torch.optim.RMSprop, {"momentum": 0.5}, "momentum (0, 0.5)"),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_groups_that_move_by_different_rules_have_no_one_threshold(kind: Any, other: dict[str, Any], differ: str, frozen: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = kind([{"params": model[2].parameters(), **other}, {"params": model[0].parameters()}], lr=0.1)
    model[2].requires_grad_(not frozen)
    probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=data(), overhead=1000.0)
    for _ in range(2):
        loss(model, data()).mean().backward()
        probe.step(data())
        optimizer.step()
        optimizer.zero_grad()
    found = {row.value for row in probe.rows if row.quantity == "stability_threshold"}
    noted = [note for note in probe.notes if "no stability threshold" in note]
    if differ and not frozen:
        assert not found and len(noted) == 1 and differ in noted[0]
    else:
        expected = 2 * 1.9 / (0.1 * 0.1) if kind is torch.optim.Adam else 2 / 0.1
        # What decays is held as by so much more curvature.
        expected -= 0.0 if frozen else other.get("weight_decay", 0.0)
        assert len(found) == 1 and found.pop() == pytest.approx(expected) and not noted


def test_a_threshold_is_not_set_beside_the_curvature_of_what_does_not_move() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    for frozen in (False, True):
        model[0].requires_grad_(not frozen)
        probe = Probe(model, loss=loss, optimizer=optimizer, sharpness_set=data(), quantities=["lambda_max"])
        step(model, probe, data())
        thresholds = [row.value for row in probe.rows if row.quantity == "stability_threshold"]
        assert thresholds == ([20.0] if frozen else [])
        assert any("does not move all trainable parameters" in note for note in probe.notes) != frozen


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"maximize": True}])
def test_the_threshold_is_where_a_quadratic_diverges(settings: dict[str, Any]) -> None:
    batch = torch.ones(4, 1, dtype=torch.float64)

    def made(decay: float) -> tuple[nn.Module, Any]:
        model = nn.Linear(1, 1, bias=False).double()
        nn.init.constant_(model.weight, 1e-3)
        return model, torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=decay, **settings)

    for decay in (0.0, 2.0):
        model, optimizer = made(decay)

        def squared(model: nn.Module, batch: Tensor) -> Tensor:
            found: Tensor = model(batch).square()[:, 0] / 2
            return found

        probe = Probe(model, loss=squared, optimizer=optimizer, sharpness_set=batch, quantities=["lambda_max"])
        squared(model, batch).mean().backward()
        probe.step(batch)
        found = [row.value for row in probe.rows if row.quantity == "stability_threshold"]
        if "maximize" in settings:
            assert not found
            continue
        for curvature, holds in ((0.99 * found[0], True), (1.01 * found[0], False)):
            model, optimizer = made(decay)
            for _ in range(3000):
                optimizer.zero_grad()
                (curvature * squared(model, batch).mean()).backward()
                optimizer.step()
                if abs(model.weight.item()) > 1:
                    break
            assert (abs(model.weight.item()) < 1e-3) == holds, (decay, curvature)


WRONG: dict[str, Any] = {
    "overhead": "5%",
    "seed": -1,
    "first_step": 0.5,
    "log": "run",
    "quantities": "fluctuation",
    "every": 5,
    "optimizer": 3,
    "layers": "yes",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        Probe(nn.Linear(6, 3), loss=loss, **{name: WRONG[name]})
    with pytest.raises(ValueError, match="`log`"):
        Probe(nn.Linear(6, 3), loss=loss, log=["run"])  # type: ignore[list-item]


def test_a_loss_of_two_outputs_has_the_trace_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two means and a log-variance, in which the Gaussian's loss is not convex: against tr G from the dense matrix.

    By hooks, chunks and signs; z-tests of 100 draws at a false-alarm rate of 1e-4 each. The negative eigenvalues matter: without
    them the trace is too large.
    """

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.mean, self.spread = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            inner = self.inner(x).tanh()
            return self.mean(inner), self.spread(inner)

    def gaussian(model: nn.Module, batch: Batch) -> Tensor:
        mean, spread = model(batch[0])
        return (((batch[0][:, :2] - mean).square() * (-spread).exp() + spread) / 2).sum(1)

    torch.manual_seed(0)
    model, batch = Two().double(), (3 * data()[0].double(), data()[1])
    true = dense(GaussNewton(Objective(model, gaussian, batch))).trace().item()

    def z(way: str) -> float:
        probe = Probe(model, loss=gaussian, every={"fluctuation": 1}, fluctuation=way)
        for _ in range(100):
            probe.step(batch)
        assert {"ratio", "residual_trace"} <= {row.quantity for row in probe.rows} and not probe.notes
        values = torch.tensor([row.value for row in probe.rows if row.quantity == "gauss_newton_trace"], dtype=torch.double)
        return (values.mean().item() - true) / (values.std().item() / math.sqrt(100))

    for way in ("hooks", "chunks", "signs"):
        assert abs(z(way)) < 3.9, way
    both = EachCurvature.draws
    monkeypatch.setattr(EachCurvature, "draws", lambda self, generator: both(self, generator)[:1])
    assert z("hooks") > 3.9


def test_the_trace_of_logits_that_come_with_features() -> None:
    """The same numbers as without them."""
    values = []
    for model in (Several(False), Several(True)):
        torch.manual_seed(0)
        for p in model.parameters():
            nn.init.normal_(p)
        plain = nn.Sequential(model.first, nn.ReLU(), model.last)
        nn.init.ones_(model.weight)
        for one in (model, plain):
            model.weight.requires_grad_(False)
            values.append(step(one, Probe(one, loss=loss), data())["gauss_newton_trace"].value)
    assert values == pytest.approx([values[0]] * 4, rel=1e-5)


def test_values_are_finite_where_residuals_are() -> None:
    model = nn.Linear(6, 3)
    rows = step(model, Probe(model, loss=loss), data(64))
    assert math.isfinite(rows["residual_condition"].value)


def test_a_loss_that_cannot_be_run_at_first_leaves_the_rest() -> None:
    """No memory for the batch, but for the set."""

    def small_only(model: nn.Module, batch: Batch) -> Tensor:
        if len(batch[1]) > 20:
            raise RuntimeError("no memory left")
        return loss(model, batch)

    model = nn.Linear(6, 3)
    probe = Probe(model, loss=small_only, sharpness_set=data())
    with pytest.warns(RuntimeWarning, match="no memory left"):
        rows = step(model, probe, data(64))
    assert "lambda_max" in rows and "fluctuation" not in rows


@pytest.mark.parametrize("bad", ["sample", "weights"])
def test_a_first_loss_that_is_not_finite_is_named(bad: str) -> None:
    """And not taken for samples that see one another; a later step is measured."""
    torch.manual_seed(0)
    model, batch = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)), data()
    good = model[0].weight.detach().clone()
    inputs = batch[0].clone()
    if bad == "sample":
        inputs[3] = torch.nan
    else:
        model[0].weight.data.fill_(torch.nan)
    probe = Probe(model, loss=loss, sharpness_set=batch, overhead=1000.0)
    first = step(model, probe, (inputs, batch[1]))
    assert math.isnan(first["fluctuation"].value)
    assert any("not finite" in note for note in probe.notes) and not any("depends on" in note for note in probe.notes)
    assert not any("does not curve" in note for note in probe.notes)
    model[0].weight.data.copy_(good)
    assert math.isfinite(step(model, probe, batch)["fluctuation"].value)


def test_a_sharpness_set_of_arrays_is_counted_by_its_losses() -> None:
    """As `measure` does; a mean over arrays cannot be counted, which is what is said."""
    torch.manual_seed(0)
    model, batch = nn.Linear(6, 3), data()

    def of_arrays(model: nn.Module, batch: Any) -> Tensor:
        return loss(model, (torch.as_tensor(batch[0]), torch.as_tensor(batch[1])))

    arrays: Any = tuple(part.numpy() for part in batch)
    probes = []
    for one in (arrays, batch):
        probes.append(Probe(model, loss=of_arrays, sharpness_set=one, quantities=["lambda_max"]))
        probes[-1].step(one)
    assert probes[0].rows[0].value == pytest.approx(probes[1].rows[0].value)
    assert probes[0].schedule == probes[1].schedule
    with pytest.raises(ValueError, match="cannot be counted: it has no tensors .* gives no vector"):
        Probe(model, loss=lambda model, batch: of_arrays(model, batch).mean(), sharpness_set=arrays)
    with pytest.raises(ValueError, match="cannot be counted: .* fails on it"):
        Probe(model, loss=loss, sharpness_set=arrays)
