"""What the probes of trainers share."""

from __future__ import annotations

from typing import Any

from ..log import Row
from ._probe import Probe


class Watching:
    """A trainer's callback that has a probe from the training's begin on; `settings` are the probe's."""

    def __init__(self, settings: dict[str, Any]) -> None:
        for name in ("model", "optimizer", "scaler"):
            if name in settings:
                raise ValueError(f"`{name}` is given, which the trainer has: leave it out")
        self._settings = settings
        self._batch: Any = None
        self.probe: Probe | None = None

    @property
    def rows(self) -> list[Row]:
        """All that was measured."""
        return [] if self.probe is None else self.probe.rows

    def _begin(self, step: int, model: Any, loss: Any, optimizer: Any, scaler: Any) -> None:
        settings = {"first_step": step, **self._settings}
        self.probe = Probe(model, loss=loss, optimizer=optimizer, scaler=scaler, **settings)

    def _close(self) -> None:
        self._batch = None
        if self.probe is not None:
            self.probe.close()
