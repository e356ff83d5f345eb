"""Language models of Hugging Face: dictionaries in and out, tied weights, layers of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_products import dense
from test_samples import assert_moments, gradients
from torch import Tensor, nn
from torch.nn import functional

from thalweg.torch import measure
from thalweg.torch._many import Sampled
from thalweg.torch._objective import Objective
from thalweg.torch._products import GaussNewton, Hessian

transformers = pytest.importorskip("transformers", reason="transformers is not installed")


def by_logits(model: nn.Module, batch: Any) -> Tensor:
    """One number for each sequence, positions of the label -100 left out."""
    logits: Tensor = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    labels = batch["labels"][:, 1:]
    losses = functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels, reduction="none", ignore_index=-100)
    return losses.sum(1) / 4


def by_itself(model: nn.Module, batch: Any) -> Tensor:
    loss: Tensor = model(**batch).loss
    return loss


def small() -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=12, n_positions=8, n_embd=4, n_layer=1, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    model = transformers.GPT2LMHeadModel(config).double()
    # Away from the start, where all logits are nearly equal.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    tokens = torch.randint(12, (5, 6))
    labels = tokens.clone()
    labels[0, 4:] = -100
    batch = transformers.BatchEncoding(
        {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": labels}
    )
    return model, batch


def test_a_language_model_of_transformers() -> None:
    model, batch = small()
    objective = Objective(model, by_logits, batch)
    # The head is the embedding.
    assert objective.count == sum(p.numel() for p in model.parameters())
    assert objective.names[0] == "transformer.wte.weight" and "lm_head.weight" not in objective.names
    sampled = Sampled(objective, 40, 0)
    answer = sampled.answer()
    assert_moments(answer, gradients(model, by_logits, [batch]))
    exact = dense(GaussNewton(objective)).trace().item()
    # Four standard errors, at t's tails.
    assert abs(answer["gauss_newton_trace"]["value"] - exact) < 4.4 * answer["gauss_newton_trace"]["error"]
    matrix = dense(Hessian(objective))
    assert (matrix - matrix.T).abs().max() < 1e-12 * matrix.abs().max()


def test_a_model_that_computes_its_loss_itself() -> None:
    """Its curvature is there, and its Gauss–Newton matrix is not, which is said."""
    model, batch = small()
    little: dict[str, Any] = {"top": 1, "trace_products": 10, "density_probes": 2, "density_steps": 5}
    # A mean over tokens, of which one sequence has fewer, is no mean over sequences: curvature is measured, and no fluctuation.
    assert measure(model, by_itself, batch, **little).networks[0]["fluctuation"] is None
    batch["labels"] = batch["input_ids"]
    found = measure(model, by_itself, batch, **little).networks[0]
    assert found["gauss_newton_trace"] is None
    assert any("computed in float32" in note for note in found["notes"])
    eigenvalues = torch.linalg.eigvalsh(dense(Hessian(Objective(model, by_itself, batch))))
    np.testing.assert_allclose(found["top"][0]["value"], eigenvalues[-1].item(), rtol=1e-5)
