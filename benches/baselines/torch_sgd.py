"""SGD on the deep linear network in eager PyTorch: nn.Sequential, autograd, torch.optim.SGD."""

import argparse

import torch
from torch import nn

from timing import BATCH, DEPTH, LEARNING_RATE, check, clocks, noise_deviations, report, since, summarise

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

DIM = 2


def step(model, optimiser, deviations):
    inputs = torch.randn(BATCH, DIM)
    targets = inputs + torch.randn(BATCH, DIM) * deviations  # V = I
    loss = 0.5 * (targets - model(inputs)).square().sum(dim=1).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=2_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments = arguments.parse_args()

    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(DIM, DIM, bias=False) for _ in range(DEPTH)])
    for layer in model:
        nn.init.eye_(layer.weight)
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    deviations = torch.tensor(noise_deviations(DIM))

    times, products = [], []
    for round_ in range(arguments.rounds + 1):
        start = clocks()
        for _ in range(arguments.steps):
            step(model, optimiser, deviations)
        if round_ > 0:  # the first warms up
            times.append(since(start))
        with torch.no_grad():
            products.append(model(torch.eye(DIM)).T.tolist())

    result = summarise("eager", 1, arguments.steps, times, check(products, DIM), DIM)
    report("torch", torch.__version__, [result], DIM)


if __name__ == "__main__":
    main()
