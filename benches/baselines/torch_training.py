"""Training in PyTorch on a set in memory, plainly and with each thing that people add to it, as its users write it."""

import functools

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from serving import Work
from torch_models import Fused, assign, data, loss_of, module, tensors

#: Steps after which programs compare their losses.
STEPS = 200
#: The side of an image, and how far it is moved at most.
SIDE, SHIFT = 28, 2
#: SAM's radius.
RADIUS = 0.05

sgd = functools.partial(torch.optim.SGD, fused=True)
adamw = functools.partial(torch.optim.AdamW, fused=True, lr=1e-3, weight_decay=0.01)


class Training(Work):
    """`change` changes the batch, `backward` leaves gradients at the parameters."""

    def __init__(self, case, change=None, backward=None, loss=None, make_optimiser=None, prepare=None, clipping=None):
        self.case, self.change, self.backward, self.clipping = case, change, backward or plain, clipping
        self.set, self.loss = data(case, case.set), loss or loss_of(case)
        self.make_optimiser = make_optimiser or functools.partial(sgd, lr=case.learning_rate)
        self.module = module(case, case.start, Fused)
        if prepare:
            prepare(self.module)

    def restart(self):
        assign(self.module, tensors(self.case, self.case.start))
        self.module.train()
        self.parameters = list(self.module.parameters())
        self.optimiser = self.make_optimiser(self.parameters)
        self.order, self.next = None, 0

    def draw(self):
        """The next minibatch of a shuffled set, with what changes it."""
        if self.order is None or self.next + self.case.batch > len(self.order):
            self.order, self.next = torch.randperm(len(self.set[0])), 0
        chosen = self.order[self.next : self.next + self.case.batch]
        self.next += self.case.batch
        x, y = (part[chosen] for part in self.set)
        return self.change(x, y) if self.change else (x, y)

    def gradient(self, batch):
        x, y = batch
        self.optimiser.zero_grad(set_to_none=True)
        self.loss(self.module(x), y).backward()

    def repeat(self, calls):
        for _ in range(calls):
            self.backward(self, self.draw())
            if self.clipping:
                clip_grad_norm_(self.parameters, self.clipping)
            self.optimiser.step()
        return calls

    @torch.no_grad()
    def values(self):
        self.restart()
        with torch.enable_grad():
            self.repeat(STEPS)
        self.module.eval()
        x, y = self.set
        return {"trained_loss": loss_of(self.case)(self.module(x), y).item()}


def plain(training, batch):
    training.gradient(batch)


def noise(x, y):
    return x + 0.1 * torch.randn_like(x), y


def dropped(x, y):
    return functional.dropout(x, 0.2), y


def flips(x, y):
    images = x.view(-1, SIDE, SIDE)
    mirrored = torch.rand(len(x), 1, 1) < 0.5
    return torch.where(mirrored, images.flip(-1), images).view_as(x), y


def shifts(x, y):
    """Each image by its own number of pixels, borders repeated."""
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2, len(x), 1))
    place = torch.arange(SIDE)
    rows, columns = ((place - by).clamp(0, SIDE - 1) for by in (down, right))
    moved = x.view(-1, SIDE, SIDE)[torch.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.reshape(x.shape), y


def mixup(x, y):
    """With a share of its own for each sample."""
    keep = torch.distributions.Beta(0.2, 0.2).sample((len(x), 1))
    partners = torch.randperm(len(x))
    y = functional.one_hot(y, 10).to(x.dtype)
    return torch.lerp(x[partners], x, keep), torch.lerp(y[partners], y, keep)


def sam(training, batch, normalised=True, independent=False):
    training.gradient(training.draw() if independent else batch)
    moves = ascend(training, normalised)
    training.gradient(batch)
    descend(training, moves)


@torch.no_grad()
def ascend(training, normalised):
    gradients = [p.grad for p in training.parameters]
    scale = RADIUS
    if normalised:
        scale = RADIUS / torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    moves = torch._foreach_mul(gradients, scale)
    torch._foreach_add_(training.parameters, moves)
    return moves


@torch.no_grad()
def descend(training, moves):
    torch._foreach_sub_(training.parameters, moves)


def sam_in_parts(training, batch, parts=4):
    total = None
    for x, y in zip(*(part.chunk(parts) for part in batch)):
        sam(training, (x, y))
        own = [p.grad for p in training.parameters]
        total = own if total is None else torch._foreach_add(total, own)
    for parameter, gradient in zip(training.parameters, torch._foreach_div(total, parts)):
        parameter.grad = gradient


def drop_hidden(network):
    """After the activation of a `Sequential`."""
    network.insert(2, nn.Dropout(0.5))


def drop_attention(network):
    network.dropout = 0.1


DIGITS = {
    "plain": {},
    "hidden dropout": {"prepare": drop_hidden},
    "label smoothing": {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
    "input noise": {"change": noise},
    "shifts": {"change": shifts},
    "flips": {"change": flips},
    "mixup": {"change": mixup},
    "input dropout": {"change": dropped},
    "SAM": {"backward": sam},
    "SAM, not normalised": {"backward": functools.partial(sam, normalised=False)},
    "SAM, a batch of its own": {"backward": functools.partial(sam, independent=True)},
    "SAM, four parts": {"backward": sam_in_parts},
    "clipping": {"clipping": 1.0},
    "AdamW": {"make_optimiser": adamw},
}
TEXT = {"plain": {}, "attention dropout": {"prepare": drop_attention}}


def works_of(case):
    """By work and variant."""
    if not case.set:
        return {}
    additions = TEXT if case.name == "text" else DIGITS
    return {
        (f"train {case.name}, {name}", "samples drawn"): functools.partial(Training, case, **how)
        for name, how in additions.items()
    }
