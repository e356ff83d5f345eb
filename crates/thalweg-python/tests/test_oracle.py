"""Theory and slow flow against the numbers of an independent implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import reference

import thalweg

MATRICES = ("input_covariance", "teacher", "noise_covariance")


def problem_of(case: dict[str, Any], **more: Any) -> thalweg.Problem:
    matrices = {name: np.array(case[name]) for name in MATRICES}
    return thalweg.Problem(depth=case["depth"], **matrices, **more)


@pytest.mark.parametrize("case", reference("theory.json"), ids=lambda case: case["name"])
def test_theory(case: dict[str, Any]) -> None:
    end = thalweg.predict(problem_of(case))
    for name in ("sharpness", "min_sharpness", "fluctuation", "lambda_max"):
        assert getattr(end, name) == pytest.approx(case[name], rel=1e-12, abs=0), name
    assert end.nonzero_spectrum is not None
    assert (np.diff(end.nonzero_spectrum) <= 0).all()
    np.testing.assert_allclose(
        end.nonzero_spectrum, case["nonzero_spectrum"], rtol=0, atol=1e-12 * case["lambda_max"]
    )


@pytest.mark.parametrize("case", reference("slow_flow.json"), ids=lambda case: f"D{case['depth']}")
def test_slow_flow(case: dict[str, Any]) -> None:
    """The reference's first time lies between two of its own, of which it is interpolated."""
    start = [np.array(layer) for layer in case["start_weights"]]
    hidden = [len(layer) for layer in start[:-1]]
    path = thalweg.flow(problem_of(case, hidden_widths=hidden), start, case["slow_time"])
    for found, expected in ((path.sharpness, case["sharpness"]), (path.fluctuation, case["fluctuation"])):
        np.testing.assert_allclose(found[1:], expected[1:], rtol=4e-7)
        np.testing.assert_allclose(found[0], expected[0], rtol=3e-5)
    np.testing.assert_array_equal(path.slow_time, case["slow_time"])
    assert path.limit is not None
    assert path.limit["sharpness"] == pytest.approx(case["limit"], rel=1e-6)


def test_the_minimum_has_the_sharpness_and_the_product() -> None:
    """Its weights, multiplied, give the teacher, and the flow does not leave them."""
    case = reference("theory.json")[3]
    problem = problem_of(case)
    weights = thalweg.predict(problem).weights
    product = np.linalg.multi_dot(weights[::-1])
    np.testing.assert_allclose(product, problem.teacher, atol=1e-12)
    path = thalweg.flow(problem, weights, [0, 10])
    np.testing.assert_allclose(path.sharpness, case["sharpness"], rtol=1e-9)


@pytest.mark.parametrize("case", reference("weight_decay.json"), ids=lambda case: f"D{case['depth']}")
def test_weight_decay(case: dict[str, Any]) -> None:
    """λ enters by λB/η alone."""
    strength = case["weight_decay_times_batch_over_learning_rate"]
    end = thalweg.predict(problem_of(case), 0.02, 8, weight_decay=strength * 0.02 / 8)
    for name in ("sharpness", "fluctuation", "lambda_max"):
        assert getattr(end, name) == pytest.approx(case[name], rel=1e-7), name
    assert end.without_forces is not None and end.without_forces["sharpness"] > end.sharpness


def test_recipe_by_keywords(problem: thalweg.Problem) -> None:
    plain = thalweg.predict(problem, 0.003, 10)
    faster = thalweg.predict(problem, 0.003, 10, momentum=0.5, sam={"radius": 0.003})
    assert faster.sharpness == pytest.approx(plain.sharpness, rel=1e-12)
    assert plain.run is not None and faster.run is not None
    # η₁ = 2η, and 1 + 2ρ/η₁ = 2.
    assert plain.run["relaxation_steps"] / faster.run["relaxation_steps"] == pytest.approx(8, rel=1e-9)
    noisy = thalweg.predict(problem, added_noise_covariance=np.diag([0.0, 0.99]))
    assert noisy.sharpness == pytest.approx(12, rel=1e-9)
    path = thalweg.flow(problem, learning_rate=0.003, batch=10, steps=[10_000_000], weight_decay=1e-4)
    assert path.sharpness[-1] < 20
    with pytest.raises(ValueError, match="label_smoothing"):
        thalweg.predict(problem, label_smoothing=2.0)
    with pytest.raises(TypeError, match="wd"):
        thalweg.predict(problem, wd=1e-4)  # type: ignore[call-arg]


def test_design_and_simulation(problem: thalweg.Problem) -> None:
    found = thalweg.design(problem, 0.003, 10, sharpness=20.0, by=["weight_decay"], seconds=0.2)
    (only,) = found.designs
    assert only["predicted"]["sharpness"] == pytest.approx(20, rel=1e-6)
    assert only["simulated"]["sharpness"]["mean"] == pytest.approx(20, rel=0.1)
    again = thalweg.predict(problem, 0.003, 10, weight_decay=only["weight_decay"], simulate_seconds=0.2)
    assert again.sharpness == pytest.approx(20, rel=1e-6)
    assert again.simulated is not None and again.simulated["seeds"] == 16
    with pytest.raises(ValueError, match="T goes from"):
        thalweg.design(problem, 0.003, 10, sharpness=1.0)


def test_design_for_the_edge_of_stability(problem: thalweg.Problem) -> None:
    found = thalweg.design(problem, 0.125, 10, stable=True, by=["added_noise"])
    assert found.target == {"quantity": "the stability number", "value": 0.999, "or_below": True}
    assert not found.met_already and "the stability number ≤ 0.999" in repr(found)
    assert found.designs[0]["predicted"]["lambda_max"] == pytest.approx(15.984, rel=1e-6)
    with pytest.raises(ValueError, match="one target is needed"):
        thalweg.design(problem, 0.125, 10, stable=True, ratio=1.0)
    already = thalweg.design(problem, 0.003, 10, stable=True)
    assert already.met_already and already.designs == [] and "nothing has to be changed" in repr(already)
    assert already.before["predicted"]["lambda_max"] < 2 / 0.003


def test_advice_on_correlated_noise_can_be_followed() -> None:
    problem = thalweg.Problem(
        depth=3,
        input_covariance=[[1.2, 0.2], [0.2, 0.8]],
        teacher=[[1.0, 0.3], [-0.2, 0.8]],
        noise_covariance=[[1.0, 0.3], [0.3, 0.2]],
    )
    found = thalweg.design(problem, 0.005, 10, sharpness=15.0, by=["added_noise", "label_weights"])
    for design, field in zip(found.designs, ["added_noise_covariance", "label_weights"], strict=True):
        assert design["lever"] + "_covariance" == field or design["lever"] == field
        again = thalweg.predict(problem, 0.005, 10, **{field: design[field]})
        # Where noise and signal have different axes then, SGD ends where the exact drift rests.
        end = again.sharpness if again.exact_drift is None else again.exact_drift["sharpness"]
        assert end == pytest.approx(15, rel=1e-5)
        assert field in design["change"]
        first = design["change"].split("[[")[1].split(",")[0]
        assert float(first) == pytest.approx(design[field][0][0], rel=1e-5)


def test_diagnosis() -> None:
    """Noise whose law is known, and what follows from it."""
    draw = np.random.default_rng(3)
    inputs = draw.normal(size=(2000, 2)) * [2.0, 1.0] + 5.0
    targets = inputs @ np.array([[1.0, 0.2], [0.0, -1.0]]) + draw.normal(size=(2000, 2)) * [1.0, 0.2]
    found = thalweg.diagnose(inputs, targets, resamples=100)
    np.testing.assert_allclose(found.noise_covariance, np.diag([1.0, 0.04]), atol=0.1)
    truth = thalweg.predict(
        thalweg.Problem(
            depth=2, input_covariance=np.diag([4.0, 1.0]), teacher=np.array([[1.0, 0.0], [0.2, -1.0]]),
            noise_covariance=np.diag([1.0, 0.04]),
        )
    )
    low, high = found.sharpness["interval"]
    assert low < truth.sharpness < high
    assert found.sharpness["value"] == pytest.approx(truth.sharpness, rel=0.1)
    assert found.isotropy < 0.01 < found.heteroscedasticity
    # An input that is the sum of the others is one that the network has: the least V by all three, and the same noise.
    three = np.column_stack([inputs, inputs.sum(1)])
    more = thalweg.diagnose(three, targets, resamples=100)
    centred = three - three.mean(0)
    whole = thalweg.Problem(
        depth=2,
        input_covariance=np.cov(three.T, bias=True),
        teacher=np.linalg.lstsq(centred, targets - targets.mean(0), rcond=1e-10)[0].T,
        noise_covariance=found.noise_covariance,
    )
    assert more.sharpness["value"] == pytest.approx(thalweg.predict(whole).sharpness, rel=1e-6)
    assert more.sharpness["value"] > 1.2 * found.sharpness["value"]
    assert "`inputs[:, 2]`" in more.left_out[0]


def test_diagnosis_of_classes_and_files(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    inputs = draw.normal(size=(300, 2))
    classes = np.where(inputs[:, 0] + draw.normal(size=300) > 0, "up", "down")
    found = thalweg.diagnose(inputs, classes, resamples=0)
    assert [output["name"] for output in found.outputs] == ["down", "up"]
    np.testing.assert_allclose(found.noise_covariance.sum(0), 0, atol=1e-12)
    path = tmp_path / "table.csv"
    rows = [f"{a},{b},{kind}" for (a, b), kind in zip(inputs, classes)]
    path.write_text("a,b,kind\n" + "\n".join(rows))
    again = thalweg.diagnose_file(path, ["kind"], resamples=0)
    assert again.sharpness["value"] == pytest.approx(found.sharpness["value"], rel=1e-9)
    with pytest.raises(ValueError, match="table.csv: has no column `x`"):
        thalweg.diagnose_file(path, ["x"])
    shipped = thalweg.diagnose_file("penguins", ["species"], resamples=0, simulate_seconds=0.2)
    assert shipped.to_dict()["rows"] == 342 and len(shipped.simulated) == 2
