"""SGD on the deep linear network in JAX: jit + scan, alone and under vmap over 16 seeds.

Two ways to draw the samples, both what an experienced user would write; the comparison takes the
faster one:
  split  one key per step, split beforehand, the minibatch drawn inside the scan;
  bulk   the samples of 1000 steps drawn at once, outside the inner scan.
"""

import argparse
import os

# One thread: before JAX is imported, or it has no effect.
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", "")
)

import jax
import jax.numpy as jnp
from jax import lax, random

from timing import BATCH, DEPTH, LEARNING_RATE, check, clocks, noise_deviations, report, since, summarise

jax.config.update("jax_enable_x64", True)

CHUNK = 1000


def loss(weights, inputs, targets):
    # Multiplying the layers first is faster than layer by layer where d is less than B = 10.
    if len(weights[0]) < BATCH:
        outputs = inputs @ (weights[2] @ weights[1] @ weights[0]).T
    else:
        outputs = inputs @ weights[0].T @ weights[1].T @ weights[2].T
    return 0.5 * jnp.mean(jnp.sum((targets - outputs) ** 2, axis=1))


def update(weights, normals):
    dim = len(weights[0])
    inputs = normals[:, :dim]
    targets = inputs @ jnp.eye(dim) + normals[:, dim:] * jnp.array(noise_deviations(dim))
    gradients = jax.grad(loss)(weights, inputs, targets)
    return [w - LEARNING_RATE * g for w, g in zip(weights, gradients)]


def run_split(steps, weights, key):
    def body(weights, key):
        return update(weights, random.normal(key, (BATCH, 2 * len(weights[0])))), None

    return lax.scan(body, weights, random.split(key, steps))[0]


def run_bulk(steps, weights, key):
    def chunk(weights, key):
        normals = random.normal(key, (CHUNK, BATCH, 2 * len(weights[0])))
        return lax.scan(lambda w, z: (update(w, z), None), weights, normals, unroll=4)[0], None

    return lax.scan(chunk, weights, random.split(key, steps // CHUNK))[0]


def measure(name, run, dim, seeds, steps, rounds):
    weights = [jnp.eye(dim)] * DEPTH
    step = lambda weights, key: run(steps, weights, key)
    if seeds > 1:
        weights = [jnp.broadcast_to(w, (seeds, dim, dim)) for w in weights]
        step = jax.vmap(step)
    step = jax.jit(step)
    key, times, products = random.key(0), [], []
    for round_ in range(rounds + 1):
        key, draw = random.split(key)
        draw = random.split(draw, seeds) if seeds > 1 else draw
        jax.block_until_ready((weights, draw))
        start = clocks()
        weights = jax.block_until_ready(step(weights, draw))
        if round_ > 0:  # the first compiles and warms up
            times.append(since(start))
        product = weights[2] @ weights[1] @ weights[0]
        products += product.reshape(-1, dim, dim).tolist()
    return summarise(name, seeds, steps, times, check(products, dim), dim)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=20_000, help="a multiple of 1000")
    arguments.add_argument("--dim", type=int, default=2, help="width of all layers")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments = arguments.parse_args()
    results = [
        measure(f"{name}, {seeds} seed{'s' * (seeds > 1)}", run, arguments.dim, seeds, arguments.steps, arguments.rounds)
        for seeds in (1, 16)
        for name, run in (("split", run_split), ("bulk", run_bulk))
    ]
    report("jax", jax.__version__, results, arguments.dim)


if __name__ == "__main__":
    main()
