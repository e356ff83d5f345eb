"""A probe for the ``Trainer`` of Hugging Face's transformers.

Needs transformers: ``pip install transformers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from .torch._callback import Watching
from .torch._evaluating import unwrapped

if TYPE_CHECKING:
    _Callback: Any
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES: Any
else:
    try:
        from transformers import TrainerCallback as _Callback
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
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
        self._weights = _TokenWeights(model, args)
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
            weight = self._weights.of(self._batch, named.get("num_items_in_batch"))
            if self.probe is not None and weight is not None:
                self.probe.microbatch(None, weight=weight)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        super()._close()


class _TokenWeights:
    """By what the trainer multiplies the mean loss over a microbatch's tokens where it divides by the tokens of all of them."""

    def __init__(self, model: Any, args: Any) -> None:
        inner = unwrapped(model)
        encoded = getattr(getattr(inner, "config", None), "is_encoder_decoder", False)
        kinds = {type(module).__name__ for module in inner.modules()}
        #: Whether a token is the label of the one before it, as in the trainer's own label smoothing.
        self._shifted = not encoded and not kinds.isdisjoint(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
        # With the tokens of all processes, the trainer multiplies by their number, since gradients are averaged over them.
        devices = args.n_gpu if args.n_gpu > 1 else args.world_size
        self._scale = devices if args.average_tokens_across_devices else 1

    def of(self, batch: dict[str, Any], items: Any) -> Any:
        """A number, or a tensor of one, which waits for no device; None where the trainer takes the mean of means."""
        labels = batch.get("labels")
        if items is None or not isinstance(labels, torch.Tensor):
            return None
        if "shift_labels" in batch:
            labels = batch["shift_labels"]
        elif self._shifted:
            labels = labels[..., 1:]
        # In data parallelism within a process it comes once for each device.
        items = items.reshape(-1)[0] if isinstance(items, torch.Tensor) else items
        return self._scale * labels.ne(-100).sum() / items


def _own_loss(model: Any, batch: Any) -> Any:
    return model(**batch).loss
