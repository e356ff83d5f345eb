"""Networks in PyTorch, their curvature by torch.func and curvlinops, written to numbers.json for main.rs to meet.

Everything is in double precision. Nothing here comes from the project: networks are built of torch.nn.functional,
matrices are dense (torch.func.hessian, jacrev, vmap of grad) and decomposed by numpy, and curvlinops
computes the same operators a second time from unequal batches.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import curvlinops
import numpy as np
import torch
import torch.nn.functional as F
from torch.func import grad, hessian, jacrev, vmap

torch.set_default_dtype(torch.float64)
SAMPLES = 12
BATCHES = (5, 5, 2)
ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
}


class Reader:
    """Hands out a flat vector's parts, or, without one, counts how long it must be."""

    def __init__(self, flat=None):
        self.flat, self.count = flat, 0

    def take(self, *shape):
        size = int(np.prod(shape))
        self.count += size
        if self.flat is None:
            return torch.zeros(shape)
        return self.flat[self.count - size : self.count].reshape(shape)

    def linear(self, rows, columns, biases):
        weight = self.take(rows, columns)
        return weight, self.take(rows) if biases else None


def mlp(net, reader, x):
    """x: rows × 1."""
    x, widths = x[:, 0], net["widths"]
    for k in range(len(widths) - 1):
        x = F.linear(x, *reader.linear(widths[k + 1], widths[k], net["biases"]))
        if k + 2 < len(widths):
            x = ACTIVATIONS[net["activation"]](x)
    return x[:, None]


def rnn(net, reader, x):
    """x: rows × steps."""
    hidden, steps = net["hidden"], net["steps"]
    drive = reader.linear(hidden, net["inputs"], net["biases"])
    carry = reader.take(hidden, hidden)
    output = reader.linear(net["outputs"], hidden, net["biases"])
    state, outputs = torch.zeros(hidden), []
    for t in range(steps):
        state = ACTIVATIONS[net["activation"]](F.linear(x[:, t], *drive) + carry @ state)
        outputs.append(F.linear(state, *output))
    if net["read"] == "last":
        outputs = outputs[-1:]
    return torch.stack(outputs, dim=1)


def norm(net, reader, x):
    """LayerNorm over the features, the last axis."""
    if not net["layer_norm"]:
        return x
    gain, bias = reader.take(net["width"]), reader.take(net["width"])
    # By its formula: torch.func.hessian through F.layer_norm (PyTorch 2.15) gives entries for the gain that
    # differ from central differences of its own gradient by tens of percent.
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() + bias


def transformer(net, reader, x):
    """x: width × positions."""
    return blocks(net, reader, x.T).T


def language_model(net, reader, x):
    """x: tokens × positions, as 0 and 1."""
    embedding = reader.take(net["width"], net["tokens"])
    own = reader.take(net["width"], net["positions"])
    x = F.embedding(x.argmax(0), embedding.T) + own.T
    x = norm(net, reader, blocks(net, reader, x))
    return F.linear(x, *reader.linear(net["tokens"], net["width"], net["biases"])).T


def blocks(net, reader, x):
    """x: positions × width."""
    d, heads = net["width"], net["heads"]

    def split(x):
        return x.reshape(-1, heads, d // heads).transpose(0, 1)

    for _ in range(net["blocks"]):
        normed = norm(net, reader, x)
        q, k, v = (split(F.linear(normed, *reader.linear(d, d, net["biases"]))) for _ in range(3))
        scores = q @ k.transpose(1, 2) / (d // heads) ** 0.5
        if net["causal"]:
            later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        mixed = (torch.softmax(scores, dim=2) @ v).transpose(0, 1).reshape(-1, d)
        x = x + F.linear(mixed, *reader.linear(d, d, net["biases"]))
        normed = norm(net, reader, x)
        wide = F.linear(normed, *reader.linear(net["hidden"], d, net["biases"]))
        wide = ACTIVATIONS[net["activation"]](wide)
        x = x + F.linear(wide, *reader.linear(d, net["hidden"], net["biases"]))
    return x


KINDS = {"mlp": mlp, "rnn": rnn, "transformer": transformer, "language-model": language_model}


def sample_loss(loss, f, y):
    """Of outputs f and targets y, rows × positions."""
    if loss == "half":
        return 0.5 * ((y - f) ** 2).sum()
    if loss == "mean":
        return F.mse_loss(f, y)
    if loss == "mean-cross-entropy":
        return F.cross_entropy(f.T, y.T)
    return -(y * F.log_softmax(f, dim=0)).sum()


def symmetric_eigenvalues(matrix):
    return np.linalg.eigvalsh(matrix.numpy())[::-1].tolist()


def numbers(net, loss, theta, inputs, targets, direction):
    output = lambda theta, x: KINDS[net["kind"]](net, Reader(theta), x)
    single = lambda theta, x, y: sample_loss(loss, output(theta, x), y)
    mean = lambda theta: vmap(single, (None, 0, 0))(theta, inputs, targets).mean()
    h = hessian(mean)(theta)
    gradients = vmap(grad(single), (None, 0, 0))(theta, inputs, targets)
    jacobians = vmap(jacrev(output), (None, 0))(theta, inputs).flatten(1, 2)
    outputs = vmap(output, (None, 0))(theta, inputs)
    curved = vmap(hessian(lambda f, y: sample_loss(loss, f, y)))(outputs, targets)
    lines = jacobians.shape[1]
    curved = curved.reshape(-1, lines, lines)
    g = torch.einsum("bik,bij,bjl->kl", jacobians, curved, jacobians) / len(inputs)
    moment = gradients.T @ gradients / len(inputs)
    center = gradients - gradients.mean(0)
    spectrum = symmetric_eigenvalues(h)
    return h, g, moment, {
        "loss": mean(theta).item(),
        "gradient": gradients.mean(0).tolist(),
        "hessian_trace": h.trace().item(),
        "hessian_top": spectrum[:5],
        "hessian_bottom": spectrum[::-1][:2],
        "hessian_product": (h @ direction).tolist(),
        "gauss_newton_trace": g.trace().item(),
        "gauss_newton_top": symmetric_eigenvalues(g)[:5],
        "gauss_newton_product": (g @ direction).tolist(),
        "fluctuation": (gradients**2).sum(1).mean().item(),
        "covariance_trace": (center**2).sum().item() / len(inputs),
        "moment_top": symmetric_eigenvalues(moment)[:3],
    }


class Module(torch.nn.Module):
    """The same network for curvlinops, which wants outputs of shape (batch, outputs)."""

    def __init__(self, net, theta):
        super().__init__()
        self.net, self.theta = net, torch.nn.Parameter(theta.clone())

    def forward(self, x):
        one = lambda x: KINDS[self.net["kind"]](self.net, Reader(self.theta), x).flatten()
        return torch.stack([one(x) for x in x])


def check_by_curvlinops(net, loss, theta, inputs, targets, h, g, moment):
    """For the losses that it knows: the largest deviation of each matrix, relative to the largest entry."""
    factor, matrices = 1.0, [
        ("hessian", curvlinops.HessianLinearOperator, h),
        ("gauss_newton", curvlinops.GGNLinearOperator, g),
    ]
    hard = targets.shape[2] == 1 and set(targets.unique().tolist()) == {0, 1}
    if loss == "half":
        criterion, y = torch.nn.MSELoss(reduction="sum"), targets.flatten(1)
        factor = 0.5 / len(inputs)
    elif loss == "mean":
        criterion, y = torch.nn.MSELoss(), targets.flatten(1)
    elif hard and loss == "cross-entropy":
        criterion, y = torch.nn.CrossEntropyLoss(), targets[:, :, 0].argmax(1)
        matrices.append(("moment", curvlinops.EFLinearOperator, moment))
    else:
        return None
    module = Module(net, theta)
    data = list(zip(inputs.split(BATCHES), y.split(BATCHES)))
    deviations = {}
    for name, operator, dense in matrices:
        found = operator(module, criterion, list(module.parameters()), data) @ torch.eye(len(theta))
        difference = factor * found.detach() - dense
        deviations[name] = (difference.abs().max() / dense.abs().max()).item()
    return deviations


TRANSFORMER = {
    "kind": "transformer", "width": 4, "positions": 3, "heads": 2, "hidden": 3, "blocks": 1,
    "causal": False, "layer_norm": False, "activation": "relu", "biases": False,
}
RNN = {
    "kind": "rnn", "inputs": 2, "hidden": 4, "outputs": 3, "steps": 3,
    "activation": "tanh", "biases": True, "read": "last",
}
CASES = [
    ({"kind": "mlp", "widths": [3, 6, 4, 2], "activation": "tanh", "biases": True}, "half", None),
    ({"kind": "mlp", "widths": [4, 7, 3], "activation": "relu", "biases": True}, "cross-entropy", "hard"),
    ({"kind": "mlp", "widths": [3, 5, 4], "activation": "gelu-tanh", "biases": False}, "mean", None),
    ({"kind": "mlp", "widths": [2, 3, 3, 2], "activation": "identity", "biases": False}, "half", None),
    (RNN, "cross-entropy", "hard"),
    ({**RNN, "activation": "relu", "biases": False, "read": "every"}, "half", None),
    ({**RNN, "read": "every"}, "cross-entropy", "soft"),
    (TRANSFORMER, "half", None),
    ({**TRANSFORMER, "causal": True, "layer_norm": True, "activation": "gelu-tanh", "biases": True}, "mean", None),
    ({**TRANSFORMER, "blocks": 2, "activation": "tanh"}, "cross-entropy", "soft"),
    ({"kind": "mlp", "widths": [3, 5, 4], "activation": "gelu", "biases": True}, "half", None),
    ({"kind": "language-model", "tokens": 5, "width": 4, "positions": 3, "heads": 2, "hidden": 3, "blocks": 1,
      "causal": True, "layer_norm": True, "activation": "gelu", "biases": True}, "mean-cross-entropy", "text"),
]


def main():
    cases = []
    for seed, (net, loss, labels) in enumerate(CASES):
        random = np.random.default_rng(seed)
        rows, positions = {
            "mlp": lambda: (net["widths"][0], 1),
            "rnn": lambda: (net["inputs"], net["steps"]),
            "transformer": lambda: (net["width"], net["positions"]),
            "language-model": lambda: (net["tokens"], net["positions"]),
        }[net["kind"]]()
        reader = Reader()
        shape = KINDS[net["kind"]](net, reader, torch.zeros(rows, positions)).shape
        draw = lambda *shape: torch.tensor(random.standard_normal(shape))
        theta, direction = 0.6 * draw(reader.count), draw(reader.count)
        inputs, targets = draw(SAMPLES, rows, positions), draw(SAMPLES, *shape)
        if labels == "hard":
            targets = F.one_hot(targets.argmax(1), shape[0]).transpose(1, 2).to(theta)
        elif labels == "text":
            text = torch.tensor(random.integers(rows, size=(SAMPLES, positions + 1)))
            table = F.one_hot(text, rows).transpose(1, 2).to(theta)
            inputs, targets = table[:, :, :-1].contiguous(), table[:, :, 1:].contiguous()
        elif labels == "soft":
            targets = torch.softmax(3 * targets, dim=1)
        h, g, moment, expected = numbers(net, loss, theta, inputs, targets, direction)
        deviations = check_by_curvlinops(net, loss, theta, inputs, targets, h, g, moment)
        assert deviations is None or max(deviations.values()) < 1e-12, deviations
        print(net["kind"], loss, len(theta), "parameters; curvlinops:", deviations)
        cases.append({
            "network": net, "loss": loss,
            "parameters": theta.tolist(), "direction": direction.tolist(),
            "inputs": inputs.flatten(1).tolist(), "targets": targets.flatten(1).tolist(),
            "expected": expected, "curvlinops_deviations": deviations,
        })
    made_by = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
               "curvlinops-for-pytorch": version("curvlinops-for-pytorch")}
    text = ",\n".join(json.dumps(case) for case in cases)
    path = Path(__file__).with_name("numbers.json")
    path.write_text(f'{{"made_by": {json.dumps(made_by)},\n"cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
