"""Measurements as columns, and results as tables and drawings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import TRAINING

import thalweg

COLUMNS = ["seed", "step", "slow_time", "quantity", "value"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> thalweg.Simulation:
    problem = thalweg.Problem(
        depth=2, input_covariance=np.eye(2), teacher=np.eye(2), noise_covariance=np.diag([1.0, 0.25])
    )
    out = tmp_path_factory.mktemp("runs") / "run"
    return thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=300, seeds=[3, 5], out=out)


def test_columns(run: thalweg.Simulation) -> None:
    measurements = run.measurements
    columns = measurements.to_dict()
    assert list(columns) == COLUMNS
    assert {len(column) for column in columns.values()} == {len(measurements)}
    assert measurements.seeds == [3, 5]
    assert run.outcomes == {3: None, 5: None}
    steps, values = measurements.series("loss", 5)
    rows = (measurements.quantity == "loss") & (measurements.seed == 5)
    np.testing.assert_array_equal(steps, measurements.step[rows])
    np.testing.assert_array_equal(values, measurements.value[rows])
    np.testing.assert_allclose(measurements.slow_time, measurements.step * 1e-4 / 10)
    mean = measurements.mean("loss")
    both = [measurements.series("loss", seed)[1] for seed in (3, 5)]
    np.testing.assert_allclose(mean["mean"], np.mean(both, axis=0))
    np.testing.assert_allclose(mean["standard_error"], np.std(both, axis=0, ddof=1) / np.sqrt(2))
    assert (mean["count"] == 2).all()
    for nothing in (lambda: measurements.mean("nothing"), lambda: measurements.series("nothing", 3)):
        with pytest.raises(ValueError, match="`quantity` is 'nothing': one of sharpness, "):
            nothing()
    with pytest.raises(ValueError, match="`seed` is 99: one of 3, 5 is needed"):
        measurements.series("loss", 99)
    with pytest.raises(ValueError, match="read-only"):
        measurements.value[0] = 0.0
    assert measurements.value is run.measurements.value


def test_diverged_runs_are_named() -> None:
    problem = thalweg.Problem(depth=2, input_covariance=[[1]], teacher=[[1]], noise_covariance=[[1]])
    run = thalweg.simulate(problem, learning_rate=50.0, batch=1, steps=100, seeds=2)
    assert all(step is not None for step in run.outcomes.values())
    assert run.to_dict()["diverged"] == 2
    assert "–" in run._repr_html_()


def test_pandas(run: thalweg.Simulation) -> None:
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    frame = pyarrow.table(run.measurements).to_pandas()
    assert run.directory is not None
    pandas.testing.assert_frame_equal(frame, pandas.read_parquet(run.directory / "measurements.parquet"))
    assert list(frame.columns) == COLUMNS


def test_polars(run: thalweg.Simulation) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(run.measurements)
    assert run.directory is not None
    assert frame.equals(polars.read_parquet(run.directory / "measurements.parquet"))
    # A stream is read once, and each call gives its own.
    assert frame.equals(polars.DataFrame(run.measurements))


def test_a_stream_that_nobody_reads_is_let_go(run: thalweg.Simulation) -> None:
    for _ in range(100):
        run.measurements.__arrow_c_stream__()


def test_tables_for_notebooks(run: thalweg.Simulation, tmp_path: Path) -> None:
    problem = run.problem
    training = thalweg.train(TRAINING, steps=20, out=tmp_path / "run")
    shown = [
        (thalweg.predict(problem, 0.01, 10), "sharpness"),
        (thalweg.flow(problem, slow_time=[0, 1]), "λ_max"),
        (run, "slow flow"),
        (run.measurements, "rows"),
        (training, "sharpness"),
        (thalweg.measure(training, samples=20, top=1), "seed-0"),
    ]
    for result, words in shown:
        html = result._repr_html_()
        assert html.startswith("<table>") and words in html and "None" not in html
        assert html.count("<td>") >= 5


def test_a_networks_parameters(tmp_path: Path) -> None:
    training = thalweg.train(TRAINING, steps=20, out=tmp_path / "run", **{"network.biases": True})
    networks = training.networks
    assert sorted(networks) == [0, 1]
    shapes = sorted(tensor.shape for tensor in networks[0].values())
    assert shapes == [(2,), (2, 4), (4,), (4, 2)]
    safetensors = pytest.importorskip("safetensors.numpy")
    for seed, tensors in networks.items():
        stored = safetensors.load_file(tmp_path / f"run/networks/seed-{seed}.safetensors")
        assert sorted(stored) == sorted(tensors)
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, stored[name])


def test_at_the_start_there_is_no_difference_to_the_theory(problem: thalweg.Problem) -> None:
    answer = thalweg.simulate(problem, learning_rate=0.003, batch=10, steps=0, seeds=2).to_dict()
    assert {answer[name]["slow_flow_z"] for name in ("sharpness", "lambda_max", "fluctuation")} == {None}


def test_drawings(run: thalweg.Simulation) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = run.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [
        "SGD",
        "slow flow from the same starts",
        "finite-step theory from the same starts",
        "exact limit (Theorem 1)",
    ]
    assert axes.get_ylabel() == "sharpness T"
    path = thalweg.flow(run.problem, learning_rate=0.01, batch=10, steps=300)
    for quantity in ("fluctuation", "lambda_max"):
        fresh = pyplot.figure().add_subplot()
        assert path.plot(quantity, axes=fresh) is fresh
    run.plot("condition_number_1")
    training = thalweg.train(TRAINING, steps=20)
    training.plot("loss")
    for wrong in (run.plot, training.plot, path.plot):
        with pytest.raises(ValueError, match="`quantity` is 'nothing'"):
            wrong("nothing")
    pyplot.close("all")
