#!/usr/bin/env python3
"""What a probe costs in processor time at its default budget, on three loops, and the errors that it reaches for it.

Each kind of measurement is timed beside plain steps, in turn, in one process on one thread; the median cost over the median
step is its price in steps. With the schedule, which follows from the settings alone, the prices give the overhead: the sum over kinds of
price/interval. `--full` also runs whole loops with and without a probe, in turn, for one cycle of all measurements or more: twenty minutes
of processor time for the GPT.

    OMP_NUM_THREADS=1 python benches/python/probe_overhead.py [mlp] [cnn] [gpt] [--json FILE] [--full]
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from loops import LOOPS, Loop

import thalweg
from thalweg.torch import Probe
from thalweg.torch._objective import Objective
from thalweg.torch._products import Hessian


#: Steps of whole loops.
FULL = {"mlp": 3700, "cnn": 1840, "gpt": 2720}


def processor_time(work: Callable[[], Any]) -> float:
    """Seconds of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def step(loop: Loop, batch: Any, probe: Probe | None = None) -> None:
    """One step of training."""
    loop.loss(loop.model, batch).mean().backward()
    if probe is not None:
        probe.step(batch)
    loop.optimizer.step()
    loop.optimizer.zero_grad()


def prices(loop: Loop, rounds: int) -> dict[str, Any]:
    """Of each kind of measurement, in steps, with its interval at the default budget and the relative errors seen."""
    fixed = loop.batch()
    plain = {"loss": loop.loss, "optimizer": loop.optimizer, "sharpness_set": fixed}
    scheduled = Probe(loop.model, **plain)
    step(loop, loop.batch(), scheduled)
    scheduled.close()
    found: dict[str, Any] = {}
    kinds = list(scheduled.schedule)
    probes = {}
    for kind in kinds:
        names = [kind, "gauss_newton_trace"] if kind == "fluctuation" else [kind]
        probes[kind] = Probe(loop.model, **plain, quantities=names, every={kind: 1})
        step(loop, loop.batch(), probes[kind])
    steps: list[float] = []
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            batch = loop.batch()
            steps.append(processor_time(lambda: step(loop, batch)))
            loop.loss(loop.model, batch).mean().backward()
            costs[kind].append(processor_time(lambda: probes[kind].step(batch)))
            loop.optimizer.step()
            loop.optimizer.zero_grad()
    # Steps on which nothing is due cost too.
    idle = Probe(loop.model, loss=loop.loss, quantities=["fluctuation"], every={"fluctuation": 10**9})
    step(loop, loop.batch(), idle)
    waits = [processor_time(lambda: idle.step(None)) for _ in range(200)]
    usual = statistics.median(steps)
    overhead = statistics.median(waits) / usual
    for kind in kinds:
        # Cold checks among warm measurements are dear and rare: for λ_max the mean over whole cycles counts.
        whole = costs[kind][: len(costs[kind]) // 8 * 8 or None] if "lambda" in kind else costs[kind]
        price = (statistics.fmean(whole) if "lambda" in kind else statistics.median(whole)) / usual
        interval = scheduled.schedule[kind]
        overhead += price / interval
        rows = [row for row in probes[kind].rows if not row.layer and row.quantity in (kind, "gauss_newton_trace")]
        errors = {
            name: statistics.median(abs(row.error / row.value) for row in rows if row.quantity == name and row.value)
            for name in dict.fromkeys(row.quantity for row in rows)
        }
        found[kind] = {"price": price, "interval": interval, "relative_errors": errors}
    return {"step_seconds": usual, "waiting": statistics.median(waits) / usual, "overhead": overhead, "kinds": found}


def accuracy(name: str, interval: int, measurements: int) -> dict[str, float]:
    """How far the probe's λ_max is from that of Lanczos run until it converges, where one is measured every `interval` steps."""
    loop = LOOPS[name]()
    fixed = loop.batch()
    probe = Probe(
        loop.model, loss=loop.loss, sharpness_set=fixed, quantities=["lambda_max"], every={"lambda_max": interval}
    )
    errors, inside = [], 0
    for index in range(interval * measurements):
        batch = loop.batch()
        if (index + 1) % interval == 0:
            hessian = Hessian(Objective(loop.model, loop.loss, fixed))
            true = thalweg.eigenpairs(hessian, k=1, tolerance=1e-4, max_products=400).values[0]
            hessian.release()
        step(loop, batch, probe)
        if (index + 1) % interval == 0:
            row = probe.rows[-1]
            errors.append(abs(row.value - true.value) / true.value)
            inside += abs(row.value - true.value) <= row.error + true.error
    return {
        "interval": interval,
        "measurements": measurements,
        "median": statistics.median(errors),
        "worst": max(errors),
        "within_stated_error": inside / measurements,
    }


def full(name: str, steps: int) -> dict[str, float]:
    """Whole loops: processor time with a probe over that without, in blocks that take turns."""
    loops = [LOOPS[name](), LOOPS[name]()]
    probe = Probe(loops[1].model, loss=loops[1].loss, optimizer=loops[1].optimizer, sharpness_set=loops[1].batch())
    for loop, watcher in zip(loops, (None, probe)):
        step(loop, loop.batch(), watcher)
    times = [0.0, 0.0]
    block = 20
    for _ in range(steps // block):
        batches = [loops[0].batch() for _ in range(block)]
        for which, watcher in ((0, None), (1, probe)):
            times[which] += processor_time(lambda: [step(loops[which], batch, watcher) for batch in batches])
    return {"steps": steps, "ratio": times[1] / times[0], "rows": len(probe.rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loops", nargs="*", choices=[*LOOPS, []], default=list(LOOPS))
    parser.add_argument("--rounds", type=int, default=8, help="timings of each kind; 8 is one cycle of λ_max")
    parser.add_argument("--warm-up", type=int, default=30, help="steps of training before")
    parser.add_argument("--full", action="store_true", help="also run whole loops")
    parser.add_argument("--accuracy", type=int, metavar="STEPS", help="also compare λ_max, every so many steps, 16 times")
    parser.add_argument("--json", metavar="FILE")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "thalweg": thalweg.__version__,
        "loops": {},
    }
    for name in settings.loops:
        loop = LOOPS[name]()
        for _ in range(settings.warm_up):
            step(loop, loop.batch())
        found = prices(loop, settings.rounds)
        if settings.full:
            found["full"] = full(name, FULL[name])
        results["loops"][loop.name] = found
        print(f"{loop.name}: a step {1e3 * found['step_seconds']:.2f} ms, overhead {100 * found['overhead']:.1f} %")
        for kind, numbers in found["kinds"].items():
            errors = ", ".join(f"{key} ± {100 * error:.1f} %" for key, error in numbers["relative_errors"].items() if math.isfinite(error))
            print(f"  {kind}: {numbers['price']:.1f} steps every {numbers['interval']:.0f}; {errors}")
        if settings.accuracy:
            near = found["accuracy"] = accuracy(name, settings.accuracy, 16)
            print(
                f"  λ_max every {settings.accuracy} steps: off by {100 * near['median']:.2f} % (median), {100 * near['worst']:.1f} % "
                f"(worst of 16); {100 * near['within_stated_error']:.0f} % within the stated error"
            )
        if "full" in found:
            print(f"  whole loop of {found['full']['steps']} steps: {found['full']['ratio']:.3f}")
    if settings.json:
        with open(settings.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
