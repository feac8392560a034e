"""Bodies counted once in each cell, while their records pass by once.

A cell of a table has a body once, however many of its records are in it. In an order in which the
records of one cell of a body stand together, the first of them is known by the record before it;
an order tells that of the cells of every cut that it comes to, level by level. Cuts of two
attributes need several orders. Marks of records add up, where bodies do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

Cut = tuple[int, ...]
"""How far a table is divided along each attribute of records."""

Order = tuple[int, ...]
"""By the next level of which attribute the records of a body are put in order, one by one."""


def cuts_of(depths: Sequence[int]) -> list[Cut]:
    """Every cut down to these depths; the widest, which is not divided, comes first."""
    return list(product(*[range(depth + 1) for depth in depths]))


def cuts_on(order: Order, attributes: int) -> list[Cut]:
    """The cuts that an order comes to, the undivided one first."""
    cut = [0] * attributes
    found = [tuple(cut)]
    for attribute in order:
        cut[attribute] += 1
        found.append(tuple(cut))
    return found


def orders_of(depths: Sequence[int]) -> list[Order]:
    """As few orders as come to every cut, none longer than it need be."""
    left = set(cuts_of(depths))
    found: list[Order] = []
    every = list(_interleaved(tuple(depths)))
    while left:
        best = max(every, key=lambda one: len(left.intersection(cuts_on(one, len(depths)))))
        cuts = cuts_on(best, len(depths))
        last = max(step for step, cut in enumerate(cuts) if cut in left)
        found.append(best[:last])
        left.difference_update(cuts)
    return found


def _interleaved(left: Cut) -> list[Order]:
    """Every way of taking all levels of all attributes, each attribute's in their order."""
    if not any(left):
        return [()]
    return [
        (attribute, *rest)
        for attribute, levels in enumerate(left)
        if levels
        for rest in _interleaved((*left[:attribute], levels - 1, *left[attribute + 1 :]))
    ]
