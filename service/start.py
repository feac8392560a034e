"""A process of a node: `python -m service.start serve NODE [PARENT]`, or `worker` and its words.

What such a process loads is most of what it takes to start.
"""

from __future__ import annotations

import gc
import logging
import sys
from importlib import import_module

from service.collecting import IMPORTING, resting


def main(arguments: list[str]) -> int:
    """Load the module of the first word and give it the others; its exit status."""
    with resting():
        entry = import_module(f"service.{arguments[0]}")
    gc.set_threshold(IMPORTING, 20, 50)  # what is opened before it answers stays as well
    status: int = entry.main(arguments[1:])
    return status


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except Exception as failure:
        if not isinstance(getattr(failure, "code", None), str):
            raise
        logging.getLogger("xinqiao").critical("%s: %s", failure.code, failure)  # type: ignore[attr-defined]
        raise SystemExit(2) from None
