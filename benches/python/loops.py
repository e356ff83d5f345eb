"""Three training loops to watch: a perceptron, a small convolutional network, a small GPT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Attention and perceptron of a GPT, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        samples, length, width = x.shape
        parts = self.project(self.first(x)).reshape(samples, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.merge(found.transpose(1, 2).reshape(samples, length, width))
        return x + self.narrow(functional.gelu(self.widen(self.second(x))))


class GPT(nn.Module):
    """Four blocks of width 128, the head tied to the embedding."""

    def __init__(self, words: int = 96, width: int = 128, length: int = 128) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(4)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.words(x) + self.places(torch.arange(x.shape[1], device=x.device)))))


@dataclass
class Loop:
    """A model with its loss, and batches without end."""

    name: str
    model: nn.Module
    loss: Callable[[nn.Module, Any], Tensor]
    batch: Callable[[], Any]
    optimizer: torch.optim.Optimizer


def perceptron() -> Loop:
    """784-256-256-10, B = 128: noisy labels of a linear teacher."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    teacher = torch.randn(784, 10) / 28

    def batch() -> Any:
        x = torch.randn(128, 784)
        return x, (4 * x @ teacher + torch.randn(128, 10)).argmax(1)

    return Loop("MLP 784-256-256-10, B 128", model, _classes, batch, torch.optim.SGD(model.parameters(), lr=0.05))


def convolutional() -> Loop:
    """Two convolutions and a linear layer on 28 × 28, B = 64."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    patterns = torch.randn(10, 1, 28, 28)

    def batch() -> Any:
        y = torch.randint(0, 10, (64,))
        return patterns[y] + 3 * torch.randn(64, 1, 28, 28), y

    return Loop("CNN 16-32, B 64", model, _classes, batch, torch.optim.SGD(model.parameters(), lr=0.05))


def gpt() -> Loop:
    """Four blocks of width 128, B = 16 sequences of T = 128 words, each the one before plus 1 to 3."""
    torch.manual_seed(0)
    model = GPT()

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        logits = model(x[:, :-1])
        return functional.cross_entropy(logits.transpose(1, 2), x[:, 1:], reduction="none").mean(1)

    def batch() -> Any:
        return torch.randint(1, 4, (16, 129)).cumsum(1) % 96

    return Loop("GPT 4 × 128, B 16, T 128", model, loss, batch, torch.optim.AdamW(model.parameters(), lr=1e-3))


def _classes(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


LOOPS = {"mlp": perceptron, "cnn": convolutional, "gpt": gpt}
