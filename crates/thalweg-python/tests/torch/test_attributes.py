"""What modules keep beside parameters and buffers, and models that cannot be measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import thalweg
import thalweg.torch
from thalweg.torch._attributes import attributes_kept


class Queue(nn.Module):
    """Contrasts samples with a queue of earlier ones, whose pointer is a plain number."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(8, 8)
        self.register_buffer("queue", F.normalize(torch.randn(64, 8), dim=1))
        self.pointer = 0
        self.calls: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        z = F.normalize(self.map(x), dim=1)
        logits = torch.cat([z.square().sum(1, keepdim=True), z @ self.queue.clone().T], 1) / 0.2
        with torch.no_grad():
            self.queue[(self.pointer + torch.arange(len(x))) % 64] = z
            self.pointer = (self.pointer + len(x)) % 64
        self.calls.append(len(x))
        return logits


def contrast(model: nn.Module, x: Tensor) -> Tensor:
    return F.cross_entropy(model(x), torch.zeros(len(x), dtype=torch.long), reduction="none")


def test_a_pointer_that_is_a_plain_number_is_put_back() -> None:
    def trained(watched: bool) -> Queue:
        torch.manual_seed(0)
        model = Queue()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        data = torch.randn(12, 16, 8)
        every = {"fluctuation": 2, "lambda_max": 3}
        probe = thalweg.torch.Probe(model, loss=contrast, optimizer=optimizer, every=every, sharpness_set=data[0]) if watched else None
        for x in data:
            contrast(model, x).mean().backward()
            if probe is not None:
                probe.step(x)
            optimizer.step()
            optimizer.zero_grad()
        return model

    plain, watched = trained(False), trained(True)
    assert torch.equal(plain.map.weight, watched.map.weight)
    assert plain.pointer == watched.pointer and plain.calls == watched.calls


def test_all_kinds_of_attributes_are_put_back() -> None:
    module = nn.Linear(2, 2)
    before: dict[str, Any] = {
        "number": 3,
        "words": "a",
        "list": [1, 2],
        "table": {"a": 1},
        "array": np.arange(3.0),
        "tensor": torch.arange(3.0),
        "shared": object(),
    }
    for name, value in before.items():
        setattr(module, name, value)
    tensor = module.tensor
    with attributes_kept(module.modules()):
        module.number, module.words, module.new = 4, "b", 5
        module.list.append(3)
        module.table["b"] = 2
        module.array += 1
        module.tensor += 1
        module.shared = object()
    assert module.number == 3 and module.words == "a" and not hasattr(module, "new")
    assert module.list == [1, 2] and module.table == {"a": 1} and module.array.tolist() == [0, 1, 2]
    assert module.tensor is tensor and tensor.tolist() == [0, 1, 2] and module.shared is before["shared"]


class Attention(nn.Module):
    def __init__(self, checkpointed: bool) -> None:
        super().__init__()
        self.query, self.head = nn.Linear(4, 12), nn.Linear(4, 3)
        self.checkpointed = checkpointed

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = self.query(x).reshape(len(x), 5, 3, 2, 2).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(len(x), 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        attended: Any = checkpoint(self.attend, x, use_reentrant=False) if self.checkpointed else self.attend(x)
        return self.head(attended.mean(1))


def test_checkpoints_are_run_again_by_the_same_kernel() -> None:
    def measured(checkpointed: bool) -> float:
        torch.manual_seed(0)
        model = Attention(checkpointed).double()
        batch = (torch.randn(8, 5, 4, dtype=torch.double), torch.randint(3, (8,)))
        loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1], reduction="none")
        return float(thalweg.eigenpairs(thalweg.torch.hessian(model, loss, batch), k=1).values[0])

    assert measured(True) == pytest.approx(measured(False), rel=1e-9)


def test_a_model_in_parts_and_one_without_parameters_are_refused() -> None:
    class FullyShardedDataParallel(nn.Linear):
        """By its name alone."""

    loss = lambda model, batch: model(batch).square().sum(1)
    with pytest.raises(ValueError, match="cut into parts"):
        thalweg.torch.Probe(FullyShardedDataParallel(2, 2), loss=loss)
    with pytest.raises(ValueError, match="no parameter with"):
        thalweg.torch.Probe(nn.Identity(), loss=loss)
    with pytest.raises(ValueError, match="GradScaler"):
        thalweg.torch.Probe(nn.Linear(2, 2), loss=loss, scaler=3)
