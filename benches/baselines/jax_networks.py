"""Networks in JAX: steps of SGD, Hessian products and fluctuation, compiled, XLA held to one thread."""

import os

# Before JAX is imported, or it has no effect.
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", "")
)

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jax_models import SamplesFirst, SamplesLast
from jax_training import FreshSamples, KEYS
from serving import Work, cases, norm, serve


class Step(Work):
    """`loop(update, minibatches)` gives a compiled function that goes round the minibatches so many
    times."""

    def __init__(self, case, layout, loop):
        self.loss = layout.loss(case)
        self.start = jax.device_put(case.start)
        self.minibatches = [layout.arrays(minibatch) for minibatch in case.minibatches]

        def update(parameters, minibatch):
            gradients = jax.grad(self.loss)(parameters, *minibatch)
            return jax.tree.map(lambda p, g: p - case.learning_rate * g, parameters, gradients)

        self.run = loop(update, self.minibatches)

    def restart(self):
        self.parameters = self.start

    def repeat(self, calls):
        rounds = -(-calls // len(self.minibatches))
        self.parameters = jax.block_until_ready(self.run(self.parameters, rounds))
        return rounds * len(self.minibatches)

    def values(self):
        loss, gradients = jax.value_and_grad(self.loss)(self.start, *self.minibatches[0])
        moved = jax.tree.map(lambda p, s: p - s, self.run(self.start, 1), self.start)
        return {
            "loss": float(loss),
            "gradient": norm(gradients.values()),
            "moved": norm(moved.values()),
        }


def scanned(unroll):
    """A scan over the stacked minibatches, again and again."""

    def loop(update, minibatches):
        stack = jax.tree.map(lambda *parts: jnp.stack(parts), *minibatches)
        step = lambda parameters, minibatch: (update(parameters, minibatch), None)

        @jax.jit
        def run(parameters, rounds, stack):
            sweep = lambda _, parameters: lax.scan(step, parameters, stack, unroll=unroll)[0]
            return lax.fori_loop(0, rounds, sweep, parameters)

        return lambda parameters, rounds: run(parameters, rounds, stack)

    return loop


def separate(update, minibatches):
    """A loop over minibatches that are arrays of their own: none is sliced off a stack before its
    step."""

    @jax.jit
    def run(parameters, rounds, minibatches):
        sweep = lambda _, parameters: functools.reduce(update, minibatches, parameters)
        return lax.fori_loop(0, rounds, sweep, parameters)

    return lambda parameters, rounds: run(parameters, rounds, minibatches)


def called(update, minibatches):
    """A call of a compiled function for each step."""
    step = jax.jit(update)

    def run(parameters, rounds):
        for _ in range(rounds):
            for minibatch in minibatches:
                parameters = step(parameters, minibatch)
        return parameters

    return run


class Product(Work):
    """`product(gradient, parameters)` gives H v as a function of v."""

    def __init__(self, case, layout, product, looped):
        self.loss = layout.loss(case)
        self.parameters = jax.device_put(case.start)
        self.data = layout.arrays(case.evaluation)
        self.direction = jax.device_put(case.direction)
        self.looped = looped
        gradient = jax.grad(lambda p, data: self.loss(p, *data))

        @jax.jit
        def loop(count, parameters, direction, data):
            hvp = product(lambda p: gradient(p, data), parameters)

            def step(_, carry):
                direction, _ = carry
                result = hvp(direction)
                # A next direction, or all products would be one.
                return jax.tree.map(lambda v, h: v + 1e-12 * h, direction, result), result

            return lax.fori_loop(0, count, step, (direction, direction))[1]

        self.loop = lambda count: loop(count, self.parameters, self.direction, self.data)
        self.single = jax.jit(product(lambda p: gradient(p, self.data), self.parameters))

    def repeat(self, calls):
        if self.looped:
            self.product = self.loop(calls)
        else:
            for _ in range(calls):
                self.product = self.single(self.direction)
        jax.block_until_ready(self.product)
        return calls

    def values(self):
        self.repeat(1)
        loss, gradients = jax.value_and_grad(self.loss)(self.parameters, *self.data)
        return {
            "loss": float(loss),
            "gradient": norm(gradients.values()),
            "product": norm(self.product.values()),
        }


def linearised(gradient, parameters):
    return jax.linearize(gradient, parameters)[1]


def forward_over_reverse(gradient, parameters):
    return lambda v: jax.jvp(gradient, (parameters,), (v,))[1]


class Fluctuation(Work):
    """E‖∇ℓ‖² from every sample's gradient, which XLA may or may not form."""

    def __init__(self, case):
        loss = SamplesFirst.loss(case)
        self.parameters = jax.device_put(case.start)
        self.data = SamplesFirst.arrays(case.minibatches[0])

        @jax.jit
        def fluctuation(parameters, inputs, targets):
            def squared(x, y):
                gradients = jax.grad(loss)(parameters, x[None], y[None])
                return sum(jnp.sum(g**2) for g in gradients.values())

            return jnp.mean(jax.vmap(squared)(inputs, targets))

        self.run = fluctuation

    def repeat(self, calls):
        for _ in range(calls):
            self.fluctuation = float(self.run(self.parameters, *self.data))
        return calls

    def values(self):
        self.repeat(1)
        return {"fluctuation": self.fluctuation}


def main():
    works = {}
    loops = {
        "scan": scanned(1),
        "scan, unrolled": scanned(4),
        "separate arrays": separate,
        "call for each": called,
    }
    products = {"linearize": linearised, "jvp of grad": forward_over_reverse}
    for case in cases():
        for layout in (SamplesFirst, SamplesLast):
            for name, loop in loops.items():
                make = functools.partial(Step, case, layout, loop)
                works[f"step {case.name}", f"{layout.name}, {name}"] = make
            for name, product in products.items():
                for looped, how in ((True, "loop"), (False, "call for each")):
                    make = functools.partial(Product, case, layout, product, looped)
                    works[f"hvp {case.name}", f"{layout.name}, {name}, {how}"] = make
        if case.teacher:
            for layout in (SamplesFirst, SamplesLast):
                for generator in ("threefry2x32", "rbg", "unsafe_rbg"):
                    for keys in KEYS:
                        make = functools.partial(FreshSamples, case, layout, generator, keys)
                        works[case.training, f"{layout.name}, {generator}, {keys}"] = make
        if case.name.startswith("mnist"):
            works[f"fluctuation {case.name}", "vmap of grad"] = functools.partial(Fluctuation, case)
    serve("jax", jax.__version__, works)


if __name__ == "__main__":
    main()
