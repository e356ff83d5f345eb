"""When each quantity is measured: as often as its share of the budget buys, by settings alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Item:
    """A quantity, or several that one measurement gives."""

    name: str
    #: What each of its next measurements costs, over and over, in gradient passes.
    costs: tuple[float, ...]
    #: Steps from one measurement to the next, where the user has set them.
    every: int | None = None
    #: Of the budget that is for the quantities without a fixed distance.
    share: float = 1.0
    #: Measurements so far.
    done: int = 0
    #: The step of the next one, where their distance is fixed; None before the first.
    coming: int | None = None
    #: Passes left to spend; below zero, still to be paid for.
    saved: float = 0.0

    @property
    def next_cost(self) -> float:
        """Of the next measurement."""
        return self.costs[self.done % len(self.costs)]


@dataclass
class Schedule:
    """Each quantity is measured at the first step, and again after `every` steps, or as soon as its share of the budget has paid for the last time.

    So no more is spent than the budget and one measurement of each, and the steps measured follow from the settings: the same
    settings give the same steps on every machine.

    Attributes
    ----------
    overhead : float
        Gradient passes to spend for each step's one.
    items : list of Item
        What is measured.
    """

    overhead: float
    items: list[Item]
    #: Passes spent.
    spent: float = field(default=0.0)

    def __post_init__(self) -> None:
        shares = sum(item.share for item in self.items if item.every is None)
        for item in self.items:
            item.share = item.share / shares if item.every is None else 0.0

    def due(self, step: int) -> list[Item]:
        """What is measured at this step; to be called once for each, in order."""
        found = []
        for item in self.items:
            if item.every is not None:
                due = item.coming is None or step >= item.coming
                if due:
                    item.coming = step + item.every
            else:
                item.saved += self.overhead * item.share
                due = self._paid(item.saved)
                if due:
                    item.saved -= item.next_cost
            if due:
                self.spent += item.next_cost
                item.done += 1
                found.append(item)
        return found

    def distant(self, steps: int) -> dict[str, int]:
        """The quantities that are measured again more than so many steps after the first time, by the budget, and how many."""
        found = {}
        for item in self.items:
            if item.every is None:
                # The first step saves as the others do.
                again = math.ceil(item.costs[0] / (self.overhead * item.share) - 1e-9) - 1
                if again > steps:
                    found[item.name] = again
        return found

    def charge(self, name: str, costs: tuple[float, ...]) -> None:
        """What a quantity costs from now on."""
        for item in self.items:
            if item.name == name:
                item.costs = costs

    def drop(self, name: str) -> None:
        """No longer measures a quantity for itself."""
        self.items = [item for item in self.items if item.name != name]

    def expects(self, name: str, step: int) -> bool:
        """Whether quantity `name` is due at `step`, the next one."""
        for item in self.items:
            if item.name == name:
                if item.every is not None:
                    return item.coming is None or step >= item.coming
                return self._paid(item.saved + self.overhead * item.share)
        return False

    def _paid(self, saved: float) -> bool:
        # What is saved is a sum of many small numbers.
        return saved >= -1e-9 * self.overhead
