"""A probe for Lightning's ``Trainer``.

Needs Lightning: ``pip install lightning`` (or ``pytorch-lightning``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .torch._callback import Watching

if TYPE_CHECKING:
    _Callback: Any
else:
    try:
        from lightning.pytorch import Callback as _Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback as _Callback
        except ImportError as _error:
            raise ImportError("thalweg.lightning needs Lightning: pip install lightning") from _error


class Probe(Watching, _Callback):  # type: ignore[misc]
    """Watches sharpness and fluctuation of a module that a ``Trainer`` trains, and changes nothing of the run.

    Measurements come after the gradient (of all accumulated batches) and before the optimizer's step; gradients that mixed precision
    has scaled are unscaled. With several optimizers the first one's steps count.

    Parameters
    ----------
    loss : callable, optional
        ``loss(module, batch)`` gives the vector of the samples' losses (see :class:`thalweg.torch.Probe`). By default it is
        what ``training_step`` returns, a mean, with which single samples are not seen. ``training_step`` is then called again for every
        measurement, on parts of the batch too: what it logs meanwhile is dropped, and the module's buffers and random numbers
        are put back, but anything else that it does (lists it adds to, counters, files) is done again. Give a `loss`
        where it does such things; it is needed where ``training_step`` steps the optimizer itself (``automatic_optimization = False``).
    **settings
        Those of :class:`thalweg.torch.Probe`, but for ``model``, ``optimizer`` and ``scaler``, which the trainer has.

    Attributes
    ----------
    probe : thalweg.torch.Probe or None
        Once training has begun.

    Examples
    --------
    ::

        watch = thalweg.lightning.Probe(loss=per_sample_loss, sharpness_set=fixed_batch, log=[thalweg.log.CSV("run")])
        lightning.Trainer(callbacks=[watch]).fit(module, loader)
    """

    def __init__(self, loss: Callable[[Any, Any], Any] | None = None, **settings: Any) -> None:
        _Callback.__init__(self)
        Watching.__init__(self, settings)
        self._loss = loss

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins with the optimizer and the scaler that the trainer has by now."""
        if self._loss is None and not pl_module.automatic_optimization:
            raise ValueError(
                f"`loss` is not given, and {type(pl_module).__name__}.training_step steps the optimizer itself (automatic_optimization = "
                "False), so that it cannot be called to measure: give `loss`, such as `thalweg.lightning.Probe(loss=per_sample_loss)`"
            )

        def loss(module: Any, batch: Any) -> Any:
            with trainer.precision_plugin.forward_context(), _silent(pl_module):
                if self._loss is not None:
                    return self._loss(module, batch)
                found = pl_module.training_step(batch, 0)
                return found["loss"] if isinstance(found, dict) else found

        optimizer = trainer.optimizers[0] if trainer.optimizers else None
        self._begin(trainer.global_step, pl_module, loss, optimizer, getattr(trainer.precision_plugin, "scaler", None))

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Remembers the batch."""
        self._batch = batch
        if self.probe is not None:
            self.probe.microbatch(batch)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Measures what is due."""
        if self.probe is not None and _same(optimizer, trainer.optimizers[0]):
            self.probe.step(self._batch)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Closes the logs."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Closes the logs."""
        self._close()


def _same(one: Any, other: Any) -> bool:
    """Whether two are one optimizer, which Lightning wraps now and then."""
    return getattr(one, "optimizer", one) is getattr(other, "optimizer", other)


@contextmanager
def _silent(module: Any) -> Iterator[None]:
    """Drops what the module logs: it is not of the training."""

    def nothing(*_: Any, **__: Any) -> None:
        pass

    names = ("log", "log_dict")
    before = {name: module.__dict__[name] for name in names if name in module.__dict__}
    for name in names:
        module.__dict__[name] = nothing
    try:
        yield
    finally:
        for name in names:
            del module.__dict__[name]
        module.__dict__.update(before)
