"""The networks in JAX in two layouts: samples first, as is usual, and samples last, as ours has them."""

import jax
import jax.numpy as jnp
import numpy as np


class SamplesFirst:
    """Samples × positions × features."""

    name = "samples first"

    @staticmethod
    def arrays(samples):
        return jax.device_put(samples)

    @staticmethod
    def loss(case):
        network = SamplesFirst.perceptron if case.kind == "mlp" else SamplesFirst.transformer
        return mean_loss(case, network, samples=0, classes=-1)

    @staticmethod
    def perceptron(case, parameters, x):
        *hidden, last = (parameters[name] for name in case.layers)
        for weight in hidden:
            x = jax.nn.relu(x @ weight.T)
        return x @ last.T

    @staticmethod
    def transformer(case, parameters, x):
        affine = lambda name, x: x @ parameters[f"blocks.1.{name}.weight"].T
        samples, positions, _ = x.shape
        split = lambda z: z.reshape(samples, positions, case.heads, -1)
        query, key, value = (split(affine(name, x)) for name in ("query", "key", "value"))
        scores = jnp.einsum("bihd,bjhd->bhij", query, key) / query.shape[-1] ** 0.5
        mixed = jnp.einsum("bhij,bjhd->bihd", jax.nn.softmax(scores), value)
        x = x + affine("output", mixed.reshape(x.shape))
        return x + affine("contract", jax.nn.relu(affine("expand", x)))


class SamplesLast:
    """Features × positions × samples."""

    name = "samples last"

    @staticmethod
    def arrays(samples):
        return jax.device_put(tuple(np.ascontiguousarray(array.T) for array in samples))

    @staticmethod
    def loss(case):
        network = SamplesLast.perceptron if case.kind == "mlp" else SamplesLast.transformer
        return mean_loss(case, network, samples=-1, classes=0)

    @staticmethod
    def perceptron(case, parameters, x):
        *hidden, last = (parameters[name] for name in case.layers)
        for weight in hidden:
            x = jax.nn.relu(weight @ x)
        return last @ x

    @staticmethod
    def transformer(case, parameters, x):
        def affine(name, x):
            weight = parameters[f"blocks.1.{name}.weight"]
            return (weight @ x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])

        split = lambda z: z.reshape(case.heads, -1, *x.shape[1:])
        query, key, value = (split(affine(name, x)) for name in ("query", "key", "value"))
        # Sums fuse; as products of matrices they would be transposed first.
        scores = jnp.sum(query[:, :, :, None] * key[:, :, None], axis=1) / query.shape[1] ** 0.5
        shares = jax.nn.softmax(scores, axis=2)
        mixed = jnp.sum(shares[:, None] * value[:, :, None], axis=3)
        x = x + affine("output", mixed.reshape(x.shape))
        return x + affine("contract", jax.nn.relu(affine("expand", x)))


def mean_loss(case, network, samples, classes):
    """The loss by the axes of samples and classes."""

    def loss(parameters, inputs, targets):
        outputs = network(case, parameters, inputs)
        count = inputs.shape[samples]
        if case.loss == "cross-entropy":
            return -jnp.sum(targets * jax.nn.log_softmax(outputs, axis=classes)) / count
        return 0.5 * jnp.sum((targets - outputs) ** 2) / count

    return loss
