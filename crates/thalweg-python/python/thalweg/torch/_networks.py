"""The program's networks as PyTorch modules: the same function, with parameters of the same names in the same order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: By the program's words.
ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU(approximate="tanh"),
}
#: ε of LayerNorm.
EPSILON = 1e-5


def network(table: Mapping[str, Any]) -> nn.Module:
    """The module of a specification's table `network`, in double precision, with parameters to be filled in.

    Raises
    ------
    ValueError
        Where the table is not one of a network, or leaves its sizes open.
    """
    kind = table.get("kind")
    makers = {"mlp": _perceptron, "rnn": Recurrent, "transformer": Transformer}
    if kind not in makers:
        raise ValueError(f"network.kind is {kind!r}: one of {', '.join(makers)} is needed")
    made: nn.Module = makers[kind](table)
    return made.double()


def _perceptron(table: Mapping[str, Any]) -> nn.Sequential:
    """`layers.k.weight` and `.bias`; it is applied to the last dimension of its input."""
    widths = [_size(table, "inputs"), *_sizes(table, "hidden"), _size(table, "outputs")]
    activation = _activation(table, "relu")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:]), start=1):
        layers[str(k)] = nn.Linear(inputs, outputs, bias=_flag(table, "biases"))
        if k < len(widths) - 1:
            layers[f"activation{k}"] = activation()
    return nn.Sequential(OrderedDict(layers=nn.Sequential(layers)))


class Recurrent(nn.Module):
    """h_t = φ(U x_t + b + V h_{t−1}), f = W h + c: from (B, positions, inputs) to (B, outputs), or at every position."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__()
        inputs, hidden, outputs = (_size(table, key) for key in ("inputs", "hidden", "outputs"))
        self.positions, biases = _size(table, "positions"), _flag(table, "biases")
        read = table.get("read", "last")
        if read not in ("last", "every"):
            raise ValueError(f"network.read is {read!r}: last or every is needed")
        self.every = read == "every"
        self.input = nn.Linear(inputs, hidden, bias=biases)
        # A single position has no state to carry on.
        self.hidden = nn.Linear(hidden, hidden, bias=False) if self.positions > 1 else None
        self.output = nn.Linear(hidden, outputs, bias=biases)
        self.activation = _activation(table, "tanh")()

    def forward(self, x: Tensor) -> Tensor:
        _same_positions(x, self.positions)
        driven = self.input(x)
        state = self.activation(driven[:, 0])
        states = [state]
        for position in range(1, self.positions):
            assert self.hidden is not None
            state = self.activation(driven[:, position] + self.hidden(state))
            states.append(state)
        found: Tensor = self.output(torch.stack(states, 1) if self.every else state)
        return found


class Transformer(nn.Module):
    """Blocks x ← x + O attention(N x), x ← x + B φ(A N x): from (B, positions, width) to the same shape."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__()
        self.positions = _size(table, "positions")
        blocks = _size(table, "blocks") if "blocks" in table else 1
        self.blocks = nn.ModuleDict({str(k): _Block(table) for k in range(1, blocks + 1)})

    def forward(self, x: Tensor) -> Tensor:
        _same_positions(x, self.positions)
        for block in self.blocks.values():
            x = block(x)
        return x


class _Block(nn.Module):
    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__()
        width, hidden, biases = _size(table, "width"), _size(table, "hidden"), _flag(table, "biases")
        self.heads, self.causal = _size(table, "heads"), _flag(table, "causal")
        if width % self.heads:
            raise ValueError(f"network.heads is {self.heads}: a number that divides the width, {width}, is needed")
        normed = _flag(table, "layer_norm")
        self.norm1 = _Norm(width) if normed else nn.Identity()
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=biases) for _ in range(4))
        self.norm2 = _Norm(width) if normed else nn.Identity()
        self.expand, self.contract = nn.Linear(width, hidden, bias=biases), nn.Linear(hidden, width, bias=biases)
        self.activation = _activation(table, "relu")()

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        # (B, heads, positions, size)
        query, key, value = (
            part(normed).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        x = x + self.output(mixed.transpose(1, 2).flatten(2))
        found: Tensor = x + self.contract(self.activation(self.expand(self.norm2(x))))
        return found


class _Norm(nn.Module):
    """LayerNorm under the program's names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.gain.shape, self.gain, self.bias, EPSILON)


def _same_positions(x: Tensor, positions: int) -> None:
    if x.dim() != 3 or x.shape[1] != positions:
        raise ValueError(f"the input has the shape {tuple(x.shape)}: (samples, {positions}, features) is needed")


def _activation(table: Mapping[str, Any], default: str) -> Any:
    word = table.get("activation", default)
    if word not in ACTIVATIONS:
        raise ValueError(f"network.activation is {word!r}: one of {', '.join(ACTIVATIONS)} is needed")
    return ACTIVATIONS[word]


def _size(table: Mapping[str, Any], key: str) -> int:
    found = table.get(key)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ValueError(f"network.{key} is {found!r}: a whole number of at least 1 is needed")
    return found


def _sizes(table: Mapping[str, Any], key: str) -> list[int]:
    found = table.get(key)
    if not isinstance(found, (list, tuple)):
        raise ValueError(f"network.{key} is {found!r}: a list of widths is needed")
    return [_size({f"{key}[{i}]": width}, f"{key}[{i}]") for i, width in enumerate(found)]


def _flag(table: Mapping[str, Any], key: str) -> bool:
    found = table.get(key, False)
    if not isinstance(found, bool):
        raise ValueError(f"network.{key} is {found!r}: true or false is needed")
    return found
