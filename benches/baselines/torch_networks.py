"""Networks in eager PyTorch: steps of SGD, Hessian products and fluctuation, on one thread."""

import functools

import torch
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional

from serving import Work, cases, norm, serve
from torch_models import Fused, assign, data, loss_of, module, tensors
from torch_training import works_of

torch.set_num_threads(1)


class Step(Work):
    def __init__(self, case, optimiser):
        self.case, self.make_optimiser = case, optimiser
        self.module, self.loss = module(case, case.start, Fused), loss_of(case)
        self.minibatches = [data(case, minibatch) for minibatch in case.minibatches]

    def restart(self):
        assign(self.module, tensors(self.case, self.case.start))
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
        self.last, self.gradients = loss.detach(), [p.grad for p in self.module.parameters()]
        return calls

    def values(self):
        self.restart()
        self.repeat(1)
        loss, gradient = self.last.item(), norm(self.gradients)
        self.repeat(len(self.minibatches) - 1)
        start = tensors(self.case, self.case.start)
        moved = [p.detach() - value for p, value in zip(self.module.parameters(), start)]
        return {"loss": loss, "gradient": gradient, "moved": norm(moved)}


class PlainStep(Step):
    """`torch.autograd.grad` and an update in place, without an optimiser; perceptrons without a
    module too."""

    def __init__(self, case):
        super().__init__(case, torch.optim.SGD)
        self.parameters = list(self.module.parameters())
        self.forward = self.perceptron if case.kind == "mlp" else self.module

    def perceptron(self, x):
        *hidden, last = self.parameters
        for weight in hidden:
            x = torch.relu(functional.linear(x, weight))
        return functional.linear(x, last)

    def repeat(self, calls):
        for _ in range(calls):
            inputs, targets = self.minibatches[self.steps % len(self.minibatches)]
            loss = self.loss(self.forward(inputs), targets)
            self.gradients = torch.autograd.grad(loss, self.parameters)
            with torch.no_grad():
                torch._foreach_add_(self.parameters, self.gradients, alpha=-self.case.learning_rate)
            self.steps += 1
        self.last = loss.detach()
        return calls


class RetainedProduct(Work):
    """The gradient's graph is built once; each product is a backward pass through it."""

    def __init__(self, case):
        network, loss = module(case, case.start), loss_of(case)
        inputs, targets = data(case, case.evaluation)
        self.parameters = list(network.parameters())
        self.loss = loss(network(inputs), targets)
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
        network, loss = module(case, case.start), loss_of(case)
        inputs, targets = data(case, case.evaluation)
        self.parameters = {name: p.detach() for name, p in network.named_parameters()}
        self.loss = lambda p: loss(functional_call(network, p, (inputs,)), targets)
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
        network, loss = module(case, case.start), loss_of(case)
        self.parameters = {name: p.detach() for name, p in network.named_parameters()}

        def sample(parameters, x, y):
            return loss(functional_call(network, parameters, (x[None],)), y[None])

        self.gradients = vmap(grad(sample), in_dims=(None, 0, 0))
        self.data = data(case, case.minibatches[0])

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
        works[step, "plain tensors"] = functools.partial(PlainStep, case)
        works[hvp, "retained graph"] = functools.partial(RetainedProduct, case)
        works[hvp, "jvp of grad"] = functools.partial(ForwardProduct, case)
        if case.name.startswith("mnist"):
            works[f"fluctuation {case.name}", "vmap of grad"] = functools.partial(Fluctuation, case)
        works |= works_of(case)
    serve("torch", torch.__version__, works)


if __name__ == "__main__":
    main()
