"""A probe for the ``Trainer`` of Hugging Face's transformers.

Needs transformers: ``pip install transformers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from .torch._callback import Watching
from .torch._evaluating import unwrapped
from .torch._hooks import Hook

if TYPE_CHECKING:
    _Callback: Any
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES: Any
    LabelSmoother: Any
else:
    try:
        from transformers import TrainerCallback as _Callback
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        from transformers.trainer_pt_utils import LabelSmoother
    except ImportError as _error:
        raise ImportError("thalweg.hf needs transformers: pip install transformers") from _error


class Probe(Watching, _Callback):  # type: ignore[misc]
    """Watches sharpness and fluctuation of a model that a ``Trainer`` trains, and changes nothing of the run.

    Measurements come after the gradient (of all accumulated batches) and before the optimizer's step; gradients that mixed
    precision has scaled are unscaled. A batch is the dictionary of what the model is called with: where the trainer takes labels out before
    (``label_smoothing_factor``, ``compute_loss_func``, a ``compute_loss`` of one's own), call :meth:`microbatch` first.

    Parameters
    ----------
    loss : callable, optional
        ``loss(model, batch)`` gives the vector of the samples' losses (see :class:`thalweg.torch.Probe`). By default it is
        the model's own, ``model(**batch).loss``, a mean, with which single samples are not seen; with ``label_smoothing_factor`` the
        trainer's.
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
        self._loss = loss
        self._said: dict[str, Any] = {}
        self._measures = False
        self._handle: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begins with the optimizer and the scaler that the trainer has by now."""
        model, optimizer = given["model"], given.get("optimizer")
        self._close()
        shifted = _shifts(unwrapped(model))
        loss = _told(_own_loss(model, args, shifted) if self._loss is None else self._loss)
        self._begin(state.global_step, model, loss, optimizer, getattr(optimizer, "scaler", None))
        self._weights = _TokenWeights(args, shifted)
        # Callbacks do not see batches.
        self._handle = model.register_forward_pre_hook(Hook(self._entered), with_kwargs=True)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measures what is due."""
        if self.probe is not None and self._batch is not None:
            self._measures = True
            try:
                self.probe.step(self._batch)
            finally:
                self._measures = False
                self._batch = None

    def microbatch(self, inputs: Any) -> None:
        """Keep what the next forward pass is of, which the trainer may take labels out of before the model sees it.

        Parameters
        ----------
        inputs : dict
            As ``compute_loss`` gets them: a shallow copy is kept.

        Examples
        --------
        ::

            class Smoothed(Trainer):
                def compute_loss(self, model, inputs, *args, **kwargs):
                    watch.microbatch(inputs)
                    return super().compute_loss(model, inputs, *args, **kwargs)
        """
        self._said = dict(inputs)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Closes the logs."""
        self._close()

    def _entered(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if module.training and not self._measures and torch.is_grad_enabled():
            # The number of items in all microbatches would make a mean over one of them something else.
            whole, self._said = {**self._said, **named}, {}
            self._batch = {name: value for name, value in whole.items() if name != "num_items_in_batch"}
            if self.probe is not None and self.probe.watching:
                weight = self._weights.of(self._batch, named.get("num_items_in_batch"))
                if weight is not None:
                    self.probe.microbatch(None, weight=weight)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        super()._close()


class _TokenWeights:
    """By what the trainer multiplies the mean loss over a microbatch's tokens where it divides by the tokens of all of them."""

    def __init__(self, args: Any, shifted: bool) -> None:
        self._shifted = shifted
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


#: The way out where labels are missing.
_SAY = (
    "where the trainer takes labels out before it calls the model (label smoothing, `compute_loss_func` or a `compute_loss` of one's own), call "
    "`watch.microbatch(inputs)` of this probe first thing in `compute_loss`"
)


def _shifts(model: Any) -> bool:
    """Whether a token is the label of the one before it."""
    encoded = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    kinds = {type(module).__name__ for module in model.modules()}
    return not encoded and not kinds.isdisjoint(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())


def _own_loss(model: Any, args: Any, shifted: bool) -> Callable[[Any, Any], Any]:
    """What the trainer minimises by itself: the mean over one batch."""
    several = getattr(getattr(model, "config", None), "problem_type", None) == "multi_label_classification"
    smoother = LabelSmoother(epsilon=args.label_smoothing_factor) if args.label_smoothing_factor and not several else None

    def loss(model: Any, batch: Any) -> Any:
        if smoother is not None:
            labels = batch["labels"]
            return smoother(model(**{name: value for name, value in batch.items() if name != "labels"}), labels, shift_labels=shifted)
        found = model(**batch).loss
        if found is None:
            raise ValueError(f"the model gives no loss for a batch of {', '.join(batch)}: {_SAY}, or give `loss`")
        return found

    return loss


def _told(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`loss`, which says how what is missing in a batch can be had."""

    def told(model: Any, batch: Any) -> Any:
        try:
            return loss(model, batch)
        except KeyError as error:
            if not isinstance(batch, Mapping):
                raise
            raise ValueError(f"`loss` asks for {error} in a batch of {', '.join(batch)}: {_SAY}") from error

    return told
