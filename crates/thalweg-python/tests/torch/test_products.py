"""Products of Hessian and Gauss–Newton matrix against the dense matrices."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev
from torch.nn import functional

import thalweg.torch
from thalweg.torch import _pieces
from thalweg.torch._objective import Objective
from thalweg.torch._products import GaussNewton, Hessian, NotApplicable, Products

Loss = Callable[[nn.Module, Any], Tensor]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    output: Tensor = model(batch[0])
    losses: Tensor = functional.cross_entropy(output, batch[1], reduction="none")
    return losses


def squared_error(model: nn.Module, batch: Any) -> Tensor:
    inputs, targets = batch
    difference: Tensor = model(inputs) - targets
    return difference.square().sum(dim=-1) / 2


def mean_cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return cross_entropy(model, batch).mean()


def perceptron(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1]).double()


def classified(*sizes: int, features: int = 3, classes: int = 4) -> list[tuple[Tensor, Tensor]]:
    return [(torch.randn(size, features).double(), torch.randint(classes, (size,))) for size in sizes]


def dense(products: Products) -> Tensor:
    return products.apply_block(torch.eye(products.shape[0], dtype=products.dtype))


def reference(model: nn.Module, loss: Loss, batch: Any) -> Tensor:
    """The Hessian of the batch's mean loss by `torch.func`."""
    named = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def function(vector: Tensor) -> Tensor:
        parts = torch.split(vector, [part.numel() for part in named.values()])
        parameters = {name: part.view_as(named[name]) for name, part in zip(named, parts)}

        class Called(nn.Module):
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return functional_call(model, parameters, args, kwargs)

        return loss(Called(), batch).mean()

    found: Tensor = jacrev(jacrev(function))(torch.cat([part.flatten() for part in named.values()]))
    return found


def assert_is(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    assert expected.abs().max() > 0
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


class Attention(nn.Module):
    """One block of attention by the fused function, over four positions."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(4, 12), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).view(len(x), -1, 2, 6).transpose(1, 2).chunk(3, dim=-1)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        found: Tensor = self.out(mixed.transpose(1, 2).flatten(2)).mean(dim=1)
        return found


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("loss", [cross_entropy, mean_cross_entropy])
def test_the_hessian_is_exact(activation: type[nn.Module], loss: Loss) -> None:
    model = perceptron(3, 5, 4, activation=activation)
    batch = classified(30)
    assert_is(dense(Hessian(Objective(model, loss, batch))), reference(model, loss, batch[0]))


def test_differences_of_gradients_would_not_do() -> None:
    """The reason for exact products: across the kinks of ReLU a difference quotient is another matrix."""
    model = perceptron(3, 20, 4)
    batch = classified(200)
    objective = Objective(model, cross_entropy, batch)
    direction = torch.randn(objective.count, dtype=torch.float64)
    exact = Hessian(objective)(direction)
    step = 1e-3
    start = [p.detach().clone() for p in objective.parameters]
    gradients = []
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, value, part in zip(objective.parameters, start, objective.split(direction)):
                parameter.copy_(value + sign * step * part)
        gradients.append(objective.gradient())
    difference = (gradients[0] - gradients[1]) / (2 * step)
    assert (difference - exact).norm() > 0.05 * exact.norm()


def test_batches_count_by_their_samples() -> None:
    model = perceptron(3, 5, 4)
    batches = classified(16, 16, 3)
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    expected = reference(model, cross_entropy, whole)
    for loss in (cross_entropy, mean_cross_entropy):
        objective = Objective(model, loss, batches)
        assert objective.sizes == [16, 16, 3]
        assert_is(dense(Hessian(objective)), expected)
        assert_is(dense(GaussNewton(objective)), dense(GaussNewton(Objective(model, loss, whole))))
        assert objective.mean_loss == pytest.approx(mean_cross_entropy(model, whole).item(), rel=1e-13)
        # What equal weights would give is far from it, so that this test can fail.
        parts = [reference(model, loss, batch) for batch in batches]
        equal = torch.stack(parts).mean(dim=0)
        assert (equal - expected).abs().max() > 0.01 * expected.abs().max()


class Given(nn.Module):
    """A model that has given its output already."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Any) -> Tensor:
        return self.output


def gauss_newton_reference(model: nn.Module, loss: Loss, batch: Any) -> Tensor:
    """JᵀΛJ from dense matrices, sample by sample."""
    inputs, targets = batch
    named = {name: p.detach() for name, p in model.named_parameters()}
    total = torch.zeros(())
    for x, y in zip(inputs, targets):
        jacobian = jacrev(lambda parameters: functional_call(model, parameters, x[None])[0])(named)
        rows = torch.cat([part.flatten(1) for part in jacobian.values()], dim=1)
        curvature = jacrev(jacrev(lambda output: loss(Given(output[None]), (x[None], y[None])).sum()))(model(x[None])[0].detach())
        total = total + rows.T @ curvature @ rows
    return total / len(inputs)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_gauss_newton_is_exact(activation: type[nn.Module]) -> None:
    model = perceptron(3, 5, 4, activation=activation)
    (batch,) = classified(20)
    found = dense(GaussNewton(Objective(model, cross_entropy, batch)))
    assert_is(found, gauss_newton_reference(model, cross_entropy, batch))
    regression = (batch[0], torch.randn(20, 4).double())
    found = dense(GaussNewton(Objective(model, squared_error, regression)))
    assert_is(found, gauss_newton_reference(model, squared_error, regression))


def test_a_custom_loss_has_its_own_curvature() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        inputs, targets = batch
        difference: Tensor = model(inputs) - targets
        return difference.cosh().log().sum(dim=-1)

    model = perceptron(3, 5, 2)
    batch = (torch.randn(15, 3).double(), torch.randn(15, 2).double())
    assert_is(dense(GaussNewton(Objective(model, loss, batch))), gauss_newton_reference(model, loss, batch))


def test_tied_weights_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Tensor) -> Tensor:
            found: Tensor = self.head(torch.tanh(self.embed(tokens)))
            return found

    model = Tied().double()
    batch = (torch.randint(7, (12,)), torch.randint(7, (12,)))
    objective = Objective(model, cross_entropy, batch)
    assert objective.names == ["embed.weight"]
    assert objective.count == 21
    assert_is(dense(Hessian(objective)), reference(model, cross_entropy, batch))


def test_frozen_parameters_are_left_out() -> None:
    model = perceptron(3, 5, 4)
    model[0].weight.requires_grad_(False)
    (batch,) = classified(20)
    objective = Objective(model, cross_entropy, batch)
    assert objective.names == ["0.bias", "2.weight", "2.bias"]
    assert [(layer.name, layer.first_parameter, layer.end_parameter) for layer in objective.layers] == [
        ("0", 0, 5),
        ("2", 5, 29),
    ]
    assert_is(dense(Hessian(objective)), reference(model, cross_entropy, batch))
    assert not model[0].weight.requires_grad


def test_what_the_loss_does_not_use_is_zero() -> None:
    model = perceptron(3, 5, 4)
    model.register_parameter("idle", nn.Parameter(torch.ones(2).double()))
    (batch,) = classified(20)
    found = dense(Hessian(Objective(model, cross_entropy, batch)))
    assert found[0].eq(0).all() and found[1].eq(0).all()
    assert found[2:, 2:].abs().max() > 0


def test_attention_has_second_derivatives() -> None:
    model = Attention().double()
    batch = (torch.randn(6, 4, 4).double(), torch.randint(4, (6,)))
    objective = Objective(model, cross_entropy, batch)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = reference(model, cross_entropy, batch)
    assert_is(dense(Hessian(objective)), expected)
    assert any("mathematical kernel" in note for note in objective.notes)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_have_second_derivatives(layer: Callable[..., nn.RNNBase]) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = layer(3, 4, batch_first=True), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(self.layer(x)[0][:, -1])
            return found

    model = Recurrent().double()
    batch = (torch.randn(6, 5, 3).double(), torch.randint(4, (6,)))
    hessian_of = Hessian(Objective(model, cross_entropy, batch))
    matrix = dense(hessian_of)
    assert_is(matrix, matrix.T)
    assert_is(dense(GaussNewton(Objective(model, cross_entropy, batch))), dense(GaussNewton(Objective(model, cross_entropy, batch))).T)


def test_dropout_draws_one_mask() -> None:
    model = nn.Sequential(nn.Linear(3, 20), nn.Dropout(0.5), nn.Linear(20, 4)).double()
    objective = Objective(model, cross_entropy, classified(20))
    before = torch.random.get_rng_state()
    first, again = (Hessian(objective) for _ in range(2))
    vector = torch.randn(objective.count, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    product = first(vector)
    assert torch.equal(product, first(vector)) and torch.equal(product, again(vector))
    other = Hessian(Objective(model, cross_entropy, objective.batches, seed=100))(vector)
    assert (product - other).norm() > 0.01 * product.norm()
    without = Hessian(Objective(model.eval(), cross_entropy, objective.batches))(vector)
    assert (product - without).norm() > 0.01 * product.norm()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert any("dropout" in note for note in objective.notes)


def test_batch_norm_stays_as_it_was_set() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4)).double()
    batches = classified(20, 12)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    own = dict(model.named_buffers())
    objective = Objective(model, cross_entropy, batches)
    training = dense(Hessian(objective))
    assert any("BatchNorm" in note and "training" in note for note in objective.notes)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name]) and buffer is own[name]
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm1d)
    written = nn.Sequential(model[0], Normalised(norm), *model[2:])
    parts = [len(batch[0]) / 32 * reference(written, cross_entropy, batch) for batch in batches]
    assert_is(training, sum(parts, torch.zeros(())))
    model.eval()
    evaluating = dense(Hessian(Objective(model, cross_entropy, batches)))
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    assert_is(evaluating, reference(model, cross_entropy, whole))
    assert (training - evaluating).norm() > 0.01 * training.norm()


class Normalised(nn.Module):
    """What BatchNorm does in training, written out."""

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        scale = (x.var(dim=0, correction=0) + self.eps).rsqrt()
        return (x - x.mean(dim=0)) * scale * self.weight + self.bias


def test_dictionaries_go_in_and_out() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = perceptron(3, 5, 4)

        def forward(self, inputs: Tensor) -> dict[str, Any]:
            return {"logits": self.body(inputs), "inputs": inputs, "label": "none"}

    def loss(model: Any, batch: Any) -> Tensor:
        return functional.cross_entropy(model(inputs=batch["x"])["logits"], batch["y"], reduction="none")

    model = Model().double()
    (batch,) = classified(20)
    named = {"x": batch[0], "y": batch[1], "names": "a text"}
    assert_is(dense(Hessian(Objective(model, loss, named))), reference(model.body, cross_entropy, batch))
    expected = gauss_newton_reference(model.body, cross_entropy, batch)
    assert_is(dense(GaussNewton(Objective(model, loss, named))), expected)


def test_where_gauss_newton_does_not_apply() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(20)

    def twice(model: Any, batch: Any) -> Tensor:
        return cross_entropy(model, batch) + cross_entropy(model, batch)

    def decayed(model: nn.Module, batch: Any) -> Tensor:
        return cross_entropy(model, batch) + torch.stack([p.square().sum() for p in model.parameters()]).sum()

    def around(model: Any, batch: Any) -> Tensor:
        return functional.cross_entropy(model.forward(batch[0]), batch[1], reduction="none")

    def linear(model: Any, batch: Any) -> Tensor:
        found: Tensor = model(batch[0]).sum(dim=-1)
        return found

    curved = reference(model, cross_entropy, batch)
    nothing = torch.zeros_like(curved)
    for loss, sentence, expected in [
        (twice, "2 times", 2 * curved),
        (decayed, "uses parameters not only", curved + 2 * torch.eye(len(curved))),
        (around, "not at all", curved),
        (linear, "is linear in what the model returns", reference(model, linear, batch)),
        (lambda model, batch: 0 * linear(model, batch), "is linear in what the model returns", nothing),
    ]:
        objective = Objective(model, loss, batch)
        with pytest.raises(NotApplicable, match=sentence):
            GaussNewton(objective)(torch.ones(objective.count, dtype=torch.float64))
        # The Hessian does not mind.
        assert (dense(Hessian(objective)) - expected).abs().max() < 1e-12
    assert not model._forward_hooks


def test_single_precision_and_less() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(20)
    vector = torch.randn(44, dtype=torch.float64)
    exact = Hessian(Objective(model, cross_entropy, batch))(vector)
    for dtype, tolerance in [(torch.float32, 1e-5), (torch.bfloat16, 0.1)]:
        objective = Objective(model.to(dtype), cross_entropy, (batch[0].to(dtype), batch[1]))
        found = Hessian(objective)(vector)
        assert found.dtype == torch.float32
        assert (found.double() - exact).norm() < tolerance * exact.norm()
        assert any("bfloat16" in note for note in objective.notes) == (dtype is torch.bfloat16)


@pytest.mark.parametrize("where", ["loss", "model", "lstm", "nowhere"])
def test_autocast_inside_is_noted(where: str) -> None:
    class Inside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.recurrent = nn.Linear(4, 3), nn.LSTM(4, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16) if where == "model" else nullcontext():
                found: Tensor = self.inner(x)
            if where == "lstm":
                with torch.autocast("cpu", torch.bfloat16):
                    found = self.recurrent(x[:, None])[0].float()[:, 0]
            return found.float()

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16) if where == "loss" else nullcontext():
            return model(x).float().square().sum(1)

    if where == "lstm":
        try:
            loss(Inside(), torch.randn(6, 4))
        except RuntimeError as error:
            pytest.skip(f"PyTorch has no LSTM in bfloat16 on this processor: {error}")
    notes = Objective(Inside(), loss, torch.randn(6, 4)).notes
    assert any("bfloat16, as under autocast" in note for note in notes) == (where != "nowhere")


def test_autocast_is_noted() -> None:
    model = perceptron(3, 5, 4).float()
    batch = (torch.randn(20, 3), torch.randint(4, (20,)))
    vector = torch.randn(44)
    exact = Hessian(Objective(model, cross_entropy, batch))(vector)
    with torch.autocast("cpu", torch.bfloat16):
        objective = Objective(model, cross_entropy, batch)
        found = Hessian(objective)(vector)
    assert any("autocast" in note for note in objective.notes)
    assert 0 < (found - exact).norm() < 0.1 * exact.norm()


def test_generators_are_read_once() -> None:
    model = perceptron(3, 5, 4)
    batches = classified(16, 3)

    def generator() -> Iterator[Any]:
        for batch in batches:
            torch.randn(1)
            yield batch

    before = torch.random.get_rng_state()
    objective = Objective(model, cross_entropy, generator())
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = dense(Hessian(Objective(model, cross_entropy, batches)))
    for _ in range(2):
        assert torch.equal(dense(Hessian(objective)), expected)
    with pytest.raises(ValueError, match="holds no batch"):
        Objective(model, cross_entropy, iter(()))


def test_a_loader_is_read_once_for_all() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(35)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*batch), batch_size=16, shuffle=True)
    objective = Objective(model, cross_entropy, loader)
    assert objective.sizes == [16, 16, 3]
    assert_is(dense(Hessian(objective)), reference(model, cross_entropy, batch))


def test_graphs_that_do_not_fit_are_made_anew() -> None:
    model = perceptron(3, 5, 4)
    objective = Objective(model, cross_entropy, classified(16, 16, 3))
    kept = Hessian(objective)
    expected = dense(kept)
    assert len(kept._graphs._kept) == 3
    weight = kept._graphs.weight
    assert weight is not None and weight > 16 * (3 + 5 + 4) * 8
    for memory, count in [(0, 0), (weight, 1), (2 * weight, 2)]:
        some = Hessian(objective, memory)
        assert torch.equal(dense(some), expected)
        assert len(some._graphs._kept) == count
    # Of a single batch too; without a limit it is kept and not weighed.
    for limit, count in [(0, 0), (weight, 1), (None, 1)]:
        single = Hessian(Objective(model, cross_entropy, classified(16)), limit)
        dense(single)
        assert len(single._graphs._kept) == count


class Forces(nn.Module):
    """Differentiates an energy by torch.func, which cannot be done where saved tensors are watched."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def forward(self, x: Tensor) -> Tensor:
        def energy(parameters: dict[str, Tensor], place: Tensor) -> Tensor:
            found: Tensor = torch.func.functional_call(self.energy, parameters, (place,))
            return found.squeeze()

        slope = torch.func.grad(energy, argnums=1)
        found: Tensor = torch.func.vmap(slope, in_dims=(None, 0))(dict(self.energy.named_parameters()), x)
        return found


def test_a_model_that_differentiates_by_torch_func_has_several_batches() -> None:
    model, generator = Forces(), torch.Generator().manual_seed(0)
    batches = [(torch.randn(5, 3, generator=generator).double(), torch.randn(5, 3, generator=generator).double()) for _ in range(3)]
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    vector = torch.randn(sum(p.numel() for p in model.parameters()), generator=generator).double()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        found: Tensor = (model(batch[0]) - batch[1]).square().sum(1)
        return found

    assert_is(thalweg.torch.hessian(model, loss, batches) @ vector, thalweg.torch.hessian(model, loss, whole) @ vector)


def test_what_cannot_be_mapped_is_looped_over() -> None:
    class Square(torch.autograd.Function):
        """Has no rule for a block of vectors."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.square()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            x: Tensor = ctx.saved_tensors[0]
            if gradient.detach().sum().item() == torch.inf:
                raise ArithmeticError
            return 2 * x * gradient

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 5), nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.last(Square.apply(self.first(x)))
            return found

    model = Model().double()
    (batch,) = classified(20)
    products = Hessian(Objective(model, cross_entropy, batch))
    found = dense(products)
    assert products._one_by_one

    class Plain(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return model.last(model.first(x).square())

    plain = Plain()
    plain.first, plain.last = model.first, model.last
    assert_is(found, reference(plain, cross_entropy, batch))


def test_nothing_is_left_changed() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 4)).double()
    (batch,) = classified(20)
    torch.autograd.backward(cross_entropy(model, batch).mean())
    state = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [p.grad for p in model.parameters()]
    copies = [p.grad.clone() for p in model.parameters() if p.grad is not None]

    def failing(model: Any, batch: Any) -> Tensor:
        cross_entropy(model, batch)
        raise ArithmeticError("mine")

    before = torch.random.get_rng_state()
    objective = Objective(model, cross_entropy, batch)
    for products in (Hessian(objective), GaussNewton(objective)):
        products(torch.ones(objective.count, dtype=torch.float64))
    with pytest.raises(ArithmeticError, match="mine"):
        Objective(model, failing, batch)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(p.grad is gradient for p, gradient in zip(model.parameters(), gradients))
    assert all(torch.equal(p.grad, value) for p, value in zip(model.parameters(), copies) if p.grad is not None)
    assert model.training and not model._forward_hooks


def test_a_compiled_model_is_measured_without() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(20)
    objective = Objective(torch.compile(model, backend="eager"), cross_entropy, batch)  # type: ignore[arg-type]
    assert objective.names[0] == "0.weight"
    assert_is(dense(Hessian(objective)), reference(model, cross_entropy, batch))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((None, cross_entropy, []), "`model` is NoneType"),
        ((nn.ReLU(), cross_entropy, []), "no parameter with requires_grad"),
        ((nn.Linear(3, 4, dtype=torch.complex64), cross_entropy, []), "weight of `model` is torch.complex64: .*torch.view_as_real"),
        ((perceptron(3, 4), None, []), "`loss` is NoneType"),
        ((nn.Sequential(nn.Embedding(3, 4, sparse=True)), cross_entropy, []), "0 has sparse gradients"),
        ((perceptron(3, 4), cross_entropy, 3), "`data` is int"),
        ((perceptron(3, 4), cross_entropy, []), "holds no batch"),
        ((perceptron(3, 4), lambda model, batch: model(batch), torch.ones(2, 3).double()), "shape \\(2, 4\\)"),
        ((perceptron(3, 4), lambda model, batch: 1.0, torch.ones(2, 3).double()), "returned float"),
        (
            (perceptron(3, 4), lambda model, batch: model(batch).sum() * torch.inf, torch.ones(2, 3).double()),
            "the loss of batch 0 is",
        ),
        (
            (perceptron(3, 4), lambda model, batch: model(batch[0]).sum(), [(torch.ones(2, 3).double(), torch.ones(3))]),
            "cannot be counted",
        ),
        ((perceptron(3, 4), lambda model, batch: model(batch).sum().detach(), torch.ones(2, 3).double()), "or detached"),
        ((perceptron(3, 4), cross_entropy, [(torch.ones(0, 3).double(), torch.ones(0).long())]), "batch 0 has no samples"),
        ((perceptron(3, 4), cross_entropy, [], -1), "`seed` is -1"),
        ((perceptron(3, 4), cross_entropy, [], "a"), "`seed` is 'a'"),
        ((perceptron(3, 4), cross_entropy, [], 2**65), "`seed` is 36893488147419103232"),
    ],
)
def test_errors_name_what_was_given(arguments: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Objective(*arguments)


def test_arrays_are_told_from_tensors() -> None:
    operator = thalweg.torch.hessian(perceptron(3, 4), cross_entropy, classified(5), seed=np.int64(3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not on ndarray: torch.as_tensor"):
        operator @ np.ones(operator.shape[0])
    with pytest.raises(ValueError, match="leave `like` out"):
        thalweg.eigenpairs(operator, like=np.empty(0))


def test_threads_do_not_disturb_one_another() -> None:
    model = nn.Sequential(nn.Linear(3, 40), nn.Tanh(), nn.Dropout(0.5), nn.Linear(40, 4)).double()
    batches = classified(30, 20)

    def trace(seed: int) -> float:
        # A copy draws no random numbers, which a thread's own might be another's.
        operator = thalweg.torch.hessian(copy.deepcopy(model), cross_entropy, batches, seed=seed)
        return thalweg.trace(operator, products=300).value

    alone = [trace(seed) for seed in range(6)]
    state = torch.get_rng_state()
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(trace, range(6))) == alone
    assert torch.equal(torch.get_rng_state(), state)


def test_large_batches_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pieces, "LARGEST", 8 * 5 * 6)
    model = perceptron(3, 5, 4)
    batches = classified(20, 13)
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    for loss in (cross_entropy, mean_cross_entropy):
        objective = Objective(model, loss, batches)
        assert objective.sizes == [5, 5, 5, 5, 4, 4, 5] and objective.given_batches == 2
        assert_is(dense(Hessian(objective)), reference(model, cross_entropy, whole))

    def contrast(model: nn.Module, batch: Any) -> Tensor:
        found: Tensor = model(batch[0])
        return functional.cross_entropy(found @ found.T, torch.arange(len(found)), reduction="none")

    # These are not the same in parts.
    assert Objective(model, contrast, batches).sizes == [20, 13]
    for layer in (nn.Dropout(0.2), nn.BatchNorm1d(5)):
        mixed = nn.Sequential(nn.Linear(3, 5), layer, nn.Linear(5, 4)).double()
        assert Objective(mixed, cross_entropy, batches).sizes == [20, 13]
        assert Objective(mixed.eval(), cross_entropy, batches).sizes == objective.sizes


@pytest.mark.parametrize("last", ["random", "zero"])
def test_every_batch_that_is_cut_is_checked(last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over tokens, with sequences of one length in the first batch and of many in the second.

    With a last layer of zeros every token has the same loss, so that only the gradient tells.
    """
    monkeypatch.setattr(_pieces, "LARGEST", 8 * 5 * 6)
    model = perceptron(3, 5, 4)
    if last == "zero":
        nn.init.zeros_(model[-1].weight)
        nn.init.zeros_(model[-1].bias)
    lengths = torch.full((12,), 6), torch.arange(12) % 6 + 1
    batches = [
        (torch.randn(12, 6, 3).double(), torch.randint(4, (12, 6)).where(torch.arange(6) < length[:, None], -100))
        for length in lengths
    ]

    def over_tokens(model: nn.Module, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    objective = Objective(model, over_tokens, batches)
    assert len(objective.sizes) > 2 and objective.sizes[-1] == 12
    assert any("1 of 2 batches are worked on whole" in note for note in objective.notes)
    expected = [over_tokens(model, batch) for batch in batches]
    assert objective.mean_loss == pytest.approx(sum(loss.item() for loss in expected) / 2, rel=1e-12)
    gradient = torch.autograd.grad(torch.stack(expected).mean(), list(model.parameters()))
    assert_is(objective.gradient(), torch.cat([part.flatten() for part in gradient]))


def by_vector(model: nn.Module, step: Tensor) -> None:
    nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(model.parameters()).detach() + step, model.parameters())


def by_data(model: nn.Module, step: Tensor) -> None:
    start = 0
    for parameter in model.parameters():
        parameter.data.add_(step[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()


def there_and_back(model: nn.Module, step: Tensor) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            before = parameter.clone()
            parameter.add_(1)
            parameter.copy_(before)


def statistics(model: nn.Module, step: Tensor) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_var.data.mul_(3)  # type: ignore[union-attr]


@pytest.mark.parametrize("change", [by_vector, by_data, there_and_back, statistics, lambda model, step: model.eval()])
def test_a_product_is_of_the_model_as_it_is(change: Callable[[nn.Module, Tensor], Any]) -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.Tanh(), nn.BatchNorm1d(5), nn.Linear(5, 4)).double()
    model[3].eval()
    (batch,) = classified(20)
    operators = [make(model, cross_entropy, batch) for make in (thalweg.torch.hessian, thalweg.torch.gauss_newton)]
    vector = torch.randn(operators[0].shape[0]).double()
    before = [operator @ vector for operator in operators]
    change(model, torch.randn_like(vector))
    fresh = [make(model, cross_entropy, batch) @ vector for make in (thalweg.torch.hessian, thalweg.torch.gauss_newton)]
    for operator, old, expected in zip(operators, before, fresh):
        assert torch.equal(old, expected) == (change is there_and_back)
        assert torch.equal(operator @ vector, expected)


def test_other_parameters_need_another_operator() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(20)
    operator = thalweg.torch.hessian(model, cross_entropy, batch)
    vector = torch.ones(operator.shape[0]).double()
    operator @ vector
    model[0].weight = nn.Parameter(torch.randn(5, 3).double())
    with pytest.raises(ValueError, match="make the operator anew"):
        operator @ vector


def test_backward_hooks_have_no_part_in_it() -> None:
    """Hooks that scale gradients, as clipping ones do, on parameters and on a module."""
    model = perceptron(3, 5, 4)
    (batch,) = classified(20)
    exact = [reference(model, cross_entropy, batch), gauss_newton_reference(model, cross_entropy, batch)]
    gradient = Objective(model, cross_entropy, batch).gradient()
    calls = []
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: calls.append(1) or 0.1 * gradient)
    removed = model[0].weight.register_hook(lambda gradient: calls.append(1) or 0.1 * gradient)
    model[-1].register_full_backward_hook(lambda module, into, out: calls.append(1))
    objective = Objective(model, cross_entropy, batch)
    assert any("6 backward hooks" in note for note in objective.notes)
    assert torch.equal(objective.gradient(), gradient)
    assert_is(dense(Hessian(objective)), exact[0])
    assert_is(dense(GaussNewton(objective)), exact[1])
    measured = thalweg.torch.measure(model, cross_entropy, batch, top=1, density_probes=2, density_steps=5).networks[0]
    assert measured["top"][0]["value"] == pytest.approx(torch.linalg.eigvalsh(exact[0])[-1].item(), rel=1e-9)
    assert measured["covariance_trace"]["value"] == pytest.approx(
        measured["fluctuation"]["value"] - gradient.square().sum().item(), rel=1e-9
    )
    assert not calls
    # They are there again, and can be removed.
    removed.remove()
    torch.autograd.backward(cross_entropy(model, batch).mean())
    assert len(calls) == 5
    own = torch.cat([part.grad.flatten() for part in model.parameters() if part.grad is not None])
    assert_is(own, 0.1 * gradient)


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
def test_weight_normalisation_has_second_derivatives(norm: Callable[[nn.Module], nn.Module]) -> None:
    """Against differences of gradients: PyTorch's fused kernel has a wrong second derivative, in `torch.func` too."""
    model = nn.Sequential(norm(nn.Linear(3, 5)), nn.Tanh(), nn.Linear(5, 4)).double()
    (batch,) = classified(20)
    found = dense(thalweg.torch.hessian(model, cross_entropy, batch))
    parameters = list(model.parameters())
    point = nn.utils.parameters_to_vector(parameters).detach().clone()

    def gradient(vector: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(vector, parameters)
        parts = torch.autograd.grad(cross_entropy(model, batch).mean(), parameters)
        return torch.cat([part.flatten() for part in parts])

    step = 1e-5 * torch.eye(len(point)).double()
    differences = torch.stack([(gradient(point + one) - gradient(point - one)) / 2e-5 for one in step])
    assert_is(found, differences, 1e-7)


def test_one_number_in_a_vector_is_a_scalar() -> None:
    model = perceptron(3, 5, 4)
    batches = classified(20, 1, 13)

    def mean_in_a_vector(model: nn.Module, batch: Any) -> Tensor:
        return cross_entropy(model, batch).mean()[None]

    objective = Objective(model, mean_in_a_vector, batches)
    assert objective.sizes == [20, 1, 13] and not objective.vector_loss
    whole = tuple(torch.cat(parts) for parts in zip(*batches))
    assert_is(dense(Hessian(objective)), reference(model, cross_entropy, whole))
    with objective.evaluating(0):
        assert_is(objective.each(0), cross_entropy(model, batches[0]))


@pytest.mark.parametrize("where", ["loader", "sampler", "batch sampler"])
def test_a_loaders_own_generator_is_put_back(where: str) -> None:
    (batch,) = classified(35)
    samples = torch.utils.data.TensorDataset(*batch)
    generator = torch.Generator().manual_seed(3)
    sampler = torch.utils.data.RandomSampler(samples, generator=generator)
    loader: torch.utils.data.DataLoader[Any]
    if where == "loader":
        loader = torch.utils.data.DataLoader(samples, batch_size=16, shuffle=True, generator=generator)
    elif where == "sampler":
        loader = torch.utils.data.DataLoader(samples, batch_size=16, sampler=sampler)
    else:
        together = torch.utils.data.BatchSampler(sampler, 16, drop_last=False)
        loader = torch.utils.data.DataLoader(samples, batch_sampler=together)
    before = generator.get_state()
    first = Objective(perceptron(3, 4), cross_entropy, loader).batches[0][1]
    assert torch.equal(generator.get_state(), before)
    # What comes next is what would have come.
    assert torch.equal(next(iter(loader))[1], first)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_attention_layers_of_torch(training: bool) -> None:
    """With padding, whose places PyTorch's fast path fills with zeros, and takes only where there is no gradient."""
    layer = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).double().train(training)
    weight = torch.randn(3, 4).double()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        found: Tensor = model(batch[0], src_key_padding_mask=batch[1])
        return (found * weight).square().sum((1, 2))

    batches = [(torch.randn(5, 3, 4).double(), torch.arange(3) >= torch.randint(1, 4, (5, 1))) for _ in range(2)]
    before = torch.backends.mha.get_fastpath_enabled()
    objective = Objective(model, loss, batches)
    assert torch.backends.mha.get_fastpath_enabled() == before
    assert any("mathematical kernel" in note for note in objective.notes)
    assert objective.batch_losses == [pytest.approx(loss(model, batch).mean().item(), rel=1e-12) for batch in batches]
    found = dense(Hessian(objective))
    assert_is(found, found.T)
    weights = nn.MultiheadAttention(4, 2, batch_first=True).double()
    # It gives the attention's weights too, and so uses no kernel.
    objective = Objective(weights, lambda model, x: model(x, x, x)[0].square().sum((1, 2)), batches[0][0])
    assert not any("mathematical kernel" in note for note in objective.notes)


def test_operators_go_to_eigenpairs() -> None:
    model = perceptron(3, 5, 4)
    (batch,) = classified(30)
    exact = reference(model, cross_entropy, batch)
    operator = thalweg.torch.hessian(model, cross_entropy, batch)
    found = thalweg.eigenpairs(operator, k=2)
    for pair, value in zip(found.values, torch.linalg.eigvalsh(exact).flip(0).tolist()):
        assert pair.value == pytest.approx(value, rel=1e-9)
    vector = found.vectors[:, :1]
    assert isinstance(vector, Tensor)
    assert (operator @ vector - found.values[0].value * vector).norm() <= 2 * found.values[0].error + 1e-12
    # An optimiser's step moves the operator along.
    torch.autograd.backward(cross_entropy(model, batch).mean())
    torch.optim.SGD(model.parameters(), lr=0.5).step()
    assert_is(dense(operator), reference(model, cross_entropy, batch))
    curved = thalweg.trace(thalweg.torch.gauss_newton(model, cross_entropy, batch))
    assert curved.value == pytest.approx(gauss_newton_reference(model, cross_entropy, batch).trace().item(), rel=1e-9)
