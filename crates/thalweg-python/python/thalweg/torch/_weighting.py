"""How a training weights its microbatches: by the last one's gradient, set beside that of the loss on it.

A microbatch's gradient is g_k = c_k ∇ℓ_k, ∇ℓ_k that of the mean loss on it. What c_k may be, for K microbatches of b_k samples:
1/K (or 1, of a training that sums), b_k/Σb, or a weight that was given, as n_k/Σn of a mean over n tokens. With weights that differ
otherwise than by samples, Σ g_k / Σ c_k = (1/N) Σ_b ψ_b is the mean over N samples of what each of them adds to the step's gradient, times
N: of a sequence the sum over its tokens, over the mean number of tokens. Their scatter is what is measured then, and a microbatch's
mean of them is g_k N/(b_k Σc), as it is where the weights are the samples'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from ._microbatches import Taken

#: How far the last microbatch's gradient may be from that of the loss on its batch, relative to it: augmentation makes a
#: difference, and so does a penalty; another loss's is nothing like it. And what counts as along it, or as of its length.
NEAR, ALONG = 0.5, 0.02
#: How far a microbatch's size may be from the mean of all where it is not known which of the two weightings it has, relative to that mean: so
#: much at most is its part of the result wrong. And by how much the last one's must differ for its gradient to tell, beside its own distance.
ALIKE, TELLS = 0.05, 1e-3


@dataclass(frozen=True)
class Weighting:
    """What the passes of one step are to one another."""

    #: Whether each sample of the step has a place of its own in the sum, and not each microbatch's mean.
    by_samples: bool
    #: The sum of the weights c_k.
    total: float
    #: Samples for each entry of what goes into the model.
    each: float
    #: Whether the weights are others than the samples'.
    unlike: bool = False
    #: Whether the last pass told a mean over samples from a mean of means.
    told: bool = field(default=False, compare=False)


def weighting(
    taken: Taken, own: Sequence[Tensor], units: int, *, scale: float, summed: bool, earlier: bool | None = None
) -> tuple[Weighting | None, str]:
    """The weighting with which the last pass has the gradient `own` of the mean loss on its `units` samples; or why there is none.

    `scale` is what mixed precision has multiplied gradients by; `summed` says that the training does not divide by the number of passes;
    `earlier` is whether it took the mean over samples in a step that told, which counts where this one does not.
    """
    last = taken.sizes[-1]
    # A vector's entries are the samples, which may be several for each of what entered the model.
    each = units / last
    unequal = len(set(taken.sizes)) > 1
    if unequal and each != int(each):
        return None, f"the last one has {units} samples, and {last} entered the model"
    length = distance(own, None)
    # Each with what the last pass is to be multiplied by.
    known: list[tuple[Weighting, float]] = []
    given = taken.weights
    if given and given[-1] > 0:
        by_samples = _differ(given)
        unlike = by_samples and _differ([weight / samples for weight, samples in zip(given, taken.sizes)])
        known.append((Weighting(by_samples, sum(given), each, unlike), 1 / given[-1]))
    known.append((Weighting(False, float(taken.passes) if summed else 1.0, each), 1.0 if summed else float(taken.passes)))
    if not summed:
        known.append((Weighting(True, 1.0, each), sum(taken.sizes) / last))
    far = [distance(taken.last, own, factor / scale) for _, factor in known]
    # What was given may agree with another in the last pass, and not in the others.
    chosen = 0 if given and far[0] <= ALONG * length else min(range(len(known)), key=far.__getitem__)
    parts = [taken.passes * samples / sum(taken.sizes) for samples in taken.sizes]
    if not (summed or (given and chosen == 0)):
        if abs(parts[-1] - 1) >= max(TELLS, far[chosen] / max(length, 1e-300)):
            known[chosen] = replace(known[chosen][0], told=True), known[chosen][1]
        elif earlier is not None:
            chosen = len(known) - (1 if earlier else 2)
        elif max(abs(part - 1) for part in parts) > ALIKE:
            return None, (
                f"the last one's size is too near the mean of all ({', '.join(map(str, taken.sizes[-8:]))} samples) for its gradient to tell a "
                "mean of their means from a mean over samples: give `probe.microbatch(batch, weight=…)` before each backward pass, one over "
                "the number of microbatches in a mean of means, its samples over all in a mean over samples"
            )
    found, factor = known[chosen]
    product = sum(float((one.double() * other.double()).sum()) for one, other in zip(taken.last, own))
    longer = product * factor / scale / length**2 if length else 1.0
    along = distance(taken.last, own, factor / (scale * longer)) if longer > 0 else math.inf
    if known[0][0].unlike and not far[0] <= ALONG * length:
        return None, (
            "the last one's gradient is not that of `loss` on this batch times the weight that was given (they differ by "
            f"{far[0] / max(length, 1e-300):.2g} of its length): with weights by tokens `loss` must be a mean over tokens"
        )
    if along <= ALONG * length and abs(longer - 1) > ALONG:
        return None, (
            f"the last one's gradient is {longer:.4g} times as long as its part in their mean is by `loss`, and by how much others are longer is not known "
            "(a loss that is scaled needs `scaler`, one that is not divided by the number of microbatches `accumulation='sum'`; other "
            "weights, as by tokens, are given by `probe.microbatch(batch, weight=…)` before each backward pass)"
        )
    if not along <= ALONG * length and not far[chosen] <= NEAR * length:
        return None, (
            f"the last one's gradient is not that of `loss` on this batch (they differ by {far[chosen] / max(length, 1e-300):.2g} "
            "of its length), as with several losses, each with a backward pass of its own"
        )
    return found, ""


def _differ(numbers: Sequence[float]) -> bool:
    return max(numbers) - min(numbers) > 1e-6 * max(numbers)


def distance(one: Sequence[Tensor], other: Sequence[Tensor] | None, factor: float = 1.0) -> float:
    """The length of the difference of a gradient, times a factor, and another; or of the one."""
    total = 0.0
    for index, part in enumerate(one):
        difference = part.double() * factor
        total += float((difference if other is None else difference - other[index].double()).square().sum())
    return math.sqrt(total)
