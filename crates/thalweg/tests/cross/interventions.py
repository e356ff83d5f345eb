"""What people add to SGD, by PyTorch, written to interventions.json for interventions.rs to meet.

Small perceptrons in double precision take a few steps on given batches, by torch.optim, torch.nn.functional and autograd;
where PyTorch has no function of its own (SAM, mixup) the step is written as its paper says it. Nothing comes from the
project.
"""

import json
import platform
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
WIDTHS, BATCH, STEPS, RATE = [3, 5, 4], 6, 8, 0.2
# Width, positions, heads, hidden.
TRANSFORMER = (4, 3, 2, 3)


def network(theta, x, masks=None):
    """tanh between two affine maps; masks multiply inputs and hidden units."""
    shapes = [(WIDTHS[1], WIDTHS[0]), (WIDTHS[1],), (WIDTHS[2], WIDTHS[1]), (WIDTHS[2],)]
    parts, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(theta[at : at + size].reshape(shape))
        at += size
    if masks is not None:
        x = x * masks[:, : WIDTHS[0]]
    h = torch.tanh(F.linear(x, *parts[:2]))
    if masks is not None:
        h = h * masks[:, WIDTHS[0] :]
    return F.linear(h, *parts[2:])


def mean_loss(loss, smoothing, theta, x, y, masks=None):
    """Of labels y, rows of probabilities."""
    f = network(theta, x, masks)
    if loss == "cross-entropy":
        return F.cross_entropy(f, y, label_smoothing=smoothing)
    y = (1 - smoothing) * y + smoothing / WIDTHS[2]
    return 0.5 * (f - y).square().sum(1).mean()


def gradient(value, theta):
    return torch.autograd.grad(value(theta), theta)[0]


def sam(case, value, ascents, theta):
    """value and ascents: the batch's loss, and those whose gradients lead the ascents, one for each part."""
    setting, total = case["sam"], 0
    parts = setting["parts"]
    for part in range(parts):
        up = gradient(ascents[part], theta)
        if setting["normalised"]:
            up = up / up.norm()
        ahead = (theta + setting["radius"] * up).detach().requires_grad_()
        total = total + gradient(value[part], ahead) / parts
    return total


def train(case, draw):
    theta0 = 0.5 * torch.randn(draw["count"], generator=draw["generator"])
    batch = lambda: (
        torch.randn(BATCH, WIDTHS[0], generator=draw["generator"]),
        F.one_hot(torch.randint(WIDTHS[2], (BATCH,), generator=draw["generator"]), WIDTHS[2]).double(),
    )
    batches, others = [batch() for _ in range(STEPS)], [batch() for _ in range(STEPS)]
    theta = theta0.clone().requires_grad_()
    if "adamw" in case:
        beta1, beta2, epsilon, decay = case["adamw"]
        optimizer = torch.optim.AdamW([theta], lr=RATE / 10, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)
    else:
        optimizer = torch.optim.SGD([theta], lr=RATE, momentum=0.5, weight_decay=0.01)
    of = lambda x, y: lambda theta: mean_loss(case["loss"], case.get("smoothing", 0.0), theta, x, y)
    for (x, y), other in zip(batches, others):
        if "sam" in case:
            parts = case["sam"]["parts"]
            values = [of(*part) for part in zip(x.chunk(parts), y.chunk(parts))]
            ascents = [of(*other)] if case["sam"]["independent"] else values
            theta.grad = sam(case, values, ascents, theta)
        else:
            theta.grad = gradient(of(x, y), theta)
        if "clipping" in case:
            # torch.nn.utils.clip_grad_norm_ without the 1e-6 that it adds to the norm.
            theta.grad = theta.grad / torch.clamp(theta.grad.norm() / case["clipping"], min=1.0)
        optimizer.step()
    expected = {"parameters": theta.tolist()}
    x, y = others[0]
    value = of(x, y)
    expected["loss"] = value(theta).item()
    hessian = torch.autograd.functional.hessian(value, theta.detach())
    if "adamw" in case:
        squares = optimizer.state[theta]["exp_avg_sq"].detach() / (1 - beta2**STEPS)
        p = (1 - beta1**STEPS) * (squares.sqrt() + epsilon)
        scaled = hessian / p.sqrt()[:, None] / p.sqrt()[None]
        expected["preconditioned_lambda_max"] = np.linalg.eigvalsh(scaled.numpy())[-1]
    expected["lambda_max"] = np.linalg.eigvalsh(hessian.numpy())[-1]
    flat = lambda pairs, side: [pair[side].flatten().tolist() for pair in pairs]
    return {
        **case, "start": theta0.tolist(),
        "inputs": flat(batches, 0), "targets": flat(batches, 1),
        "ascent_inputs": flat(others, 0), "ascent_targets": flat(others, 1),
        "expected": expected,
    }


def mixed(draw):
    """The mean loss of mixed samples, as the weighted sum of both labels' losses, and its gradient."""
    generator = draw["generator"]
    theta = (0.5 * torch.randn(draw["count"], generator=generator)).requires_grad_()
    x = torch.randn(BATCH, WIDTHS[0], generator=generator)
    labels = torch.randint(WIDTHS[2], (BATCH,), generator=generator)
    partners = torch.randperm(BATCH, generator=generator)
    keep = torch.rand(BATCH, generator=generator)
    f = network(theta, keep[:, None] * x + (1 - keep[:, None]) * x[partners])
    own, other = (F.cross_entropy(f, y, reduction="none") for y in (labels, labels[partners]))
    value = (keep * own + (1 - keep) * other).mean()
    return {
        "parameters": theta.tolist(), "inputs": x.flatten().tolist(),
        "targets": F.one_hot(labels, WIDTHS[2]).flatten().tolist(),
        "partners": partners.tolist(), "weights": keep.tolist(),
        "expected": {"loss": value.item(), "gradient": torch.autograd.grad(value, theta)[0].tolist()},
    }


def dropped(draw):
    """The mean loss under given masks on inputs and hidden units, its gradient and Hessian trace."""
    generator = draw["generator"]
    theta = 0.5 * torch.randn(draw["count"], generator=generator)
    x = torch.randn(BATCH, WIDTHS[0], generator=generator)
    y = F.one_hot(torch.randint(WIDTHS[2], (BATCH,), generator=generator), WIDTHS[2]).double()
    chances = torch.tensor([0.2] * WIDTHS[0] + [0.5] * WIDTHS[1])
    masks = (torch.rand(BATCH, len(chances), generator=generator) >= chances) / (1 - chances)
    value = lambda theta: mean_loss("cross-entropy", 0.0, theta, x, y, masks)
    hessian = torch.autograd.functional.hessian(value, theta)
    at = theta.clone().requires_grad_()
    return {
        "parameters": theta.tolist(), "inputs": x.flatten().tolist(), "targets": y.flatten().tolist(),
        "masks": masks.flatten().tolist(),
        "expected": {
            "loss": value(at).item(), "gradient": gradient(value, at).tolist(),
            "hessian_trace": hessian.trace().item(), "lambda_max": np.linalg.eigvalsh(hessian.numpy())[-1],
        },
    }


def attended(draw):
    """A causal transformer's mean loss under given masks on the shares of its attention, its gradient and Hessian trace."""
    generator, (width, positions, heads, hidden) = draw["generator"], TRANSFORMER
    shapes = [(width, width)] * 4 + [(hidden, width), (width, hidden)]
    theta = 0.5 * torch.randn(sum(rows * columns for rows, columns in shapes), generator=generator)
    x = torch.randn(BATCH, width, positions, generator=generator)
    y = torch.randn(BATCH, width, positions, generator=generator)
    masks = (torch.rand(BATCH, heads, positions, positions, generator=generator) >= 0.4) / 0.6

    def value(theta):
        query, key, value, output, expand, contract = (
            part.reshape(shape) for part, shape in zip(theta.split([a * b for a, b in shapes]), shapes)
        )
        rows = x.transpose(1, 2)
        split = lambda weight: F.linear(rows, weight).reshape(BATCH, positions, heads, -1).transpose(1, 2)
        scores = split(query) @ split(key).transpose(2, 3) / (width // heads) ** 0.5
        later = torch.ones(positions, positions, dtype=torch.bool).triu(1)
        shares = torch.softmax(scores.masked_fill(later, -torch.inf), dim=3) * masks
        mixed = (shares @ split(value)).transpose(1, 2).reshape(BATCH, positions, width)
        rows = rows + F.linear(mixed, output)
        f = rows + F.linear(torch.tanh(F.linear(rows, expand)), contract)
        return 0.5 * (f - y.transpose(1, 2)).square().sum((1, 2)).mean()

    hessian = torch.autograd.functional.hessian(value, theta)
    at = theta.clone().requires_grad_()
    seen = torch.ones(positions, positions, dtype=torch.bool).tril()
    return {
        "parameters": theta.tolist(), "inputs": x.flatten().tolist(), "targets": y.flatten().tolist(),
        "masks": masks[:, :, seen].flatten().tolist(),
        "expected": {
            "loss": value(at).item(), "gradient": gradient(value, at).tolist(),
            "hessian_trace": hessian.trace().item(), "lambda_max": np.linalg.eigvalsh(hessian.numpy())[-1],
        },
    }


def main():
    count = WIDTHS[1] * (WIDTHS[0] + 1) + WIDTHS[2] * (WIDTHS[1] + 1)
    draw = {"count": count, "generator": torch.Generator().manual_seed(12)}
    ascent = lambda **more: {"radius": 0.3, "normalised": False, "independent": False, "parts": 1, **more}
    cases = [
        {"name": "plain", "loss": "cross-entropy"},
        {"name": "smoothed classes", "loss": "cross-entropy", "smoothing": 0.1},
        {"name": "smoothed squares", "loss": "half", "smoothing": 0.3},
        {"name": "clipped", "loss": "half", "clipping": 0.8},
        {"name": "sam", "loss": "cross-entropy", "sam": ascent()},
        {"name": "sam, normalised", "loss": "half", "sam": ascent(normalised=True)},
        {"name": "sam, independent", "loss": "cross-entropy", "sam": ascent(normalised=True, independent=True)},
        {"name": "sam in parts", "loss": "cross-entropy", "sam": ascent(normalised=True, parts=3)},
        {"name": "adamw", "loss": "cross-entropy", "adamw": [0.9, 0.99, 1e-8, 0.1]},
        {"name": "adamw with all", "loss": "cross-entropy", "smoothing": 0.2, "clipping": 0.3,
         "adamw": [0.8, 0.95, 1e-3, 0.0], "sam": ascent(normalised=True, parts=2)},
    ]
    made_by = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    lines = [json.dumps(train(case, draw)) for case in cases]
    text = ",\n".join(lines)
    path = Path(__file__).with_name("interventions.json")
    path.write_text(
        f'{{"made_by": {json.dumps(made_by)},\n"widths": {WIDTHS}, "batch": {BATCH}, "steps": {STEPS}, "rate": {RATE},\n'
        f'"cases": [\n{text}\n],\n"mixed": {json.dumps(mixed(draw))},\n"dropped": {json.dumps(dropped(draw))},\n"attended": {json.dumps(attended(draw))}}}\n'
    )


if __name__ == "__main__":
    main()
