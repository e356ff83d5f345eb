"""Sweeps on a Ray cluster of two nodes: the cells of one machine, and none lost with a node."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
import ray
from ray.cluster_utils import Cluster

import thalweg.sweep


def sweep(steps: int, cells: int) -> dict[str, Any]:
    """So many cells of one time."""
    return {
        "seeds": 2,
        "base": {
            "learning_rate": 0.001,
            "batch": 10,
            "steps": steps,
            "problem": {
                "depth": 2,
                "input_covariance": [[1, 0], [0, 1]],
                "teacher": [[1, 0], [0, 1]],
                "noise_standard_deviations": [1, 0.5],
            },
        },
        "axes": [{"path": "learning_rate", "from": 0.001, "to": 0.002, "count": cells}],
    }


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that works on nothing, and two nodes of one core each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_two_nodes_do_what_one_machine_does(cluster: Cluster, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    status = thalweg.sweep.run(
        sweep(2000, 12),
        tmp_path / "cluster",
        ray=cluster.address,
        progress=lambda done, cells: told.append((done, cells)),
    )
    assert (status["finished"], status["waiting"], status["failed"]) == (12, 0, [])
    assert told[-1] == (12, 12)
    # The cluster is let go of.
    assert not ray.is_initialized()
    thalweg.sweep.run(sweep(2000, 12), tmp_path / "here")
    tables = [thalweg.sweep.table(tmp_path / place, curves=True).read_bytes() for place in ("cluster", "here")]
    assert tables[0] == tables[1]


def test_a_node_that_is_lost_in_the_middle_is_replaced(cluster: Cluster, tmp_path: Path) -> None:
    cells, store = 40, tmp_path / "cluster"
    thalweg.sweep.run(sweep(400_000, cells), store, cells=[])
    lost: list[int] = []

    def lose() -> None:
        deadline = time.monotonic() + 120
        while (done := thalweg.sweep.status(store)["finished"]) == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        cluster.remove_node(cluster.nodes[1], allow_graceful=False)
        lost.append(done)

    thread = threading.Thread(target=lose)
    thread.start()
    status = thalweg.sweep.run(store, ray=cluster.address)
    thread.join()
    assert 0 < lost[0] < cells, lost
    assert (status["finished"], status["waiting"], status["failed"]) == (cells, 0, [])
    thalweg.sweep.run(sweep(400_000, cells), tmp_path / "here")
    tables = [thalweg.sweep.table(place).read_bytes() for place in (store, tmp_path / "here")]
    assert tables[0] == tables[1]


def test_a_ray_that_is_there_already_is_used_and_left(tmp_path: Path) -> None:
    ray.init(num_cpus=1, log_to_driver=False)
    try:
        told: list[tuple[int, int]] = []
        store = tmp_path / "store"
        status = thalweg.sweep.run(
            sweep(200, 3), store, ray="auto", cells=[0, 2], progress=lambda done, cells: told.append((done, cells))
        )
        assert status["finished"] == 2
        # Of the cells that are wanted, also where the sweep has others that are done.
        assert told[-1] == (2, 2)
        assert {cells for _, cells in told} == {2}
        thalweg.sweep.run(store, ray="auto", cells=[1], progress=lambda done, cells: told.append((done, cells)))
        assert told[-1] == (1, 1)
        assert ray.is_initialized()
    finally:
        ray.shutdown()
