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
    def shape(samples, rows, positions):
        """Of the inputs or targets of so many samples."""
        return (samples, rows) if positions == 1 else (samples, positions, rows)

    @staticmethod
    def by_row(numbers, positions):
        """One number for each row, to multiply inputs or targets by."""
        return numbers

    @staticmethod
    def loss(case):
        return mean_loss(case, SamplesFirst, samples=0, classes=-1)

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

    @staticmethod
    def language_model(case, parameters, tokens):
        """With the tokens' numbers, samples × positions."""

        def affine(name, x):
            return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"][:, 0]

        def norm(name, x):
            centred = x - x.mean(-1, keepdims=True)
            x = centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
            return x * parameters[f"{name}.gain"][:, 0] + parameters[f"{name}.bias"][:, 0]

        samples, positions = tokens.shape
        own = parameters["positions"].reshape(-1, positions).T
        x = parameters["embedding.weight"].T[tokens] + own
        split = lambda z: z.reshape(samples, positions, case.heads, -1)
        normed = norm("blocks.1.norm1", x)
        query, key, value = (split(affine(f"blocks.1.{name}", normed)) for name in ("query", "key", "value"))
        scores = jnp.einsum("bihd,bjhd->bhij", query, key) / query.shape[-1] ** 0.5
        past = jnp.tril(jnp.ones((positions, positions), dtype=bool))
        shares = jax.nn.softmax(jnp.where(past, scores, -jnp.inf))
        mixed = jnp.einsum("bhij,bjhd->bihd", shares, value)
        x = x + affine("blocks.1.output", mixed.reshape(x.shape))
        wide = jax.nn.gelu(affine("blocks.1.expand", norm("blocks.1.norm2", x)), approximate=False)
        x = x + affine("blocks.1.contract", wide)
        return affine("readout", norm("norm", x))


class SamplesLast:
    """Features × positions × samples."""

    name = "samples last"

    @staticmethod
    def arrays(samples):
        return jax.device_put(tuple(np.ascontiguousarray(array.T) for array in samples))

    @staticmethod
    def shape(samples, rows, positions):
        return (rows, samples) if positions == 1 else (rows, positions, samples)

    @staticmethod
    def by_row(numbers, positions):
        return numbers.reshape((-1, 1) if positions == 1 else (-1, 1, 1))

    @staticmethod
    def loss(case):
        return mean_loss(case, SamplesLast, samples=-1, classes=0)

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

    @staticmethod
    def language_model(case, parameters, tokens):
        """With the tokens' numbers, positions × samples."""

        def affine(name, x):
            product = parameters[f"{name}.weight"] @ x.reshape(len(x), -1) + parameters[f"{name}.bias"]
            return product.reshape(-1, *x.shape[1:])

        def norm(name, x):
            centred = x - x.mean(0)
            x = centred * jax.lax.rsqrt((centred**2).mean(0) + 1e-5)
            return x * parameters[f"{name}.gain"][:, :, None] + parameters[f"{name}.bias"][:, :, None]

        positions = len(tokens)
        x = parameters["embedding.weight"][:, tokens] + parameters["positions"].reshape(-1, positions, 1)
        split = lambda z: z.reshape(case.heads, -1, *x.shape[1:])
        normed = norm("blocks.1.norm1", x)
        query, key, value = (split(affine(f"blocks.1.{name}", normed)) for name in ("query", "key", "value"))
        scores = jnp.sum(query[:, :, :, None] * key[:, :, None], axis=1) / query.shape[1] ** 0.5
        past = jnp.tril(jnp.ones((positions, positions), dtype=bool))[:, :, None]
        shares = jax.nn.softmax(jnp.where(past, scores, -jnp.inf), axis=2)
        mixed = jnp.sum(shares[:, None] * value[:, :, None], axis=3)
        x = x + affine("blocks.1.output", mixed.reshape(x.shape))
        wide = jax.nn.gelu(affine("blocks.1.expand", norm("blocks.1.norm2", x)), approximate=False)
        x = x + affine("blocks.1.contract", wide)
        return affine("readout", norm("norm", x))


def network_of(case, layout):
    """f(case, parameters, x) of the case's kind; its teacher is of the same."""
    networks = {
        "mlp": layout.perceptron,
        "transformer": layout.transformer,
        "language-model": layout.language_model,
    }
    return networks[case.kind]


def mean_loss(case, layout, samples, classes):
    """The loss by the axes of samples and classes."""
    network = network_of(case, layout)

    def loss(parameters, inputs, targets):
        outputs = network(case, parameters, inputs)
        count = inputs.shape[samples]
        if case.loss == "mean-cross-entropy":
            scores = jax.nn.log_softmax(outputs, axis=classes)
            chosen = jnp.take_along_axis(scores, jnp.expand_dims(targets, classes), axis=classes)
            return -jnp.mean(chosen)
        if case.loss == "cross-entropy":
            return -jnp.sum(targets * jax.nn.log_softmax(outputs, axis=classes)) / count
        return 0.5 * jnp.sum((targets - outputs) ** 2) / count

    return loss
