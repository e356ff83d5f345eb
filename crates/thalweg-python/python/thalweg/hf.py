"""A probe for the ``Trainer`` of Hugging Face's transformers.

Needs transformers: ``pip install transformers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from .torch._callback import Watching

if TYPE_CHECKING:
    _Callback: Any
else:
    try:
        from transformers import TrainerCallback as _Callback
    except ImportError as _error:
        raise ImportError("thalweg.hf needs transformers: pip install transformers") from _error


class Probe(Watching, _Callback):  # type: ignore[misc]
    """Watches sharpness and fluctuation of a model that a ``Trainer`` trains, and changes nothing of the run.

    Measurements come after the gradient (of all accumulated batches) and before the optimizer's step; gradients that mixed
    precision has scaled are unscaled. A batch is the dictionary of what the model is called with.

    Parameters
    ----------
    loss : callable, optional
        ``loss(model, batch)`` gives the vector of the samples' losses (see :class:`thalweg.torch.Probe`). By default it is
        the model's own, ``model(**batch).loss``, a mean, with which single samples are not seen.
    **settings
        Those of :class:`thalweg.torch.Probe`, but for ``model``, ``optimizer`` and ``scaler``, which the trainer has.

    Attributes
    ----------
    probe : thalweg.torch.Probe or None
        Once training has begun.

    Examples
    --------
    ::

        watch = thalweg.hf.Probe(loss=per_sample_loss, sharpness_set=fixed_batch, log=[thalweg.log.CSV("run")])
        Trainer(model, arguments, train_dataset=data, callbacks=[watch]).train()
    """

    def __init__(self, loss: Callable[[Any, Any], Any] | None = None, **settings: Any) -> None:
        Watching.__init__(self, settings)
        self._loss = loss or _own_loss
        self._measures = False
        self._handle: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begins with the optimizer and the scaler that the trainer has by now."""
        model, optimizer = given["model"], given.get("optimizer")
        self._close()
        self._begin(state.global_step, model, self._loss, optimizer, getattr(optimizer, "scaler", None))
        # Callbacks do not see batches.
        self._handle = model.register_forward_pre_hook(self._entered, with_kwargs=True)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measures what is due."""
        if self.probe is not None and self._batch is not None:
            self._measures = True
            try:
                self.probe.step(self._batch)
            finally:
                self._measures = False
                self._batch = None

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Closes the logs."""
        self._close()

    def _entered(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if module.training and not self._measures and torch.is_grad_enabled():
            # The number of items in all microbatches would make a mean over one of them something else.
            self._batch = {name: value for name, value in named.items() if name != "num_items_in_batch"}

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        super()._close()


def _own_loss(model: Any, batch: Any) -> Any:
    return model(**batch).loss
