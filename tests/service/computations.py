"""Functions that jobs of the tests compute in processes of their own."""

from __future__ import annotations

import os
from pathlib import Path


def spin(folder: str) -> None:
    """Leave the process's id in a folder and compute for ever."""
    (Path(folder) / str(os.getpid())).touch()
    while True:
        pass
