"""Networks in eager PyTorch: steps of SGD, Hessian products and fluctuation, on one thread."""

import functools

import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional

from serving import Work, cases, norm, serve

torch.set_num_threads(1)


class Transformer(nn.Module):
    """One block without biases and normalisation, by the fused attention."""

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
    def attend(self, query, key, value):
        return functional.scaled_dot_product_attention(query, key, value)


def tensors(case, named):
    """Matrices in the order of the module's parameters."""
    named = {name: torch.from_numpy(array.copy()) for name, array in named.items()}
    if case.kind == "mlp":
        return list(named.values())
    block = "blocks.1."
    part = lambda name: named[f"{block}{name}.weight"]
    qkv = torch.cat([part(name) for name in ("query", "key", "value")])
    return [qkv] + [part(name) for name in ("output", "expand", "contract")]


def make(case, transformer=Transformer):
    start = tensors(case, case.start)
    if case.kind == "mlp":
        layers = []
        for weight in start:
            rows, columns = weight.shape
            layers += [nn.Linear(columns, rows, bias=False), nn.ReLU()]
        module = nn.Sequential(*layers[:-1])
    else:
        width, hidden = start[2].shape[1], start[2].shape[0]
        module = transformer(width, hidden, case.heads)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), start, strict=True):
            parameter.copy_(value)
    return module


def data(case, inputs, targets):
    """Tensors as PyTorch likes them: classes as numbers."""
    inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
    return inputs, targets.argmax(dim=-1) if case.loss == "cross-entropy" else targets


def loss_of(case):
    if case.loss == "cross-entropy":
        return functional.cross_entropy
    return lambda outputs, targets: 0.5 * (targets - outputs).square().sum() / len(outputs)


class Step(Work):
    def __init__(self, case, optimiser):
        self.case, self.make_optimiser = case, optimiser
        self.module, self.loss = make(case, Fused), loss_of(case)
        self.minibatches = [data(case, *minibatch) for minibatch in case.minibatches]
        self.restart()

    def restart(self):
        with torch.no_grad():
            for parameter, value in zip(self.module.parameters(), tensors(self.case, self.case.start)):
                parameter.copy_(value)
        self.optimiser = self.make_optimiser(self.module.parameters(), lr=self.case.learning_rate)
        self.steps = 0

    def repeat(self, calls):
        for _ in range(calls):
            inputs, targets = self.minibatches[self.steps % len(self.minibatches)]
            loss = self.loss(self.module(inputs), targets)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            self.steps += 1
        self.last = loss.detach()
        return calls

    def values(self):
        self.restart()
        self.repeat(1)
        loss, gradient = self.last.item(), norm([p.grad for p in self.module.parameters()])
        self.repeat(len(self.minibatches) - 1)
        moved = [
            parameter.detach() - start
            for parameter, start in zip(self.module.parameters(), tensors(self.case, self.case.start))
        ]
        return {"loss": loss, "gradient": gradient, "moved": norm(moved)}


class ManualStep(Step):
    """`torch.autograd.grad` and an update in place, without an optimiser."""

    def __init__(self, case):
        super().__init__(case, torch.optim.SGD)

    def repeat(self, calls):
        parameters = list(self.module.parameters())
        for _ in range(calls):
            inputs, targets = self.minibatches[self.steps % len(self.minibatches)]
            loss = self.loss(self.module(inputs), targets)
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                torch._foreach_add_(parameters, gradients, alpha=-self.case.learning_rate)
            self.steps += 1
        self.last = loss.detach()
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        return calls


class RetainedProduct(Work):
    """The gradient's graph is built once; each product is a backward pass through it."""

    def __init__(self, case):
        module, loss = make(case), loss_of(case)
        inputs, targets = data(case, *case.evaluation)
        self.parameters = list(module.parameters())
        self.loss = loss(module(inputs), targets)
        self.gradient = torch.autograd.grad(self.loss, self.parameters, create_graph=True)
        self.direction = tensors(case, case.direction)

    def repeat(self, calls):
        for _ in range(calls):
            self.product = torch.autograd.grad(
                self.gradient, self.parameters, grad_outputs=self.direction, retain_graph=True
            )
        return calls

    def values(self):
        self.repeat(1)
        gradient = norm(part.detach() for part in self.gradient)
        return {"loss": self.loss.item(), "gradient": gradient, "product": norm(self.product)}


class ForwardProduct(Work):
    """`torch.func`: forward over reverse."""

    def __init__(self, case):
        module, loss = make(case), loss_of(case)
        inputs, targets = data(case, *case.evaluation)
        self.parameters = {name: p.detach() for name, p in module.named_parameters()}
        self.loss = lambda p: loss(functional_call(module, p, (inputs,)), targets)
        self.direction = dict(zip(self.parameters, tensors(case, case.direction)))

    def repeat(self, calls):
        for _ in range(calls):
            gradient, product = jvp(grad(self.loss), (self.parameters,), (self.direction,))
        self.gradient, self.product = gradient.values(), product.values()
        return calls

    def values(self):
        self.repeat(1)
        loss = self.loss(self.parameters).item()
        return {"loss": loss, "gradient": norm(self.gradient), "product": norm(self.product)}


class Fluctuation(Work):
    """E‖∇ℓ‖² from every sample's gradient."""

    def __init__(self, case):
        module, loss = make(case), loss_of(case)
        self.parameters = {name: p.detach() for name, p in module.named_parameters()}

        def sample(parameters, x, y):
            return loss(functional_call(module, parameters, (x[None],)), y[None])

        self.gradients = vmap(grad(sample), in_dims=(None, 0, 0))
        self.data = data(case, *case.minibatches[0])

    def repeat(self, calls):
        for _ in range(calls):
            gradients = self.gradients(self.parameters, *self.data).values()
            self.fluctuation = sum(g.square().sum() for g in gradients).item() / len(self.data[0])
        return calls

    def values(self):
        self.repeat(1)
        return {"fluctuation": self.fluctuation}


def main():
    works = {}
    for case in cases():
        make_step = functools.partial(functools.partial, Step, case)
        step, hvp = f"step {case.name}", f"hvp {case.name}"
        works[step, "optim.SGD"] = make_step(torch.optim.SGD)
        works[step, "optim.SGD, fused"] = make_step(functools.partial(torch.optim.SGD, fused=True))
        works[step, "autograd.grad"] = functools.partial(ManualStep, case)
        works[hvp, "retained graph"] = functools.partial(RetainedProduct, case)
        works[hvp, "jvp of grad"] = functools.partial(ForwardProduct, case)
        if case.name.startswith("mnist"):
            works[f"fluctuation {case.name}", "vmap of grad"] = functools.partial(Fluctuation, case)
    serve("torch", torch.__version__, works)


if __name__ == "__main__":
    main()
