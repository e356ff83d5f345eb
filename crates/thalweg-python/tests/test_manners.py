"""Ctrl-C, threads, processes, pickles; nothing is printed."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest
from conftest import TRAINING

import thalweg

LONG: dict[str, Any] = dict(learning_rate=0.003, batch=10, steps=200_000_000, seeds=4)


def interrupted(work: Callable[[], object], after: float = 0.4) -> float:
    """Presses Ctrl-C `after` seconds, and gives how long it took from then."""
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.monotonic() - pressed[0]
    finally:
        timer.cancel()


def test_ctrl_c_stops_a_run_that_can_go_on(problem: thalweg.Problem, tmp_path: Path) -> None:
    took = interrupted(lambda: thalweg.simulate(problem, **LONG, out=tmp_path / "run"))
    assert took < 2.0
    assert list((tmp_path / "run/checkpoints").iterdir())
    # It is not finished, and not locked: another call goes on.
    with pytest.raises(ValueError, match="not finished"):
        thalweg.load(tmp_path / "run")
    reached: list[int] = []

    def look(done: int, total: int) -> None:
        reached.append(done)
        if len(reached) == 3:
            raise StopAsyncIteration("mine")

    with pytest.raises(StopAsyncIteration, match="mine"):
        thalweg.simulate(problem, **LONG, out=tmp_path / "run", progress=look)
    assert reached[-1] > 0


def test_an_interrupted_run_has_the_same_bits(problem: thalweg.Problem, tmp_path: Path) -> None:
    given: dict[str, Any] = dict(learning_rate=0.003, batch=10, steps=2_000_000, seeds=2)

    def stop(done: int, total: int) -> None:
        if done > 0:
            raise TimeoutError

    whole = thalweg.simulate(problem, **given)
    with pytest.raises(TimeoutError):
        thalweg.simulate(problem, **given, out=tmp_path / "run", progress=stop)
    again = thalweg.simulate(problem, **given, out=tmp_path / "run")
    assert again.resumed_from is not None and 0 < again.resumed_from < 2_000_000
    np.testing.assert_array_equal(again.measurements.value, whole.measurements.value)


def test_a_damaged_checkpoint_is_a_warning(problem: thalweg.Problem, tmp_path: Path) -> None:
    given: dict[str, Any] = dict(learning_rate=0.003, batch=10, steps=4_000_000, seeds=2, out=tmp_path / "run")

    def stop(done: int, total: int) -> None:
        if done > 0:
            raise TimeoutError

    for _ in range(2):
        with pytest.raises(TimeoutError):
            thalweg.simulate(problem, **given, progress=stop)
    newest = max((tmp_path / "run/checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="was damaged; an older state was used") as warned:
        thalweg.simulate(problem, **given)
    # It stands at the line of the caller.
    assert warned[0].filename == __file__


def test_ctrl_c_ends_what_cannot_go_on() -> None:
    """The slow flow of a large network by its own drift."""
    random = np.random.default_rng(1)
    problem = thalweg.Problem(
        depth=4,
        input_covariance=np.eye(8),
        teacher=random.standard_normal((8, 8)),
        noise_covariance=np.diag(np.linspace(0.1, 1.0, 8)),
    )
    script = f"""
import pickle, thalweg, time
problem = pickle.loads({pickle.dumps(problem)!r})
print("begun", flush=True)
try:
    thalweg.flow(problem, slow_time=[0, 1e6], drift="exact")
except KeyboardInterrupt:
    # A later call is kept waiting by nothing, with one thread too; and soon nothing works on.
    print(thalweg.predict(problem).sharpness > 0, flush=True)
    time.sleep(0.5)
    begun = time.process_time()
    time.sleep(0.5)
    print(time.process_time() - begun < 0.1, flush=True)
"""
    environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True)
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    time.sleep(0.3)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    answer, _ = child.communicate(timeout=30)
    assert answer == "True\nTrue\n"
    assert time.monotonic() - begun < 3.0


#: Trainings that are measured for long: a student of a teacher, and a text.
STUDENT = """
learning_rate = 0.01
batch = 10
steps = 2
seeds = 1
loss = "squared-error"
network = { kind = "mlp", inputs = 400, hidden = [100], outputs = 4, activation = "tanh" }
data = { kind = "teacher", teacher = { hidden = [4], seed = 3 }, noise_standard_deviations = [1.0, 0.5, 0.2, 0.1] }
measure = { samples = 10, count = 2 }
"""
TEXT = """
learning_rate = 0.1
batch = 4
steps = 2
seeds = 1
loss = "cross-entropy"
network = { kind = "language-model", width = 32, positions = 32, heads = 2, hidden = 64 }
data = { kind = "alice" }
measure = { samples = 4, count = 2 }
"""


@pytest.mark.parametrize(
    ("before", "call"),
    [
        (STUDENT, "thalweg.measure(folder, samples=2000, trace_products=1000)"),
        (TEXT, "thalweg.measure(folder, samples=400)"),
        (TEXT, "thalweg.diagnose_tokens(folder)"),
        ("", "thalweg.diagnose_file('mnist', resamples=100_000)"),
        ("", "thalweg.design(problem, learning_rate=1e-6, batch=10, ratio=1.01)"),
    ],
    ids=["measure", "measure-tokens", "tokens", "images", "design"],
)
def test_ctrl_c_ends_what_is_long(before: str, call: str, tmp_path: Path) -> None:
    """Nothing works on unseen, wherever it is when Ctrl-C comes; each takes several times as long."""
    if before:
        (tmp_path / "training.toml").write_text(before)
        thalweg.train(tmp_path / "training.toml", out=tmp_path / "run")
    script = f"""
import thalweg, numpy, sys, time
folder = {str(tmp_path / "run")!r}
noise = numpy.diag(numpy.linspace(0.1, 1.0, 400))
problem = thalweg.Problem(depth=3, input_covariance=numpy.eye(400), teacher=numpy.eye(400), noise_covariance=noise)
print("begun", flush=True)
try:
    {call}
except KeyboardInterrupt:
    time.sleep(1.0)
    begun = time.process_time()
    time.sleep(0.5)
    print(time.process_time() - begun < 0.1, flush=True)
"""
    for after in (0.3, 1.5):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        time.sleep(after)
        child.send_signal(signal.SIGINT)
        answer, _ = child.communicate(timeout=60)
        assert answer == "True\n", after


def test_other_threads_run_meanwhile(problem: thalweg.Problem) -> None:
    work = threading.Thread(
        target=thalweg.simulate, args=(problem,), kwargs=dict(LONG, steps=3_000_000), daemon=True
    )
    count = 0
    work.start()
    while work.is_alive():
        count += 1
        time.sleep(0.0005)
    assert count > 50


def test_threads_get_their_own_answers() -> None:
    def answer(k: int) -> tuple[float, float]:
        noise = np.diag([1.0, 0.1 / (k + 1)])
        problem = thalweg.Problem(
            depth=2 + k % 3, input_covariance=np.eye(2), teacher=np.eye(2), noise_covariance=noise
        )
        run = thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=200, seeds=2)
        return thalweg.predict(problem).sharpness, float(run.measurements.value[-1])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, range(24))) == [answer(k) for k in range(24)]


def sharpness_of(problem: thalweg.Problem) -> float:
    return thalweg.predict(problem).sharpness


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes(problem: thalweg.Problem, method: str) -> None:
    """Forked ones have none of their parent's threads, and wait for no one."""
    expected = sharpness_of(problem)
    with warnings.catch_warnings():
        # Python warns of forks beside threads, whatever these do.
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map_async(sharpness_of, [problem] * 4).get(timeout=120) == [expected] * 4


def test_everything_is_pickled_and_copied(problem: thalweg.Problem, tmp_path: Path) -> None:
    single = thalweg.Problem(
        depth=2,
        input_covariance=np.float32([[2, 0.1], [0.1, 1]]),
        teacher=np.eye(2),
        noise_covariance=(np.outer([1, 3], [1, 3]) / 10).astype(np.float32),
        hidden_widths=[5],
    )
    for one in (problem, single):
        again = pickle.loads(pickle.dumps(one))
        assert again == one and again.notes == one.notes
        assert copy.deepcopy(one) == one
    results = [
        thalweg.predict(problem, 0.003, 10),
        thalweg.flow(problem, slow_time=[0.0, 1.0]),
        thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=50, seeds=2),
        thalweg.train(TRAINING, steps=20, out=tmp_path / "run"),
        thalweg.load(tmp_path / "run"),
        thalweg.measure(tmp_path / "run", seed=0, samples=20, top=1),
        thalweg.contrast([tmp_path / "run", tmp_path / "run"]),
    ]
    for result in results:
        again = pickle.loads(pickle.dumps(result))
        assert again.to_dict() == result.to_dict()
        assert repr(again) == repr(result)
    run = results[2]
    assert isinstance(run, thalweg.Simulation)
    again = pickle.loads(pickle.dumps(run.measurements))
    np.testing.assert_array_equal(again.value, run.measurements.value)
    np.testing.assert_array_equal(again.quantity, run.measurements.quantity)
    assert pickle.loads(pickle.dumps(run)).specification == run.specification


def test_noise_rounded_to_zero_is_remembered() -> None:
    """What was mended when a problem was made is said of what is made of it."""
    random = np.random.default_rng(3)
    factor = random.standard_normal((3, 1))
    mended = thalweg.Problem(
        depth=2,
        input_covariance=np.eye(3),
        teacher=factor @ factor.T,
        noise_covariance=(factor @ factor.T).astype(np.float32),
    )
    run = thalweg.simulate(mended, learning_rate=1e-3, batch=10, steps=2, seeds=1)
    assert run.problem == mended
    assert mended.notes and set(mended.notes) == set(run.problem.notes)
    assert set(pickle.loads(pickle.dumps(run)).to_dict()["notes"]) == set(mended.notes)


def test_nothing_is_printed(problem: thalweg.Problem, tmp_path: Path, capfd: Any) -> None:
    thalweg.predict(problem, 0.003, 10)
    thalweg.flow(problem, slow_time=[0.0, 1.0])
    run = thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=50, seeds=2, out=tmp_path / "linear")
    run.to_dict()
    training = thalweg.train(TRAINING, steps=20, out=tmp_path / "network")
    thalweg.measure(training, samples=20, top=1)
    assert capfd.readouterr() == ("", "")


def test_progress_is_told(problem: thalweg.Problem) -> None:
    told: list[tuple[int, int]] = []
    given: dict[str, Any] = dict(learning_rate=0.003, batch=10, steps=2_000_000, seeds=2)
    thalweg.simulate(problem, **given, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1 and told == sorted(told)
    assert told[-1] == (2_000_000, 2_000_000)


def test_progress_as_a_bar(problem: thalweg.Problem, capsys: Any) -> None:
    pytest.importorskip("tqdm")
    thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=50, seeds=2, progress=True)
    assert "50/50" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Ctrl-C is Python's own in all of these."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
