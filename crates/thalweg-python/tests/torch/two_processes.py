"""One of two processes that train a model together, for test_trainers.py: run with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT."""

from __future__ import annotations

import gc
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from thalweg.torch import Probe
from thalweg.torch._fluctuation import Samples, group_parts

NAMES = ("fluctuation", "covariance_trace", "gradient_norm_squared")


def loss(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(64, 6, generator=generator).double(), torch.randint(0, 3, (64,), generator=generator)


def batches(step: int, microbatches: int) -> list[list[tuple[Tensor, Tensor]]]:
    """For both processes, one after another."""
    generator = torch.Generator().manual_seed(step)
    x, y = data()
    found = []
    for _ in range(2):
        own = []
        for _ in range(microbatches):
            index = torch.randint(0, 64, (8,), generator=generator)
            own.append((x[index], y[index]))
        found.append(own)
    return found


#: Of each process's microbatches: as a trainer has that multiplies by tokens over those of all processes, times their number, and by 3/4.
WEIGHTS = ((0.15, 0.375), (0.45, 0.525))


def train(
    settings: dict[str, Any] | None, microbatches: int = 2, weighted: bool = False
) -> tuple[list[Tensor], Probe | None, list[Tensor]]:
    """A few steps; the weights at the end, the probe, and the weights of the first step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.0), nn.Linear(8, 3)).double()
    first = [p.detach().clone() for p in model.parameters()]
    together = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = None if settings is None else Probe(together, loss=loss, optimizer=optimizer, **settings)
    for step in range(4):
        own = batches(step, microbatches)[distributed.get_rank()]
        weights = WEIGHTS[distributed.get_rank()] if weighted else [1 / microbatches] * microbatches
        for batch, weight in zip(own, weights):
            if weighted and probe is not None:
                probe.microbatch(batch, weight=weight)
            with nullcontext() if batch is own[-1] else together.no_sync():
                (loss(together, batch).mean() * weight).backward()
        if probe is not None:
            probe.step(own[-1])
        optimizer.step()
        optimizer.zero_grad()
    if probe is not None:
        probe.close()
    return [p.detach().clone() for p in model.parameters()], probe, first


def first_values(probe: Probe) -> dict[str, float]:
    return {name: next(row.value for row in probe.rows if row.quantity == name) for name in NAMES}


def expected() -> dict[str, dict[str, float]]:
    """Of the first step, by one process that has all."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.0), nn.Linear(8, 3)).double()
    samples = Samples(model, loss, list(model.parameters()), [(0, 4)], torch.Generator())
    everything = batches(0, 2)
    gradients = [
        list(torch.autograd.grad(loss(model, batch).mean(), samples.parameters)) for own in everything for batch in own
    ]
    groups = group_parts(gradients, [8, 8, 8, 8], samples.rows).values()[0]
    # The mean of all has the weights Σ c / (processes · microbatches) in it.
    shares = [weight / (sum(map(sum, WEIGHTS)) / 4) for own_weights in WEIGHTS for weight in own_weights]
    lengthened = [[part * share for part in gradient] for gradient, share in zip(gradients, shares)]
    weighted = group_parts(lengthened, [8, 8, 8, 8], samples.rows).values()[0]
    hooks = [samples.fluctuation(own[-1], "hooks", trace=False).rows[0] for own in everything]
    return {
        "microbatches": {name: groups[name].value for name in NAMES},
        "weighted": {name: weighted[name].value for name in NAMES},
        "hooks": {name: sum(row[name].value for row in hooks) / 2 for name in NAMES},
    }


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    results: dict[str, Any] = {"alone": train(None)[0], "expected": expected()}
    results["probe"], probe, _ = train({"sharpness_set": data(), "every": {"fluctuation": 1, "lambda_max": 2, "sharpness": 2}})
    assert probe is not None
    results["rows"] = len(probe.rows)
    results["weighted alone"] = train(None, weighted=True)[0]
    for run in ("microbatches", "hooks", "weighted"):
        way = "microbatches" if run == "weighted" else run
        settings = {"fluctuation": way, "every": {"fluctuation": 1}, "quantities": ["fluctuation"]}
        results[run], probe, _ = train(settings, weighted=run == "weighted")
        assert probe is not None
        if probe.rows:
            assert {row.method for row in probe.rows} == {way}, probe.notes
            results[f"{run} found"] = first_values(probe)
    torch.save(results, folder / f"weights{distributed.get_rank()}.pt")
    # Models in cycles hold the group: freed only as the process ends, PyTorch's threads are not joined, and it aborts now and then.
    del probe
    gc.collect()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
