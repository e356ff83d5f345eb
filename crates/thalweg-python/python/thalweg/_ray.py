"""The cells of a sweep on the cores of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import _core

# How often the cells that are done are counted, seconds.
LOOK = 1.0


def work(
    address: str,
    store: Path,
    cells: list[int] | None,
    retry: bool,
    tell: Callable[[int, int], object] | None,
) -> None:
    """Do the cells of ``store`` that are missing, by one task for each core of the cluster at ``address``.

    Tasks agree on who does which cell by the store alone, as processes on one machine do: a task that is lost leaves its cells to others, and
    is started anew, on another machine if its own is gone.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError("ray=… needs Ray: pip install 'thalweg[ray]'") from error
    # A connection that the caller has made is used, whatever `address` says, and left as it is.
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, log_to_driver=False)
    try:
        # One thread each: a task is one core to Ray. A call is one process, so that what it has claimed is free when it is lost.
        environment = {"env_vars": {"RAYON_NUM_THREADS": "1"}}
        remote = ray.remote(num_cpus=1, max_retries=-1, max_calls=1, runtime_env=environment)(_cells)
        follower = _core.SweepFollower(store)
        while True:
            tasks = [remote.remote(str(store), cells, retry) for _ in range(_useful(ray, follower, cells))]
            done = _wait(ray, tasks, follower, cells, tell)
            retry = False
            # One who left others at work may have left cells that those lost.
            if not done or not all(each["elsewhere"] for each in done) or not any(each["finished"] + each["failed"] for each in done):
                break
    finally:
        if ours:
            ray.shutdown()


def _cells(store: str, cells: list[int] | None, retry: bool) -> dict[str, int]:
    """What one task does. (Ray takes functions that are Python's.)"""
    return _core.sweep_run(store, cells, retry, None)


def _useful(ray: Any, follower: _core.SweepFollower, cells: list[int] | None) -> int:
    """How many tasks there may be: cores, but no more than cells."""
    finished, _, wanted = follower.counts(cells)
    return min(int(ray.cluster_resources().get("CPU", 1)), wanted - finished)


def _wait(
    ray: Any,
    tasks: list[Any],
    follower: _core.SweepFollower,
    cells: list[int] | None,
    tell: Callable[[int, int], object] | None,
) -> list[dict[str, int]]:
    """What the tasks did, when all are done; an error of one stops the others."""
    results: list[dict[str, int]] = []
    try:
        while tasks:
            done, tasks = ray.wait(tasks, timeout=LOOK)
            results += ray.get(done)
            if tell is not None:
                finished, failed, wanted = follower.counts(cells)
                tell(finished + failed, wanted)
    except BaseException:
        for task in tasks:
            ray.cancel(task, force=True)
        raise
    return results
