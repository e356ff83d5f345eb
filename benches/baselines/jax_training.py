"""Training with fresh samples in JAX from beginning to end: inputs, a teacher's answers with noise, and the step, for several seeds."""

import jax
import jax.numpy as jnp

from jax_models import network_of
from serving import Work

#: Whether each seed draws by a key of its own, as runs do that can be repeated alone, or one key serves all.
KEYS = ("a key for each seed", "one key")

#: Samples of each seed that its loss at the start is estimated from.
ESTIMATE = 8192


class FreshSamples(Work):
    """A call is a step of one seed; all seeds are stepped together, under `vmap`."""

    def __init__(self, case, layout, generator, keys):
        teacher = case.teacher
        self.seeds = teacher["seeds"]
        network, loss = network_of(case, layout), layout.loss(case)
        weights = jax.device_put(case.teacher_weights)
        (inputs, positions), (outputs, _) = teacher["input"], teacher["output"]
        deviations = layout.by_row(jnp.array(teacher["deviations"], dtype=jnp.float32), positions)

        def answered(x, noise):
            return x, network(case, weights, x) + deviations * noise

        def white(key, leading, count):
            split = jax.random.split(key)
            shapes = (layout.shape(count, rows, positions) for rows in (inputs, outputs))
            return [jax.random.normal(k, leading + shape) for k, shape in zip(split, shapes)]

        def samples(key, count):
            """Of all seeds."""
            if keys == KEYS[0]:
                x, noise = jax.vmap(lambda k: white(k, (), count))(jax.random.split(key, self.seeds))
            else:
                x, noise = white(key, (self.seeds,), count)
            return jax.vmap(answered)(x, noise)

        def update(parameters, x, y):
            gradients = jax.grad(loss)(parameters, x, y)
            return jax.tree.map(lambda p, g: p - teacher["learning_rate"] * g, parameters, gradients)

        @jax.jit
        def run(parameters, key, steps):
            def step(index, parameters):
                x, y = samples(jax.random.fold_in(key, index), case.batch)
                return jax.vmap(update)(parameters, x, y)

            return jax.lax.fori_loop(0, steps, step, parameters)

        self.run, self.key = run, jax.random.key(0, impl=generator)
        self.start = jax.tree.map(lambda p: jnp.tile(p, (self.seeds, 1, 1)), jax.device_put(case.start))
        self.loss = lambda key: jax.vmap(loss)(self.start, *samples(key, ESTIMATE)).mean()

    def restart(self):
        self.parameters, self.chunks = self.start, 0

    def repeat(self, calls):
        steps = -(-calls // self.seeds)
        self.chunks += 1
        key = jax.random.fold_in(self.key, self.chunks)
        self.parameters = jax.block_until_ready(self.run(self.parameters, key, steps))
        return steps * self.seeds

    def values(self):
        """The mean loss at the start, which sees the teacher, the noise and the network."""
        return {"fresh_loss": float(jax.jit(self.loss)(self.key))}
