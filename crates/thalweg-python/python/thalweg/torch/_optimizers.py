"""What a probe reads from the optimizer: learning rate, where training becomes unstable, and Adam's preconditioner."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor


#: Whose preconditioner is known.
KNOWN: tuple[Any, ...] = (torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)


def learning_rate(optimizer: Any) -> float:
    """η, the largest of the groups' whose parameters are trained."""
    return max(float(group["lr"]) for group in _trained(optimizer))


def _trained(optimizer: Any) -> list[Any]:
    """The groups with a parameter that is trained; all where none has one."""
    groups = optimizer.param_groups
    return [group for group in groups if any(p.requires_grad for p in group["params"])] or groups


def preconditions(optimizer: Any) -> bool:
    """Whether its step is that of Adam, AdamW or RMSprop: it divides by a running root mean square in a way that is known here.

    Others with such numbers in their groups (RAdam, NAdam, Lion, …) take other steps.
    """
    inner = _inner(optimizer)
    return any(isinstance(inner, kind) and _steps_as(inner, kind) for kind in KNOWN)


def _steps_as(optimizer: Any, kind: Any) -> bool:
    """Whether its class has the step of that one, beneath what PyTorch wraps round every class's own."""
    return inspect.unwrap(type(optimizer).step) is inspect.unwrap(kind.step)


def _inner(optimizer: Any) -> Any:
    """Without what trainers wrap round it."""
    while not isinstance(optimizer, torch.optim.Optimizer) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    # Some wrappers are optimizers themselves.
    inner = getattr(optimizer, "optimizer", None)
    return _inner(inner) if isinstance(inner, torch.optim.Optimizer) and inner is not optimizer else optimizer


def groups_differ(optimizer: Any) -> str:
    """In what the groups of parameters that are trained differ, of all that one threshold of stability is for; empty where in nothing.

    Learning rates are in the preconditioner, where there is one (see :func:`inverse_roots`).
    """
    names = {"betas": "β1", "momentum": "momentum", "nesterov": "nesterov", "dampening": "dampening"}
    if not preconditions(optimizer):
        names["lr"] = "learning rate"
    groups = _trained(optimizer)
    for key, name in names.items():
        found = {float(group[key][0] if key == "betas" else group[key]) for group in groups if key in group}
        if len(found) > 1:
            return f"{name} ({', '.join(f'{value:g}' for value in sorted(found))})"
    return ""


def holds(optimizer: Any, parameters: list[Tensor]) -> bool:
    """Whether it moves all of these."""
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return all(id(parameter) in held for parameter in parameters)


def threshold(optimizer: Any) -> tuple[float, str] | None:
    """The curvature at which a quadratic loses stability under this optimizer without noise, and its formula.

    Gradient descent 2/η; with momentum β 2(1 + β)/η, and with Nesterov's 2(1 + β)/((1 + 2β)η), each less the weight decay, which SGD adds to the loss's curvature
    (the largest, where groups decay differently); where the momentum is a mean, as in
    Adam, 2(1 + β₁)/((1 − β₁)η), for the preconditioned Hessian (Cohen et al., arXiv:2103.00065 and arXiv:2207.14484). None for others, and where groups of parameters move by
    different rules: no one curvature is then the limit.
    """
    if groups_differ(optimizer):
        return None
    group = _trained(optimizer)[0]
    eta = learning_rate(optimizer)
    if eta <= 0:
        return None
    if "betas" in group:
        if not preconditions(optimizer):
            return None
        first = float(group["betas"][0])
        return 2 * (1 + first) / ((1 - first) * eta), "2(1+β1)/((1-β1)η)"
    inner = _inner(optimizer)
    plain = isinstance(inner, torch.optim.SGD) and _steps_as(inner, torch.optim.SGD)
    if not (plain or preconditions(optimizer)) or float(group.get("dampening", 0.0)) != 0.0:
        return None
    beta = float(group["momentum"])
    limit, formula = 2 * (1 + beta) / eta, "2(1+β)/η" if beta else "2/η"
    if group.get("nesterov"):
        limit, formula = 2 * (1 + beta) / ((1 + 2 * beta) * eta), "2(1+β)/((1+2β)η)"
    if preconditions(optimizer):
        # Beside the preconditioned curvature it is next to nothing.
        return limit, formula
    if any(group.get("maximize") for group in _trained(optimizer)):
        return None
    decay = max(float(group.get("weight_decay", 0.0)) for group in _trained(optimizer))
    return (limit - decay, f"{formula} - λ") if decay else (limit, formula)


def inverse_roots(optimizer: Any, parameters: list[Tensor]) -> list[Tensor] | None:
    """P^{-1/2} for every parameter, where an optimizer's step is −η P⁻¹ times its momentum; None before its first step.

    P = (1 − β₁^t)(√v̂ + ε) for Adam, √v + ε for RMSprop. A group whose learning rate is smaller than the largest has a larger P.
    """
    largest = learning_rate(optimizer)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    found, stepped = [], False
    for parameter in parameters:
        group = groups.get(id(parameter))
        if group is None or largest <= 0:
            # What the optimizer does not move has no curvature for it.
            found.append(torch.zeros_like(parameter))
            continue
        state = optimizer.state.get(parameter, {})
        scale = _rmsprop(group, state) if _is_rmsprop(group) else _adam(group, state)
        if scale is None:
            # It has had no gradient.
            found.append(torch.zeros_like(parameter))
            continue
        stepped = True
        found.append((float(group["lr"]) / largest / scale.detach()).sqrt())
    return found if stepped else None


def _is_rmsprop(group: Any) -> bool:
    return "alpha" in group and "eps" in group and "centered" in group


def _adam(group: Any, state: Any) -> Tensor | None:
    squares = state.get("max_exp_avg_sq", state.get("exp_avg_sq"))
    if squares is None or "step" not in state:
        return None
    steps = float(state["step"])
    first, second = (float(beta) for beta in group["betas"])
    root = (squares / (1 - second**steps)).sqrt()
    scale: Tensor = (1 - first**steps) * (root + float(group["eps"]))
    return scale


def _rmsprop(group: Any, state: Any) -> Tensor | None:
    squares = state.get("square_avg")
    if squares is None:
        return None
    if group["centered"]:
        squares = squares - state["grad_avg"] ** 2
    root: Tensor = squares.clamp_min(0).sqrt()
    return root + float(group["eps"])
