"""The networks as PyTorch modules, with their losses and data."""

import functools

import torch
from torch import nn
from torch.nn import functional


class Transformer(nn.Module):
    """One block without biases and normalisation; attention is written out, so that it can be
    differentiated twice."""

    def __init__(self, width, hidden, heads):
        super().__init__()
        self.heads = heads
        linear = functools.partial(nn.Linear, bias=False)
        self.qkv = linear(width, 3 * width)
        self.output = linear(width, width)
        self.expand, self.contract = linear(width, hidden), linear(hidden, width)

    def forward(self, x):
        samples, positions, width = x.shape
        split = lambda z: z.view(samples, positions, self.heads, -1).transpose(1, 2)
        query, key, value = map(split, self.qkv(x).chunk(3, dim=-1))
        mixed = self.attend(query, key, value)
        x = x + self.output(mixed.transpose(1, 2).reshape(samples, positions, width))
        return x + self.contract(torch.relu(self.expand(x)))

    def attend(self, query, key, value):
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return torch.softmax(scores, dim=-1) @ value


class Fused(Transformer):
    """The same by PyTorch's own attention."""

    def attend(self, query, key, value):
        return functional.scaled_dot_product_attention(query, key, value)


def tensors(case, named):
    """Matrices in the order of the module's parameters."""
    named = {name: torch.from_numpy(array.copy()) for name, array in named.items()}
    if case.kind == "mlp":
        return list(named.values())
    part = lambda name: named[f"blocks.1.{name}.weight"]
    qkv = torch.cat([part(name) for name in ("query", "key", "value")])
    return [qkv] + [part(name) for name in ("output", "expand", "contract")]


def module(case, named, transformer=Transformer):
    """The network at the parameters `named`."""
    values = tensors(case, named)
    if case.kind == "mlp":
        layers = []
        for weight in values:
            rows, columns = weight.shape
            layers += [nn.Linear(columns, rows, bias=False), nn.ReLU()]
        made = nn.Sequential(*layers[:-1])
    else:
        hidden, width = values[2].shape
        made = transformer(width, hidden, case.heads)
    assign(made, values)
    return made


@torch.no_grad()
def assign(made, values):
    for parameter, value in zip(made.parameters(), values, strict=True):
        parameter.copy_(value)


def data(case, samples):
    """Inputs and targets as PyTorch likes them: classes as numbers."""
    inputs, targets = map(torch.from_numpy, samples)
    return inputs, targets.argmax(dim=-1) if case.loss == "cross-entropy" else targets


def loss_of(case):
    if case.loss == "cross-entropy":
        return nn.CrossEntropyLoss()
    return lambda outputs, targets: 0.5 * (targets - outputs).square().sum() / len(outputs)
