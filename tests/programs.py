"""Programs that tests drive and the project does not install."""

from __future__ import annotations

import os
import shutil

import pytest


def need(*programs: str) -> None:
    """Skip the test where a program is missing; with XINQIAO_CI set, fail it."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        if "XINQIAO_CI" in os.environ:
            pytest.fail(f"{missing[0]} is not installed")
        pytest.skip(f"{missing[0]} is not installed")  # the README names what tests drive
