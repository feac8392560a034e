"""Python's collector of cycles, kept from looking where it finds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

IMPORTING = 50_000
"""New objects between two looks while an import makes many and few cycles: by the usual thresholds
a twelfth of its time went into looking."""
ANSWERING = 10_000
"""The same while questions are answered, each of which waits for a look: it takes under 1 ms."""


@contextmanager
def resting() -> Iterator[None]:
    """The collector does not look while a program is loaded: a sixth of that time went into it.

    What is loaded counts as old afterwards, so that no look at what is young goes over it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.enable()


@contextmanager
def seldom_collected(young: int) -> Iterator[None]:
    """The collector looks after `young` new objects, and never at what is loaded by now.

    What a node has loaded to answer from is 350,000 objects; a look at all of them stops every
    question for a tenth of a second.
    """
    usual, outermost = gc.get_threshold(), not gc.get_freeze_count()
    if outermost:
        gc.collect(1)  # a look at all that is loaded takes 0.2 s and finds next to nothing
        gc.freeze()
    gc.set_threshold(young, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if outermost:
            gc.unfreeze()
