"""A loss as measurements ask it: again and again, on data and of a model that stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ._tree import mapped, tensors

#: What to say of a loss that writes into its batch, and of a forward pass that replaces parameters.
WRITES = (
    "`loss` writes into the tensors of its batch, as x.sub_(0.5) does: measurements give it copies, so that the data stay what they are "
    "(x - 0.5 needs none)"
)
REPLACES = (
    "the model's forward pass puts other parameters in the places of its own, as a codebook that follows a mean does: the old ones are put "
    "back after each pass, and what is measured is of these"
)


class Asked:
    """A loss that is asked by measurements.

    Each call has the batch in containers of its own, from which the loss may take out what it likes (``batch.pop("labels")``). The first one
    has copies of the tensors too, and so have all after one that wrote into them. Parameters that are replaced in the pass are put back.

    Parameters
    ----------
    loss : callable
        Of the model and a batch.
    """

    def __init__(self, loss: Callable[[Any, Any], Tensor]) -> None:
        self.loss = loss
        #: Whether it writes into tensors of its batch; None before the first call.
        self.writes: bool | None = None
        #: Whether it replaces parameters.
        self.replaces = False

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers should know."""
        return [*([WRITES] if self.writes else []), *([REPLACES] if self.replaces else [])]

    def __call__(self, model: Any, batch: Any) -> Tensor:
        given = _apart(batch, copied=self.writes is not False)
        before = [(tensor, _writes(tensor)) for tensor in tensors(given)]
        try:
            with self._parameters_kept(model):
                return self.loss(model, given)
        finally:
            self.writes = bool(self.writes) or any(_writes(tensor) != count for tensor, count in before)

    @contextmanager
    def _parameters_kept(self, model: nn.Module) -> Iterator[None]:
        kept = [(module._parameters, dict(module._parameters)) for module in model.modules() if module._parameters]
        try:
            yield
        finally:
            for own, before in kept:
                if len(own) != len(before) or any(own.get(name) is not parameter for name, parameter in before.items()):
                    self.replaces = True
                    own.clear()
                    own.update(before)


def asked(loss: Callable[[Any, Any], Tensor]) -> Asked:
    """`loss` as measurements ask it; of one that is asked so already, itself."""
    return loss if isinstance(loss, Asked) else Asked(loss)


def _apart(batch: Any, *, copied: bool) -> Any:
    """`batch` in containers of its own, with copies of the tensors if need be."""
    try:
        found = mapped(_copy if copied else _same, batch)
    except Exception:
        # A container that cannot be copied, such as a locked one.
        return batch
    # A mapping that cannot be written to would be a plain dictionary, without what its class can do.
    return found if type(found) is type(batch) else batch


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _copy(tensor: Tensor) -> Tensor:
    """Its copy; itself where derivatives by it may be asked for."""
    return tensor if tensor.requires_grad else tensor.clone()


def _writes(tensor: Tensor) -> int:
    """How often it was written into, as far as PyTorch counts."""
    return 0 if tensor.is_inference() else tensor._version
