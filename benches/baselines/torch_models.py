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


class LanguageModel(nn.Module):
    """A causal block with biases and LayerNorm, between an embedding and a readout; attention as in `block`."""

    def __init__(self, tokens, width, positions, hidden, heads, block):
        super().__init__()
        self.heads, self.block = heads, block
        # Of attention's shares, in training.
        self.dropout = 0.0
        self.embedding = nn.Embedding(tokens, width)
        self.positions = nn.Parameter(torch.zeros(positions, width))
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, tokens)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions
        split = lambda z: z.view(*tokens.shape, self.heads, -1).transpose(1, 2)
        query, key, value = map(split, self.qkv(self.norm1(x)).chunk(3, dim=-1))
        mixed = self.attend(query, key, value)
        x = x + self.output(mixed.transpose(1, 2).reshape(x.shape))
        x = x + self.contract(functional.gelu(self.expand(self.norm2(x))))
        return self.readout(self.norm(x))

    def attend(self, query, key, value):
        if self.block is Fused:
            chance = self.dropout if self.training else 0.0
            return functional.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=chance)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return torch.softmax(scores.masked_fill(later, -torch.inf), dim=-1) @ value


def tensors(case, named):
    """Matrices in the order of the module's parameters."""
    named = {name: torch.from_numpy(array.copy()) for name, array in named.items()}
    if case.kind == "mlp":
        return list(named.values())
    if case.kind == "language-model":
        return language_tensors(named)
    part = lambda name: named[f"blocks.1.{name}.weight"]
    qkv = torch.cat([part(name) for name in ("query", "key", "value")])
    return [qkv] + [part(name) for name in ("output", "expand", "contract")]


def language_tensors(named):
    block = lambda name, kind: named[f"blocks.1.{name}.{kind}"]
    both = lambda name: [block(name, "weight"), block(name, "bias").flatten()]
    norm = lambda name: [named[f"{name}.gain"].flatten(), named[f"{name}.bias"].flatten()]
    qkv = [torch.cat([block(name, kind) for name in ("query", "key", "value")]) for kind in ("weight", "bias")]
    embedding = named["embedding.weight"].T
    return [
        named["positions"].reshape(embedding.shape[1], -1).T,
        embedding,
        *norm("blocks.1.norm1"), qkv[0], qkv[1].flatten(), *both("output"),
        *norm("blocks.1.norm2"), *both("expand"), *both("contract"),
        *norm("norm"), named["readout.weight"], named["readout.bias"].flatten(),
    ]


def module(case, named, transformer=Transformer):
    """The network at the parameters `named`."""
    values = tensors(case, named)
    if case.kind == "mlp":
        layers = []
        for weight in values:
            rows, columns = weight.shape
            layers += [nn.Linear(columns, rows, bias=False), nn.ReLU()]
        made = nn.Sequential(*layers[:-1])
    elif case.kind == "language-model":
        (positions, width), (tokens, _) = values[0].shape, values[1].shape
        hidden = len(named["blocks.1.expand.bias"])
        made = LanguageModel(tokens, width, positions, hidden, case.heads, transformer)
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
    if case.kind == "language-model":
        return inputs.long(), targets.long()
    return inputs, targets.argmax(dim=-1) if case.loss == "cross-entropy" else targets


def loss_of(case):
    if case.loss == "cross-entropy":
        return nn.CrossEntropyLoss()
    if case.loss == "mean-cross-entropy":
        return lambda outputs, targets: functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    return lambda outputs, targets: 0.5 * (targets - outputs).square().sum() / len(outputs)
