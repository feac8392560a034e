"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a check ended; a notice asks for attention and is no fault."""

    OK = "ok"
    NOTICE = "notice"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; texts are pairs of Chinese and English, `mend` what to do."""

    check: str
    state: State
    text: tuple[str, str]
    code: str | None = None
    mend: tuple[str, str] | None = None
    node: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as scripts read it."""
        return {
            "check": self.check,
            "node": self.node,
            "state": str(self.state),
            "code": self.code,
            "chinese": self.text[0],
            "english": self.text[1],
            "mend": None if self.mend is None else list(self.mend),
        }


def fine(check: str, chinese: str, english: str) -> Finding:
    """A check that found nothing wrong."""
    return Finding(check, State.OK, (chinese, english))


def fault(
    check: str,
    code: str,
    text: tuple[str, str],
    mend: tuple[str, str],
    state: State = State.FAULT,
) -> Finding:
    """A check that found something wrong, or, as a notice, worth attention."""
    return Finding(check, state, text, code, mend)
