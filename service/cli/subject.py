"""Codes of subjects as commands take them: a number of a person is better not typed as an argument,
where other users of the machine and the shell's history see it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

HELP = "A code, or - to read codes and identity card numbers from standard input, one a line"


def codes_given(options: Sequence[str]) -> list[str]:
    """The codes of an option; `-` stands for the lines of standard input."""
    found: list[str] = []
    for option in options:
        if option == "-":
            found += [line.strip() for line in sys.stdin if line.strip()]
        else:
            found.append(option)
    return found


def one_code(option: str | None) -> str | None:
    """The one code of an option, None when there is none."""
    return next(iter(codes_given([option] if option else [])), None)
